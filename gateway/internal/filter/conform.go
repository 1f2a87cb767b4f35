package filter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mailweir/weir/sdk/abi"
)

// conform is the call that ends a load: an event of no stage, which a plugin
// answers with an empty verdict, or a failure that it reports in order (the
// SDKs do). One that crashes, hangs or writes what is no verdict even then would
// do so with mail. Nothing comes of it: host calls that need a grant fail, and
// what it logs is dropped.
func (in *instance) conform(ctx context.Context) error {
	ev := new(abi.Event)
	c := newCall(WithTrial(ctx, &rehearsal), in.gen.initTimeout, ev.Append(nil))
	c.ev, c.lines = ev, maxLines+1
	if cr := in.run(c); cr != nil {
		if cr.kind == KindResult {
			return nil
		}
		return fmt.Errorf("the conformance call: %w", cr)
	}
	if _, err := c.verdict(in.gen); err != nil {
		return fmt.Errorf("the conformance call: its verdict is not valid: %w", err)
	}
	return nil
}

// checkConfigs asks a plugin that checks its configurations (manifest) whether
// it can use those that are new to its generation. Nothing comes of the calls,
// as with the conformance call; what is wrong is said here, and not at the
// first message.
func (p *plugin) checkConfigs(ctx context.Context, known map[uint64][]byte, configs []Config) error {
	if !p.gen.manifest.ChecksConfig {
		return nil
	}
	var errs []error
	for _, c := range configs {
		if _, ok := known[c.ID]; ok || c.Plugin != p.spec.Name || c.Earlier {
			continue
		}
		broken, err := p.checkConfig(ctx, c.ID)
		if err != nil {
			errs = append(errs, err)
		}
		if broken {
			break // hundreds of configurations, each to its deadline, would hold up a reload
		}
	}
	return errors.Join(errs...)
}

// checkConfig asks about one; broken says that the guest was ended, or that
// there was none to ask.
func (p *plugin) checkConfig(ctx context.Context, id uint64) (broken bool, err error) {
	g := p.gen
	in, err := g.pool.get(ctx, "", p.spec.Limits.wait())
	if err != nil {
		return true, fmt.Errorf("checking the configuration of plugin %q: %w", g.name, err)
	}
	ev := &abi.Event{ConfigID: id}
	c := newCall(WithTrial(ctx, &rehearsal), g.initTimeout, ev.Append(nil))
	c.ev, c.configs, c.lines = ev, p.configs, maxLines+1
	cr := in.run(c)
	fit := cr == nil || cr.kind == KindResult
	g.pool.put(in, "", fit && !in.spent(), g.opts.Clock())
	if cr == nil {
		return false, nil
	}
	text := c.said
	if text == "" || !fit {
		text = cr.err.Error()
	}
	return !fit, &ConfigError{Plugin: g.name, ID: id, Text: text}
}

var rehearsal = Trial{Fault: func(name string) (f Fault) {
	if i := slices.IndexFunc(abi.HostCalls, func(h abi.HostCall) bool { return h.Name == name }); i >= 0 && abi.HostCalls[i].Grant != "" {
		f.Code = abi.ErrUnavailable
	}
	return f
}}
