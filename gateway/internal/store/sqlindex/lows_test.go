package sqlindex

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// countsOf reads how many rows each value of low has, by the query given.
func countsOf(t *testing.T, x *Index, text string) map[int64]int {
	t.Helper()
	rows, err := x.read.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[int64]int{}
	for rows.Next() {
		var low int64
		var n int
		if err := rows.Scan(&low, &n); err != nil {
			t.Fatal(err)
		}
		out[low] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// The table lows says what the rows say, whatever came, changed and went, also in
// one transaction, and in an index that was made anew.
func TestLowsAreCounted(t *testing.T) {
	x, ms := newIndex(t), sample(t, 300)
	r := rand.New(rand.NewPCG(11, 12))
	check := func(when string) {
		t.Helper()
		want := countsOf(t, x, "SELECT low, count(*) FROM rows GROUP BY low")
		if got := countsOf(t, x, "SELECT low, n FROM lows"); len(got) < 3 || !maps.Equal(got, want) {
			t.Fatalf("%s: lows says %v, the rows %v", when, got, want)
		}
	}
	forgotten := map[mail.ID]bool{}
	for round := range 40 {
		var cs []Change
		for _, i := range r.Perm(len(ms))[:20] {
			m := ms[i]
			if forgotten[m.ID] {
				continue
			}
			if round > 10 && r.IntN(6) == 0 {
				forgotten[m.ID] = true
				cs = append(cs, Change{ID: m.ID})
				continue
			}
			m.Recipients[0].Status = mail.Statuses()[r.IntN(len(mail.Statuses()))]
			m.Recipients[len(m.Recipients)-1].Class.Main = []string{"", "spam", "list", "virus"}[r.IntN(4)]
			cs = append(cs, Change{m.ID, m})
		}
		if err := x.Apply(t.Context(), State{"e1", uint64(round + 1)}, cs); err != nil {
			t.Fatal(err)
		}
		check(fmt.Sprint("round ", round))
	}
	if len(forgotten) < 10 {
		t.Errorf("only %d were forgotten", len(forgotten))
	}
	if err := x.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(ms); at += 100 {
		apply(t, x, 1, ms[at:at+100]...)
	}
	if err := x.Finish(t.Context(), State{"e2", 2}); err != nil {
		t.Fatal(err)
	}
	check("made anew")
}

// What is frequent by itself and rare together is not looked for among all that is
// frequent, and what there cannot be is not looked for at all.
func TestRareTogether(t *testing.T) {
	x := newIndex(t)
	var ms []*store.Message
	for i := range 5 * usual.few {
		at := now.Add(time.Duration(i-5*usual.few) * time.Second)
		rc := store.Recipient{N: 1, Address: address(t, "you@acme.test"), Tenant: "acme", Status: mail.StatusDelivered, Changed: at}
		if i%2 == 0 {
			rc.Status, rc.Class = mail.StatusRejected, mail.Class{Main: "spam"}
		}
		if i < 7 { // long ago
			rc.Status, rc.Class = mail.StatusDelivered, mail.Class{Main: "spam"}
		}
		ms = append(ms, &store.Message{ID: mail.NewID(at), Received: at, Direction: mail.Inbound, Recipients: []store.Recipient{rc}})
	}
	apply(t, x, 1, ms...)
	planned := func(text string) plan {
		t.Helper()
		f, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return planOf(t, x, f)
	}
	if pl := planned("status:delivered class:spam"); !pl.sparse || pl.none || !strings.Contains(pl.access[0].from, "by_low") {
		t.Errorf("seven together: %+v", pl)
	}
	for _, text := range []string{"status:delivered status:rejected", "tenant:acme status:bounced", "direction:outbound", "class:spam main:list", "status:delivered class:spam direction:outbound"} {
		f, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if text == "class:spam main:list" {
			m := ms[0]
			m.Recipients[0].Class.Main = "list" // so that it has a number
			apply(t, x, 2, m)
		}
		if pl := planned(text); !pl.none {
			t.Errorf("%s: %+v", text, pl)
		}
		if want := expected(t, ms, f); len(want) > 0 {
			t.Errorf("%s has %d rows", text, len(want))
		}
	}
	if pl := planned("status:rejected class:spam"); pl.none || pl.sparse || !pl.lowOnly {
		t.Errorf("half of all: %+v", pl)
	}
	// Together they are one value, which has an index: the seven, and as many as one likes.
	for _, text := range []string{"status:delivered class:spam", "status:rejected class:spam", "status:rejected tenant:acme class:spam", "-status:rejected"} {
		f, err := query.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		keys := expected(t, ms, f)
		want := len(keys)
		if got, exact := all(t, x, f, 1000); !slices.Equal(got, keys) || !exact || want == 0 {
			t.Errorf("%s: %d rows, want %d", text, len(got), want)
		}
		// They are counted though there is no time for it.
		n, err := x.Count(t.Context(), Question{Filter: f, Now: now, Budget: -time.Second})
		if err != nil || n.N != want && n.Back.IsZero() || strings.HasPrefix(text, "status") && n.N != want {
			t.Errorf("%s: counted %+v, want %d: %v", text, n, want, err)
		}
	}
}

// Subjects with what makes trigrams hard: repetitions, quotes, and few of them.
func TestWordsWithinSubjects(t *testing.T) {
	x := newIndex(t)
	x.steps = small // else so few are not looked for by their words
	r := rand.New(rand.NewPCG(13, 14))
	random := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteRune([]rune("aab77\" ü*Ä\ufffd\uffff")[r.IntN(12)])
		}
		return b.String()
	}
	var ms []*store.Message
	for i := range 2000 {
		at := now.Add(time.Duration(i-2000) * time.Second)
		ms = append(ms, &store.Message{ID: mail.NewID(at), Received: at, Summary: store.Summary{Subject: random(r.IntN(30))},
			Recipients: []store.Recipient{{N: 1, Address: address(t, "you@acme.test"), Status: mail.StatusDelivered}}})
	}
	apply(t, x, 1, ms...)
	found := 0
	for range 400 {
		f := query.Where("subject", query.Contains, random(1+r.IntN(8)))
		if r.IntN(4) == 0 { // a longer one, that there is
			s := []rune(ms[r.IntN(len(ms))].Summary.Subject)
			f.Value = string(s[min(len(s), r.IntN(4)):])
		}
		if strings.TrimSpace(f.Value) == "" {
			continue
		}
		want := expected(t, ms, f)
		if got, exact := all(t, x, f, 1+r.IntN(100)); !slices.Equal(got, want) || !exact {
			t.Fatalf("%q: %d rows, want %d", f.Value, len(got), len(want))
		}
		n, err := x.Count(t.Context(), Question{Filter: f, Now: now, Budget: time.Minute})
		if err != nil || n.N != len(want) {
			t.Fatalf("%q: counted %+v, want %d: %v", f.Value, n, len(want), err)
		}
		either := query.Or(f, query.Where("recipient", query.Is, "nobody@acme.test")) // counted by the words alone
		if n, err = x.Count(t.Context(), Question{Filter: either, Now: now, Budget: time.Minute}); err != nil || n.N != len(want) {
			t.Fatalf("%s: counted %+v, want %d: %v", either, n, len(want), err)
		}
		found += min(1, len(want))
	}
	if found < 100 {
		t.Errorf("only %d of 400 texts occur", found)
	}
}

func TestRarest(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "ab": "", "äö": "", "abc": "abc", "777": "777", "invoice 42": "invoice 42", "\xff\xfe\xfd\xfc": "",
		"a letter about zebra77 quiz and the rest": "bra77 quiz", strings.Repeat("e", 50): "eeeeeeeeee",
	} {
		if got := rarest(in); got != want {
			t.Errorf("rarest(%q) = %q, want %q", in, got, want)
		}
	}
}

// What is made anew answers nothing until it is whole: no search takes what it has
// not yet for what there is not.
func TestNothingIsFoundWhileMadeAnew(t *testing.T) {
	x, ms := newIndex(t), sample(t, 50)
	apply(t, x, 1, ms...)
	if err := x.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		for _, text := range []string{"", "status:delivered", "direction:inbound", "tenant:acme status:delivered", "tenant:acme", "subject:invoice", "status:queued subject:invoice"} {
			f, err := query.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			q := Question{Filter: f, Now: now, Limit: 10, Budget: time.Minute}
			if p, err := x.Search(t.Context(), q); err == nil {
				t.Errorf("%q found %+v", text, p)
			}
			if n, err := x.Count(t.Context(), q); err == nil {
				t.Errorf("%q counted %+v", text, n)
			}
			if p, err := x.Sort(t.Context(), q, Sorting{Field: "size", Rows: 100}); err == nil {
				t.Errorf("%q sorted %+v", text, p)
			}
		}
	}
	check()
	apply(t, x, 1, ms...)
	check()
	if err := x.Finish(t.Context(), State{"e2", 2}); err != nil {
		t.Fatal(err)
	}
	f := query.Where("status", query.Is, "delivered")
	if got, _ := all(t, x, f, 10); !slices.Equal(got, expected(t, ms, f)) {
		t.Errorf("%d rows when it was whole", len(got))
	}
}

// A search that looks several times sees one state: what matches before a change and
// after it is found, also where it was found by another value of low.
func TestRowsThatChangeMeanwhileAreFound(t *testing.T) {
	x := newIndex(t)
	x.steps = small
	var ms []*store.Message
	for i := range 300 {
		at := now.Add(time.Duration(i-300) * time.Second)
		m := &store.Message{ID: mail.NewID(at), Received: at, Direction: mail.Inbound, Recipients: []store.Recipient{{N: 1, Address: address(t, "you@acme.test"), Tenant: []string{"acme", "beta", "gamma"}[i%3], Status: mail.StatusQueued}}}
		if i%5 > 0 {
			m.Direction = mail.Outbound
		}
		ms = append(ms, m)
	}
	apply(t, x, 1, ms...)
	f := query.And(query.Where("tenant", query.Is, "acme"), query.Where("direction", query.Is, "inbound"))
	want := expected(t, ms, f)
	if pl := planOf(t, x, f); len(want) != 20 || !pl.access[0].apart {
		t.Fatalf("%d rows, %+v", len(want), pl)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := uint64(2); ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			for i, m := range ms {
				m.Recipients[0].Status = mail.Statuses()[(int(n)+i)%len(mail.Statuses())]
			}
			apply(t, x, n, ms...)
		}
	}()
	for range 150 {
		p, err := x.Search(t.Context(), Question{Filter: f, Now: now, Limit: 500, Budget: time.Minute})
		if err != nil || !slices.Equal(p.Keys, want) {
			t.Errorf("%d rows, want %d: %v", len(p.Keys), len(want), err)
			break
		}
	}
	close(stop)
	<-done
}
