package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// loader carries one load. Everything that is wrong is reported and the load
// goes on, so that all diagnostics come at once.
type loader struct {
	opts        Options
	dir         string // folder of the configuration
	parser      *hclparse.Parser
	root        *node
	ctx         *hcl.EvalContext
	diags       hcl.Diagnostics
	said        map[string]bool
	broken      map[string]bool   // files that did not parse: what is missing there may be there
	each        string            // the for_each element at hand, for reports
	read        map[string][]byte // files named by file(), lists and tls, for the digest
	given       []string          // values of variables, for the digest
	secrets     []string          // values that no diagnostic may show
	regexps     *regexps
	configs     map[uint64]int      // ID → index in policy.configs
	granted     map[string][]string // of the plugin whose config block is being read
	oidcTenants []grantedTenant     // of grants, to be looked up
	trusted     []string            // keys of the trust block
	plugins     map[string]*pluginDecl
	named       []string // the lists there are, of any tenant
	sets        map[string]*ruleset
	chains      map[string]*chain // by joined names of rulesets
	hops        []hop
	own         map[*Tenant][]string // names of the routes that tenants may use beside
	p           *Policy
}

// Load reads a file, or all *.hcl of a directory, and checks everything. It
// returns all diagnostics at once; the Policy is nil if one is an error.
func Load(path string, o Options) (*Policy, hcl.Diagnostics) {
	l := &loader{opts: o, parser: o.Parser, said: map[string]bool{}, broken: map[string]bool{}, read: map[string][]byte{}, regexps: &regexps{},
		configs: map[uint64]int{}, plugins: map[string]*pluginDecl{}, sets: map[string]*ruleset{}, chains: map[string]*chain{}, own: map[*Tenant][]string{}}
	if l.parser == nil {
		l.parser = hclparse.NewParser()
	}
	if l.opts.Environ == nil {
		l.opts.Environ = os.LookupEnv
	}
	l.p = &Policy{schedules: map[string]*Schedule{}, byName: map[string]*Tenant{}, byDomain: map[string]*Tenant{},
		chains: map[string]*chain{}, lookup: listIndex{}}
	if l.parse(path) {
		l.build()
	}
	l.conceal()
	sortDiagnostics(l.diags)
	if len(l.diags) > maxDiagnostics {
		l.diags = append(l.diags[:maxDiagnostics:maxDiagnostics], &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Too many errors",
			Detail: fmt.Sprintf("%d more are not shown. Correct these first.", len(l.diags)-maxDiagnostics)})
	}
	if l.diags.HasErrors() {
		return nil, l.diags
	}
	l.p.files = map[string]*hcl.File{}
	for name, f := range l.parser.Files() {
		l.p.files[name] = &hcl.File{Bytes: f.Bytes}
	}
	l.p.digest = l.digest()
	l.parser, l.opts.Parser, l.root = nil, nil, nil // the functions of expressions keep the loader
	return l.p, l.diags
}

// parse reads the files and gathers their top-level blocks. false: there is
// nothing to work on.
func (l *loader) parse(path string) bool {
	names, err := configFiles(path)
	if err != nil {
		l.report(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Configuration not found", Detail: err.Error()})
		return false
	}
	l.dir = filepath.Dir(names[0])
	l.root = &node{spec: language, attrs: map[string]*hclsyntax.Attribute{}, blocks: map[string][]*node{}}
	for _, name := range names {
		l.parseFile(name)
	}
	if l.root.one("gateway") == nil && !l.diags.HasErrors() {
		l.report(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Missing block", Subject: startOf(names[0]),
			Detail: "There is no gateway block. Add gateway { hostname = \"…\", data_dir = \"…\" } with each attribute on a line of its own."})
	}
	return true
}

func startOf(file string) *hcl.Range {
	return &hcl.Range{Filename: file, Start: hcl.InitialPos, End: hcl.InitialPos}
}

// configFiles lists what a path stands for, sorted.
func configFiles(path string) ([]string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("There is no configuration %s. Name a file or a directory of *.hcl with --config.", clip(path)) //nolint:staticcheck // a sentence of a diagnostic
	}
	if !st.IsDir() {
		return []string{path}, nil
	}
	names, err := filepath.Glob(filepath.Join(escapeGlob(path), "*.hcl"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("There are no *.hcl files in %s. Put a configuration there.", clip(path)) //nolint:staticcheck // a sentence of a diagnostic
	}
	slices.Sort(names)
	return names, nil
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// maxConfig is the largest HCL file, in octets.
const maxConfig = 16 << 20

func (l *loader) parseFile(name string) {
	src, err := readConfig(name)
	if err != nil {
		l.report(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "File cannot be read", Subject: startOf(name), Detail: sentence(upperFirst(err.Error())) + " Correct its name or permissions."})
		return
	}
	if at := tooDeep(src, name); at != nil {
		l.fail("Too deeply nested", *at, nil, "Brackets and signs are nested more than %d deep here. Use locals for the inner parts.", maxNesting)
		return
	}
	f, diags := l.parser.ParseHCL(src, name)
	l.add(diags)
	if f == nil {
		return
	}
	if diags.HasErrors() {
		l.broken[name] = true
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return
	}
	for _, a := range sortedAttrs(body) {
		if spec := language.block(a.Name); spec != nil {
			l.fail("A block is written as an attribute", a.NameRange, nil, "%q is a block. Write %s { … } without the equals sign.", a.Name, a.Name)
			continue
		}
		l.fail("Unknown attribute", a.NameRange, nil, "The top level of a configuration has only blocks. Put %q into the block it belongs to.", clip(a.Name))
	}
	for _, b := range body.Blocks {
		l.shapeBlock(l.root, b)
	}
}

func readConfig(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", clip(name))
	}
	if st.Size() > maxConfig {
		return nil, fmt.Errorf("%s is larger than 16 MiB", clip(name))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxConfig))
}

// maxNesting bounds the recursion of the HCL parser.
const maxNesting = 200

// tooDeep finds the place where brackets or unary signs nest too deep.
func tooDeep(src []byte, name string) *hcl.Range {
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos) // its diagnostics come from the parser again
	depth, signs := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			depth++
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			depth = max(0, depth-1)
		}
		switch t.Type {
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			signs++
		case hclsyntax.TokenNewline:
			signs = 0
		}
		if depth > maxNesting || signs > maxNesting {
			return &t.Range
		}
	}
	return nil
}

// build evaluates and checks what parse gathered, in order of dependency.
func (l *loader) build() {
	l.ctx = &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: l.loadFunctions()}
	l.declare()
	l.variables()
	l.locals()
	l.gateway()
	l.retries()
	l.routeBlocks()
	l.viaBlocks()
	l.destinationBlocks()
	l.lists()
	l.trust()
	l.pluginBlocks()
	l.rulesets()
	l.listeners()
	for _, n := range l.root.blocks["report"] {
		l.reportBlock(n, "", l.ctx)
	}
	l.tenants()
	l.eventBlocks()
	l.grantedTenants()
	l.loops()
}

// declare makes the namespaces, from the labels of the blocks.
func (l *loader) declare() {
	names := map[string][]string{"retry": {"standard"}}
	for _, kind := range namespaces {
		for _, n := range l.root.blocks[kind] {
			if !slices.Contains(names[kind], n.label) {
				names[kind] = append(names[kind], n.label)
			}
		}
	}
	for _, t := range append(slices.Clone(l.root.blocks["tenant"]), l.root.blocks["tenants"]...) {
		for _, n := range t.blocks["list"] {
			if !slices.Contains(names["list"], n.label) {
				names["list"] = append(names["list"], n.label)
			}
		}
	}
	for _, kind := range namespaces {
		l.ctx.Variables[kind] = namespace(kind, names[kind])
	}
	l.named = names["list"]
}

// digest hashes everything that was read.
func (l *loader) digest() string {
	h := sha256.New()
	put := func(name string, b []byte) {
		fmt.Fprintf(h, "%d:%s%d:", len(name), name, len(b))
		h.Write(b)
	}
	files := l.parser.Files()
	for _, n := range slices.Sorted(maps.Keys(files)) {
		put(n, files[n].Bytes)
	}
	for _, n := range slices.Sorted(maps.Keys(l.read)) {
		put(n, l.read[n])
	}
	for _, v := range l.given {
		put("var", []byte(v))
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
