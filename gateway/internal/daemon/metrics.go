package daemon

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpd"
	"github.com/mailweir/weir/gateway/internal/store"
)

// metrics are what /metrics shows: prefix weir_, base units, bounded labels.
type metrics struct {
	registry *prometheus.Registry
	plugin   *prometheus.CounterVec // bounded by the plugin host
	tls      *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		plugin: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_plugin_counter_total", Help: "What plugins count themselves (metric_add).",
		}, []string{"plugin", "name"}),
		tls: newTLSSessions(),
	}
	m.registry.MustRegister(m.plugin, m.tls, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Count implements filter.Metrics. Counters only grow.
func (m *metrics) Count(plugin, name string, delta int64) {
	if delta > 0 {
		m.plugin.WithLabelValues(plugin, name).Add(float64(delta))
	}
}

// sessions shows a listener's open SMTP sessions.
func (m *metrics) sessions(listener string, s *smtpd.Server) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "weir_smtp_sessions", Help: "Open SMTP sessions.", ConstLabels: prometheus.Labels{"listener": listener},
	}, func() float64 { return float64(s.Stats().Open) }))
}

// watch shows the queue and the plugins, read when asked.
func (m *metrics) watch(q store.Queue, h *filter.Host) {
	m.registry.MustRegister(&queueCollector{q}, &pluginCollector{h})
}

type queueCollector struct{ q store.Queue }

var queueDesc = prometheus.NewDesc("weir_queue_recipients", "Recipients the gateway still works on or holds, by status.", []string{"status"}, nil)

func (c *queueCollector) Describe(ch chan<- *prometheus.Desc) { ch <- queueDesc }

func (c *queueCollector) Collect(ch chan<- prometheus.Metric) {
	counts, err := c.q.Counts(context.Background())
	if err != nil {
		return
	}
	for _, s := range mail.Statuses() {
		if s.Live() {
			ch <- prometheus.MustNewConstMetric(queueDesc, prometheus.GaugeValue, float64(counts[s]), string(s))
		}
	}
}

type pluginCollector struct{ h *filter.Host }

var (
	callsDesc    = prometheus.NewDesc("weir_plugin_calls_total", "Hook calls.", []string{"plugin"}, nil)
	verdictsDesc = prometheus.NewDesc("weir_plugin_verdicts_total", "Hook calls that gave a verdict, by its action.", []string{"plugin", "action"}, nil)
	failuresDesc = prometheus.NewDesc("weir_plugin_failures_total", "Hook calls that gave no verdict, by kind.", []string{"plugin", "kind"}, nil)
	trapsDesc    = prometheus.NewDesc("weir_plugin_traps_total", "Hook calls that ended their guest: trap, memory, deadline.", []string{"plugin"}, nil)
	fuelDesc     = prometheus.NewDesc("weir_plugin_fuel_total", "Cost units used.", []string{"plugin"}, nil)
	latencyDesc  = prometheus.NewDesc("weir_filter_duration_seconds", "Duration of hook calls, without waiting for an instance.", []string{"plugin"}, nil)
	memoryDesc   = prometheus.NewDesc("weir_plugin_memory_bytes", "Linear memory of all instances.", []string{"plugin"}, nil)
	peakDesc     = prometheus.NewDesc("weir_plugin_memory_peak_bytes", "The most linear memory that all instances had.", []string{"plugin"}, nil)
	poolDesc     = prometheus.NewDesc("weir_plugin_instances", "Instances in the pool.", []string{"plugin"}, nil)
)

func (c *pluginCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{callsDesc, verdictsDesc, failuresDesc, trapsDesc, fuelDesc, latencyDesc, memoryDesc, peakDesc, poolDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Labels are bounded: plugins are
// those of the policy, actions and kinds those of the host.
func (c *pluginCollector) Collect(ch chan<- prometheus.Metric) {
	for _, p := range c.h.Plugins() {
		counter := func(d *prometheus.Desc, n uint64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append([]string{p.Name}, labels...)...)
		}
		gauge := func(d *prometheus.Desc, n float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, p.Name)
		}
		counter(callsDesc, p.Calls)
		counter(fuelDesc, p.Fuel)
		counter(trapsDesc, p.Traps)
		for action, n := range p.Verdicts {
			counter(verdictsDesc, n, action)
		}
		for kind, n := range p.Failures {
			counter(failuresDesc, n, string(kind))
		}
		gauge(poolDesc, float64(p.Instances))
		gauge(memoryDesc, float64(p.Memory))
		gauge(peakDesc, float64(p.MemoryPeak))
		buckets := make(map[float64]uint64, len(p.Took.Below))
		for d, n := range p.Took.Below {
			buckets[d.Seconds()] = n
		}
		ch <- prometheus.MustNewConstHistogram(latencyDesc, p.Took.Count, p.Took.Sum.Seconds(), buckets, p.Name)
	}
}
