package sqlindex

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TestMillion prints what searches cost over WEIR_RECORDS rows (thousands of
// tenants and senders, one of each much larger than the others).
func TestMillion(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("WEIR_RECORDS"))
	if n == 0 {
		t.Skip("WEIR_RECORDS says over how many rows")
	}
	x := newIndex(t)
	r := rand.New(rand.NewPCG(3, 4))
	skew := func(k int) int { return int(float64(k) * r.Float64() * r.Float64() * r.Float64()) }
	words := []string{"invoice", "report", "hello", "meeting", "offer", "payment", "newsletter", "order", "ticket", "update"}
	start := time.Now()
	at := now.Add(-30 * 24 * time.Hour)
	every := 30 * 24 * time.Hour / time.Duration(n)
	var batch []Change
	for i := 0; i < n; i++ {
		at = at.Add(every)
		tenant := "t" + strconv.Itoa(skew(300))
		m := &store.Message{ID: mail.NewID(at), Received: at, Direction: mail.Inbound, Size: 4096, Policy: "abcdef0123456789",
			Sender:  address(t, fmt.Sprintf("u%d@s%d.example", skew(200000), skew(20000))),
			Client:  mail.Client{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(skew(256)), byte(r.IntN(256))}), 2525), Helo: "mx.example", Name: "mx.example", Listener: "mx"},
			Summary: store.Summary{Subject: fmt.Sprintf("%s %s %d", words[r.IntN(10)], words[r.IntN(10)], skew(100000)), From: "Somebody <somebody@example.com>", To: "You <you@acme.test>", MessageID: fmt.Sprintf("<%d.%d@example.com>", i, r.IntN(1e9))}}
		if r.IntN(4) == 0 {
			m.Direction = mail.Outbound
		}
		rc := store.Recipient{N: 1, Address: address(t, fmt.Sprintf("p%d@%s.test", skew(2000), tenant)), Tenant: tenant, Status: mail.StatusDelivered, Changed: at, Route: "tenant:" + tenant + ":in", NextHop: "10.0.0.1:25", Schedule: "standard", LastHost: "10.0.0.1", Last: mail.NewReply(250, "2.0.0", "OK queued as 1234567890")}
		switch k := r.IntN(1000); {
		case k < 100:
			rc.Status, rc.Class = mail.StatusRejected, mail.Class{Main: "spam", Sub: "content"}
		case k < 110:
			rc.Status, rc.Class = mail.StatusQuarantined, mail.Class{Main: "list", Sub: "sender"}
		case k < 112:
			rc.Status = mail.StatusStalled
		}
		m.Recipients = []store.Recipient{rc}
		batch = append(batch, Change{m.ID, m})
		if len(batch) == 2000 || i == n-1 {
			if err := x.Apply(t.Context(), State{"e", uint64(i)}, batch); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	took := time.Since(start)
	size, err := x.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows in %v, %.0f/s, %d octets each", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), size/int64(n))
	singles := []string{"tenant:t0", "tenant:t250", "after:-7d before:-6d", "direction:outbound", "status:stalled", "status:delivered", "class:spam", "sender:u0@s0.example", "sender:u150000@s3.example",
		"recipient:p0@t0.test", "sender_domain:s0.example", "sender_domain:s19000.example", "recipient_domain:t0.test", "client:10.0.0.7", "client:10.3.250.0/24", `message_id:"<5.5@example.com>"`, "subject:invoice", "subject:\"invoice report 7777\"", "subject:zebra"}
	var all []time.Duration
	measure := func(text string) {
		f, err := query.Parse(text)
		if err != nil {
			t.Logf("%s: %v", text, err)
			return
		}
		var best []time.Duration
		var p Page
		for range 5 {
			s := time.Now()
			if p, err = x.Search(t.Context(), Question{Filter: f, Now: now, Limit: 100, Budget: time.Second}); err != nil {
				t.Fatal(err)
			}
			best = append(best, time.Since(s))
		}
		slices.Sort(best)
		all = append(all, best...)
		if best[2] > 30*time.Millisecond {
			t.Logf("%-60s %4d rows %v (back %v)", text, len(p.Keys), best[2].Round(10*time.Microsecond), p.Back)
		}
	}
	for i, a := range singles {
		measure(a)
		for _, b := range singles[i+1:] {
			measure(a + " " + b)
		}
	}
	slices.Sort(all)
	t.Logf("%d searches: median %v, p99 %v, worst %v", len(all), all[len(all)/2], all[len(all)*99/100], all[len(all)-1])
}
