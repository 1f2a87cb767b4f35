package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
)

// ExplainCmd tells everything there is to say about one message, or what a
// mail server's answer means.
type ExplainCmd struct {
	ID    string `arg:"" optional:"" help:"Message or recipient ID, or the unique beginning of one; or an answer such as \"550 5.1.1 User unknown\"."`
	Reply string `placeholder:"TEXT" help:"Say what this answer of a mail server means; \"-\" reads it from standard input. Needs no gateway."`
	Host  string `placeholder:"NAME" help:"With --reply: the host that answered."`
}

// likeReply tells an answer from an ID, which has no blanks and no code in
// front.
var likeReply = regexp.MustCompile(`\s|^[245]\d\d(-|$)`)

// Run prints the message, each recipient with what filters found and the rule
// that decided, the attempts with their dialogue, and the history.
func (c *ExplainCmd) Run(ctx context.Context, g *Globals) error {
	switch {
	case c.Reply != "" && c.ID != "":
		return usageError{"an ID and --reply together", "ask for one of them"}
	case c.Reply == "" && likeReply.MatchString(c.ID):
		c.Reply = c.ID
	case c.Reply == "" && c.ID == "":
		return usageError{"name a message, or an answer of a mail server", "see: weir explain --help"}
	}
	if c.Reply != "" {
		return c.reply(g)
	}
	x, err := explanation(ctx, g, c.ID)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(x)
	}
	p := story{g.screen(), g.view()}
	p.state(x)
	p.attempts(x.Attempts)
	p.history(x.Events)
	return nil
}

// maxReply bounds what is read from standard input.
const maxReply = 64 << 10

// reply explains an answer without asking any gateway. Exit code 3: the
// catalogue knows nothing of it.
func (c *ExplainCmd) reply(g *Globals) error {
	text := c.Reply
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, maxReply))
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		text = string(b)
	}
	x, err := api.ReadReply(text, c.Host)
	if err != nil {
		return usageError{err.Error(), "copy the answer from its code on, as in: weir explain --reply \"550 5.1.1 User unknown\""}
	}
	if g.JSON {
		return printJSON(x)
	}
	p := story{g.screen(), g.view()}
	p.item("Answer", strings.ReplaceAll(replyLine(&x.Reply), "\n", " "))
	if x.Meaning == nil {
		p.item("Meaning", "nothing that the catalogue knows; the code alone says whether it is tried again (4yz) or not (5yz)")
		return quiet(exitNoMatch)
	}
	p.meaning(x.Meaning)
	return nil
}

func explanation(ctx context.Context, g *Globals, id string) (*api.Explanation, error) {
	cl, err := g.client()
	if err != nil {
		return nil, err
	}
	return cl.Explain(ctx, id)
}

// state tells who sent what, and where each recipient stands.
func (p story) state(x *api.Explanation) {
	p.message(&x.Message)
	for i := range x.Message.Recipients {
		w := &api.RecipientWords{}
		if i < len(x.Words) {
			w = &x.Words[i]
		}
		p.recipient(&x.Message, &x.Message.Recipients[i], w)
	}
}

// ShowCmd shows one message without attempts and history.
type ShowCmd struct {
	ID string `arg:"" help:"Message or recipient ID, or the unique beginning of one."`
}

// Run prints the message and each recipient.
func (c *ShowCmd) Run(ctx context.Context, g *Globals) error {
	x, err := explanation(ctx, g, c.ID)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(x.Message)
	}
	story{g.screen(), g.view()}.state(x)
	return nil
}
