package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/policy"
)

// logger writes to w as the gateway block says; the level follows reloads.
func logger(w io.Writer, level *slog.LevelVar, g policy.Gateway) *slog.Logger {
	setLevel(level, g)
	o := &slog.HandlerOptions{Level: level}
	if g.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func setLevel(level *slog.LevelVar, g policy.Gateway) {
	var l slog.Level
	if l.UnmarshalText([]byte(g.LogLevel)) == nil {
		level.Set(l)
	}
}

// Reload reads the policy anew for SIGHUP: what is wrong goes to the log, and
// the old policy stays.
func (d *Daemon) Reload(ctx context.Context) {
	_, _ = d.reload(ctx, "signal", false)
}

// reloaded is the outcome of a reload.
type reloaded struct {
	changed bool
	refused *diagnosed // nil: the files are in order
	digest  string
}

// reload puts the files' policy in force, and says so in log and journal.
func (d *Daemon) reload(ctx context.Context, actor string, checkOnly bool) (reloaded, error) {
	before, modules := d.snaps.policy().Digest(), d.modules()
	p, diags, parser, err := d.snaps.reload(ctx, checkOnly)
	out := reloaded{digest: before}
	ev := mail.Event{At: d.o.Now(), Type: mail.EventPolicy, Actor: actor}
	switch {
	case diags.HasErrors():
		out.refused = &diagnosed{diags, parser}
		ev.Text = "refused: " + firstLine(diags.Error())
		d.log.Error("the policy was not reloaded; the old one stays", "actor", actor, "errors", len(diags.Errs()), "first", diags.Errs()[0].Error())
	case err != nil:
		var restart *needsRestart
		ev.Text = "refused: " + err.Error()
		d.log.Error("the policy was not reloaded; the old one stays", "actor", actor, "err", err, "needs_restart", errors.As(err, &restart))
	default:
		out.digest = p.Digest()
		out.changed = out.digest != before || !maps.Equal(modules, d.modules())
		ev.Text = "in force: " + out.digest
		if !checkOnly {
			setLevel(d.o.Level, p.Gateway())
			d.applyEvents(p)
			d.worker.Again() // destinations may have other limits
			d.log.Info("policy reloaded", "actor", actor, "policy", out.digest, "changed", out.changed, "tenants", len(p.Tenants()))
		}
	}
	if !checkOnly {
		d.store.Record(nil, nil, ev)
	}
	return out, err
}

// modules are the digests of the loaded plugins.
func (d *Daemon) modules() map[string]string {
	out := map[string]string{}
	for _, p := range d.host.Plugins() {
		out[p.Name] = p.Digest
	}
	return out
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
