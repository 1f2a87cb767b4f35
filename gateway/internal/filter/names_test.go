package filter

import (
	"strings"
	"testing"
)

// TestNamesDoNotFloodTheLog: a crash's stack trace has a line for each call,
// each with names that the module gives.
func TestNamesDoNotFloodTheLog(t *testing.T) {
	long := strings.Repeat("n", 3<<20)
	names := [][]byte{}
	for i := range byte(3) {
		names = append(names, append([]byte{i}, str(long)...))
	}
	name := append(str("name"), section(0, str(long))...)
	name = append(name, section(1, vec(names...))...)
	// f(n) = n ? f(n-1) : unreachable, from 40 calls deep
	deep := []byte{0x20, 0, 0x04, 0x7f, 0x20, 0, 0x41, 1, 0x6b, 0x10, 2, 0x05, 0x00, 0x0b}
	mod := module{hook: []byte{0x41, 40, 0x10, 2}, more: map[string][]byte{"": deep}}.bytes()
	f := newFixture(t)
	f.swap(t, nil, Spec{Name: "tiny", Module: append(mod, section(0, name)...)})
	_, err := f.one("tiny", "x")
	failure(t, err, KindTrap)
	if n := len(f.log.String()); n > 64<<10 || n == 0 {
		t.Errorf("%d octets of log", n)
	}
}
