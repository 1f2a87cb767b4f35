package daemon

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/events/egress"
	"github.com/mailweir/weir/gateway/internal/plugnet"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/saved"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/policy"
)

// outlets are what leaves the gateway beside mail, and what screens remember.
type outlets struct {
	events *events.Service
	nets   map[string]*plugnet.Net // for webhooks, by the certificates they trust
	saved  *saved.Service
	dnsOut *resolver.Client
	over   context.Context // ends when the gateway begins to stop
	stopIt context.CancelFunc
}

// openOutlets makes the receivers of events, and saved searches. It wants the
// store and the policy.
func (d *Daemon) openOutlets(dns *resolver.Client) {
	d.nets, d.dnsOut = map[string]*plugnet.Net{}, dns
	d.over, d.stopIt = context.WithCancel(context.Background())
	d.events = events.New(events.Options{Source: d.store, Docs: d.store, Clock: d.o.Now, After: d.o.After, Jitter: d.o.Jitter, Logger: d.log})
	d.saved = newSaved(d)
	d.metrics.registry.MustRegister(sinkCollector{d.events, d.o.Now})
	d.applyEvents(d.snaps.policy())
}

func newSaved(d *Daemon) *saved.Service {
	return saved.New(saved.Options{Docs: d.store, Clock: d.o.Now, Manages: func(sc scope.Scope, tenant string) bool {
		return listService{d}.manages(sc, tenant, "") == nil
	}})
}

// outward is what the API needs of it.
func (d *Daemon) outward() api.Outward {
	return api.Outward{
		Tail: d.store, Closing: d.over, Saved: d.saved, Sinks: d.events, Docs: d.store, Now: d.o.Now,
		Limits: func() api.Limits {
			l := d.snaps.policy().AdminLimits()
			return api.Limits{Requests: l.Requests, Burst: l.Burst, Streams: l.Streams}
		},
	}
}

// applyEvents makes the receivers those of a policy.
func (d *Daemon) applyEvents(p *policy.Policy) {
	var want []events.Sink
	for _, e := range p.Events() {
		f, err := query.Parse(e.Filter)
		if err != nil { // the policy was checked with CheckSearch
			d.log.Error("a receiver of events is left out: its filter does not read", "sink", e.Name, "err", err)
			continue
		}
		want = append(want, d.sink(e, f))
	}
	d.events.Apply(want)
}

// sink is a receiver as package events takes it.
func (d *Daemon) sink(e policy.EventSink, f query.Filter) events.Sink {
	s := events.Sink{Name: e.Name, Types: e.Types, Tenants: e.Tenants, Filter: f, Keep: e.Keep}
	if x := e.File; x != nil {
		s.Kind, s.To, s.Batch = "file", x.Path, maxFileBatch
		s.Open = events.File{Path: x.Path, Size: x.Size, Files: x.Files, Clock: d.o.Now}.Open
		s.Print = printOf(e, *x)
		return s
	}
	x := e.Webhook
	s.Kind, s.To, s.Batch = "webhook", hostOf(x.URL), x.Batch
	s.Open = events.Webhook{
		URL: x.URL, Keys: x.Secrets, Timeout: x.Timeout, Clock: d.o.Now, Agent: "weir/" + d.o.Version.Version,
		Post: egress.Over(d.netFor(x.CA), x.Private),
	}.Open
	s.Print = printOf(e, x.URL, x.Secrets, x.Private, string(x.CA), x.Batch, x.Timeout)
	return s
}

// maxFileBatch is how many events a file takes with one sync.
const maxFileBatch = 1000

// printOf changes with anything that a receiver is made of. It is a digest, for
// there are secrets among it.
func printOf(e policy.EventSink, rest ...any) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %d %v", e.Name, e.Types, e.Tenants, e.Filter, e.Keep, rest)
	return hex.EncodeToString(h.Sum(nil))
}

// hostOf is a URL for people: what stands behind the host may be a secret.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// netFor gives the network for receivers whose certificates these sign.
func (d *Daemon) netFor(ca []byte) *plugnet.Net {
	if n := d.nets[string(ca)]; n != nil {
		return n
	}
	o := plugnet.Options{Resolver: d.dnsOut, Strict: true}
	if ca != nil {
		o.Roots = x509.NewCertPool()
		o.Roots.AppendCertsFromPEM(ca)
	}
	n := plugnet.New(o)
	d.nets[string(ca)] = n
	return n
}

// closeOutlets ends streams and idle connections.
func (d *Daemon) closeOutlets() {
	if d.stopIt != nil {
		d.stopIt()
	}
	for _, n := range d.nets {
		n.Close()
	}
}

// sweepEvery is how often old answers to idempotent requests are dropped.
const sweepEvery = time.Hour

// sweepAnswers drops old answers until ctx ends.
func (d *Daemon) sweepAnswers(ctx context.Context) {
	for {
		if n, err := api.ForgetAnswers(ctx, d.store, d.o.Now()); err != nil && ctx.Err() == nil {
			d.log.Warn("old answers to requests could not be dropped", "err", err)
		} else if n > 0 {
			d.log.Debug("old answers to requests dropped", "answers", n)
		}
		select {
		case <-d.o.After(sweepEvery):
		case <-ctx.Done():
			return
		}
	}
}

// sinkCollector shows the receivers of events. The label is bounded by the
// policy.
type sinkCollector struct {
	s   *events.Service
	now func() time.Time
}

var (
	sinkBehindDesc    = prometheus.NewDesc("weir_events_behind", "Events of the journal that the receiver is not done with.", []string{"sink"}, nil)
	sinkLagDesc       = prometheus.NewDesc("weir_events_lag_seconds", "Age of the oldest event that waits for the receiver.", []string{"sink"}, nil)
	sinkDeliveredDesc = prometheus.NewDesc("weir_events_delivered_total", "Events that the receiver took.", []string{"sink"}, nil)
	sinkFailuresDesc  = prometheus.NewDesc("weir_events_failures_total", "Tries that the receiver did not take.", []string{"sink"}, nil)
	sinkLostDesc      = prometheus.NewDesc("weir_events_lost", "Events that the receiver did not get, ever.", []string{"sink"}, nil)
	sinkUpDesc        = prometheus.NewDesc("weir_events_up", "1 unless the receiver is retried or disabled.", []string{"sink"}, nil)
)

// Describe implements prometheus.Collector.
func (c sinkCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sinkBehindDesc, sinkLagDesc, sinkDeliveredDesc, sinkFailuresDesc, sinkLostDesc, sinkUpDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c sinkCollector) Collect(ch chan<- prometheus.Metric) {
	now := c.now()
	for _, st := range c.s.Status() {
		lag, up := 0.0, 0.0
		if !st.Oldest.IsZero() {
			lag = max(now.Sub(st.Oldest).Seconds(), 0)
		}
		if st.State == "ok" {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(sinkBehindDesc, prometheus.GaugeValue, float64(st.Behind), st.Name)
		ch <- prometheus.MustNewConstMetric(sinkLagDesc, prometheus.GaugeValue, lag, st.Name)
		ch <- prometheus.MustNewConstMetric(sinkDeliveredDesc, prometheus.CounterValue, float64(st.Delivered), st.Name)
		ch <- prometheus.MustNewConstMetric(sinkFailuresDesc, prometheus.CounterValue, float64(st.Failures), st.Name)
		ch <- prometheus.MustNewConstMetric(sinkLostDesc, prometheus.GaugeValue, float64(st.Lost), st.Name)
		ch <- prometheus.MustNewConstMetric(sinkUpDesc, prometheus.GaugeValue, up, st.Name)
	}
}
