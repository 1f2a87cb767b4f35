package grant

import (
	"errors"
	"net/url"
	"strings"
)

// ParseURL reads the URL of a request and brings it to the one form that grants
// are compared in: scheme and host in lower case, the port written out, a path
// that begins with a slash. It refuses whatever servers and clients may read
// differently: user names, fragments, dot segments however they are written,
// encoded slashes, hosts that are an address to some.
func ParseURL(s string) (*url.URL, error) {
	if hasControl(s) || strings.ContainsAny(s, "\\ ") {
		return nil, errors.New("a URL has no spaces, backslashes or control characters")
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("it is no URL") // url's own words may quote a password
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the URL begins with http:// or https://")
	case u.User != nil:
		return nil, errors.New("a user name in a URL; send a header instead")
	case strings.ContainsRune(s, '#'):
		return nil, errors.New("a fragment (#) is never sent")
	case u.Opaque != "":
		return nil, errors.New("the URL has no host")
	}
	if u.Host, err = hostPort(u); err != nil {
		return nil, err
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, checkPath(u)
}

// hostPort is a URL's host with its port, also where that is the usual one.
func hostPort(u *url.URL) (string, error) {
	name, port := u.Host, "80"
	if u.Scheme == "https" {
		port = "443"
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, ']') {
		name, port = name[:i], name[i+1:]
		if _, err := parsePort(port); err != nil {
			return "", err
		}
		port = strings.TrimLeft(port, "0")
	}
	host, err := parseHost(name)
	if err != nil {
		return "", err
	}
	return join(host, port), nil
}

// checkPath refuses paths that lead a server elsewhere than they seem to: one
// that decodes twice, or takes ";" for the end of a segment, too.
func checkPath(u *url.URL) error {
	if p := strings.ToLower(u.EscapedPath()); strings.Contains(p, "%2f") || strings.Contains(p, "%5c") || strings.Contains(p, "%00") {
		return errors.New("an encoded slash, backslash or NUL in the path")
	}
	if !strings.HasPrefix(u.Path, "/") || hasControl(u.Path) || strings.Contains(u.Path, "\\") {
		return errors.New("the path of the URL is not one")
	}
	for seg := range strings.SplitSeq(u.Path, "/") {
		for _, twice := range []string{"%2e", "%2f", "%5c", "%25", "%00"} {
			if strings.Contains(strings.ToLower(seg), twice) {
				return errors.New("the path of the URL is encoded twice")
			}
		}
		seg, _, _ = strings.Cut(seg, ";")
		if seg == "." || seg == ".." {
			return errors.New("a dot segment in the path of the URL")
		}
	}
	return nil
}

func parsePrefix(s string) (*url.URL, error) {
	u, err := ParseURL(s)
	if err != nil {
		return nil, err
	}
	if strings.ContainsRune(s, '?') {
		return nil, errors.New("a grant has no query; it allows any")
	}
	return u, nil
}
