package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/daemon"
)

// openStore opens the store of a gateway that does not run, and answers from
// it as a running one would (B96). Globals.close gives it back.
func (g *Globals) openStore() (*client.Client, error) {
	if g.URL != "" || g.Socket != "" {
		return nil, usageError{"--offline works on the store itself, and not through --url or --socket", "name the gateway's policy with --config"}
	}
	if g.store == nil {
		who := "uid " + fmt.Sprint(os.Getuid())
		if u, err := user.Current(); err == nil {
			who = u.Username
		}
		off, err := daemon.OpenOffline(context.Background(), daemon.OfflineOptions{Config: g.Config, DataDir: dataDirOf(g.Config), Actor: who + " (offline)", Log: os.Stderr})
		if err != nil {
			return nil, err
		}
		g.store = off
		if off.PolicyErr != nil {
			line, _, _ := strings.Cut(off.PolicyErr.Error(), "\n")
			fmt.Fprintf(os.Stderr, "weir: the policy does not load, so nothing can be re-routed and no sender told:\nweir: %s; see: weir check\n", line)
		}
	}
	return client.New(client.Options{Handler: g.store.Handler()}), nil
}

// close gives the store back.
func (g *Globals) close() error {
	if g.store == nil {
		return nil
	}
	if err := g.store.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}
