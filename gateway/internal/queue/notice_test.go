package queue

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/policy"
)

// desk is a Composer over a store and a policy.
func desk(t *testing.T, p *policy.Policy) (*Composer, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	st, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), FreeWatermark: 1, BallastSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return &Composer{Store: st, Policy: func() *policy.Policy { return p }, Now: func() time.Time { return start.Add(5 * time.Hour) }, Logger: slog.New(slog.NewTextHandler(&log, nil))}, &log
}

type sheet struct{ *bytes.Reader }

func (sheet) Close() error { return nil }

func paper(s string) store.Body { return sheet{bytes.NewReader([]byte(s))} }

// textOf is what an admission would write.
func textOf(t *testing.T, a *store.Admission) string {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(a.Draft, 0, a.Draft.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Delay is told of once the schedule says so, with the end of the lifetime;
// not of mail that a program wrote or that goes to a list, unless it asks.
func TestB104_DelayOfAutomaticMail(t *testing.T) {
	p := load(t, dsnPolicy)
	for _, c := range []struct {
		name, head, notify string
		told               bool
	}{
		{"a_person", "Subject: x\r\n", "", true},
		{"a_list", "List-Id: <l.acme.test>\r\n", "", false},
		{"a_list_that_asks", "List-Id: <l.acme.test>\r\n", "DELAY", true},
		{"a_program", "Auto-Submitted: auto-generated\r\n", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, log := desk(t, p)
			m := message(t, mail.Outbound, "s@acme.test")
			r := &m.Recipients[0]
			r.FirstFailure, r.Failures = start, 5
			if c.notify != "" {
				r.DSN.Notify, _ = mail.ParseNotify(c.notify)
			}
			e := (&Book{Policy: p, Now: d.Now()}).Enter(m, []deliver.RcptResult{later(1)})
			made, _ := d.Make(t.Context(), m, e, nil, paper(c.head+"\r\nx\r\n"), nil)
			defer Discard(made)
			if (len(made) == 1) != c.told || e.Recipients[0].DelayNoticed != c.told {
				t.Fatalf("%d notices, noticed %v\n%s", len(made), e.Recipients[0].DelayNoticed, log)
			}
			if c.told && !strings.Contains(textOf(t, made[0]), "\r\nWill-Retry-Until: Sun, 22 Nov 2026 12:00:00 +0000\r\n") {
				t.Errorf("%s", textOf(t, made[0]))
			}
		})
	}
}

// A tenant's language, words and name are on its notices, and the policy takes
// every word that a notice gives.
func TestNoticesAreTheTenants(t *testing.T) {
	var all strings.Builder
	for _, f := range reflect.VisibleFields(reflect.TypeFor[notify.Words]()) {
		if f.Name != "Recipients" {
			fmt.Fprintf(&all, "%s={{.%s}} ", f.Name, f.Name)
		}
	}
	all.WriteString("{{range .Recipients}}")
	for _, f := range reflect.VisibleFields(reflect.TypeFor[notify.Said]()) {
		if f.IsExported() {
			fmt.Fprintf(&all, "%s={{.%s}} ", f.Name, f.Name)
		}
	}
	all.WriteString("{{end}}")
	p := load(t, dsnPolicy+fmt.Sprintf(`
tenant "loud" {
  domains = ["loud.test"]
  route { hosts = ["127.0.0.1:25"] }
  notify {
    stalled  = ["chief@loud.test"]
    expired  = ["night@loud.test"]
    language = "fr"
    from     = "aide@loud.test"
    template "relayed" { text = %q }
  }
}
`, all.String()))
	d, log := desk(t, p)
	m := message(t, mail.Outbound, "s@loud.test")
	r := &m.Recipients[0]
	r.Tenant, r.Last, r.LastRemote, r.LastHost = "loud", mail.NewReply(250, "2.0.0", "fine"), true, "mx.far.test"
	e := Entry{Recipients: m.Recipients, Notices: []Notice{{notify.KindRelayed, []int{1}}, {notify.KindFailed, []int{1}}}}
	made, _ := d.Make(t.Context(), m, e, nil, paper("Subject: x\r\n\r\nx\r\n"), nil)
	defer Discard(made)
	if len(made) != 2 || log.Len() > 0 {
		t.Fatalf("%d notices\n%s", len(made), log)
	}
	relayed, failed := textOf(t, made[0]), textOf(t, made[1])
	for _, want := range []string{"<aide@loud.test>\r\n", "Kind=3Drelayed", "Host=3Dmx.far.test", "Reply=3D250 2.0.0 fine"} {
		if !strings.Contains(relayed, want) {
			t.Errorf("no %q in\n%s", want, relayed)
		}
	}
	if !strings.Contains(failed, "Content-Language: fr\r\n") || !strings.Contains(failed, "<aide@loud.test>\r\n") {
		t.Errorf("%s", failed)
	}
	if a := made[0].Message.Recipients[0]; a.Tenant != "loud" || a.Route != "tenant:loud:in" {
		t.Errorf("goes to %+v", a)
	}
	for kind, want := range map[string]string{notify.KindStalled: "[chief@loud.test]", notify.KindExpired: "[night@loud.test]"} {
		if got := fmt.Sprint(d.Payer().Admins("loud", kind)); got != want {
			t.Errorf("%s: told %s", kind, got)
		}
	}
	if got := d.Payer().Admins("gone", notify.KindStalled); got != nil {
		t.Errorf("a tenant that is gone has administrators: %v", got)
	}
}
