package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/policy"
)

// tokenVariable is the environment's variable with a token, for --url. There
// is no flag for it: other users of the machine see those.
const tokenVariable = "WEIR_TOKEN"

// defaultDataDir is where a gateway without a policy to ask would be.
const defaultDataDir = "./var"

// client prepares calls to the running gateway: the one at --url, else the
// one whose socket --socket or the policy names.
func (g *Globals) client() (*client.Client, error) {
	if g.offline {
		return g.openStore()
	}
	if g.URL != "" {
		o := client.Options{URL: g.URL}
		if g.TokenFile != "" {
			token, err := api.LoadToken(g.TokenFile)
			if err != nil {
				return nil, err
			}
			o.Token = token
		} else {
			o.Token = strings.TrimSpace(os.Getenv(tokenVariable))
		}
		return client.New(o), nil
	}
	if g.Socket != "" {
		return client.New(client.Options{Socket: g.Socket}), nil
	}
	return client.New(client.Options{Socket: filepath.Join(dataDirOf(g.Config), api.SocketName)}), nil
}

// dataDirOf finds data_dir in a policy. The rest of the policy may be wrong or
// half written: the gateway runs on, and the operator wants to see its queue.
func dataDirOf(path string) string {
	base := filepath.Dir(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		base = path
	}
	if dir, ok := literalDataDir(path); ok {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(base, dir)
		}
		return dir
	}
	if p, _ := policy.Load(path, policy.Options{}); p != nil {
		return p.Gateway().DataDir
	}
	return filepath.Join(base, defaultDataDir)
}

// literalDataDir reads data_dir where it is written out; false where it is
// not, or depends on variables.
func literalDataDir(path string) (string, bool) {
	files, err := policyFiles(path)
	if err != nil {
		return "", false
	}
	parser := hclparse.NewParser()
	for _, file := range files {
		f, _ := parser.ParseHCLFile(file)
		if f == nil || f.Body == nil {
			continue
		}
		top, _, _ := f.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "gateway"}}})
		for _, b := range top.Blocks {
			in, _, _ := b.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "data_dir"}}})
			if a := in.Attributes["data_dir"]; a != nil {
				v, diags := a.Expr.Value(nil)
				if diags.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
					return "", false
				}
				return v.AsString(), true
			}
		}
	}
	return "", false
}

// policyFiles are the files of a policy: the path itself, or, of a folder, its
// *.hcl in order of name.
func policyFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	files, err := filepath.Glob(filepath.Join(path, "*.hcl"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no *.hcl in %s", path)
	}
	slices.Sort(files)
	return files, nil
}
