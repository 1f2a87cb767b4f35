package main

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/mail"
)

func TestTimesAsOperatorsReadThem(t *testing.T) {
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	v := view{now: now, loc: time.FixedZone("CET", 3600)}
	for _, c := range []struct {
		name         string
		at           time.Time
		short, until string
	}{
		{"never", time.Time{}, "", ""},
		{"today", now.Add(-time.Minute), "14:59", "1m ago"},
		{"today_there_tomorrow_here", now.Add(9*time.Hour + 30*time.Minute), "Nov 22 00:30", "in 10h"},
		{"due", now.Add(-time.Second), "14:59", "now"},
		{"almost_an_hour", now.Add(59*time.Minute + 40*time.Second), "15:59", "in 1h"},
		{"seconds", now.Add(30 * time.Second), "15:00", "in 30s"},
		{"days", now.Add(-72 * time.Hour), "Nov 18 15:00", "3d ago"},
		{"last_year", now.AddDate(-1, 0, 0), "2025-11-21", "365d ago"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := v.short(c.at); got != c.short {
				t.Errorf("short %q, want %q", got, c.short)
			}
			if got := v.until(c.at); got != c.until {
				t.Errorf("until %q, want %q", got, c.until)
			}
		})
	}
	if got := v.long(now); got != "2026-11-21 15:00:00 CET" {
		t.Errorf("long %q", got)
	}
}

func TestOctets(t *testing.T) {
	for n, want := range map[int64]string{0: "0 octets", 1: "1 octet", 1023: "1023 octets", 1024: "1.0 KiB", 49400: "48.2 KiB", 1048575: "1.0 MiB", 150 << 20: "150 MiB", 5 << 50: "5120 TiB"} {
		if got := octets(n); got != want {
			t.Errorf("octets(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestShortIDsStayDifferent(t *testing.T) {
	at := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	var ids []string
	for i := range 200 { // all of one millisecond
		ids = append(ids, mail.DeriveID(mail.ID{}, at, string(rune('a'+i))).String()+".1")
	}
	seen := map[string]bool{}
	for i, s := range shortIDs(ids) {
		if seen[s] {
			t.Errorf("%s twice", s)
		}
		seen[s] = true
		if len(s) < shortID+2 || s[:len(s)-2] != ids[i][:len(s)-2] {
			t.Errorf("%s is no beginning of %s", s, ids[i])
		}
	}
	same := shortIDs([]string{ids[0], ids[0][:26] + ".2"})
	if same[0] != ids[0][:shortID]+".1" || same[1] != ids[0][:shortID]+".2" {
		t.Errorf("two recipients of one message need no longer ID: %v", same)
	}
}

func TestEveryStatusHasItsWords(t *testing.T) {
	for _, s := range mail.Statuses() {
		if statusMeaning(string(s)) == "" {
			t.Errorf("%s has none", s)
		}
	}
}

// TestExportKnowsEveryField: a field added to the API without its column
// would be exported empty.
func TestExportKnowsEveryField(t *testing.T) {
	at := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	full := api.Row{
		ID: "id", Received: at, Direction: "inbound", Status: "queued", Sender: "s", Recipient: "r", Original: "o", Tenant: "t", Subject: "x",
		From: "f", Size: 1, Client: "c", Class: "k", Score: 1, Reason: "y", Rule: "u", Route: "e", Mark: "queued", State: "unrouted", NextHop: "h", Next: at, Failures: 1, Attempts: 1,
		Last: &api.Reply{Code: 450}, LastHost: "l", Changed: at, Expires: at, HasBody: true, Verbs: []string{"retry"},
		Cc: "c", Name: "n", Explained: "w", Helo: "g", Identity: "i", Kind: "dsn", LastAddr: "a", Listener: "mx", MessageID: "m", Policy: "p", Tags: []string{"t"}, TLS: "1.3", To: "t", User: "u", Attached: 1, Delay: 1, Archived: true,
		N: 1, Origin: "released", SenderDomain: "d", RecipientDomain: "d", Owner: "o", OwnerDomain: "d", Attachment: []string{"a"}, Main: "m", Sub: "s", Extra: "e",
		Filter: []string{"f"}, Plugin: []string{"p"}, PluginDigest: []string{"d"}, FilterTime: 1, Tag: []string{"t"}, Reply: "r", Code: 450, Enhanced: "4.0.0", Host: "h",
		Address: "a", Schedule: "s", Parent: "p",
	}
	for _, f := range api.RowFields() {
		if fieldText(view{now: at, loc: time.UTC}, &full, f) == "" {
			t.Errorf("field %s is exported empty", f)
		}
	}
}
