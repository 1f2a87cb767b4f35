package artifact

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry"
)

// Kind is where a source leads.
type Kind string

// The kinds of source.
const (
	Builtin Kind = "builtin"
	File    Kind = "file"
	HTTP    Kind = "https"
	OCI     Kind = "oci"
)

// KindOf tells the kind of a plugin's source. What looks like none of the
// others is the path of a file.
func KindOf(source string) Kind {
	switch {
	case strings.HasPrefix(source, "builtin:"):
		return Builtin
	case strings.HasPrefix(source, "oci://"):
		return OCI
	case strings.Contains(source, "://"):
		return HTTP
	}
	return File
}

// Remote says that a source is somewhere else, so that it needs a digest.
func Remote(source string) bool { k := KindOf(source); return k == HTTP || k == OCI }

// Registry is the registry of an OCI source, "" for any other.
func Registry(source string) string {
	if KindOf(source) != OCI {
		return ""
	}
	ref, err := parseOCI(source)
	if err != nil {
		return ""
	}
	return ref.Registry
}

// CheckSource checks how a remote source is written.
func CheckSource(source string) error {
	switch KindOf(source) {
	case OCI:
		_, err := parseOCI(source)
		return err
	case HTTP:
		_, err := parseHTTP(source)
		return err
	}
	return nil
}

func parseHTTP(source string) (*url.URL, error) {
	u, err := url.Parse(source)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%.200q is no URL", source)
	case u.Host == "" || u.Path == "" || u.Path == "/":
		return nil, fmt.Errorf("%.200q names no file; write https://HOST/PATH.wasm", source)
	case u.User != nil:
		return nil, fmt.Errorf("a source holds no password; %s asks for one", u.Host)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, fmt.Errorf("%.200q: plugins come by https, oci or as a file; http is for this machine only", source)
	}
	return nil, fmt.Errorf("%.200q: a source is builtin:NAME, a path, https://… or oci://…", source)
}

func parseOCI(source string) (registry.Reference, error) {
	ref, err := registry.ParseReference(strings.TrimPrefix(source, "oci://"))
	if err != nil {
		return ref, fmt.Errorf("%.200q is no OCI reference; write oci://REGISTRY/REPOSITORY:TAG", source)
	}
	if ref.Reference == "" {
		return ref, fmt.Errorf("%.200q names no version; add :TAG or @sha256:…", source)
	}
	return ref, nil
}

// loopback says that a host is this machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// loopbackPort is loopback for "host:port" or a host alone.
func loopbackPort(hostport string) bool {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return loopback(host)
	}
	return loopback(strings.Trim(hostport, "[]"))
}
