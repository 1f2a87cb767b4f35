package daemon

import (
	"crypto/tls"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpd"
	"github.com/mailweir/weir/policy"
)

// smtpdConfig translates a listener of the policy.
func (d *Daemon) smtpdConfig(p *policy.Policy, l policy.Listener) *smtpd.Config {
	g := p.Gateway()
	c := &smtpd.Config{
		Listener: l.Name, Hostname: g.Hostname, Direction: mail.Direction(l.Direction), BareLF: l.BareLF,
		Limits: smtpd.Limits{
			MessageSize: l.Limits.MessageSize, Recipients: l.Limits.Recipients, Connections: l.Limits.Connections,
			PerClient: l.Limits.PerClient, Errors: l.Limits.Errors, Commands: l.Limits.Commands,
			StageTimeout: l.Limits.StageTimeout, DataTimeout: l.Limits.DataTimeout,
			TransactionTimeout: l.Limits.TransactionTimeout, MinRate: l.Limits.MinRate,
		},
	}
	if l.Direction == policy.Outbound || len(l.Allow) > 0 {
		c.Allow = append(c.Allow, l.Allow...) // an outbound listener without a list admits nobody
		if c.Allow == nil {
			c.Allow = noClients
		}
	}
	t, err := d.tls.get(l, g.DataDir, g.Hostname, d.o.Now())
	if err != nil {
		d.log.Error("a listener's certificate cannot be read any more; the one in use stays", "listener", l.Name, "err", err)
	}
	c.TLS = t
	return c
}

// tlsCache keeps a listener's TLS configuration, and reads it anew when the
// listener's block changes or after an hour, so that renewed certificates are
// taken up.
type tlsCache struct {
	mu sync.Mutex
	by map[string]*cachedTLS
}

type cachedTLS struct {
	of   policy.ListenerTLS
	at   time.Time
	conf *tls.Config
}

const tlsMaxAge = time.Hour

// get returns the configuration, nil for a listener without TLS. With an
// error it returns what was last good.
func (c *tlsCache) get(l policy.Listener, dir, hostname string, now time.Time) (*tls.Config, error) {
	if l.TLS == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	have := c.by[l.Name]
	if have != nil && have.of == *l.TLS && now.Sub(have.at) < tlsMaxAge {
		return have.conf, nil
	}
	conf, err := serverTLS(l, dir, hostname, now)
	if err != nil {
		if have != nil {
			have.at = now // ask again in an hour, not at each connection
			return have.conf, err
		}
		return nil, err
	}
	if c.by == nil {
		c.by = map[string]*cachedTLS{}
	}
	c.by[l.Name] = &cachedTLS{*l.TLS, now, conf}
	return conf, nil
}
