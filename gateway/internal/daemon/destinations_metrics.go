package daemon

import "github.com/prometheus/client_golang/prometheus"

// deliveryCollector shows deliveries and destinations, read when asked. The
// destinations themselves are no labels: there is no end of them.
type deliveryCollector struct{ d *Daemon }

var (
	rcptsDesc = prometheus.NewDesc("weir_delivery_recipients_total", "Recipients of delivery attempts, by outcome; throttled ones were kept back by our own limits.", []string{"outcome"}, nil)
	stateDesc = prometheus.NewDesc("weir_destinations", "Next hops that are remembered, by state.", []string{"state"}, nil)
)

// Describe implements prometheus.Collector.
func (c deliveryCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- rcptsDesc
	ch <- stateDesc
}

// Collect implements prometheus.Collector.
func (c deliveryCollector) Collect(ch chan<- prometheus.Metric) {
	t := c.d.engine.Totals()
	for outcome, n := range map[string]uint64{"delivered": t.Delivered, "deferred": t.Deferred, "failed": t.Failed, "throttled": t.Throttled} {
		ch <- prometheus.MustNewConstMetric(rcptsDesc, prometheus.CounterValue, float64(n), outcome)
	}
	states := map[string]int{"ok": 0, "recovering": 0, "back-off": 0, "suspended": 0}
	for _, d := range destinations(c).Destinations() {
		states[d.State]++
	}
	for s, n := range states {
		ch <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, float64(n), s)
	}
}
