package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/testclient"
)

// SendCmd is a test client.
type SendCmd struct {
	File     string        `arg:"" name:"file.eml" help:"Message to send; - for standard input."`
	Server   string        `default:"127.0.0.1:2525" placeholder:"ADDR" help:"Where to send: host:port or unix:/path."`
	From     string        `placeholder:"ADDRESS" help:"Envelope sender, <> for none; else the file's X-Envelope-From or From."`
	To       []string      `placeholder:"ADDRESS" help:"Envelope recipients; else the file's X-Envelope-To, or To and Cc."`
	Helo     string        `default:"client.weir.test" placeholder:"NAME" help:"Name to give in EHLO."`
	TLS      string        `name:"tls" enum:"none,opportunistic,required" default:"none" help:"STARTTLS: none, opportunistic or required."`
	Lmtp     bool          `help:"Speak LMTP."`
	Notify   string        `placeholder:"WHEN" help:"When to be told of what becomes of it: NEVER, or some of SUCCESS,FAILURE,DELAY."`
	Ret      string        `enum:",FULL,HDRS" default:"" placeholder:"WHAT" help:"What a notice of failure returns: FULL or HDRS."`
	EnvID    string        `name:"envid" placeholder:"ID" help:"Name of the transaction that notices repeat."`
	Timeout  time.Duration `default:"5m" help:"Longest wait for an answer."`
	Repeat   int           `default:"1" placeholder:"N" help:"Send so many copies and print a summary."`
	Sessions int           `default:"10" placeholder:"M" help:"Sessions at a time, with --repeat."`
	Quiet    bool          `short:"q" help:"Do not print the dialogue."`
}

// Run sends. The exit code is 0 when every recipient was accepted.
func (c *SendCmd) Run(ctx context.Context, g *Globals) error {
	if c.Repeat < 1 || c.Sessions < 1 {
		return usageError{"--repeat and --sessions must be at least 1", "see: weir send --help"}
	}
	file, err := c.read()
	if err != nil {
		return err
	}
	m, err := testclient.Read(file, c.From, c.To)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	m.Params.Ret, m.Params.EnvID = c.Ret, c.EnvID
	if c.Notify != "" {
		n, ok := mail.ParseNotify(c.Notify)
		if !ok {
			return usageError{fmt.Sprintf("--notify %s is not understood", c.Notify), "give NEVER, or some of SUCCESS,FAILURE,DELAY"}
		}
		m.Notify = n
	}
	o := testclient.Options{Server: c.Server, Helo: c.Helo, TLS: c.TLS, LMTP: c.Lmtp, Timeout: c.Timeout}
	if c.Repeat > 1 {
		sum := testclient.Repeat(ctx, m, o, c.Repeat, c.Sessions)
		if g.JSON {
			if err := json.NewEncoder(os.Stdout).Encode(sum); err != nil {
				return err
			}
		} else {
			sum.Write(os.Stdout)
		}
		if sum.Accepted < c.Repeat {
			return quiet(exitError)
		}
		return nil
	}
	if !c.Quiet && !g.JSON {
		o.Out = os.Stdout
	}
	replies, err := testclient.Send(ctx, m, o)
	if g.JSON {
		for i, r := range replies {
			line := struct {
				Recipient mail.Address `json:"recipient"`
				mail.Reply
			}{m.To[i], r}
			if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
				return err
			}
		}
	}
	if errors.Is(err, testclient.ErrRefused) {
		return quiet(exitError)
	}
	return err
}

func (c *SendCmd) read() ([]byte, error) {
	if c.File == "-" {
		b, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
		return b, nil
	}
	return os.ReadFile(c.File)
}
