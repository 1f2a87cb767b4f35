package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/sink"
)

// SinkCmd is a test destination.
type SinkCmd struct {
	Listen   string        `default:"127.0.0.1:2526" placeholder:"ADDR" help:"Where to listen: host:port or unix:/path."`
	Maildir  string        `placeholder:"DIR" type:"path" help:"Maildir to write to; without one mail is only counted off."`
	Lmtp     bool          `help:"Speak LMTP."`
	Defer    []string      `placeholder:"PATTERN" help:"Recipients to answer with 451, such as later@*."`
	Refuse   []string      `placeholder:"PATTERN" help:"Recipients to answer with 550."`
	Unknown  []string      `placeholder:"PATTERN" xor:"known" help:"Recipients that do not exist (nobody@* and unknown*@*)."`
	CatchAll bool          `xor:"known" help:"Know every recipient."`
	Delay    time.Duration `help:"Wait before each answer to a message."`
	DSN      bool          `name:"dsn" help:"Offer DSN (RFC 3461)."`
	Fsync    bool          `help:"Make each message durable before it is acknowledged."`
	Quiet    bool          `short:"q" help:"Print no line for each message."`
	Set      string        `placeholder:"MODE" help:"Tell the sink of --maildir to accept, defer, refuse or be down, and end."`
}

// Run serves until it is interrupted, or sets a running sink's mode.
func (c *SinkCmd) Run(ctx context.Context, g *Globals) error {
	if c.Set != "" {
		return c.set(ctx)
	}
	unknown := c.Unknown
	if len(unknown) == 0 && !c.CatchAll {
		unknown = sink.DefaultUnknown
	}
	o := sink.Options{
		Listen: c.Listen, Maildir: c.Maildir, LMTP: c.Lmtp, DSN: c.DSN, Fsync: c.Fsync, Delay: c.Delay,
		Unknown: unknown, Defer: c.Defer, Refuse: c.Refuse, JSON: g.JSON,
	}
	if !c.Quiet {
		o.Out = os.Stdout
	}
	s, err := sink.New(o)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "weir sink: listening on %s\n", s.Addr())
	return s.Run(ctx)
}

func (c *SinkCmd) set(ctx context.Context) error {
	if c.Maildir == "" {
		return usageError{"--set needs to know which sink", "name its maildir with --maildir"}
	}
	obeyed, err := sink.SetMode(ctx, c.Maildir, sink.Mode(strings.ToLower(c.Set)), 5*time.Second)
	if err != nil {
		return err
	}
	if obeyed {
		fmt.Printf("the sink is now set to %s\n", c.Set)
	} else {
		fmt.Printf("no sink runs on %s; the next one starts with %s\n", c.Maildir, c.Set)
	}
	return nil
}
