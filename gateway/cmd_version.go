package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/mailweir/weir/gateway/internal/api"
)

// VersionCmd says which build this is.
type VersionCmd struct {
	Running bool `help:"Ask the running gateway instead."`
}

// Run prints one line.
func (c *VersionCmd) Run(ctx context.Context, g *Globals) error {
	v := buildVersion()
	if c.Running {
		cl, err := g.client()
		if err != nil {
			return err
		}
		got, err := cl.Version(ctx)
		if err != nil {
			return err
		}
		v = *got
	}
	return printVersion(g, v)
}

func printVersion(g *Globals, v api.VersionInfo) error {
	if g.JSON {
		return json.NewEncoder(os.Stdout).Encode(v)
	}
	_, err := fmt.Println(versionLine(v))
	return err
}
