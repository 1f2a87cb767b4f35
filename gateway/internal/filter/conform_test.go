package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

func checking(hook []byte) []byte {
	return module{hook: hook, nonconforming: true, manifest: &manifest.Manifest{
		Name: "tiny", Version: "1", ABI: 1, Hooks: []string{"message"}, ChecksConfig: true,
	}}.bytes()
}

func someConfigs(n int) (cs []Config) {
	for i := range n {
		cs = append(cs, Config{ID: uint64(i + 1), Plugin: "tiny"})
	}
	return cs
}

// TestConfigCheckLeavesNothing: what a guest remembers of one configuration's
// check is not there when an isolated plugin sees a message.
func TestConfigCheckLeavesNothing(t *testing.T) {
	f := newFixture(t)
	f.swap(t, someConfigs(1), Spec{Name: "tiny", Isolated: true, Module: checking([]byte{
		0x20, 0, 0x45, 0x04, 0x40, // at stage 0
		0x41, 0, 0x41, 1, 0x36, 2, 0, // memory[0] = 1
		0x41, 0, 0x0f, 0x0b,
		0x41, 0, 0x41, 0, 0x28, 2, 0, 0x6b, // return -memory[0]
	})})
	if _, err := f.one("tiny", "x"); err != nil {
		t.Error(err)
	}
}

// TestConfigChecksStopAtACrash: one after the other, each to its deadline,
// would hold up a reload for as long as there are configurations.
func TestConfigChecksStopAtACrash(t *testing.T) {
	f := newFixture(t)
	f.initTimeout = 300 * time.Millisecond
	begin := time.Now()
	// The first call of an instance is well, those after it never end.
	err := f.Swap(t.Context(), []Spec{{Name: "tiny", Module: checking([]byte{
		0x41, 0, 0x28, 2, 0, 0x04, 0x40, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b,
		0x41, 0, 0x41, 1, 0x36, 2, 0,
		0x41, 0,
	})}}, someConfigs(40))
	var c *ConfigError
	if !errors.As(err, &c) || c.ID != 1 {
		t.Error(err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestPatternSetsAreShared: one configuration's patterns do not take the room
// of all others.
func TestPatternSetsAreShared(t *testing.T) {
	g := &generation{sets: map[setKey]patternSet{}}
	c := newCall(context.Background(), time.Minute, nil)
	define := func(config uint64, set uint32, n int) int32 {
		var ps abi.PatternSet
		for i := range n {
			ps.Patterns = append(ps.Patterns, abi.Pattern{Text: fmt.Sprintf("%d %d %d %s", config, set, i, bytes.Repeat([]byte("x"), 100))})
		}
		return g.define(c, setKey{config, set}, ps.Append(nil))
	}
	const big, small = 9000, 100 // patterns: 2.8 MB and 31 KB
	var full uint32
	for full = 1; full < 100 && define(1, full, big) == 0; full++ {
	}
	if full < 10 || full == 100 {
		t.Fatalf("%d sets of one configuration", full)
	}
	for set := uint32(1); set <= 50; set++ {
		if n := define(2, set, small); n != 0 {
			t.Fatalf("set %d of another configuration: %d, %s", set, n, c.errText)
		}
	}
	for set := uint32(1); set < 100; set++ {
		define(1, set, big)
	}
	for set := uint32(1); set <= 50; set++ {
		if _, ok := g.sets[setKey{2, set}]; !ok {
			t.Errorf("set %d has been dropped for the other configuration", set)
		}
	}
	size := 0
	for _, p := range g.sets {
		size += p.size()
	}
	if size != g.setsSize || size > maxSetsSize {
		t.Errorf("%d octets, counted %d", size, g.setsSize)
	}
}
