package store

import (
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

var _ query.Values = Row{}

// Text gives a row's texts to a filter (query.Values).
func (r Row) Text(field string) []string {
	m, rc := r.Message, r.Recipient
	switch field {
	case "id":
		return []string{m.ID.String()}
	case "status":
		return one(string(rc.Status))
	case "origin":
		return one(string(rc.Origin))
	case "tenant":
		return one(rc.Tenant)
	case "direction":
		return one(string(m.Direction))
	case "kind":
		if m.Kind == "" {
			return []string{"ordinary"}
		}
		return []string{m.Kind}
	case "sender":
		return []string{m.Sender.String()}
	case "sender_domain":
		return one(m.Sender.Domain())
	case "recipient":
		return addresses(rc, mail.Address.String)
	case "recipient_domain":
		return addresses(rc, mail.Address.Domain)
	case "owner":
		return one(r.Owner().Key())
	case "owner_domain":
		return one(r.Owner().Domain())
	case "class":
		return one(rc.Class.String())
	case "main":
		return one(rc.Class.Main)
	case "sub":
		return one(rc.Class.Sub)
	case "extra":
		return one(rc.Class.Extra)
	case "parent":
		return one(m.Parent.String())
	}
	if v, ok := r.headText(field); ok {
		return v
	}
	return r.workText(field)
}

// headText is about where the message came from and what its header says.
func (r Row) headText(field string) ([]string, bool) {
	m := r.Message
	switch field {
	case "client":
		if !m.Client.Addr.IsValid() {
			return nil, true
		}
		return []string{m.Client.Addr.Addr().Unmap().String()}, true
	case "client_name":
		return one(m.Client.Name), true
	case "helo":
		return one(m.Client.Helo), true
	case "user":
		return one(m.Client.User), true
	case "listener":
		return one(m.Client.Listener), true
	case "tls":
		return one(m.Client.TLS), true
	case "subject":
		return one(m.Summary.Subject), true
	case "from":
		return one(m.Summary.From), true
	case "to":
		return one(m.Summary.To), true
	case "cc":
		return one(m.Summary.Cc), true
	case "message_id":
		return one(m.Summary.MessageID), true
	case "attachment":
		return m.Summary.Attachments, true
	case "policy":
		return one(m.Policy), true
	}
	return nil, false
}

// workText is about what was done with the recipient.
func (r Row) workText(field string) []string {
	rc := r.Recipient
	switch field {
	case "filter":
		var v []string
		for i := range rc.Findings {
			v = append(v, rc.Findings[i].Filter)
		}
		return v
	case "plugin":
		return each(rc.Filters, func(f *mail.FilterRun) string { return f.Plugin })
	case "plugin_digest":
		return each(rc.Filters, func(f *mail.FilterRun) string { return f.Digest })
	case "state":
		return one(string(rc.State()))
	case "schedule":
		return one(rc.Schedule)
	case "tag":
		return rc.Tags
	case "identity":
		return one(rc.Identity)
	case "rule":
		return one(rc.Rule)
	case "reason":
		return one(rc.Reason)
	case "route":
		return one(rc.Route)
	case "next_hop":
		return one(rc.NextHop)
	case "host":
		return one(rc.LastHost)
	case "address":
		return one(rc.LastAddr)
	case "enhanced":
		if rc.Last == nil {
			return nil
		}
		return one(rc.Last.Enhanced.String())
	case "explanation":
		var v []string
		for i := range rc.Findings {
			if e := rc.Findings[i].Explanation; e != "" {
				v = append(v, e)
			}
		}
		return v
	case "reply":
		if rc.Last == nil {
			return nil
		}
		return one(rc.Last.String())
	}
	return nil
}

// each are the values of what ran, each once.
func each(rs []mail.FilterRun, of func(*mail.FilterRun) string) (out []string) {
	for i := range rs {
		if v := of(&rs[i]); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// addresses gives the recipient's address and the one before a redirect.
func addresses(rc *Recipient, f func(mail.Address) string) []string {
	v := one(f(rc.Address))
	if !rc.Original.IsNull() && !strings.EqualFold(rc.Original.String(), rc.Address.String()) {
		v = append(v, one(f(rc.Original))...)
	}
	return v
}

// Owner is whose mail it is: the recipient's inbound (as addressed, before a
// redirect), the sender's outbound. The null address belongs to nobody.
func (r Row) Owner() mail.Address {
	switch {
	case r.Message.Direction == mail.Outbound:
		return r.Message.Sender
	case !r.Recipient.Original.IsNull():
		return r.Recipient.Original
	}
	return r.Recipient.Address
}

// Delay is how long it took from reception to the final status; false while
// there is none.
func (r Row) Delay() (time.Duration, bool) {
	if r.Recipient.Status.Live() || r.Recipient.Changed.IsZero() || r.Message.Received.IsZero() {
		return 0, false
	}
	return max(0, r.Recipient.Changed.Sub(r.Message.Received)), true
}

// Explanation is what was said of the finding that decided; "" nothing.
func (r Row) Explanation() string {
	for i := range r.Recipient.Findings {
		if f := &r.Recipient.Findings[i]; f.Class == r.Recipient.Class && f.Explanation != "" {
			return f.Explanation
		}
	}
	return ""
}

// Num gives a row's numbers to a filter (query.Values).
func (r Row) Num(field string) (float64, bool) {
	m, rc := r.Message, r.Recipient
	switch field {
	case "n":
		return float64(rc.N), true
	case "size":
		return float64(m.Size), true
	case "score":
		return rc.Score, true
	case "filter_time":
		if len(rc.Filters) > 0 {
			return float64(mail.FilterTime(rc.Filters).Microseconds()) / 1000, true
		}
	case "attempts":
		return float64(rc.Attempts), true
	case "failures":
		return float64(rc.Failures), true
	case "attachments":
		return float64(len(m.Summary.Attachments)), true
	case "delay":
		if d, ok := r.Delay(); ok {
			return d.Seconds(), true
		}
	case "has_body":
		if m.HasBody {
			return 1, true
		}
		return 0, true
	case "archived":
		if rc.Archived {
			return 1, true
		}
		return 0, true
	case "code":
		if rc.Last != nil && rc.Last.Code != 0 {
			return float64(rc.Last.Code), true
		}
	}
	return 0, false
}

// Time gives a row's times to a filter (query.Values).
func (r Row) Time(field string) (time.Time, bool) {
	var t time.Time
	switch field {
	case "received":
		t = r.Message.Received
	case "changed":
		t = r.Recipient.Changed
	case "next":
		t = r.Recipient.Next
	case "expires":
		t = r.Recipient.Expires
	}
	return t, !t.IsZero()
}
