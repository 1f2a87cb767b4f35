package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/policy"
)

// PolicyCmd asks a policy.
type PolicyCmd struct {
	Explain PolicyExplainCmd `cmd:"" help:"Show what would apply to an envelope."`
}

// PolicyExplainCmd shows what of a policy would apply to mail that has not come.
type PolicyExplainCmd struct {
	Recipient string            `arg:"" help:"Envelope recipient."`
	From      string            `placeholder:"ADDRESS" help:"Envelope sender; <> when absent."`
	Listener  string            `placeholder:"NAME" help:"Listener that takes the mail; its own rulesets are shown too."`
	Direction string            `enum:"inbound,outbound," default:"" placeholder:"WORD" help:"inbound or outbound; else the listener's, or inbound where the recipient is hosted."`
	Client    *string           `placeholder:"IP" help:"Address of the client."`
	Name      *string           `name:"client-name" placeholder:"HOST" help:"Confirmed reverse name of the client."`
	Helo      *string           `placeholder:"NAME" help:"What the client says in EHLO."`
	TLS       *string           `name:"tls" placeholder:"VERSION" help:"TLS version, such as TLS1.3; \"\" for plaintext."`
	User      *string           `placeholder:"NAME" help:"Authenticated user; \"\" for none."`
	Class     string            `placeholder:"CLASS" help:"As if a filter found this class, such as spam/content."`
	Score     float64           `help:"With --class: its score, and the message's."`
	Var       map[string]string `placeholder:"NAME=VALUE" help:"Value of a variable block; outranks WEIR_VAR_NAME."`
}

// Run reads the policy of --config and asks no gateway: what operators added to
// lists or chose for classes is not in it.
func (c *PolicyExplainCmd) Run(ctx context.Context, g *Globals) error {
	e, err := c.envelope()
	if err != nil {
		return err
	}
	if _, err := os.Stat(g.Config); err != nil {
		return failure{fmt.Sprintf("there is no policy at %s", g.Config), "name one with --config"}
	}
	p, diags, files := loadPolicy(ctx, g.Config, c.Var)
	if p == nil {
		if err := showDiagnostics(g, diags, files); err != nil {
			return err
		}
		return quiet(exitError)
	}
	x, err := p.Explain(e)
	if err != nil {
		return usageError{err.Error(), "see: weir policy explain --help"}
	}
	if g.JSON {
		return printJSON(explainedJSON(&e, x))
	}
	return showExplained(g, &e, x)
}

func (c *PolicyExplainCmd) envelope() (policy.Envelope, error) {
	e := policy.Envelope{Listener: c.Listener, Direction: c.Direction, ClientIP: c.Client, ClientName: c.Name, Helo: c.Helo, TLS: c.TLS, User: c.User}
	for _, a := range []struct {
		text string
		to   *string
	}{{c.From, &e.Sender}, {c.Recipient, &e.Recipient}} {
		if a.to == &e.Sender && (a.text == "" || a.text == "<>") {
			continue
		}
		addr, err := mail.ParseAddress(a.text)
		if err != nil {
			return e, usageError{fmt.Sprintf("%q is no address: %v", a.text, err), "write it as user@example.com"}
		}
		*a.to = addr.Key()
	}
	if c.Class != "" {
		class := strings.SplitN(c.Class+"//", "/", 4)
		e.Finding = &policy.Finding{Main: class[0], Sub: class[1], Extra: class[2], Score: c.Score}
	} else if c.Score != 0 {
		return e, usageError{"--score without --class", "name the class of what was found"}
	}
	return e, nil
}
