package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The bounds of a deep queue. A smaller one than verdictFrom says nothing.
const (
	mostDelay   = 5 * time.Second // 99 of 100 healthy messages, from final dot to arrival
	mostAnon    = 400 << 20
	leastRatio  = 0.9
	verdictFrom = 200_000
)

// findings are what the verdict on a deep queue is made of.
type findings struct {
	probes       *delays       // healthy mail while the backlog stands, and a tenant floods
	anon         int64         // the most anonymous memory, in octets
	ratio        float64       // acceptance, of a new gateway's in turns
	ours, theirs time.Duration // draining; theirs is 0 where there is no Postfix
}

// verdict writes which bounds were held. One that was not is an error where the
// backlog of n messages is deep.
func (f *findings) verdict(w io.Writer, n int) error {
	var broken []string
	say := func(held bool, what, figure string, a ...any) {
		word := "held"
		if !held {
			word = "NOT held"
			broken = append(broken, what)
		}
		fmt.Fprintf(w, "%-8s %-52s %s\n", word, what, fmt.Sprintf(figure, a...))
	}
	const healthy = "p99 of healthy mail while the backlog stands"
	if p99, ok := f.probes.worst99(); ok {
		say(p99 < mostDelay, healthy, "%v of below %v", p99.Round(time.Millisecond), mostDelay)
	} else {
		say(false, healthy, "%d of %d probes arrived, of below %v", len(f.probes.took), f.probes.sent(), mostDelay)
	}
	say(f.anon > 0 && f.anon < mostAnon, "anonymous memory, the most there was", "%.1f MiB of below %d MiB", float64(f.anon)/(1<<20), mostAnon>>20)
	say(f.ratio >= leastRatio, "acceptance, queue deep, in turns with a new one", "%.3f of at least %.1f", f.ratio, leastRatio)
	if f.theirs > 0 {
		say(f.ours <= f.theirs, "drain, of Postfix's", "%.3f of at least 1", f.theirs.Seconds()/f.ours.Seconds())
	} else {
		fmt.Fprintf(w, "%-8s %-52s not measured\n", "-", "drain, of Postfix's")
	}
	if len(broken) == 0 || n < verdictFrom {
		return nil
	}
	return fmt.Errorf("not held: %s", strings.Join(broken, "; "))
}

// sent is how many probes there were.
func (d *delays) sent() int { return len(d.took) + d.lost }

// worst99 is what 99 of 100 probes took at most, with those that never arrived
// as the longest; false where it is one of these, or there were no probes.
func (d *delays) worst99() (time.Duration, bool) {
	slices.Sort(d.took)
	i := min(d.sent()*99/100, d.sent()-1)
	if i < 0 || i >= len(d.took) {
		return 0, false
	}
	return d.took[i], true
}
