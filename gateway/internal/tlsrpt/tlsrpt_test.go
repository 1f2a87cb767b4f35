package tlsrpt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/store/softkv"
	"github.com/mailweir/weir/gateway/internal/tlsrpt"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string, now func() time.Time) (*tlsrpt.Counts, *softkv.Store) {
	t.Helper()
	kv, err := softkv.Open(dir, softkv.Options{Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kv.Close() })
	return tlsrpt.New(tlsrpt.Options{KV: kv, Now: now}), kv
}

var by = tlsrpt.Reporter{Name: "Weir Test", Contact: "postmaster@gw.test", Hostname: "gw.test"}

func TestReport_is_that_of_RFC_8460(t *testing.T) {
	now := noon
	dir := filepath.Join(t.TempDir(), "soft")
	c, kv := open(t, dir, func() time.Time { return now })
	sts := tlsrpt.Session{
		Domain: "Company-Y.example.", Type: "sts", MX: "mx1.company-y.example", IP: "203.0.113.56",
		Policy: []string{"version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"}, Patterns: []string{"*.mail.company-y.example"},
	}
	for range 3 {
		c.Count(sts)
	}
	bad := sts
	bad.Result, bad.Reason = "certificate-expired", "the host's certificate expired"
	c.Count(bad)
	if err := errors.Join(kv.Close()); err != nil { // not saved: a crash loses the last minute
		t.Fatal(err)
	}
	c, kv = open(t, dir, func() time.Time { return now })
	for range 2 {
		c.Count(sts)
	}
	c.Save()
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
	c, _ = open(t, dir, func() time.Time { return now })
	c.Count(sts)
	for range 2 {
		c.Count(bad)
	}
	bad.Result, bad.MX = "starttls-not-supported", "mx2.company-y.example"
	c.Count(bad)
	c.Count(tlsrpt.Session{Domain: "company-y.example", Type: "tlsa", Policy: []string{"3 1 1 abcd"}, MX: "mx1.company-y.example"})
	now = now.Add(24 * time.Hour)
	c.Count(sts) // another day
	r, err := c.Report(noon, "company-y.example", by)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "organi` + `zation-name": "Weir Test",
  "date-range": {"start-datetime": "2026-11-22T00:00:00Z", "end-datetime": "2026-11-22T23:59:59Z"},
  "contact-info": "postmaster@gw.test",
  "report-id": "2026-11-22_company-y.example@gw.test",
  "policies": [{
    "policy": {"policy-type": "sts", "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"],
      "policy-domain": "company-y.example", "mx-host": ["*.mail.company-y.example"]},
    "summary": {"total-successful-session-count": 3, "total-failure-session-count": 3},
    "failure-details": [
      {"result-type": "certificate-expired", "receiving-mx-hostname": "mx1.company-y.example", "receiving-ip": "203.0.113.56", "failed-session-count": 2,
        "additional-information": "the host's certificate expired"},
      {"result-type": "starttls-not-supported", "receiving-mx-hostname": "mx2.company-y.example", "receiving-ip": "203.0.113.56", "failed-session-count": 1,
        "additional-information": "the host's certificate expired"}]
  }, {
    "policy": {"policy-type": "tlsa", "policy-string": ["3 1 1 abcd"], "policy-domain": "company-y.example"},
    "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0}
  }]}`
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got %s", got)
	}
	if _, err := c.Report(noon, "other.example", by); !errors.Is(err, tlsrpt.ErrNone) {
		t.Errorf("%v", err)
	}
	all, err := c.Summaries(noon)
	if err != nil || len(all) != 1 || all[0].Success != 4 || all[0].Failure != 3 || fmt.Sprint(all[0].Types) != "[sts tlsa]" || all[0].Results["certificate-expired"] != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	now = now.Add(tlsrpt.Keep)
	if all, err := c.Summaries(noon); err != nil || len(all) != 0 {
		t.Errorf("kept too long: %+v, %v", all, err)
	}
}

func TestCounts_are_bounded_whatever_strangers_send(t *testing.T) {
	c, _ := open(t, filepath.Join(t.TempDir(), "soft"), func() time.Time { return noon })
	for i := range 2000 {
		c.Count(tlsrpt.Session{
			Domain: "dest.test", Type: "sts", MX: fmt.Sprintf("mx%d.dest.test", i), Result: "certificate-expired", Reason: strings.Repeat("é", 5000),
			Policy: []string{fmt.Sprint(i), strings.Repeat("<\x00", 5000), strings.Repeat("\xff", 5000)},
		})
		if i%100 == 0 {
			c.Save()
		}
	}
	c.Count(tlsrpt.Session{Domain: "dest.test", Type: "sts", Result: "made-up"})
	r, err := c.Report(noon, "dest.test", by)
	b, _ := json.Marshal(r)
	if err != nil || len(b) > softkv.MaxValue {
		t.Fatalf("%d octets, %v", len(b), err)
	}
	all, _ := c.Summaries(noon)
	if len(all) != 1 || all[0].Failure != 2001 || all[0].Results["certificate-expired"] != 2000 || all[0].Results["validation-failure"] != 1 {
		t.Errorf("%+v", all)
	}
	c.Count(tlsrpt.Session{Type: "sts"})
	c.Count(tlsrpt.Session{Domain: strings.Repeat("x", 300)})
	if all, _ := c.Summaries(noon); len(all) != 1 {
		t.Errorf("%+v", all)
	}
}

func TestRun_saves_at_the_end_and_counting_is_safe_in_parallel(t *testing.T) {
	c, kv := open(t, filepath.Join(t.TempDir(), "soft"), func() time.Time { return noon })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				c.Count(tlsrpt.Session{Domain: "dest.test", Type: "tlsa"})
			}
		})
		wg.Go(func() { c.Save() })
	}
	wg.Wait()
	cancel()
	<-done
	again := tlsrpt.New(tlsrpt.Options{KV: kv, Now: func() time.Time { return noon }})
	if all, err := again.Summaries(noon); err != nil || len(all) != 1 || all[0].Success != 800 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestRUA(t *testing.T) {
	s := dnstest.Start(t, `
		_smtp._tls.one.test.  TXT "v=TLSRPTv1; rua=mailto:reports@one.test,https://reports.one.test/v1"
		_smtp._tls.odd.test.  TXT "v=TLSRPTv1;rua = ftp://x.test , mailto:a@odd.test ;"
		_smtp._tls.two.test.  TXT "v=TLSRPTv1; rua=mailto:a@two.test"
		_smtp._tls.two.test.  TXT "v=TLSRPTv1; rua=mailto:b@two.test"
		_smtp._tls.none.test. TXT "v=spf1 -all"
		_smtp._tls.bare.test. TXT "v=TLSRPTv1"`)
	s.Set("_smtp._tls.broken.test", dnstest.ServFail)
	r := resolver.New(resolver.Options{Servers: []string{s.Addr}, HostsFile: "none"})
	for domain, want := range map[string]string{
		"one.test": "[mailto:reports@one.test https://reports.one.test/v1]", "odd.test": "[mailto:a@odd.test]",
		"two.test": "[]", "none.test": "[]", "bare.test": "[]", "absent.test": "[]",
	} {
		if got, err := tlsrpt.RUA(t.Context(), r, domain); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v", domain, got, err)
		}
	}
	if got, err := tlsrpt.RUA(t.Context(), r, "broken.test"); err == nil {
		t.Errorf("broken: %v", got)
	}
}
