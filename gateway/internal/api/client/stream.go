package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
)

// message is one server-sent event (WHATWG HTML §9.2).
type message struct {
	id, name string
	hasID    bool
	data     []byte
}

// maxLine is the longest line of a stream that is read, in octets.
const maxLine = 4 << 20

// messages reads a stream's events. Those without data are given, too: they
// tell the place to come back to.
func messages(r io.Reader) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		sc := bufio.NewScanner(r)
		sc.Buffer(make([]byte, 0, 64<<10), maxLine)
		var m message
		data := false
		for sc.Scan() {
			line := sc.Text()
			if line == "" {
				if data || m.hasID {
					if !yield(m, nil) {
						return
					}
				}
				m, data = message{}, false
				continue
			}
			field, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch field {
			case "id":
				m.id, m.hasID = value, true
			case "event":
				m.name = value
			case "data":
				if data {
					m.data = append(m.data, '\n')
				}
				m.data, data = append(m.data, value...), true
			}
		}
		err := sc.Err()
		if err == nil {
			err = io.ErrUnexpectedEOF // a stream has no end of its own
		}
		yield(message{}, err)
	}
}

// stream opens a stream of events.
func (c *Client) stream(ctx context.Context, path string, params url.Values) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, path, params, nil)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		resp.Body.Close()
		return nil, &Error{Err: fmt.Errorf("%s answers with %q, not with a stream", c.where, resp.Header.Get("Content-Type"))}
	}
	return resp.Body, nil
}

// TailOptions say what to watch.
type TailOptions struct {
	Search         // Q and Filter
	After  *uint64 // go on behind this seq; nil: begin now
	// Lost is told when the stream breaks off, before it is opened again; an
	// error of its own ends the tail. nil: the first break ends it.
	Lost func(error) error
}

const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Tail gives changes as they happen, until ctx ends. When the stream breaks
// off, say because the gateway is started anew, it comes back and misses
// nothing that is still in the log.
func (c *Client) Tail(ctx context.Context, o TailOptions) iter.Seq2[api.Change, error] {
	return func(yield func(api.Change, error) bool) {
		params, err := Search{Q: o.Q, Filter: o.Filter}.params()
		if err != nil {
			yield(api.Change{}, err)
			return
		}
		at, opened, wait := "", false, firstRetry
		if o.After != nil {
			at = strconv.FormatUint(*o.After, 10)
		}
		for {
			if at != "" {
				params.Set("after", at)
			}
			err := c.tailOnce(ctx, params, func(m message) (bool, error) {
				opened, wait = true, firstRetry
				if m.data != nil {
					var ch api.Change
					if err := json.Unmarshal(m.data, &ch); err != nil {
						return false, fmt.Errorf("reading a change: %w", err)
					}
					if !yield(ch, nil) {
						return false, nil
					}
				}
				if m.hasID {
					at = m.id
				}
				return true, nil
			})
			switch {
			case err == nil: // yield wants no more
				return
			case ctx.Err() != nil:
				yield(api.Change{}, ctx.Err())
				return
			case !comesBack(err, opened) || o.Lost == nil:
				yield(api.Change{}, err)
				return
			}
			if err := o.Lost(err); err != nil {
				yield(api.Change{}, err)
				return
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				yield(api.Change{}, ctx.Err())
				return
			}
			wait = min(2*wait, lastRetry)
		}
	}
}

// tailOnce reads one stream. nil: take wanted no more.
func (c *Client) tailOnce(ctx context.Context, params url.Values, take func(message) (bool, error)) error {
	body, err := c.stream(ctx, "/v1/tail", params)
	if err != nil {
		return err
	}
	defer body.Close()
	for m, err := range messages(body) {
		if err != nil {
			return err
		}
		if m.name == "end" {
			p := &api.Problem{}
			if json.Unmarshal(m.data, p) != nil {
				p.Detail = "the stream has ended"
			}
			return &Error{Problem: p}
		}
		if more, err := take(m); err != nil || !more {
			return err
		}
	}
	return io.ErrUnexpectedEOF
}

// comesBack reports an error that a restart of the gateway explains. Before the
// stream was ever open, none is.
func comesBack(err error, opened bool) bool {
	var e *Error
	if errors.As(err, &e) && e.Problem != nil {
		return e.Problem.Status == http.StatusServiceUnavailable || e.Problem.Status == http.StatusTooManyRequests && opened
	}
	return opened
}

// WatchJob gives a job as it gets on; the last one is over.
func (c *Client) WatchJob(ctx context.Context, id string) iter.Seq2[api.Job, error] {
	return func(yield func(api.Job, error) bool) {
		body, err := c.stream(ctx, jobPath(id, "/events"), nil)
		if err != nil {
			yield(api.Job{}, err)
			return
		}
		defer body.Close()
		for m, err := range messages(body) {
			var j api.Job
			if err == nil && m.data == nil {
				continue
			}
			if err == nil {
				err = json.Unmarshal(m.data, &j)
			}
			if !yield(j, err) || err != nil || m.name == "end" {
				return
			}
		}
	}
}
