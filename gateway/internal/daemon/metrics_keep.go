package daemon

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mailweir/weir/gateway/internal/archive"
	"github.com/mailweir/weir/gateway/internal/jobs"
)

// keepCollector shows the record and what is kept: the search index, the audit
// log, the archives, the keeper and jobs. It reads when asked.
type keepCollector struct {
	d *Daemon

	mu    sync.Mutex
	sizes map[string]archive.Size
	sized time.Time
}

// sizesFor is how long the archives' sizes are believed: to add them up takes
// reading the folder of the day.
const sizesFor = 5 * time.Minute

// mostTenants bounds the label tenant: those with most in the archive, and all
// others together under "".
const mostTenants = 50

var (
	indexBehindDesc = prometheus.NewDesc("weir_index_behind", "Commits that the search index does not have yet.", nil, nil)
	indexLagDesc    = prometheus.NewDesc("weir_index_lag_seconds", "Time since the search index had everything; 0 when it has.", nil, nil)
	indexWholeDesc  = prometheus.NewDesc("weir_index_up", "1: searches use the index; 0: they read the record itself, which takes long.", nil, nil)
	indexSizeDesc   = prometheus.NewDesc("weir_index_bytes", "What the search index takes on the disk.", nil, nil)

	auditEntriesDesc = prometheus.NewDesc("weir_audit_entries_total", "Number of the last entry of the audit log.", nil, nil)
	auditRefusedDesc = prometheus.NewDesc("weir_audit_failures_total", "Entries of the audit log that could not be written, so that what they were about was refused.", nil, nil)

	archiveBytesDesc  = prometheus.NewDesc("weir_archive_bytes", "What a tenant's archive takes on the disk; tenant \"\" is those beyond the largest.", []string{"tenant"}, nil)
	archiveCopiesDesc = prometheus.NewDesc("weir_archive_copies", "Copies in a tenant's archive; tenant \"\" is those beyond the largest.", []string{"tenant"}, nil)

	keeperSweptDesc  = prometheus.NewDesc("weir_keeper_last_sweep_timestamp_seconds", "When finished mail was last looked through to its end; absent before the first time.", nil, nil)
	keeperDidDesc    = prometheus.NewDesc("weir_keeper_removed_total", "What time ended: held (recipients), bodies, records (messages), copies (of the archive).", []string{"what"}, nil)
	keeperErrorsDesc = prometheus.NewDesc("weir_keeper_errors_total", "Messages that the keeper could not deal with and tries again.", nil, nil)

	jobsRunningDesc = prometheus.NewDesc("weir_jobs_running", "Jobs that run.", nil, nil)
	jobsEndedDesc   = prometheus.NewDesc("weir_jobs_total", "Jobs that ended, by state: done, failed, cancelled, or stopped with the gateway.", []string{"state"}, nil)
)

// Describe implements prometheus.Collector.
func (c *keepCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		indexBehindDesc, indexLagDesc, indexWholeDesc, indexSizeDesc, auditEntriesDesc, auditRefusedDesc, archiveBytesDesc, archiveCopiesDesc,
		keeperSweptDesc, keeperDidDesc, keeperErrorsDesc, jobsRunningDesc, jobsEndedDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *keepCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	counter := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if l, err := c.d.store.Lag(ctx); err == nil {
		gauge(indexBehindDesc, float64(l.Entries))
		gauge(indexLagDesc, l.For.Seconds())
		gauge(indexWholeDesc, map[bool]float64{true: 1}[l.Whole])
		gauge(indexSizeDesc, float64(l.Size))
	}
	if c.d.audit != nil {
		seq, _ := c.d.audit.Head()
		counter(auditEntriesDesc, float64(seq))
		counter(auditRefusedDesc, float64(c.d.audit.Refused()))
	}
	for tenant, s := range c.archives(ctx) {
		gauge(archiveBytesDesc, float64(s.Octets), tenant)
		gauge(archiveCopiesDesc, float64(s.Copies), tenant)
	}
	k := c.d.keeper.Stats()
	if !k.Swept.IsZero() {
		gauge(keeperSweptDesc, float64(k.Swept.UnixMilli())/1000)
	}
	for what, n := range map[string]int{"held": k.Expired, "bodies": k.Bodies, "records": k.Forgotten, "copies": k.Copies} {
		counter(keeperDidDesc, float64(n), what)
	}
	counter(keeperErrorsDesc, float64(k.Errors))
	j := c.d.jobs.Stats()
	gauge(jobsRunningDesc, float64(j.Running))
	for _, s := range []jobs.State{jobs.Done, jobs.Failed, jobs.Cancelled, jobs.Stopped} {
		counter(jobsEndedDesc, float64(j.Ended[s]), string(s))
	}
}

// archives are the sizes of the largest archives, by tenant, and of all others
// together under "".
func (c *keepCollector) archives(ctx context.Context) map[string]archive.Size {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sizes == nil || time.Since(c.sized) >= sizesFor {
		all, err := c.d.archive.Usage(ctx)
		if err != nil {
			return c.sizes // those from before are better than none
		}
		c.sizes, c.sized = largest(all, mostTenants), time.Now()
	}
	return c.sizes
}

// largest keeps the n largest and adds up the others under "".
func largest(all map[string]archive.Size, n int) map[string]archive.Size {
	out := map[string]archive.Size{}
	bySize := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(all[b].Octets, all[a].Octets), cmp.Compare(a, b))
	})
	for i, tenant := range bySize {
		if i >= n {
			rest := out[""]
			rest.Copies, rest.Octets = rest.Copies+all[tenant].Copies, rest.Octets+all[tenant].Octets
			out[""] = rest
			continue
		}
		out[tenant] = all[tenant]
	}
	return out
}
