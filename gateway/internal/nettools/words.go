package nettools

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Said is one SMTP reply.
type Said struct {
	Code     int    `json:"code"`
	Enhanced string `json:"enhanced,omitempty"`
	Text     string `json:"text,omitempty"`
	Ours     bool   `json:"ours,omitempty" doc:"The gateway's own words: the destination gave none"`
}

func said(r *mail.Reply, remote bool) *Said {
	if r == nil || r.IsZero() {
		return nil
	}
	return &Said{Code: r.Code, Enhanced: r.Enhanced.String(), Text: r.Text, Ours: !remote}
}

// String is the reply in one line.
func (s *Said) String() string {
	if s == nil {
		return ""
	}
	e, _ := mail.ParseEnhanced(s.Enhanced)
	return (&mail.Reply{Code: s.Code, Enhanced: e, Text: s.Text}).String()
}

// Visit is one host that was called.
type Visit struct {
	Host     string  `json:"host"`
	Addr     string  `json:"addr,omitempty" doc:"IP address and port, or the path of a socket"`
	TLS      string  `json:"tls,omitempty" doc:"Version; absent in plaintext"`
	Verified bool    `json:"verified,omitempty" doc:"The certificate is good for the host"`
	Channel  string  `json:"channel,omitempty" doc:"How the host was authenticated because that was demanded: dane, mta-sts, pkix"`
	Took     int64   `json:"took_ms" doc:"Milliseconds"`
	Stage    string  `json:"stage,omitempty" doc:"Where the dialogue broke off"`
	Failed   *Said   `json:"failed,omitempty" doc:"Why it broke off"`
	Replies  []*Said `json:"replies,omitempty" doc:"For each recipient, in order; null where there is none"`
	Dialogue string  `json:"dialogue" doc:"Lines sent begin with >, received with <, remarks with *"`
}

func visits(as []mail.Attempt) []Visit {
	out := []Visit{}
	for _, a := range as {
		v := Visit{Host: a.Host, Addr: a.Addr, TLS: a.TLS, Verified: a.Verified, Took: a.Took, Dialogue: a.Transcript}
		for _, o := range a.Outcome {
			v.Replies = append(v.Replies, said(&o.Reply, o.Remote))
		}
		out = append(out, v)
	}
	return out
}

// CalloutOrder asks whether an address is taken.
type CalloutOrder struct {
	Message    string `json:"message,omitempty" doc:"Message or recipient ID: its recipients, or its sender, are meant"`
	Address    string `json:"address,omitempty"`
	Remembered bool   `json:"remembered,omitempty" doc:"What is remembered will do; the destination is asked only otherwise"`
}

// CalloutAnswer is what is known of one address (B43, B44).
type CalloutAnswer struct {
	Address  string    `json:"address"`
	Tenant   string    `json:"tenant,omitempty" doc:"Whose recipient it is; absent for addresses elsewhere"`
	Answer   string    `json:"answer" enum:"known,unknown,invalid,catch-all,local" doc:"known: taken; invalid: refused; catch-all: taken, as anything is; unknown: no answer to be had; local: on the Local Recipients"`
	Source   string    `json:"source" enum:"callout,cache,list,nobody" doc:"Where the answer comes from"`
	Listed   bool      `json:"listed,omitempty" doc:"It is one of the Local Recipients (B70)"`
	Queued   bool      `json:"queued" doc:"Mail for it would be queued while the destination is down (B65, B68)"`
	Route    string    `json:"route,omitempty"`
	NextHop  string    `json:"next_hop,omitempty"`
	Reply    *Said     `json:"reply,omitempty" doc:"To the address"`
	Stranger *Said     `json:"stranger,omitempty" doc:"To an address that cannot exist: whether anything is taken"`
	Limited  string    `json:"limited,omitempty" doc:"Why the destination was not asked"`
	Learnt   time.Time `json:"learnt,omitzero" doc:"When what is remembered was learnt"`
	Until    time.Time `json:"until,omitzero" doc:"When it ends"`
	Visits   []Visit   `json:"visits"`
}
