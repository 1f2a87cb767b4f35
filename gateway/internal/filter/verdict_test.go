package filter

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

func TestCheckVerdict(t *testing.T) {
	ev := &abi.Event{Stage: abi.StageMessage, Recipients: []string{"a@acme.test"}, PartCount: 2}
	finding := func(f abi.Finding) abi.Verdict { return abi.Verdict{Findings: []abi.Finding{f}} }
	edit := func(e abi.HeaderEdit) abi.Verdict { return abi.Verdict{Edits: []abi.HeaderEdit{e}} }
	for _, c := range []struct {
		name string
		v    abi.Verdict
		want string // "" is valid
	}{
		{"nothing", abi.Verdict{}, ""},
		{"reject", abi.Verdict{Action: abi.ActionReject, Code: 550, Enhanced: "5.7.1", Text: "no, thank you"}, ""},
		{"reject without code", abi.Verdict{Action: abi.ActionReject}, ""},
		{"tempfail", abi.Verdict{Action: abi.ActionTempfail, Code: 451, Enhanced: "4.7.1"}, ""},
		{"disconnect", abi.Verdict{Action: abi.ActionDisconnect, Code: 421, Enhanced: "4.7.0"}, ""},
		{"disconnect without code", abi.Verdict{Action: abi.ActionDisconnect, Enhanced: "5.7.0"}, ""},
		{"quarantine", abi.Verdict{Action: abi.ActionQuarantine, Code: 250, Enhanced: "2.0.0"}, ""},
		{"full", abi.Verdict{
			Findings: []abi.Finding{{Main: "spam", Sub: "list", Extra: "x", Score: -3, Part: 2, Explanation: "wörds", Action: abi.ActionReject, Code: 554}},
			Tags:     []string{"a"}, Notes: []abi.Pair{{Key: "k", Value: "line\r\nline"}},
			Edits:      []abi.HeaderEdit{{Op: abi.HeaderOpRemove, Name: "X-Spam", Index: -1}},
			Recipients: []abi.RecipientAction{{Recipient: "a@acme.test", Action: abi.ActionRedirect, Redirect: "b@acme.test"}},
			Action:     abi.ActionRedirect, Redirect: []string{"c@acme.test"},
			Waivers: []abi.Waiver{{Classes: []string{"list/sender", "*"}}},
		}, ""},

		{"unknown action", abi.Verdict{Action: 9}, "unknown action 9"},
		{"accept", abi.Verdict{Action: abi.ActionAccept}, `grant "accept"`},
		{"reject with 4xx", abi.Verdict{Action: abi.ActionReject, Code: 450}, "does not go with action reject"},
		{"tempfail with 5xx", abi.Verdict{Action: abi.ActionTempfail, Code: 550}, "does not go with action tempfail"},
		{"continue with 5xx", abi.Verdict{Code: 550}, "does not go with action continue"},
		{"code 1", abi.Verdict{Action: abi.ActionReject, Code: 1}, "code 1"},
		{"code 65786", abi.Verdict{Action: abi.ActionReject, Code: 550 + 1<<16}, "does not go"},
		{"enhanced of another class", abi.Verdict{Action: abi.ActionReject, Code: 550, Enhanced: "4.7.1"}, "does not go with code 550"},
		{"enhanced without code", abi.Verdict{Action: abi.ActionReject, Enhanced: "2.7.1"}, "does not go with action reject"},
		{"enhanced nonsense", abi.Verdict{Action: abi.ActionReject, Enhanced: "5.7.1 x"}, "no enhanced"},
		{"CRLF in text", abi.Verdict{Action: abi.ActionReject, Text: "a\r\n250 b"}, "line break"},
		{"NUL in text", abi.Verdict{Action: abi.ActionReject, Text: "a\x00"}, "control"},
		{"long text", abi.Verdict{Action: abi.ActionReject, Text: strings.Repeat("x", 451)}, "at most 450"},
		{"finding without class", finding(abi.Finding{Sub: "x"}), "no main class"},
		{"slash in class", finding(abi.Finding{Main: "a/b"}), "slash"},
		{"extra without sub", finding(abi.Finding{Main: "a", Extra: "x"}), "extra class"},
		{"score NaN", finding(abi.Finding{Main: "a", Score: math.NaN()}), "no number"},
		{"score Inf", finding(abi.Finding{Main: "a", Score: math.Inf(-1)}), "no number"},
		{"part", finding(abi.Finding{Main: "a", Part: 3}), "no part 3"},
		{"finding's text", finding(abi.Finding{Main: "a", Text: "x\n"}), "line break"},
		{"finding's code", finding(abi.Finding{Main: "a", Action: abi.ActionTempfail, Code: 550}), "finding 0: code 550"},
		{"many findings", abi.Verdict{Findings: make([]abi.Finding, maxFindings+1)}, "1001 findings"},
		{"field name", edit(abi.HeaderEdit{Name: "X Spam"}), "no field name"},
		{"field name with colon", edit(abi.HeaderEdit{Name: "X:"}), "no field name"},
		{"empty field name", edit(abi.HeaderEdit{}), "no field name"},
		{"header value", edit(abi.HeaderEdit{Name: "X", Value: "a\r\nBcc: b"}), "line break"},
		{"header index", edit(abi.HeaderEdit{Name: "X", Index: -2}), "index -2"},
		{"header operation", edit(abi.HeaderEdit{Op: 3, Name: "X"}), "unknown operation"},
		{"Received", edit(abi.HeaderEdit{Op: abi.HeaderOpRemove, Name: "rEceived"}), "must not be changed"},
		{"stranger", abi.Verdict{Recipients: []abi.RecipientAction{{Recipient: "b@acme.test"}}}, "no recipient"},
		{"recipient redirect", abi.Verdict{Recipients: []abi.RecipientAction{{Recipient: "a@acme.test", Action: abi.ActionRedirect, Redirect: "x y@b"}}}, "redirect to"},
		{"redirect nowhere", abi.Verdict{Action: abi.ActionRedirect}, "without an address"},
		{"redirect to nonsense", abi.Verdict{Action: abi.ActionRedirect, Redirect: []string{"a@b@c.test>\r\nRCPT"}}, "redirect to"},
		{"note without key", abi.Verdict{Notes: []abi.Pair{{Value: "x"}}}, "key"},
		{"large notes", abi.Verdict{Notes: []abi.Pair{{Key: "k", Value: strings.Repeat("x", maxNotesSize)}}}, "notes of"},
		{"many notes", abi.Verdict{Notes: make([]abi.Pair, maxNotes+1)}, "33 notes"},
		{"empty waiver", abi.Verdict{Waivers: []abi.Waiver{{}}}, "without classes"},
		{"waiver class", abi.Verdict{Waivers: []abi.Waiver{{Classes: []string{""}}}}, "empty class"},
		{"hold", abi.Verdict{Hold: abi.Hold{Reason: "a\nb"}}, "hold reason"},
		{"route", abi.Verdict{Route: "a\x1b[0m"}, "route"},
		{"tag", abi.Verdict{Tags: []string{"a\n"}}, "tag"},
	} {
		err := checkVerdict(&c.v, ev, false)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v lacks %q", c.name, err, c.want)
		case err != nil && strings.ContainsAny(err.Error(), "\r\n\x00"):
			t.Errorf("%s: the error has control characters: %q", c.name, err)
		}
	}
	if err := checkVerdict(&abi.Verdict{Action: abi.ActionAccept}, ev, true); err != nil {
		t.Error(err)
	}
}

func TestHistogram(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 7, 8, 9, 1000, 123456789, time.Hour, 1<<63 - 1} {
		b := bucket(d)
		if up := upper(b); up < d || float64(up) > float64(d)*1.13+1 {
			t.Errorf("%v is in bucket %d, up to %v", d, b, up)
		}
	}
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("of none")
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	if p50, p99 := h.quantile(0.5), h.quantile(0.99); p50 < 500*time.Microsecond || p50 > 570*time.Microsecond || p99 < 990*time.Microsecond || p99 > 1125*time.Microsecond {
		t.Error(p50, p99)
	}
}

func TestBreakerWindow(t *testing.T) {
	var b breaker
	now := time.Unix(0, 0)
	fail := func() bool {
		if ok, probe := b.allow(now); !ok || probe {
			t.Fatal("not closed")
		}
		return b.done(now, abi.StageMessage, false, bad)
	}
	for range 20 { // every 16 s is four in a minute
		if fail() {
			t.Fatal("opened")
		}
		now = now.Add(16 * time.Second)
	}
	if fail() || !fail() { // with those of 16, 32 and 48 s ago
		t.Fatal("the fifth within a minute opens it")
	}
	if ok, _ := b.allow(now); ok {
		t.Error("open, and it allows")
	}
	now = now.Add(breakerPause)
	ok, probe := b.allow(now)
	ok2, _ := b.allow(now)
	if !ok || !probe || ok2 {
		t.Error("one probe:", ok, probe, ok2)
	}
	b.done(now, abi.StageMessage, true, neutral)
	if ok, probe = b.allow(now); !ok || !probe {
		t.Error("a probe that said nothing is made again")
	}
	for range 20 {
		b.done(now, abi.StageMessage, true, bad)
		now = now.Add(b.remaining(now))
		if ok, probe = b.allow(now); !ok || !probe {
			t.Fatal("no probe")
		}
	}
	if b.pause != breakerMaxPause {
		t.Error(b.pause)
	}
	if b.done(now, abi.StageMessage, true, good) || b.state(now) != "closed" {
		t.Error(b.state(now))
	}
}

// TestBreakerAbuse: failures among many calls that end well do not open it;
// calls that end well at another stage do not count.
func TestBreakerAbuse(t *testing.T) {
	var b breaker
	now := time.Unix(0, 0)
	run := func(st abi.Stage, o outcome) bool {
		now = now.Add(10 * time.Millisecond)
		return b.done(now, st, false, o)
	}
	for range 100 {
		for range 6 {
			run(abi.StageMessage, good)
		}
		if run(abi.StageMessage, bad) {
			t.Fatal("one message in seven opened it")
		}
	}
	opened := false
	for range 2 * breakerFailures {
		for range 100 {
			run(abi.StageRcptTo, good)
		}
		opened = opened || run(abi.StageMessage, bad)
	}
	if !opened {
		t.Error("every message failed, and it stayed closed")
	}
}

func FuzzVerdict(f *testing.F) {
	f.Add((&abi.Verdict{Action: abi.ActionReject, Code: 550, Findings: []abi.Finding{{Main: "x"}}}).Append(nil))
	ev := &abi.Event{Recipients: []string{"a@acme.test"}}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &call{ev: ev, result: b, written: true}
		v, err := c.verdict(&generation{})
		if err == nil && (hasControl(v.Text) || v.Action > abi.ActionDisconnect) {
			t.Errorf("%+v", v)
		}
	})
}
