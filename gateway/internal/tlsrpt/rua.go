package tlsrpt

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/resolver"
)

// Resolver is what RUA asks; *resolver.Client is one.
type Resolver interface {
	Records(ctx context.Context, name, kind string) (resolver.Records, error)
}

// maxRUA is how many places a report goes to.
const maxRUA = 8

// RUA are the places where a domain wants its reports, "mailto:" or "https:"
// (RFC 8460 §3). None and no error: it wants none, or its record is no good.
func RUA(ctx context.Context, r Resolver, domain string) ([]string, error) {
	records, err := r.Records(ctx, "_smtp._tls."+domain, "TXT")
	var re *resolver.Error
	if errors.As(err, &re) && re.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("where %s wants TLS reports: %w", domain, err)
	}
	var found []string
	for _, s := range records.Values {
		if v, _, _ := strings.Cut(s, ";"); strings.TrimRight(v, " \t") == "v=TLSRPTv1" {
			found = append(found, s)
		}
	}
	if len(found) != 1 { // RFC 8460 §3: more than one is as none
		return nil, nil
	}
	for _, field := range strings.Split(found[0], ";") {
		name, value, _ := strings.Cut(field, "=")
		if strings.TrimSpace(name) != "rua" {
			continue
		}
		var out []string
		for _, uri := range strings.Split(value, ",") {
			uri = strings.TrimSpace(uri)
			lower := strings.ToLower(uri)
			if len(out) < maxRUA && len(uri) <= 512 && (strings.HasPrefix(lower, "mailto:") || strings.HasPrefix(lower, "https://")) {
				out = append(out, uri)
			}
		}
		return out, nil
	}
	return nil, nil
}
