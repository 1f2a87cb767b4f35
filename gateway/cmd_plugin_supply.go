package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mailweir/weir/gateway/internal/artifact"
	"github.com/mailweir/weir/gateway/internal/toolchain"
)

// PluginSupplyCmds are about where modules come from and who made them.
type PluginSupplyCmds struct {
	Keygen PluginKeygenCmd `cmd:"" group:"supply" help:"Make a key pair to sign plugins with."`
	Sign   PluginSignCmd   `cmd:"" group:"supply" help:"Sign a packed module."`
	Verify PluginVerifyCmd `cmd:"" group:"supply" help:"Check who signed a module."`
	Push   PluginPushCmd   `cmd:"" group:"supply" help:"Push a packed module to an OCI registry."`
	Pull   PluginPullCmd   `cmd:"" group:"supply" help:"Fetch a module, or all that the policy names and are not stored yet."`
	Lock   PluginLockCmd   `cmd:"" group:"supply" help:"Write weir.lock for the policy's plugins; what it has stays."`
	Update PluginUpdateCmd `cmd:"" group:"supply" help:"Look for newer modules behind the policy's sources and lock them."`
}

// PluginKeygenCmd makes a key pair.
type PluginKeygenCmd struct {
	Name string `arg:"" help:"Makes NAME.key, to be kept secret, and NAME.pub."`
}

// Run writes both files; neither may be there.
func (c *PluginKeygenCmd) Run(g *Globals) error {
	k, err := artifact.NewKey()
	if err != nil {
		return err
	}
	secret, err := k.PEM()
	if err != nil {
		return err
	}
	if err := createFile(c.Name+".key", secret, 0o600); err != nil {
		return err
	}
	if err := createFile(c.Name+".pub", []byte(k.Public()+"\n"), 0o644); err != nil {
		return errors.Join(err, os.Remove(c.Name+".key"))
	}
	if g.JSON {
		return printJSON(map[string]any{"key": c.Name + ".key", "public": k.Public()})
	}
	fmt.Printf("%s.key  keep it secret\n%s.pub  %s\n\nin a policy: signed_by = [%q]\n", c.Name, c.Name, k.Public(), k.Public())
	return nil
}

// PluginSignCmd signs.
type PluginSignCmd struct {
	File string `arg:"" help:"The packed module; the signature goes into it."`
	Key  string `required:"" placeholder:"FILE" help:"Private key, as \"weir plugin keygen\" makes it."`
}

// Run signs the module in place.
func (c *PluginSignCmd) Run(g *Globals) error {
	text, err := os.ReadFile(c.Key)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	key, err := artifact.ParsePrivateKey(text)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Key, err)
	}
	module, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the module: %w", err)
	}
	signed, err := artifact.Sign(module, key)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if err := toolchain.WriteModule(c.File, signed); err != nil {
		return err
	}
	if g.JSON {
		return printJSON(map[string]any{"file": c.File, "key": key.Public(), "digest": artifact.Digest(signed)})
	}
	fmt.Printf("%s: signed by %s\n%s\n", c.File, key.Public(), artifact.Digest(signed))
	return nil
}

// PluginVerifyCmd checks signatures.
type PluginVerifyCmd struct {
	File string   `arg:"" help:"The module."`
	Key  []string `placeholder:"KEY" help:"Public key, ed25519:…, or a file that holds one; one of those given must have signed."`
}

// Run names who signed. Exit code 1: nobody, or nobody of those asked for.
func (c *PluginVerifyCmd) Run(g *Globals) error {
	module, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the module: %w", err)
	}
	var trusted []artifact.PublicKey
	for _, s := range c.Key {
		if !strings.HasPrefix(s, "ed25519:") {
			b, err := os.ReadFile(s)
			if err != nil {
				return fmt.Errorf("reading a key: %w", err)
			}
			s = string(b)
		}
		k, err := artifact.ParseKey(s)
		if err != nil {
			return err
		}
		trusted = append(trusted, k)
	}
	signers, err := artifact.Signers(module)
	if err == nil && len(signers) == 0 {
		err = artifact.ErrUnsigned
	}
	if err == nil && len(trusted) > 0 {
		_, err = artifact.Verify(module, trusted)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if g.JSON {
		return printJSON(map[string]any{"file": c.File, "signers": signers, "digest": artifact.Digest(module)})
	}
	for _, k := range signers {
		fmt.Printf("%s: signed by %s\n", c.File, k)
	}
	return nil
}

// registryFlags say who asks a registry.
type registryFlags struct {
	Username      string `placeholder:"NAME" help:"User at the registry; docker's configuration when absent."`
	PasswordStdin bool   `help:"Read the password from standard input."`
	PlainHTTP     bool   `name:"plain-http" help:"Speak http to a registry that is not on this machine."`
}

func (f *registryFlags) client() (*artifact.Client, error) {
	c := &artifact.Client{Username: f.Username, PlainHTTP: f.PlainHTTP}
	if (f.Username != "") != f.PasswordStdin {
		return nil, usageError{"--username and --password-stdin go together", ""}
	}
	if f.PasswordStdin {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, 64<<10))
		if err != nil {
			return nil, fmt.Errorf("reading the password: %w", err)
		}
		c.Password = string(bytes.TrimRight(b, "\r\n"))
	}
	return c, nil
}

// PluginPushCmd publishes.
type PluginPushCmd struct {
	File string `arg:"" help:"The packed module."`
	To   string `arg:"" help:"Where to: oci://REGISTRY/REPOSITORY:TAG."`
	registryFlags
}

// Run pushes the module and prints by which digest it can be named for good.
func (c *PluginPushCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	module, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the module: %w", err)
	}
	if artifact.KindOf(c.To) != artifact.OCI {
		return usageError{c.To + " is no registry; write oci://REGISTRY/REPOSITORY:TAG", ""}
	}
	at, err := cl.Push(ctx, c.To, module)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(map[string]any{"source": c.To, "artifact": at, "digest": artifact.Digest(module)})
	}
	fmt.Printf("source   %s\nartifact %s\ndigest   %s\n", c.To, at, artifact.Digest(module))
	return nil
}

// PluginPullCmd fetches.
type PluginPullCmd struct {
	Source string `arg:"" optional:"" help:"oci://… or https://…; the policy's plugins when absent."`
	Output string `short:"o" placeholder:"FILE" help:"Where the module goes; NAME.wasm when absent."`
	Digest string `placeholder:"DIGEST" help:"Refuse another module than this: sha256:…."`
	registryFlags
}

// Run fetches one module to a file, or those of the policy to its store.
func (c *PluginPullCmd) Run(ctx context.Context, g *Globals) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	if c.Source == "" {
		return pullAll(ctx, g, cl)
	}
	if !artifact.Remote(c.Source) {
		return usageError{c.Source + " is not remote; write oci://REGISTRY/REPOSITORY:TAG or https://…", ""}
	}
	b, err := cl.Fetch(ctx, c.Source)
	if err != nil {
		return err
	}
	if d := artifact.Digest(b); c.Digest != "" && d != c.Digest {
		return fmt.Errorf("%s is %s, not %s; nothing was written", c.Source, d, c.Digest)
	}
	e, err := artifact.Entry("", c.Source, b)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Source, err)
	}
	out := c.Output
	if out == "" {
		name, err := nameOf(b)
		if err != nil {
			return err
		}
		out = name + ".wasm" // which is the module's to say
		if have, err := os.ReadFile(out); !errors.Is(err, os.ErrNotExist) && !bytes.Equal(have, b) {
			return failure{out + " is there already, and is another", "say where the module goes: --output FILE"}
		}
	}
	if err := toolchain.WriteModule(out, b); err != nil {
		return err
	}
	if g.JSON {
		return printJSON(map[string]any{"file": out, "digest": e.Digest, "version": e.Version, "grants": e.Grants})
	}
	fmt.Printf("%s: %s, %s\n%s\n", filepath.Clean(out), e.Version, octets(int64(len(b))), e.Digest)
	return nil
}
