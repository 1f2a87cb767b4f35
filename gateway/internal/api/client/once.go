package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
)

// A POST that acts carries an Idempotency-Key of its own, and is sent again with
// the same key when the connection breaks off: the gateway then gives the answer
// of the first one, or carries it out if it never came. So nothing is done twice,
// and a connection that is lost loses no answer.

// pauses are how long is waited before each further try, while connections
// break off. A gateway that is started anew is back within them.
var pauses = []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}

// patient is how long a further try asks for the answer of a request that the
// gateway is still busy with.
const patient = time.Minute

// newKey is a key that no other request has.
func newKey() string { return rand.Text() }

// link says how a connection failed.
type link int

const (
	linkWell   link = iota
	linkNone        // there was none: nothing was sent
	linkCut         // it broke off, maybe after the gateway acted
	linkSilent      // it stood, and no answer came in time
)

func linkOf(err error, met bool) link {
	var n net.Error
	switch {
	case !met:
		return linkNone
	case errors.As(err, &n) && n.Timeout():
		return linkSilent
	}
	return linkCut
}

// keyFor is the key of a request, "" where it has none: a handler of this
// process has no connection that could break off, and keeps no answers.
func (c *Client) keyFor(method, path string) string {
	if c.inProcess || !api.TakesKey(method, path) {
		return ""
	}
	return newKey()
}

// once has a request with a key carried out once, however often it is sent.
func (c *Client) once(ctx context.Context, send func() error) error {
	began := time.Now()
	tried := 0 // connections that broke off
	for {
		err := send()
		var e *Error
		if !errors.As(err, &e) || ctx.Err() != nil {
			return err
		}
		var wait time.Duration
		switch {
		case e.link == linkCut && tried < len(pauses), e.link == linkNone && tried > 0 && tried < len(pauses):
			wait = pauses[tried]
			tried++
		case e.link == linkCut, e.link == linkSilent, e.link == linkNone && tried > 0:
			return unsure(err)
		case e.after > 0 && (tried > 0 || e.Problem.Status == http.StatusConflict) && time.Since(began) < patient:
			// The first one still runs; net/http sends again by itself, too, where
			// a connection that stood idle is gone.
			wait = e.after
		default:
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return unsure(ctx.Err())
		}
	}
}

// unsure says that nobody knows what was done.
func unsure(err error) error {
	return &Error{
		Err:    fmt.Errorf("whether this was carried out is not known: %w", err),
		remedy: "look at what it was to change before you do it again",
	}
}

// afterOf is how long an answer asks to wait before the next try; 0: it does not.
func afterOf(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(max(n, 1))*time.Second, patient)
}
