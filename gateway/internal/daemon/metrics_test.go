package daemon

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/sdk/abi"
)

// TestPluginMetrics: each plugin shows its calls, durations, fuel, memory,
// traps and verdicts, under labels that nobody outside can choose.
func TestPluginMetrics(t *testing.T) {
	module, err := builtin.Module("rules")
	if err != nil {
		t.Skip(err)
	}
	h := filter.NewHost(filter.Options{CacheDir: t.TempDir()})
	defer h.Close(context.Background())
	spec := filter.Spec{Name: "rules", Source: "builtin:rules", Module: module, Grants: map[string][]string{"lists": nil, "kv": nil}}
	if err := h.Swap(context.Background(), []filter.Spec{spec}, nil); err != nil {
		t.Fatal(err)
	}
	const calls = 3
	failed := 0
	for range calls {
		_, err := h.Call(context.Background(), "rules", &abi.Event{Stage: abi.StageMailFrom, Sender: "ann@partner.test"}, nil)
		var f *filter.Failure
		if errors.As(err, &f) { // it has no configuration
			failed++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	m := newMetrics()
	m.registry.MustRegister(&pluginCollector{h})
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]float64{}
	labels := map[string]string{}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			seen[f.GetName()] += s.GetCounter().GetValue() + s.GetGauge().GetValue() + float64(s.GetHistogram().GetSampleCount())
			for _, l := range s.GetLabel() {
				labels[l.GetName()] = l.GetValue()
				if l.GetName() == "plugin" && l.GetValue() != "rules" {
					t.Errorf("%s has plugin %q", f.GetName(), l.GetValue())
				}
			}
		}
	}
	if seen["weir_plugin_calls_total"] != calls || seen["weir_filter_duration_seconds"] != calls {
		t.Errorf("%v", seen)
	}
	if seen["weir_plugin_verdicts_total"]+seen["weir_plugin_failures_total"] != calls || seen["weir_plugin_failures_total"] != float64(failed) {
		t.Errorf("%d failed: %v", failed, seen)
	}
	for _, name := range []string{"weir_plugin_memory_bytes", "weir_plugin_memory_peak_bytes", "weir_plugin_instances"} {
		if seen[name] <= 0 {
			t.Errorf("no %s", name)
		}
	}
	for _, name := range []string{"weir_plugin_fuel_total", "weir_plugin_traps_total"} {
		if _, ok := seen[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
	for name := range labels {
		if !slices.Contains([]string{"plugin", "action", "kind", "version"}, name) { // the last is the Go runtime's
			t.Errorf("label %q", name)
		}
	}
}
