package deliver

import (
	"slices"
	"strings"
	"time"
)

// Suspension is an operator's word that nothing goes to a destination for now.
type Suspension struct {
	Name  string    // of a destination, or a next hop (a domain, or a route's hosts)
	Until time.Time // zero: until it is resumed
	By    string    // who said so
	Why   string
}

// Suspend keeps everything back that goes to the destination or next hop of
// that name, in any case of letters; what is under way ends by itself. A name that nothing goes to yet
// is remembered all the same.
func (e *Engine) Suspend(s Suspension) {
	x := e.sites
	x.mu.Lock()
	defer x.mu.Unlock()
	x.held[strings.ToLower(s.Name)] = s
}

// Resume ends a destination's suspensions and back-off, the operator's and our
// own; name is a destination's or a next hop's. It reports whether there was
// anything to end, and the names of the operators' suspensions that are over.
func (e *Engine) Resume(name string) (was bool, ended []string) {
	x := e.sites
	x.mu.Lock()
	defer x.mu.Unlock()
	names := []string{name}
	free := func(s *site) {
		was = was || s.troubled()
		s.fails, s.refused, s.window, s.trying = 0, 0, 0, false
		s.until, s.stopped, s.senders, s.hops = time.Time{}, time.Time{}, two{}, two{}
	}
	for key, s := range x.by {
		if !strings.EqualFold(key, name) {
			continue
		}
		free(s)
		for _, h := range x.hops { // those of a named destination may have their own trouble
			if h.site == s {
				free(h.reach)
			}
		}
	}
	for hop, h := range x.hops {
		if !strings.EqualFold(hop, name) {
			continue
		}
		free(h.site)
		free(h.reach)
		names = append(names, h.site.key, h.site.dest.Name, h.reach.key)
	}
	for _, n := range names {
		if s, ok := x.held[strings.ToLower(n)]; ok && n != "" {
			delete(x.held, strings.ToLower(n))
			was, ended = true, append(ended, s.Name)
		}
	}
	return was, ended
}

// Suspensions are the operators' own, by name.
func (e *Engine) Suspensions() []Suspension {
	x := e.sites
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []Suspension
	for _, s := range x.held {
		if s.Until.IsZero() || x.now().Before(s.Until) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Suspension) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// manual is what operators keep back under one of the names.
func (x *sites) manual(now time.Time, names ...string) *hold {
	for _, n := range names {
		n = strings.ToLower(n)
		s, ok := x.held[n]
		if !ok || n == "" {
			continue
		}
		left := manualPoll
		if !s.Until.IsZero() {
			if left = s.Until.Sub(now); left <= 0 {
				delete(x.held, n)
				continue
			}
		}
		return &hold{why: WhyManual, for_: left, code: "4.3.2", text: "an operator has suspended deliveries to " + s.Name}
	}
	return nil
}

// manualPoll is how soon mail asks again that an operator's suspension without
// an end keeps back.
const manualPoll = 10 * time.Minute
