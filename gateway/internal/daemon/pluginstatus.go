package daemon

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/filter"
)

// plugins shows the plugin host's state.
type plugins struct{ h *filter.Host }

// Plugins implements api.Plugins.
func (p plugins) Plugins() []api.PluginStatus {
	var out []api.PluginStatus
	for _, s := range p.h.Plugins() {
		out = append(out, pluginStatus(&s))
	}
	return out
}

func pluginStatus(s *filter.Status) api.PluginStatus {
	st := api.PluginStatus{
		Name: s.Name, Source: s.Source, Version: s.Version, Description: s.Description, Digest: s.Digest, Hooks: s.Hooks, Grants: s.Grants,
		Instances: s.Instances, Idle: s.Idle, Calls: s.Calls, Verdicts: s.Verdicts, Failures: map[string]uint64{}, Traps: s.Traps,
		P50: milliseconds(s.P50), P99: milliseconds(s.P99), Fuel: s.Fuel,
		Memory: s.Memory, MemoryPeak: s.MemoryPeak, MemoryLimit: s.MemoryLimit,
		Loaded: s.Loaded, LoadTime: milliseconds(s.LoadTime), State: "ok",
	}
	for _, a := range s.Actions {
		st.Actions = append(st.Actions, a.Name)
	}
	for kind, n := range s.Failures {
		st.Failures[string(kind)] = n
	}
	if s.Breaker != "closed" {
		st.State = "breaker " + s.Breaker
	}
	return st
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
