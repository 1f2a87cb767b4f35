package artifact

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Want is a plugin as a policy names it.
type Want struct {
	Name     string
	Source   string
	Digest   string      // pinned in the policy; "" not
	Signers  []PublicKey // one of them must have signed; none: no signature is asked for
	Unlocked bool        // for whoever makes the lock: do not look into it
}

// Resolver finds the modules of one policy. What it gives has the digest that
// policy or lock file name, and the signature that the policy asks for.
type Resolver struct {
	Config  string                            // the policy: a file or a folder
	Store   Store                             // where fetched modules are kept
	Builtin func(name string) ([]byte, error) // the modules of this binary
	// Client fetches what is not stored; nil: that is an error.
	Client *Client
}

// Module gives a plugin's module.
func (r *Resolver) Module(ctx context.Context, w Want) ([]byte, error) {
	b, err := r.find(ctx, w)
	if err != nil {
		return nil, err
	}
	if len(w.Signers) == 0 || KindOf(w.Source) == Builtin {
		return b, nil
	}
	if _, err := Verify(b, w.Signers); err != nil {
		return nil, fmt.Errorf("%w; the policy asks for a signature by one of %d keys", err, len(w.Signers))
	}
	return b, nil
}

func (r *Resolver) find(ctx context.Context, w Want) ([]byte, error) {
	if name, ok := strings.CutPrefix(w.Source, "builtin:"); ok {
		b, err := r.Builtin(name)
		if err == nil {
			err = same(b, w.Digest, inPolicy)
		}
		return b, err
	}
	digest, locked, err := r.meant(w)
	if err != nil {
		return nil, err
	}
	if !Remote(w.Source) {
		b, err := readModule(w.Source)
		if err != nil {
			return nil, fmt.Errorf("no module at %s; build it with \"weir plugin pack\", or correct source: %w", filepath.Base(w.Source), err)
		}
		if locked {
			if err := same(b, digest, inLock); err != nil {
				return nil, fmt.Errorf(`%w. If you meant to change it: weir plugin update %s`, err, w.Name)
			}
			return b, nil
		}
		return b, same(b, digest, inPolicy)
	}
	if err := CheckSource(w.Source); err != nil {
		return nil, err
	}
	if digest != "" {
		b, err := r.Store.Get(digest)
		if !errors.Is(err, ErrNotStored) {
			return b, err
		}
	} else if !w.Unlocked {
		return nil, errors.New(`it is remote and not pinned; run "weir plugin lock", or add digest = "sha256:…"`)
	}
	if r.Client == nil {
		return nil, errors.New(`it is remote and not fetched yet; run "weir plugin pull"`)
	}
	b, err := r.Client.Fetch(ctx, w.Source)
	if err != nil {
		return nil, err
	}
	who := inPolicy
	if locked {
		who = inLock
	}
	if err := same(b, digest, who); err != nil {
		return nil, fmt.Errorf("fetched from %s: %w", w.Source, err)
	}
	if w.Unlocked {
		return b, nil // whoever locks it has yet to agree
	}
	if _, err := r.Store.Put(b); err != nil {
		return nil, err
	}
	return b, nil
}

// meant is the digest that the module must have, "" any; locked says that the
// lock file has it.
func (r *Resolver) meant(w Want) (digest string, locked bool, err error) {
	if w.Digest != "" || w.Unlocked {
		return w.Digest, false, nil
	}
	l, err := ReadLock(LockPath(r.Config))
	if err != nil {
		return "", false, err
	}
	e := l.Get(w.Name)
	if e == nil {
		return "", false, nil
	}
	if have := SourceIn(r.Config, w.Source); e.Source != have {
		return "", false, fmt.Errorf(`its source is %s and the lock file has %s; run "weir plugin update %s" if you meant to change it`, have, e.Source, w.Name)
	}
	return e.Digest, true, nil
}

// SourceIn is a source as the lock file writes it: a path relative to the
// policy's folder, so that the two can move together.
func SourceIn(config, source string) string {
	if KindOf(source) != File {
		return source
	}
	dir, err := filepath.Abs(ConfigDir(config))
	if err != nil {
		return source
	}
	abs, err := filepath.Abs(source)
	if err != nil {
		return source
	}
	rel, err := filepath.Rel(dir, abs)
	if err != nil { // another volume
		return abs
	}
	return filepath.ToSlash(rel)
}

// Who says what a digest is.
const (
	inPolicy = "the policy pins"
	inLock   = LockName + " has"
)

func same(module []byte, digest, who string) error {
	if digest == "" {
		return nil
	}
	if got := Digest(module); got != digest {
		return fmt.Errorf("the module is %s, and %s %s", got, who, digest)
	}
	return nil
}
