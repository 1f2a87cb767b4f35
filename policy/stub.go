package policy

import "github.com/hashicorp/hcl/v2"

type (
	listIndex struct{}
	ruleset   struct{}
	chain     struct{ filters []*Filter }
	group     struct{}
	settings  struct{ Settings }
	condition struct{}
)

func (listIndex) has(tenant, list, key string) bool                    { return false }
func (*condition) eval(p *Policy, fx *Facts, f *Finding) (bool, error) { return true, nil }
func (t *Tenant) settingsOf(dir, addr string) *settings                { return &t.settings[0] }
func rule(r hcl.Range) string                                          { return r.Filename }
func wildcard(p, s string) bool                                        { return p == s }
func mxRoute() Route                                                   { return Route{Name: mxRouteName} }
func Load(path string, o Options) (*Policy, hcl.Diagnostics)           { return nil, nil }
func (t *Tenant) Decide(dir string, fx *Facts, findings []Finding, waivers []Waiver) (Decision, error) {
	return Decision{}, nil
}
func (p *Policy) DecideListener(listener string, fx *Facts, findings []Finding, waivers []Waiver) (Decision, error) {
	return Decision{}, nil
}
func (p *Policy) NeedsRestart(old *Policy) []string { return nil }

const mxRouteName = "mx"
