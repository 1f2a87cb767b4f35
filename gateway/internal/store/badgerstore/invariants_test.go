package badgerstore

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// sound says what is wrong with an index: work that is in no group or in two,
// groups that are nowhere or in two places, counts that have drifted.
func sound(x *index) error {
	uses := map[ref]int{}
	items := 0
	for id, r := range x.live {
		e := x.entries.at(r)
		if e.id != id || e.self != r {
			return fmt.Errorf("%s is not where it should be", id)
		}
		due := map[groupKey]int64{}
		for s := range x.slotsOf(e) {
			uses[s.place]++
			if s.token != 0 && x.byToken[s.token] == nil {
				return fmt.Errorf("%s.%d is under a lease that is over", id, s.n)
			}
			if !s.free() || e.busy > 0 {
				continue
			}
			if d, ok := due[s.group()]; !ok || s.next < d {
				due[s.group()] = s.next
			}
		}
		for r, it := range x.itemsOf(e) {
			items++
			g := x.groupOf(it)
			if d, ok := due[g.key]; !ok || d != it.due || it.entry != e.self || x.groups[g.key] != g || g.items.refs[it.pos] != r {
				return fmt.Errorf("%s: an item for %+v due %d, want %d (%v)", id, g.key, it.due, d, ok)
			}
			delete(due, g.key)
		}
		if len(due) > 0 {
			return fmt.Errorf("%s: work that nobody will find: %v", id, due)
		}
	}
	held := 0
	for k, g := range x.groups {
		uses[k.place]++
		held += g.items.Len()
		in := 0
		for _, is := range []bool{g.pos >= 0, g.turn != nil, g.parked != nil} {
			if is {
				in++
			}
		}
		if in != 1 || g.items.Len() == 0 || x.groupAt[g.self-1] != g {
			return fmt.Errorf("group %+v of %d items is in %d places", k, g.items.Len(), in)
		}
	}
	running, sharing := map[string]int{}, map[string]int{}
	for _, l := range x.byToken {
		for _, h := range l.hops {
			running[h]++
		}
		if l.shared != "" {
			sharing[l.shared]++
		}
	}
	if !maps.Equal(running, x.running) || !maps.Equal(sharing, x.sharing) {
		return fmt.Errorf("%v and %v run, counted %v and %v", running, sharing, x.running, x.sharing)
	}
	for name, p := range x.capped {
		n := 0
		if hop, ok := strings.CutPrefix(name, atHop("")); ok {
			n = running[hop]
		} else {
			n = sharing[strings.TrimPrefix(name, atShared(""))]
		}
		if p.Len() == 0 || n == 0 || p.name != name {
			return fmt.Errorf("%q is capped by nothing", name)
		}
	}
	for r, n := range uses {
		if x.places.uses[r-1] != n {
			return fmt.Errorf("place %d has %d users, counted %d", r, n, x.places.uses[r-1])
		}
	}
	if held != items || len(x.places.of) != len(uses) {
		return fmt.Errorf("%d items in groups, %d of messages; %d places, %d in use", held, items, len(x.places.of), len(uses))
	}
	return nil
}

// TestIndexStaysWhole: whatever happens in whatever order, all work that is due
// is found again, once, and nothing is left behind.
func TestIndexStaysWhole(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		x := newIndex(1)
		now := time.Now().UnixNano()
		ids := make([]mail.ID, 60)
		for i := range ids {
			ids[i] = mail.DeriveID(mail.ID{}, time.Unix(0, now), fmt.Sprint(i))
		}
		some := func() *state {
			st := &state{}
			for n := range 1 + r.IntN(3) {
				st.rcpts = append(st.rcpts, rcptState{
					n: n + 1, status: mail.Statuses()[r.IntN(len(mail.Statuses()))], next: now + int64(r.IntN(40)-20)*1e9,
					hop: fmt.Sprint("hop", r.IntN(4)), tenant: fmt.Sprint("t", r.IntN(3)), fresh: r.IntN(2) == 0, manual: r.IntN(8) == 0,
				})
			}
			return st
		}
		var leases []*lease
		for step := range 8000 {
			id := ids[r.IntN(len(ids))]
			now += int64(r.IntN(int(time.Second)))
			switch r.IntN(7) {
			case 0:
				x.put(id, some())
			case 1:
				if err := x.guard(id, nil); err != nil {
					t.Fatal(err)
				}
			case 2:
				var st *state
				if r.IntN(2) == 0 {
					st = some()
				}
				x.finish(id, st, nil, nil)
			case 3, 4:
				leases = append(leases, x.claim(now, now+int64(30*time.Second), store.ClaimRequest{
					Limit: 1 + r.IntN(5), PerHop: r.IntN(4), PerTenant: r.IntN(4), Room: func(string) store.Room {
						return store.Room{Most: r.IntN(3), Shared: []string{"", "x", "y"}[r.IntN(3)], Wait: time.Duration(r.IntN(3)*r.IntN(30)) * time.Second}
					},
				})...)
			case 5:
				if n := len(leases); n > 0 {
					l := leases[r.IntN(n)]
					x.finish(l.id, some(), l, nil)
				}
			default:
				x.revoke(id)
			}
			if err := sound(x); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
		}
		for _, id := range ids {
			x.put(id, &state{})
		}
		if err := sound(x); err != nil || len(x.live)+len(x.groups)+len(x.places.of) > 0 {
			t.Errorf("seed %d: %d messages, %d groups, %d places are left: %v", seed, len(x.live), len(x.groups), len(x.places.of), err)
		}
	}
}
