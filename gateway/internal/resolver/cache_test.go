package resolver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// However long the answers are that strangers give, the cache stays small; and
// it still holds as many usual ones as it is to.
func TestCache_is_bounded_in_octets(t *testing.T) {
	now := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	c := cache{max: 1000, now: func() time.Time { return now }, m: map[question]answer{}}
	sum := func() (n int) {
		for q, a := range c.m {
			n += a.octets(q)
		}
		return n
	}
	put := func(i, records int, text string, ttl time.Duration) {
		q := question{fmt.Sprintf("d%d.test.", i), dns.TypeTXT}
		a := answer{name: q.name, until: now.Add(ttl)}
		for range records {
			a.records = append(a.records, &dns.TXT{Hdr: dns.RR_Header{Name: q.name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{text}})
		}
		c.put(q, a)
	}
	for i := range 1000 {
		put(i, 1, "v=spf1 -all", time.Hour)
	}
	if len(c.m) != 1000 || c.octets != sum() {
		t.Errorf("%d usual answers are kept, %d octets, counted %d", len(c.m), sum(), c.octets)
	}
	for i := range 5000 {
		now = now.Add(time.Second)
		put(2000+i%700, 50, strings.Repeat("x", 250), time.Duration(i%3)*time.Minute)
		if n := sum(); n > 1000*usualAnswer || c.octets != n {
			t.Fatalf("%d octets after %d long answers, counted %d", n, i, c.octets)
		}
	}
	if len(c.m) == 0 {
		t.Error("nothing is kept")
	}
	for i := range 5000 {
		c.get(question{fmt.Sprintf("d%d.test.", 2000+i%700), dns.TypeTXT})
		now = now.Add(time.Second)
	}
	if c.octets != sum() || c.octets != 0 && len(c.m) == 0 {
		t.Errorf("%d octets counted, %d there", c.octets, sum())
	}
}
