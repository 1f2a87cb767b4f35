package filter

import (
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// TestConfigGraceIsGivenOnce: reading a configuration for the first time gives
// a call a second more. A guest must not get it again with each of thousands.
func TestConfigGraceIsGivenOnce(t *testing.T) {
	f := newFixture(t)
	hook := []byte{
		0x03, 0x40, // for ever:
		0x41, 0xe4, 0, 0x41, 0xc0, 0x84, 0x3d, 0x36, 2, 0, // mem[100] = 1,000,000
		0x03, 0x40, 0x41, 0xe4, 0, 0x41, 0xe4, 0, 0x28, 2, 0, 0x41, 1, 0x6b, 0x36, 2, 0, 0x41, 0xe4, 0, 0x28, 2, 0, 0x0d, 0, 0x0b, // count it down
		0x41, 0, 0x41, 0, 0x29, 3, 0, 0x42, 1, 0x7c, 0x37, 3, 0, // mem[0]++
		0x41, 0, 0x29, 3, 0, 0x41, 0xc0, 0, 0x41, 0x80, 8, 0x10, 0, 0x1a, // config_read(mem[0], 64, 1024)
		0x0c, 0, 0x0b, 0x41, 0,
	}
	var configs []Config
	for id := uint64(1); id <= 20_000; id++ {
		configs = append(configs, Config{ID: id, Plugin: "tiny", Value: abi.Object()})
	}
	f.swap(t, configs, Spec{Name: "tiny", Module: tiny(hook, []imported{{abi.Module, "config_read", "lii", "i"}}), Limits: Limits{Deadline: map[abi.Stage]time.Duration{0: 50 * time.Millisecond}}})
	begin := time.Now()
	_, err := f.one("tiny", "x")
	failure(t, err, KindDeadline)
	if took := time.Since(begin); took > configGrace+2*time.Second || took < configGrace/2 {
		t.Errorf("stopped after %v", took)
	}
}
