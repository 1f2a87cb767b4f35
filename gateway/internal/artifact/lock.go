package artifact

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// LockName is the lock file's name, beside the configuration.
const LockName = "weir.lock"

const lockHead = `# Which module each plugin is. Written by "weir plugin lock" and "weir plugin
# update"; commit it with the policy. What is not the module named here is not
# loaded.

`

// Locked is one plugin of the lock file.
type Locked struct {
	Name    string   `hcl:"name,label" json:"name"`
	Source  string   `hcl:"source" json:"source"` // as in the policy; a path is relative to its folder
	Digest  string   `hcl:"digest" json:"digest"`
	Version string   `hcl:"version" json:"version"`
	Grants  []string `hcl:"grants,optional" json:"grants,omitempty"` // kinds that the manifest asks for, sorted
}

// LockFile is the lock file of one policy. The zero value is an empty one.
type LockFile struct {
	Plugins []Locked `hcl:"plugin,block"`
}

// LockPath is where the lock file of a policy (a file or a folder) is.
func LockPath(config string) string { return filepath.Join(ConfigDir(config), LockName) }

// ConfigDir is the folder of a policy, which may be a file or the folder itself.
func ConfigDir(config string) string {
	if info, err := os.Stat(config); err == nil && info.IsDir() {
		return config
	}
	return filepath.Dir(config)
}

// ReadLock reads a lock file; one that is not there is empty.
func ReadLock(path string) (*LockFile, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return &LockFile{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lock file: %w", err)
	}
	f, diags := hclparse.NewParser().ParseHCL(text, path)
	l := &LockFile{}
	if !diags.HasErrors() {
		diags = gohcl.DecodeBody(f.Body, nil, l)
	}
	if diags.HasErrors() {
		return nil, fmt.Errorf("the lock file is damaged; restore it, or remove it and run \"weir plugin lock\": %w", diags)
	}
	for i, p := range l.Plugins {
		if _, err := ParseDigest(p.Digest); err != nil {
			return nil, fmt.Errorf("%s: plugin %q: %w", path, p.Name, err)
		}
		if slices.ContainsFunc(l.Plugins[:i], func(o Locked) bool { return o.Name == p.Name }) {
			return nil, fmt.Errorf("%s: plugin %q stands twice", path, p.Name)
		}
	}
	return l, nil
}

// Get finds a plugin's entry; nil where there is none.
func (l *LockFile) Get(name string) *Locked {
	for i := range l.Plugins {
		if l.Plugins[i].Name == name {
			return &l.Plugins[i]
		}
	}
	return nil
}

// Set puts an entry in, in place of the plugin's old one.
func (l *LockFile) Set(p Locked) {
	if old := l.Get(p.Name); old != nil {
		*old = p
		return
	}
	l.Plugins = append(l.Plugins, p)
	slices.SortFunc(l.Plugins, func(a, b Locked) int { return strings.Compare(a.Name, b.Name) })
}

// Keep drops all entries but those of these plugins, and says which went.
func (l *LockFile) Keep(names []string) (gone []string) {
	l.Plugins = slices.DeleteFunc(l.Plugins, func(p Locked) bool {
		if slices.Contains(names, p.Name) {
			return false
		}
		gone = append(gone, p.Name)
		return true
	})
	return gone
}

// Write writes the lock file, whole or not at all.
func (l *LockFile) Write(path string) error {
	f := hclwrite.NewEmptyFile()
	for i := range l.Plugins {
		if i > 0 {
			f.Body().AppendNewline()
		}
		f.Body().AppendBlock(gohcl.EncodeAsBlock(&l.Plugins[i], "plugin"))
	}
	text := append([]byte(lockHead), hclwrite.Format(f.Bytes())...)
	if err := atomicfile.Write(path, text, atomicfile.Options{Mode: 0o644}); err != nil {
		return fmt.Errorf("writing the lock file: %w", err)
	}
	return nil
}

// Entry is what the lock file says of a module.
func Entry(name, source string, module []byte) (Locked, error) {
	m, err := manifest.Read(module)
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		return Locked{}, err
	}
	e := Locked{Name: name, Source: source, Digest: Digest(module), Version: m.Version}
	for _, g := range m.Grants {
		e.Grants = append(e.Grants, g.Kind)
	}
	slices.Sort(e.Grants)
	return e, nil
}
