package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/hashicorp/hcl/v2"

	"github.com/mailweir/weir/policy"
)

func (s *server) systemRoutes(a huma.API) {
	const tag = "gateway"
	huma.Register(a, route("get-version", http.MethodGet, "/v1/version", tag, "Which build this is", ""), s.version)
	huma.Register(a, route("get-policy", http.MethodGet, "/v1/policy", tag, "The policy in force", "", http.StatusForbidden), s.policy)
	huma.Register(a, route("reload", http.MethodPost, "/v1/reload", tag, "Read the policy anew",
		"A policy with errors is not put in force: reloaded is false and the diagnostics say why.",
		http.StatusForbidden, http.StatusConflict), s.reload)
	huma.Register(a, route("list-plugins", http.MethodGet, "/v1/plugins", tag, "Loaded plugins", "", http.StatusForbidden), s.plugins)
}

func (s *server) version(context.Context, *struct{}) (*output[VersionInfo], error) {
	return &output[VersionInfo]{s.Version}, nil
}

// adminOnly refuses whoever is not the administrator.
func adminOnly(ctx context.Context) error {
	if !scopeOf(ctx).Everything() {
		return problem(http.StatusForbidden, "this is for the administrator", "")
	}
	return nil
}

func (s *server) policy(ctx context.Context, _ *struct{}) (*output[PolicyInfo], error) {
	if err := adminOnly(ctx); err != nil {
		return nil, err
	}
	return &output[PolicyInfo]{s.Policy.Info()}, nil
}

func (s *server) plugins(ctx context.Context, in *PageInput) (*output[listItems[PluginStatus]], error) {
	if err := adminOnly(ctx); err != nil {
		return nil, err
	}
	return paged(*in, "plugins", s.Plugins.Plugins(), func(p *PluginStatus) string { return p.Name })
}

func (s *server) reload(ctx context.Context, in *struct {
	Check bool `query:"check" doc:"Only read the policy and say what is wrong"`
}) (*output[ReloadResult], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := adminOnly(ctx); err != nil {
		return nil, err
	}
	who := scopeOf(ctx)
	res, err := s.Policy.Reload(ctx, who, in.Check)
	if err != nil {
		return nil, s.problemOf(ctx, "reloading the policy", err)
	}
	if !in.Check {
		s.log.InfoContext(ctx, "policy reload asked for", slog.String("actor", who.Actor), slog.Bool("reloaded", res.Reloaded))
	}
	if res.Diagnostics == nil {
		res.Diagnostics = []Diagnostic{}
	}
	return &output[ReloadResult]{res}, nil
}

// Diagnostics puts HCL's diagnostics in the API's words. files, by name, are
// the sources to quote from; passwords in them are masked.
func Diagnostics(ds hcl.Diagnostics, files map[string]*hcl.File) []Diagnostic {
	quotable := map[string][]byte{}
	out := make([]Diagnostic, 0, len(ds))
	for _, d := range ds {
		o := Diagnostic{Severity: "error", Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			o.Severity = "warning"
		}
		if d.Subject != nil {
			o.File, o.Line, o.Column = d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column
			src, seen := quotable[o.File]
			if f := files[o.File]; f != nil && !seen {
				src = policy.Masked(f.Bytes)
				quotable[o.File] = src
			}
			o.Source = sourceLine(src, o.Line)
		}
		out = append(out, o)
	}
	return out
}

func sourceLine(src []byte, line int) string {
	n := 1
	for l := range strings.Lines(string(src)) {
		if n == line {
			return strings.TrimRight(l, "\r\n")
		}
		n++
	}
	return ""
}
