package toolchain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// ScenarioSuffix is how the names of scenario files end.
const ScenarioSuffix = ".weirtest.hcl"

// Scenario is one story: what there is around the plugin, and what happens, in
// order. State that the plugin keeps lasts from step to step.
type Scenario struct {
	Name   string
	File   string
	Range  hcl.Range
	Config abi.Value
	Grants map[string][]string
	Start  time.Time
	Setup  fixtures
	Steps  []*Step
}

// StepKind is what happens in a step.
type StepKind string

// The kinds of step; each is a block of that name.
const (
	StepMail     StepKind = "mail"     // an SMTP session with one message
	StepQueued   StepKind = "queued"   // the message was taken over
	StepDelivery StepKind = "delivery" // an attempt was made
	StepHold     StepKind = "hold"     // a held message expired, was released, is tried again
	StepAction   StepKind = "action"   // an operator calls an action
	StepSchedule StepKind = "schedule" // a time that the plugin asked for has come
)

// Step is one thing that happens.
type Step struct {
	Kind    StepKind
	Label   string
	Range   hcl.Range
	Advance time.Duration // of the clock, before
	Session session
	Message []byte // as it came, with CR LF
	Record  string // action, schedule, hold: the message that is meant
	Payload []byte // action: the parameters; schedule: as given
	Given   bool   // schedule: Payload was written, so nothing has to be scheduled
	Key     string // schedule
	Actor   string
	Attempt abi.Attempt
	Expect  []*expectation
	Effects *effects
	Golden  string // path of a file of verdicts, "" none
}

// title is the step in words.
func (s *Step) title() string {
	if s.Label == "" {
		return string(s.Kind)
	}
	return fmt.Sprintf("%s %q", s.Kind, s.Label)
}

// session is who sends what to whom.
type session struct {
	client     abi.Client
	tenant     string
	direction  abi.Direction
	sender     string
	recipients []string
	stages     []string // only these; nil: all that the plugin hooks
}

// defaultSession is what a scenario does not have to say (RFC 5737, RFC 2606).
func defaultSession() session {
	return session{
		client: abi.Client{IP: "192.0.2.1", Port: 40000, Name: "mail.sender.test", Helo: "mail.sender.test", Esmtp: true, Listener: "mx"},
		tenant: "acme", sender: "ann@sender.test", recipients: []string{"bob@here.test"},
	}
}

// Scenarios finds the scenario files of a project: *.weirtest.hcl in it and
// all *.hcl in its folder tests.
func Scenarios(dir string) ([]string, error) {
	var out []string
	for _, pattern := range []string{"*" + ScenarioSuffix, filepath.Join("tests", "*.hcl")} {
		m, err := filepath.Glob(filepath.Join(escape(dir), pattern))
		if err != nil {
			return nil, err
		}
		out = append(out, m...)
	}
	slices.Sort(out)
	return out, nil
}

// ErrScenario is a scenario file with mistakes; the diagnostics say which.
type ErrScenario struct {
	Diags hcl.Diagnostics
	Files map[string]*hcl.File
}

// Error implements error.
func (e *ErrScenario) Error() string { return e.Diags.Error() }

// ReadScenarios reads scenario files for a plugin. A mistake in any of them is
// an *ErrScenario with everything that is wrong.
func ReadScenarios(m *manifest.Manifest, files ...string) ([]*Scenario, error) {
	parser := hclparse.NewParser()
	var out []*Scenario
	var diags hcl.Diagnostics
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading scenarios: %w", err)
		}
		f, d := parser.ParseHCL(src, name)
		diags = append(diags, d...)
		if d.HasErrors() {
			continue
		}
		r := &scenarioReader{m: m, file: name, dir: filepath.Dir(name), diags: &diags}
		out = append(out, r.read(f.Body.(*hclsyntax.Body))...)
	}
	if diags.HasErrors() {
		return nil, &ErrScenario{diags, parser.Files()}
	}
	return out, nil
}

type scenarioReader struct {
	m     *manifest.Manifest
	file  string
	dir   string
	eval  *policy.Evaluator
	diags *hcl.Diagnostics
}

// common is what a file says for all of its scenarios.
type common struct {
	config  *section
	grant   *section
	session session
	start   time.Time
	setup   fixtures
}

func (r *scenarioReader) read(body *hclsyntax.Body) []*Scenario {
	r.eval = policy.NewEvaluator(r.dir, nil)
	top := &section{body: body, what: "file", head: body.SrcRange, ctx: r.eval.Context(), diags: r.diags}
	base := common{session: defaultSession(), start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	r.around(top, &base)
	var out []*Scenario
	names := map[string]bool{}
	top.kinds = append(top.kinds, "scenario")
	for _, b := range body.Blocks {
		if b.Type != "scenario" {
			continue
		}
		s := top.open(b, 1)
		if s == nil {
			continue
		}
		if names[b.Labels[0]] {
			s.fail(s.head, "There is a scenario %q already.", b.Labels[0])
		}
		names[b.Labels[0]] = true
		out = append(out, r.scenario(b.Labels[0], s, base))
	}
	top.end()
	return out
}

// around reads what stands at the top of a file as well as in a scenario.
func (r *scenarioReader) around(s *section, c *common) {
	c.start = s.time("clock", c.start)
	if x := s.one("config"); x != nil {
		c.config = x
	}
	if x := s.one("grant"); x != nil {
		c.grant = x
	}
	if x := s.one("session"); x != nil {
		r.session(x, &c.session)
		x.end()
	}
	c.setup = c.setup.clone()
	r.fixtures(s, &c.setup)
}

func (r *scenarioReader) scenario(name string, s *section, c common) *Scenario {
	r.around(s, &c)
	sc := &Scenario{Name: name, File: r.file, Range: s.head, Start: c.start, Setup: c.setup}
	sc.Grants = r.grants(c.grant, &sc.Setup)
	config, head := &hclsyntax.Body{}, s.head
	if c.config != nil {
		config, head = c.config.body, c.config.head
	}
	v, diags := r.eval.Typed(config, &r.m.Config, "config of plugin "+r.m.Name, head, sc.Grants)
	*r.diags = append(*r.diags, diags...)
	sc.Config = v
	for _, k := range []StepKind{StepMail, StepQueued, StepDelivery, StepHold, StepAction, StepSchedule} {
		s.kinds = append(s.kinds, string(k))
	}
	for _, b := range s.body.Blocks { // in the order of the file
		if !slices.Contains(s.kinds[len(s.kinds)-6:], b.Type) {
			continue
		}
		if in := s.open(b, min(len(b.Labels), 1)); in != nil {
			sc.Steps = append(sc.Steps, r.step(StepKind(b.Type), strings.Join(b.Labels, ""), in, &c))
		}
	}
	if len(sc.Steps) == 0 {
		s.fail(s.head, "Nothing happens in this scenario. Add a block mail, queued, delivery, hold, action or schedule.")
	}
	s.end()
	return sc
}

// grants gives everything that the manifest asks for, as far as a grant block
// does not say otherwise. Hosts and URLs are those that the fixtures answer for.
func (r *scenarioReader) grants(s *section, fx *fixtures) map[string][]string {
	out := AllGrants(r.m)
	if _, ok := out["http"]; ok && len(fx.http) > 0 {
		out["http"] = nil
		for _, h := range fx.http {
			out["http"] = append(out["http"], h.url)
		}
	}
	if _, ok := out["dial"]; ok && len(fx.conns) > 0 {
		out["dial"] = nil
		for _, c := range fx.conns {
			out["dial"] = append(out["dial"], c.address)
		}
	}
	if s == nil {
		return out
	}
	for name, a := range s.body.Attributes {
		s.asked = append(s.asked, name)
		g, ok := r.m.Grant(name)
		if !ok {
			s.fail(a.NameRange, "The manifest does not ask for a grant %q.", name)
			continue
		}
		v, diags := a.Expr.Value(s.ctx)
		*r.diags = append(*r.diags, diags...)
		switch {
		case diags.HasErrors():
		case v.Type().FriendlyName() == "bool" && v.False():
			if !g.Optional {
				s.fail(a.NameRange, "The grant %q is not optional: without it the plugin is not loaded.", name)
			}
			delete(out, name)
		case v.Type().FriendlyName() == "bool":
		default:
			if words, ok := s.strs(name); ok {
				out[name] = words
			}
		}
	}
	s.end()
	return out
}

// session reads who sends what to whom; what is not said stays.
func (r *scenarioReader) session(s *section, x *session) {
	x.client.IP = s.str("client_ip", x.client.IP)
	x.client.Name = s.str("client_name", x.client.Name)
	x.client.Helo = s.str("helo", x.client.Helo)
	x.client.AuthUser = s.str("user", x.client.AuthUser)
	x.client.TLSVersion = s.str("tls", x.client.TLSVersion)
	x.client.Listener = s.str("listener", x.client.Listener)
	x.tenant = s.str("tenant", x.tenant)
	x.sender = s.str("sender", x.sender)
	if rs, ok := s.strs("recipients"); ok {
		x.recipients = rs
	}
	if d := s.oneOf("direction", "inbound", "outbound"); d != "" {
		x.direction, _ = abi.ParseDirection(d)
	}
}

// message reads an attribute's text, or the file that NAME_file names. Line
// ends become CR LF, as SMTP brings them.
func (r *scenarioReader) message(s *section, name string) []byte {
	text, file := s.str(name, ""), s.str(name+"_file", "")
	if file != "" {
		if s.has(name) {
			s.fail(s.at(name+"_file"), "%s and %s_file: one of them is enough.", name, name)
		}
		b, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(file)))
		if errors.Is(err, os.ErrNotExist) {
			s.fail(s.at(name+"_file"), "There is no file %s.", file)
		} else if err != nil {
			s.fail(s.at(name+"_file"), "The file cannot be read: %v.", err)
		}
		return crlf(b)
	}
	return crlf([]byte(text))
}

// crlf gives every line the end that SMTP asks for, where it has none.
func crlf(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/32)
	for i, c := range b {
		if c == '\n' && (i == 0 || b[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}
