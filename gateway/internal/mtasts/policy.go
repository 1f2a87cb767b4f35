package mtasts

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// Modes of a policy (RFC 8461 §5).
const (
	Enforce = "enforce" // no mail to a host that does not match or whose certificate is not good
	Testing = "testing" // report it, and send
	None    = "none"    // as without a policy
)

// maxAge is the longest time that a policy may be kept (RFC 8461 §3.2).
const maxAge = 31557600 * time.Second

// Policy is one domain's policy.
type Policy struct {
	Domain  string
	ID      string // of the TXT record it was fetched for
	Mode    string
	MX      []string // patterns, lower case: "mx.dest.test", "*.dest.test"
	MaxAge  time.Duration
	Fetched time.Time
}

// Expires is when the policy must not be used any more.
func (p *Policy) Expires() time.Time { return p.Fetched.Add(p.MaxAge) }

// Matches reports whether a mail server's name is among those of the policy
// (RFC 8461 §4.1): a wildcard stands for the leftmost label, and for one.
func (p *Policy) Matches(mx string) bool {
	mx = ascii(mx)
	_, parent, _ := strings.Cut(mx, ".")
	return slices.ContainsFunc(p.MX, func(pattern string) bool {
		if rest, ok := strings.CutPrefix(pattern, "*."); ok {
			return parent != "" && parent == rest
		}
		return mx == pattern
	})
}

// Lines are the policy as a report quotes it (RFC 8460 §4.2, policy-string).
func (p *Policy) Lines() []string {
	out := []string{"version: STSv1", "mode: " + p.Mode}
	for _, m := range p.MX {
		out = append(out, "mx: "+m)
	}
	return append(out, fmt.Sprintf("max_age: %d", int64(p.MaxAge/time.Second)))
}

func ascii(name string) string {
	name = strings.TrimSuffix(name, ".")
	if a, err := idna.Lookup.ToASCII(name); err == nil {
		return a
	}
	return strings.ToLower(name)
}

// Parse reads a policy's text (RFC 8461 §3.2). Lines end in LF or CRLF; of a
// field that may stand once, the first counts; fields that are unknown are
// passed over.
func Parse(text []byte) (*Policy, error) {
	p := &Policy{}
	seen := map[string]string{}
	for line := range bytes.Lines(text) {
		l := strings.TrimRight(string(line), "\r\n")
		if strings.TrimSpace(l) == "" {
			continue
		}
		key, value, ok := strings.Cut(l, ":")
		if !ok {
			return nil, fmt.Errorf("the line %q has no colon", short(l))
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if key == "mx" {
			pattern, err := mxPattern(value)
			if err != nil {
				return nil, err
			}
			p.MX = append(p.MX, pattern)
			continue
		}
		if _, twice := seen[key]; !twice {
			seen[key] = value
		}
	}
	if seen["version"] != "STSv1" {
		return nil, errors.New("its version is not STSv1")
	}
	p.Mode = seen["mode"]
	if p.Mode != Enforce && p.Mode != Testing && p.Mode != None {
		return nil, fmt.Errorf("its mode is %q", short(p.Mode))
	}
	if len(p.MX) == 0 && p.Mode != None {
		return nil, errors.New("it names no mail server")
	}
	s := seen["max_age"]
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || len(s) > 10 {
		return nil, fmt.Errorf("its max_age is %q", short(s))
	}
	p.MaxAge = time.Duration(min(n, uint64(maxAge/time.Second))) * time.Second
	return p, nil
}

// mxPattern reads a domain, or one with a whole wildcard label in front.
func mxPattern(s string) (string, error) {
	rest := strings.TrimPrefix(s, "*.")
	if rest == "" || len(s) > 255 || strings.ContainsAny(rest, "*/ \t@:[]") || strings.HasPrefix(rest, ".") {
		return "", fmt.Errorf("%q is no mail server", short(s))
	}
	if rest != s {
		return "*." + ascii(rest), nil
	}
	return ascii(s), nil
}

// short is for quoting what a stranger wrote.
func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// recordID reads the TXT records of _mta-sts.DOMAIN (RFC 8461 §3.1): exactly
// one is to be an STSv1 record, with an id. "" there is none.
func recordID(records []string) string {
	var found []string
	for _, r := range records {
		version, _, _ := strings.Cut(r, ";")
		if strings.TrimRight(version, " \t") == "v=STSv1" {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		return ""
	}
	for _, field := range strings.Split(found[0], ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if strings.TrimSpace(key) != "id" {
			continue
		}
		value = strings.TrimSpace(value)
		if value == "" || len(value) > 32 || strings.Trim(value, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return ""
		}
		return value
	}
	return ""
}
