package main

import (
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/terminal"
	"github.com/mailweir/weir/policy"
)

// explainedForm is the JSON form of what would apply to an envelope.
type explainedForm struct {
	Sender    string       `json:"sender"`
	Recipient string       `json:"recipient"`
	Direction string       `json:"direction"`
	Tenant    string       `json:"tenant,omitempty"`
	Group     string       `json:"group,omitempty"`
	Listener  []clauseForm `json:"listener,omitempty"`
	Clauses   []clauseForm `json:"clauses"`
	Encrypted string       `json:"encrypted,omitempty"`
	Allowed   bool         `json:"encrypted_allowed"`
	Verify    string       `json:"verify,omitempty"`
	Local     bool         `json:"local"`
	Routed    bool         `json:"routed"`
	Route     string       `json:"route,omitempty"`
	Refused   string       `json:"refused,omitempty"`
	Rule      string       `json:"rule,omitempty"`
	Hosts     []string     `json:"hosts,omitempty"`
	MX        string       `json:"mx,omitempty"`
	Schedule  string       `json:"schedule,omitempty"`
	Lifetime  string       `json:"lifetime,omitempty"`
	Hold      string       `json:"hold,omitempty"`
	Archive   bool         `json:"archive"`
}

type clauseForm struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name,omitempty"`
	Plugin  string   `json:"plugin,omitempty"`
	Mode    string   `json:"mode,omitempty"`
	When    string   `json:"when,omitempty"`
	Does    string   `json:"does,omitempty"`
	Applies string   `json:"applies"`
	Depends []string `json:"depends_on,omitempty"`
	Wrong   string   `json:"wrong,omitempty"`
	Rule    string   `json:"rule"`
}

func explainedJSON(e *policy.Envelope, x *policy.Explanation) explainedForm {
	f := explainedForm{
		Sender: e.Sender, Recipient: e.Recipient, Direction: x.Direction, Listener: clauseForms(x.Listener), Clauses: clauseForms(x.Clauses),
		Allowed: x.Allowed, Local: x.Local, Routed: x.Routed, Schedule: x.Schedule,
	}
	if x.Tenant != nil {
		s := &x.Settings
		f.Tenant, f.Group, f.Encrypted, f.Hold, f.Archive = x.Tenant.Name, s.Group, s.Encrypted, distance(s.Hold), s.Archive
		if x.Direction == policy.Inbound {
			f.Verify = x.Tenant.Recipients().Verify
		}
	}
	if x.Routed {
		f.Route, f.Rule, f.Refused, f.Hosts, f.MX = x.Route.Name, x.Route.Rule, x.Route.Reject, x.Route.Hosts, x.Route.MX
	}
	if x.Schedule != "" {
		f.Lifetime = distance(x.Lifetime)
	}
	return f
}

func clauseForms(cs []policy.Clause) []clauseForm {
	out := make([]clauseForm, 0, len(cs))
	for _, c := range cs {
		out = append(out, clauseForm{c.Kind, c.Name, c.Plugin, c.Mode, c.When, c.Does, c.Verdict, c.Depends, c.Wrong, c.Rule})
	}
	return out
}

// showExplained prints what would apply: who is concerned, the blocks, and the
// way.
func showExplained(g *Globals, e *policy.Envelope, x *policy.Explanation) error {
	f := explainedJSON(e, x)
	p := story{g.screen(), g.view()}
	fmt.Fprintf(p.s, "%s\n", p.s.Paint(terminal.Bold, p.cut(terminal.Clean(sender(e.Sender)+" to "+e.Recipient), 0)))
	p.item("Direction", f.Direction+nonEmpty(", at listener ", e.Listener))
	if x.Tenant == nil {
		p.item("Tenant", "none: neither address is hosted here, or not in this direction")
	}
	p.item("Tenant", f.Tenant+nonEmpty(", group ", f.Group))
	switch {
	case f.Verify == "":
	case f.Local:
		p.item("Recipient", "listed as local, so nobody is asked")
	default:
		p.item("Recipient", "verified by "+f.Verify)
	}
	if f.Encrypted != "" {
		word := f.Encrypted
		if f.Allowed {
			word = "allowed, by allow_encrypted"
		}
		p.item("Encrypted", word)
		p.item("Held", "for "+f.Hold)
	}
	if f.Archive {
		p.item("Archive", "a copy is kept")
	}
	switch {
	case !f.Routed:
		p.item("Route", "none: it would be unrouted")
	case f.Refused != "":
		p.item("Refused", "550 5.1.2 "+f.Refused+nonEmpty(", by ", f.Rule))
	default:
		to := strings.Join(f.Hosts, ", ")
		if to == "" {
			to = "the mail servers of " + f.MX
		}
		p.item("Route", f.Route+", to "+to+nonEmpty(", chosen by ", f.Rule))
		p.item("Retry", f.Schedule+", given up after "+f.Lifetime)
	}
	for _, part := range []struct {
		title string
		cs    []clauseForm
	}{{"Of the listener, before the tenant is known", f.Listener}, {"Of the tenant", f.Clauses}} {
		if len(part.cs) == 0 {
			continue
		}
		fmt.Fprintf(p.s, "\n%s\n", p.s.Paint(terminal.Bold, part.title))
		if err := clauseTable(part.cs).Write(p.s); err != nil {
			return err
		}
	}
	return nil
}

// clauseTable has a line for each block.
func clauseTable(cs []clauseForm) *terminal.Table {
	t := terminal.NewTable(terminal.Column{Title: "BLOCK"}, terminal.Column{Title: "NAME", Min: 8, Want: 20}, terminal.Column{Title: "APPLIES", Min: 8, Want: 16, End: true},
		terminal.Column{Title: "DOES", Min: 8, Want: 16, End: true}, terminal.Column{Title: "RULE", Min: 8})
	styles := map[string]terminal.Style{policy.Applies: terminal.Green, policy.AppliesNot: terminal.Dim, policy.CannotDecide: terminal.Red}
	for _, c := range cs {
		does := c.Does
		if c.Kind == "filter" {
			if does = "asks " + c.Plugin; c.Mode == "observe" {
				does += ", and only watches"
			}
		}
		applies := c.Applies
		if len(c.Depends) > 0 {
			applies += " on " + strings.Join(c.Depends, ", ")
		}
		t.AddCells(plain(c.Kind), plain(c.Name), terminal.Cell{Text: applies + nonEmpty(": ", c.Wrong), Style: styles[c.Applies]}, plain(does), plain(c.Rule))
	}
	return t
}
