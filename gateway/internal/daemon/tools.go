package daemon

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/mailweir/weir/gateway/internal/nettools"
	"github.com/mailweir/weir/gateway/internal/verify"
)

// openTools makes what operators try destinations with. It wants everything
// else to be open.
func (d *Daemon) openTools(dns nettools.DNS) {
	o := nettools.Options{
		Policy: d.snaps.policy, Messages: d.store, Recipients: d.checker, Engine: d.engine, DNS: dns, Logger: d.log, Now: d.o.Now,
	}
	if d.o.Lab != nil {
		o.Roots, o.Timeouts = d.o.Lab.Roots, d.o.Lab.Timeouts
	}
	d.tools = nettools.New(o)
	d.metrics.registry.MustRegister(verifyCollector{d.checker}, selfCollector{d.tools})
}

// verifyCollector shows how recipients are verified, read when asked.
type verifyCollector struct{ c *verify.Checker }

var (
	answersDesc   = prometheus.NewDesc("weir_verify_answers_total", "Recipients verified, by where the answer came from and what it was.", []string{"source", "answer"}, nil)
	calloutsDesc  = prometheus.NewDesc("weir_verify_callouts_total", "Callouts made, by answer.", []string{"answer"}, nil)
	limitedDesc   = prometheus.NewDesc("weir_verify_limited_total", "Callouts left out because of our own bounds, by reason.", []string{"reason"}, nil)
	refreshesDesc = prometheus.NewDesc("weir_verify_refreshes_total", "Known recipients asked for again before their end, by outcome.", []string{"outcome"}, nil)
	sharedDesc    = prometheus.NewDesc("weir_verify_shared_total", "Questions that joined a callout under way.", nil, nil)
	runningDesc   = prometheus.NewDesc("weir_verify_callouts", "Callouts waiting or under way.", nil, nil)
)

func (v verifyCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{answersDesc, calloutsDesc, limitedDesc, refreshesDesc, sharedDesc, runningDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Names are those of package verify.
func (v verifyCollector) Collect(ch chan<- prometheus.Metric) {
	s := v.c.Stats()
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for source, by := range s.Answers {
		for answer, n := range by {
			counter(answersDesc, n, source, answer)
		}
	}
	for _, x := range []struct {
		d  *prometheus.Desc
		by map[string]uint64
	}{{calloutsDesc, s.Callouts}, {limitedDesc, s.Limited}, {refreshesDesc, s.Refreshes}} {
		for name, n := range x.by {
			counter(x.d, n, name)
		}
	}
	counter(sharedDesc, s.Shared)
	ch <- prometheus.MustNewConstMetric(runningDesc, prometheus.GaugeValue, float64(s.Running))
}

// selfCollector shows whether the gateway's own names and addresses are in
// order (B88); nothing before the first check.
type selfCollector struct{ t *nettools.Tools }

var selfDesc = prometheus.NewDesc("weir_self_check_warnings", "What is wrong with the gateway's own names and addresses in the DNS; see: weir test self.", nil, nil)

func (s selfCollector) Describe(ch chan<- *prometheus.Desc) { ch <- selfDesc }

func (s selfCollector) Collect(ch chan<- prometheus.Metric) {
	if r := s.t.SelfNow(); r != nil {
		ch <- prometheus.MustNewConstMetric(selfDesc, prometheus.GaugeValue, float64(len(r.Warnings)))
	}
}
