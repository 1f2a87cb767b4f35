package artifact

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// fetchTime is how long a download may take in all.
const fetchTime = 2 * time.Minute

// Client fetches modules. The zero value asks with the credentials of docker's
// configuration where a registry wants any.
type Client struct {
	Username, Password string // for registries; "" those of docker's configuration
	PlainHTTP          bool   // speak http to registries that are not on this machine too
	Transport          http.RoundTripper
}

func (c *Client) transport() http.RoundTripper {
	if c.Transport != nil {
		return c.Transport
	}
	return http.DefaultTransport
}

var errDowngrade = errors.New("the server leads from https to http")

// encrypted lets nothing go out by http, wherever a registry redirects to.
type encrypted struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t encrypted) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		if r.Body != nil {
			_ = r.Body.Close() // as RoundTripper demands
		}
		return nil, errDowngrade
	}
	return t.RoundTripper.RoundTrip(r)
}

// Fetch gets the module behind a remote source. Whoever asks checks the digest.
func (c *Client) Fetch(ctx context.Context, source string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTime, fmt.Errorf("it took more than %v", fetchTime))
	defer cancel()
	var b []byte
	var err error
	switch KindOf(source) {
	case OCI:
		b, _, err = c.Pull(ctx, source)
	case HTTP:
		b, err = c.download(ctx, source)
	default:
		err = errors.New("it is not remote")
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("fetching %s: %w", source, err)
	}
	return b, nil
}

func (c *Client) download(ctx context.Context, source string) ([]byte, error) {
	u, err := parseHTTP(source)
	if err != nil {
		return nil, err
	}
	hc := &http.Client{Transport: c.transport(), CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) >= 5 {
			return errors.New("more than 5 redirects")
		}
		if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return errDowngrade // not to this machine either, which would ask itself for a stranger
		}
		_, err := parseHTTP(r.URL.String())
		return err
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/wasm, application/octet-stream;q=0.9, */*;q=0.1")
	res, err := hc.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s", res.Status)
	}
	return readBounded(res.Body)
}
