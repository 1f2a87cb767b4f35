package main

import (
	"strings"
	"testing"
	"time"
)

// TestVerdict: a bound that is not held is said, and is an error where the backlog is deep.
func TestVerdict(t *testing.T) {
	probes := func(fast, slow, lost int) *delays {
		d := &delays{lost: lost}
		for range slow { // not in order
			d.took = append(d.took, mostDelay)
		}
		for range fast {
			d.took = append(d.took, time.Second)
		}
		return d
	}
	good := findings{probes: probes(995, 5, 0), anon: mostAnon - 1, ratio: leastRatio, ours: time.Minute, theirs: time.Minute}
	for name, c := range map[string]struct {
		change func(*findings)
		broken string // what is not held, separated by ;
	}{
		"all held":             {func(*findings) {}, ""},
		"slow":                 {func(f *findings) { f.probes = probes(985, 15, 0) }, "p99"},
		"lost are the longest": {func(f *findings) { f.probes = probes(985, 0, 15) }, "p99"},
		"slow and lost":        {func(f *findings) { f.probes = probes(985, 8, 7) }, "p99"},
		"few lost":             {func(f *findings) { f.probes = probes(995, 0, 5) }, ""},
		"no probes":            {func(f *findings) { f.probes = probes(0, 0, 0) }, "p99"},
		"memory":               {func(f *findings) { f.anon = mostAnon }, "anonymous"},
		"memory not measured":  {func(f *findings) { f.anon = 0 }, "anonymous"},
		"acceptance":           {func(f *findings) { f.ratio = 0.89 }, "acceptance"},
		"drain":                {func(f *findings) { f.ours = 61 * time.Second }, "drain"},
		"without Postfix":      {func(f *findings) { f.theirs = 0 }, ""},
		"two":                  {func(f *findings) { f.ratio, f.anon = 0.5, mostAnon }, "anonymous;acceptance"},
	} {
		f := good
		c.change(&f)
		for _, n := range []int{verdictFrom - 1, verdictFrom} {
			var said strings.Builder
			err := f.verdict(&said, n)
			if (err != nil) != (c.broken != "" && n >= verdictFrom) {
				t.Errorf("%s, %d: %v", name, n, err)
			}
			var broken []string
			for line := range strings.Lines(said.String()) {
				if what, ok := strings.CutPrefix(line, "NOT held"); ok {
					broken = append(broken, strings.Fields(what)[0])
				}
			}
			if got := strings.ReplaceAll(strings.Join(broken, ";"), ",", ""); got != c.broken || strings.Count(said.String(), "\n") != 4 {
				t.Errorf("%s, %d: want %q not held:\n%s", name, n, c.broken, said.String())
			}
		}
	}
}
