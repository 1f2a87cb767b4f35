package query

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// row is a recipient for tests.
type row struct {
	text map[string][]string
	num  map[string]float64
	time map[string]time.Time
}

func (r row) Text(f string) []string              { return r.text[f] }
func (r row) Num(f string) (float64, bool)        { n, ok := r.num[f]; return n, ok }
func (r row) Time(f string) (t time.Time, b bool) { t, b = r.time[f]; return }

var sample = row{
	text: map[string][]string{
		"id":               {"01kb3z6q9xe0m8v2r5s7t4w1yd"},
		"status":           {"queued"},
		"tenant":           {"acme"},
		"direction":        {"inbound"},
		"kind":             {"ordinary"},
		"sender":           {"Alice@Partner.test"},
		"sender_domain":    {"partner.test"},
		"recipient":        {"sales@acme.test", "info@acme.test"},
		"recipient_domain": {"acme.test", "acme.test"},
		"client":           {"192.0.2.7"},
		"subject":          {"Your INVOICE for Öl, 100*2 \"net\""},
		"class":            {"list/sender/x"},
		"attachment":       {"a.pdf", "Rechnung März.zip"},
	},
	num: map[string]float64{"n": 2, "size": 12 << 20, "score": 6, "attempts": 3, "has_body": 1},
	time: map[string]time.Time{
		"received": noon.Add(-time.Hour),
		"next":     noon.Add(10 * time.Minute),
	},
}

func TestMatch(t *testing.T) {
	cases := []struct {
		text string
		want bool
	}{
		{"", true},
		{"*", true},
		{"-*", false},
		{"status:queued,stalled recipient:*@acme.test after:-2h size:>10MiB \"invoice\" -tenant:x (nope or invoice)", true},
		{"status:queued status:stalled", false},
		{"status:!=queued", false},
		{"-status:queued", false},
		{"not status:stalled", true},
		{"status:QUEUED", true},
		{"sender:alice@partner.test", true},
		{"sender:alice", false},
		{"sender:~alice", true},
		{"sender:*@partner.test", true},
		{"sender:?lice@*", true},
		{"sender:<>", false},
		{"helo:\"\"", true},
		{"user:=\"\" -listener:!=\"\"", true},
		{"recipient:info@acme.test", true},
		{"recipient:!=info@acme.test", false},
		{"recipient:!=nobody@acme.test", true},
		{"rcpt:sales@acme.test", true},
		{"client:192.0.2.0/24", true},
		{"client:192.0.3.0/24", false},
		{"client:192.0.2.7", true},
		{"client:192.0.2.8", false},
		{"client:192.0.*", true},
		{"client:2001:db8::/32", false},
		{"ip:!=192.0.2.0/24", false},
		{"subject:invoice", true},
		{"subject:öL", true},
		{"subject:=invoice", false},
		{"subject:your*\"net\"", true}, // the quote starts a word of its own
		{"subject:your*\"gross\"", false},
		{`subject:"your*\"net\""`, true},
		{`subject:~"100*2"`, true},
		{`subject:~"100*3"`, false},
		{`subject:"*100\*2*"`, true},
		{`subject:"*100\\*2*"`, true},
		{`subject:"*100\*?2*"`, false},
		{"class:list", true},
		{"class:list/sender", true},
		{"class:list/send", false},
		{"class:list/*", true},
		{"attachment:rechnung", true},
		{"attachment:*.zip", true},
		{"attachment:=a.PDF", true},
		{"attachment:!=a.pdf", false},
		{"MÄRZ", true},
		{"sales@", true},
		{"01kb3z", true},
		{"id:01KB3Z", true},
		{"id:01kb3z6q9xe0m8v2r5s7t4w1yd.2", true},
		{"id:01kb3z6q9xe0m8v2r5s7t4w1yd.1", false},
		{"id:!=01kb3z6q9xe0m8v2r5s7t4w1yd.1", true},
		{"id:01kc", false},
		{"size:12MiB", true},
		{"size:>12MiB", false},
		{"size:>=12MiB", true},
		{"size:<12582913", true},
		{"size:<=12MiB", true},
		{"size:!=12MiB", false},
		{"score:6", true},
		{"score:>6", false},
		{"score:>=6.0", true},
		{"failures:0", false}, // unknown compares with nothing
		{"has_body:yes", true},
		{"has_body:no", false},
		{"after:-2h", true},
		{"after:-30m", false},
		{"before:-30m", true},
		{"received:today", true},
		{"received:yesterday", false},
		{"received:2026-11-21", true},
		{"received:2026-11-20,2026-11-21", true},
		{"after:2026-11-21T11:00:00Z", true},
		{"before:2026-11-21T11:00:00Z", false},
		{"after:2026-11-21T11:00:01Z", false},
		{"before:\"2026-11-21 11:30\"", true},
		{"next:<+15m", true},
		{"next:>+15m", false},
		{"changed:<now", false}, // there is none
		{"tenant:a or tenant:acme", true},
		{"tenant:a or tenant:b status:queued", false},
		{"(tenant:a or tenant:acme) status:queued", true},
		{"(tenant:a or tenant:acme) and status:stalled", false},
		{"-(tenant:a or tenant:acme)", false},
		{"--tenant:acme", true},
		{"direction:INBOUND kind:ordinary", true},
	}
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			f, err := Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []Filter{f, Resolve(f, noon)} {
				m, err := Compile(f, noon)
				if err != nil {
					t.Fatal(err)
				}
				if got := m.Match(sample); got != c.want {
					t.Errorf("%s: matches %v, want %v", f, got, c.want)
				}
			}
			again, err := Parse(f.String())
			if err != nil || !reflect.DeepEqual(again, f) {
				t.Errorf("%q reads back as %#v (%v), want %#v", f, again, err, f)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	cases := []struct{ text, want string }{
		{"recipent:a", `no field "recipent"; did you mean "recipient"?`},
		{"http://x.test", `no field "http"`},
		{"http://x.test", `put it in quotes`},
		{"status:queue", `did you mean "queued"?`},
		{"status:frozen", `no status "frozen"`},
		{"status:", "needs a value"},
		{"status:queued,", "needs a value"},
		{"status:~que", `cannot be compared with "contains"; it takes is, is-not`},
		{"(a", `"(" is not closed`},
		{"a)", `")" closes nothing`},
		{`"a`, "quote is not closed"},
		{"a or", "a term is missing"},
		{"or a", "a term is missing"},
		{"()", "a term is missing"},
		{"- a", "nothing behind it to negate"},
		{"not", "nothing behind it to negate"},
		{"client:300.1.1.1", "neither an IP address nor a network"},
		{"client:10.0.0.0/33", "is not a network"},
		{"after:teatime", `"teatime" is not a time`},
		{"after:-2y", "is not a length of time"},
		{"after:-9999999999w", "too long a time"},
		{"received:now", "compare it with before or after"},
		{"size:big", "is not a size"},
		{"size:-1", "is not a size"},
		{"score:NaN", "is not a number"},
		{"direction:up", "one of inbound, outbound"},
		{"has_body:maybe", `neither "yes" nor "no"`},
		{"id:xyz!", "not a message ID"},
		{"id:01kb.0", "its number"},
		{"parent:01kb.1", "ID of a recipient"},
		{`subject:""`, "nothing to look for"},
		{strings.Repeat("(", 100) + "a", "nested too deep"},
		{strings.Repeat("-", 100) + "a", "nested too deep"},
		{"subject:" + strings.Repeat("x", 2000), "longer than 1000 bytes"},
	}
	for _, c := range cases {
		_, err := Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v, want %q", clip(c.text), err, c.want)
		}
	}
	var se *SyntaxError
	if _, err := Parse("a  bad:x"); !errors.As(err, &se) || se.Pos != 3 {
		t.Errorf("position: %v", err)
	}
}

func TestValidate(t *testing.T) {
	deep := Where("tenant", Is, "a")
	for range 40 {
		deep = Filter{All: []Filter{deep}}
	}
	cases := []struct {
		f    Filter
		want string
	}{
		{Filter{Field: "tenant", Op: Is, All: []Filter{{}}}, "only one of"},
		{Filter{Value: "x"}, "names no field"},
		{Filter{Field: "tenant", Value: "x"}, "cannot be compared"},
		{Filter{Not: &Filter{Field: "nope", Op: Is}}, `no field "nope"`},
		{deep, "make it simpler"},
		{Filter{Field: "client", Op: Like, Value: "10.0.0.0"}, "pattern of addresses"},
	}
	for _, c := range cases {
		if err := c.f.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.f, err, c.want)
		}
		if _, err := Compile(c.f, noon); err == nil {
			t.Errorf("%v compiles", c.f)
		}
	}
	both := And(Where("nope", Is, "x"), Where("size", Is, "y")).Validate().Error()
	if !strings.Contains(both, "nope") || !strings.Contains(both, "not a size") {
		t.Errorf("not all mistakes at once: %s", both)
	}
}

func TestBounds(t *testing.T) {
	day := noon.Add(-12 * time.Hour)
	cases := []struct {
		text         string
		since, until time.Time
		statuses     string // "any", or names
		prefix       string
	}{
		{"", time.Time{}, time.Time{}, "any", ""},
		{"after:-2h before:-1h", noon.Add(-2 * time.Hour), noon.Add(-time.Hour), "any", ""},
		{"after:-2h after:-1h", noon.Add(-time.Hour), time.Time{}, "any", ""},
		{"(after:-2h or after:-1h)", noon.Add(-2 * time.Hour), time.Time{}, "any", ""},
		{"(after:-2h or tenant:x)", time.Time{}, time.Time{}, "any", ""},
		{"-after:-2h", time.Time{}, time.Time{}, "any", ""},
		{"received:today", day, day.AddDate(0, 0, 1), "any", ""},
		{"received:2026-11-19,today", day.AddDate(0, 0, -2), day.AddDate(0, 0, 1), "any", ""},
		{"status:queued,stalled", time.Time{}, time.Time{}, "queued stalled", ""},
		{"status:queued,stalled -status:queued", time.Time{}, time.Time{}, "stalled", ""},
		{"status:queued status:stalled", time.Time{}, time.Time{}, "", ""},
		{"(status:queued or tenant:x)", time.Time{}, time.Time{}, "any", ""},
		{"-(status:queued tenant:x)", time.Time{}, time.Time{}, "any", ""},
		{"(status:queued tenant:x) or status:stalled", time.Time{}, time.Time{}, "queued stalled", ""},
		{"id:01KB3Z6", time.Time{}, time.Time{}, "any", "01kb3z6"},
		{"id:01kb3z,01kb4z", time.Time{}, time.Time{}, "any", "01kb"},
		{"-id:01kb3z", time.Time{}, time.Time{}, "any", ""},
	}
	for _, c := range cases {
		f, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Compile(f, noon)
		if err != nil {
			t.Fatal(err)
		}
		got := "any"
		if ss := m.Statuses(); ss != nil {
			names := []string{}
			for _, s := range ss {
				names = append(names, string(s))
			}
			got = strings.Join(names, " ")
		}
		if !m.Since().Equal(c.since) || !m.Until().Equal(c.until) || got != c.statuses || m.IDPrefix() != c.prefix {
			t.Errorf("%q: %v %v %q %q", c.text, m.Since(), m.Until(), got, m.IDPrefix())
		}
	}
}

// TestBoundsHold proves on arbitrary filters that nothing outside the bounds matches.
func TestBoundsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := genFilter(t, 4)
		m, err := Compile(f, noon)
		if err != nil {
			t.Skip(err)
		}
		st := rapid.SampledFrom(mail.Statuses()).Draw(t, "status")
		at := noon.Add(time.Duration(rapid.IntRange(-200, 10).Draw(t, "hours")) * time.Hour)
		id := rapid.SampledFrom([]string{"01kb3z6q9xe0m8v2r5s7t4w1yd", "01kc3z6q9xe0m8v2r5s7t4w1yd"}).Draw(t, "id")
		r := row{text: map[string][]string{"status": {string(st)}, "id": {id}, "tenant": {"a"}}, time: map[string]time.Time{"received": at}, num: map[string]float64{}}
		if m.Match(r) != mustCompile(t, Resolve(f, noon)).Match(r) {
			t.Fatalf("%s means something else when resolved", f)
		}
		if !m.Match(r) {
			return
		}
		in := m.Statuses() == nil
		for _, s := range m.Statuses() {
			in = in || s == st
		}
		if !in || at.Before(m.Since()) || !m.Until().IsZero() && !at.Before(m.Until()) || !strings.HasPrefix(id, m.IDPrefix()) {
			t.Fatalf("%s matches %s %s outside its bounds %v", f, st, at, m.bounds)
		}
	})
}

func mustCompile(t *rapid.T, f Filter) *Matcher {
	m, err := Compile(f, noon)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func genFilter(t *rapid.T, depth int) Filter {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 {
		kind = 9
	}
	switch kind {
	case 0, 1:
		return Filter{All: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Filter { return genFilter(t, depth-1) }), 1, 3).Draw(t, "all")}
	case 2, 3:
		return Filter{Any: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Filter { return genFilter(t, depth-1) }), 1, 3).Draw(t, "any")}
	case 4:
		return Not(genFilter(t, depth-1))
	case 5:
		return Filter{}
	}
	fd := rapid.SampledFrom(fields).Draw(t, "field")
	if rapid.Bool().Draw(t, "bounding") {
		fd = *byName[rapid.SampledFrom([]string{"status", "received", "id"}).Draw(t, "which")]
	}
	f := Filter{Field: fd.Name, Op: rapid.SampledFrom(fd.Type.Ops()).Draw(t, "op")}
	switch fd.Type {
	case TypeStatus:
		f.Value = string(rapid.SampledFrom(mail.Statuses()).Draw(t, "v"))
	case TypeEnum:
		f.Value = rapid.SampledFrom(fd.Values).Draw(t, "v")
	case TypeBool:
		f.Value = rapid.SampledFrom([]string{"yes", "No"}).Draw(t, "v")
	case TypeNumber, TypeSize:
		f.Value = rapid.SampledFrom([]string{"0", "2.5", "17"}).Draw(t, "v")
	case TypeTime:
		f.Value = rapid.SampledFrom([]string{"today", "yesterday", "2026-11-20", "-2h", "-7d", "now", "2026-11-21T01:02:03+01:00"}).Draw(t, "v")
	case TypeIP:
		f.Value = rapid.SampledFrom([]string{"10.0.0.0/8", "::1", "2001:db8::/32", "10.*"}).Draw(t, "v")
	case TypeID:
		f.Value = rapid.SampledFrom([]string{"01", "01kb", "01KB3Z", "01kb3z6q9xe0m8v2r5s7t4w1yd.2"}).Draw(t, "v")
	default:
		f.Value = rapid.OneOf(rapid.StringN(0, 12, 40), rapid.StringMatching(`[-=<>~!a*?\\",:() o]{0,6}`), rapid.SampledFrom([]string{"or", "and", "not", "a", "*"})).Draw(t, "v")
	}
	return f
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := genFilter(t, 4)
		if f.Validate() != nil {
			t.Skip()
		}
		c := f.Canonical()
		if !reflect.DeepEqual(c, c.Canonical()) {
			t.Fatalf("canonical is not stable: %#v", f)
		}
		got, err := Parse(f.String())
		if err != nil {
			t.Fatalf("%#v prints %q: %v", f, f, err)
		}
		if !reflect.DeepEqual(got, c) {
			t.Fatalf("%q reads back as\n%#v, want\n%#v", f, got, c)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "*", `status:queued,stalled recipient:*@acme.test after:-2h size:>10MiB "invoice" -tenant:x (a or b)`,
		`subject:"a\"b\\c*" client:10.0.0.0/8 not (a and --b)`, "id:01kb.2", "received:today", "sender:<>", "score:>=6,<-1", "text:="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
			return
		}
		again, err := Parse(q.String())
		if err != nil || !reflect.DeepEqual(q, again) {
			t.Fatalf("%q prints %q, which reads as %#v (%v), want %#v", s, q, again, err, q)
		}
		m, err := Compile(q, noon)
		if err != nil {
			t.Fatal(err)
		}
		m.Match(sample)
	})
}

func TestLikeIsLinearEnough(t *testing.T) {
	g := compileGlob(strings.Repeat("*a", 200) + "*b")
	start := time.Now()
	if g.match(strings.Repeat("a", 20000)) {
		t.Error("matches without a b")
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	var v Values = &sample
	for _, text := range []string{"status:queued,stalled", "recipient:*@acme.test", "subject:invoice", "after:-2h size:>10MiB", "client:192.0.2.0/24", "rechnung"} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Compile(f, noon)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { m.Match(v) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	f, err := Parse(`status:queued,stalled recipient:*@acme.test after:-2h size:>10MiB "invoice" -tenant:x`)
	if err != nil {
		b.Fatal(err)
	}
	m, err := Compile(f, noon)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var v Values = &sample
	for b.Loop() {
		m.Match(v)
	}
}
