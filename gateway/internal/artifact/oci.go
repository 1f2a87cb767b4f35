package artifact

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Media types of a Wasm OCI artifact (CNCF TAG Runtime, "Wasm OCI Artifact").
const (
	configType = "application/vnd.wasm.config.v0+json"
	moduleType = "application/wasm"
)

// wasmConfig is the artifact's config.
type wasmConfig struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	LayerDigests []string `json:"layerDigests"`
}

// epoch is the time of making that every artifact has, so that pushing a
// module again makes the same artifact.
const epoch = "1970-01-01T00:00:00Z"

// repository opens what a reference names.
func (c *Client) repository(source string) (*remote.Repository, string, error) {
	ref, err := parseOCI(source)
	if err != nil {
		return nil, "", err
	}
	repo, err := remote.NewRepository(ref.Registry + "/" + ref.Repository)
	if err != nil {
		return nil, "", err
	}
	cred := auth.StaticCredential(ref.Registry, auth.Credential{Username: c.Username, Password: c.Password})
	if c.Username == "" {
		store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
		if err != nil {
			return nil, "", fmt.Errorf("reading docker's configuration: %w", err)
		}
		cred = credentials.Credential(store)
	}
	repo.PlainHTTP = c.PlainHTTP || loopbackPort(ref.Registry)
	var transport http.RoundTripper = retry.NewTransport(c.transport())
	if !repo.PlainHTTP {
		transport = encrypted{transport}
	}
	repo.Client = &auth.Client{Client: &http.Client{Transport: transport}, Credential: cred, Cache: auth.NewCache()}
	return repo, ref.Reference, nil
}

// Push puts a packed module into a registry, tagged as the source says. It
// gives the digest of the artifact, with which it can be named for good.
func (c *Client) Push(ctx context.Context, source string, module []byte) (artifact string, err error) {
	m, err := manifest.Read(module)
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		return "", fmt.Errorf("pushing: %w", err)
	}
	repo, tag, err := c.repository(source)
	if err != nil {
		return "", fmt.Errorf("pushing: %w", err)
	}
	if _, err := digest.Parse(tag); err == nil {
		return "", fmt.Errorf("pushing: %s names a digest; name a tag, such as oci://REGISTRY/REPOSITORY:%s", source, m.Version)
	}
	layer := content.NewDescriptorFromBytes(moduleType, module)
	config, err := json.Marshal(wasmConfig{"wasm", "wasip1", []string{layer.Digest.String()}})
	if err != nil {
		return "", err
	}
	configDesc := content.NewDescriptorFromBytes(configType, config)
	for _, b := range []struct {
		d ocispec.Descriptor
		b []byte
	}{{configDesc, config}, {layer, module}} {
		if err := pushBlob(ctx, repo, b.d, b.b); err != nil {
			return "", fmt.Errorf("pushing to %s: %w", repo.Reference.Registry, err)
		}
	}
	notes := map[string]string{ocispec.AnnotationCreated: epoch, ocispec.AnnotationTitle: m.Name, ocispec.AnnotationVersion: m.Version}
	for k, v := range map[string]string{ocispec.AnnotationDescription: m.Description, ocispec.AnnotationLicenses: m.License} {
		if v != "" {
			notes[k] = v
		}
	}
	desc, err := oras.PackManifest(ctx, repo, oras.PackManifestVersion1_1, "", oras.PackManifestOptions{
		ConfigDescriptor: &configDesc, Layers: []ocispec.Descriptor{layer}, ManifestAnnotations: notes,
	})
	if err == nil {
		err = repo.Tag(ctx, desc, tag)
	}
	if err != nil {
		return "", fmt.Errorf("pushing to %s: %w", repo.Reference.Registry, err)
	}
	return desc.Digest.String(), nil
}

func pushBlob(ctx context.Context, repo *remote.Repository, d ocispec.Descriptor, b []byte) error {
	if there, err := repo.Exists(ctx, d); err == nil && there {
		return nil
	}
	return repo.Push(ctx, d, bytes.NewReader(b))
}

// maxOCIManifest is the largest manifest of an artifact, in octets.
const maxOCIManifest = 1 << 20

// Pull gets the one module of an artifact, and the artifact's digest. Sizes
// are bounded before anything is read, digests checked after.
func (c *Client) Pull(ctx context.Context, source string) (module []byte, artifact string, err error) {
	repo, ref, err := c.repository(source)
	if err != nil {
		return nil, "", err
	}
	desc, err := repo.Resolve(ctx, ref)
	if err != nil {
		return nil, "", err
	}
	if desc.MediaType != ocispec.MediaTypeImageManifest {
		return nil, "", fmt.Errorf("it is a %s, and no plugin", desc.MediaType)
	}
	if desc.Size > maxOCIManifest {
		return nil, "", fmt.Errorf("its manifest has %d octets", desc.Size)
	}
	text, err := content.FetchAll(ctx, repo, desc)
	if err != nil {
		return nil, "", err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, "", fmt.Errorf("its manifest cannot be read: %w", err)
	}
	if m.Config.MediaType != configType {
		return nil, "", fmt.Errorf("it is no Wasm artifact: its config is %q, not %q", m.Config.MediaType, configType)
	}
	if len(m.Layers) != 1 || m.Layers[0].MediaType != moduleType {
		return nil, "", fmt.Errorf("a plugin is one layer of type %s", moduleType)
	}
	if m.Layers[0].Size > MaxModule {
		return nil, "", fmt.Errorf("the module has %d octets; at most %d MiB", m.Layers[0].Size, MaxModule>>20)
	}
	module, err = content.FetchAll(ctx, repo, m.Layers[0])
	return module, desc.Digest.String(), err
}
