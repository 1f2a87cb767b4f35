package daemon

import (
	"context"
	"crypto/x509"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mtasts"
	"github.com/mailweir/weir/gateway/internal/plugnet"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/smtpc"
	"github.com/mailweir/weir/gateway/internal/tlsrpt"
)

// Lab is a network for tests: destinations and policy hosts on the loopback,
// certified by an authority of the test. It takes away what keeps strangers
// from this machine's own services, so nothing but tests sets it.
type Lab struct {
	Roots   *x509.CertPool // in place of the system's
	STSPort int            // of MTA-STS policy hosts; 0: 443
	// Timeouts of deliveries, so that a test need not wait minutes for hosts
	// that hang.
	Timeouts smtpc.Timeouts
}

// lab lets deliveries into a Lab.
func (d *Daemon) lab(o deliver.Options) deliver.Options {
	if l := d.o.Lab; l != nil {
		o.Roots, o.Loopback, o.Timeouts = l.Roots, true, l.Timeouts
	}
	return o
}

// stsOptions are how policies of MTA-STS are fetched: from addresses that
// strangers may name.
func (d *Daemon) stsOptions(dns *resolver.Client) mtasts.Options {
	o := mtasts.Options{Resolver: dns, Cache: mtasts.Soft{KV: d.soft}, Logger: d.log, Now: d.o.Now, Refuse: plugnet.Special}
	if l := d.o.Lab; l != nil {
		o.Roots, o.Port, o.Refuse = l.Roots, l.STSPort, func(netip.Addr) string { return "" }
	}
	return o
}

// watchTLS tells operators where DANE cannot be, and shows how TLS goes.
func (d *Daemon) watchTLS(dns *resolver.Client) {
	d.dns = dns
	if some, _ := dns.Validating(); !some && d.snaps.policy().Gateway().DANE {
		d.log.Info("DANE is not used: no name server is trusted to validate DNSSEC; run one on this machine, or set gateway.resolver_trusted")
	}
}

func newTLSSessions() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weir_delivery_tls_sessions_total",
		Help: "Connections to mail servers of recipients' domains, and refusals to use one, by the kind of policy that applied (tlsa, sts, no-policy-found) and how TLS went (success, or a result type of RFC 8460).",
	}, []string{"policy", "result"})
}

// tlsSession counts one. Both labels are words of RFC 8460.
func (m *metrics) tlsSession(policy, result string) {
	if result == "" {
		result = "success"
	}
	m.tls.WithLabelValues(policy, result).Inc()
}

// tlsReports is the API's view.
type tlsReports struct{ d *Daemon }

// Day implements api.TLSReports.
func (s tlsReports) Day(_ context.Context, day time.Time) (api.TLSDays, error) {
	day = s.orToday(day)
	all, err := s.d.tlsrpt.Summaries(day)
	if err != nil {
		return api.TLSDays{}, err
	}
	out := api.TLSDays{Day: day.UTC().Format(time.DateOnly), Items: make([]api.TLSDay, len(all))}
	for i, x := range all {
		out.Items[i] = api.TLSDay{Domain: x.Domain, Policies: x.Types, Success: x.Success, Failure: x.Failure, Results: x.Results}
	}
	return out, nil
}

// Report implements api.TLSReports.
func (s tlsReports) Report(ctx context.Context, day time.Time, domain string) (api.TLSDomainReport, error) {
	host := s.d.snaps.policy().Gateway().Hostname
	r, err := s.d.tlsrpt.Report(s.orToday(day), domain, tlsrpt.Reporter{Name: host, Contact: "postmaster@" + host, Hostname: host})
	if err != nil {
		return api.TLSDomainReport{}, err
	}
	out := api.TLSDomainReport{Report: r}
	if out.RUA, err = tlsrpt.RUA(ctx, s.d.dns, domain); err != nil {
		out.RUAError = err.Error() // the counts are there all the same
	}
	return out, nil
}

func (s tlsReports) orToday(day time.Time) time.Time {
	if day.IsZero() {
		return s.d.o.Now()
	}
	return day
}
