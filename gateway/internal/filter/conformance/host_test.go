package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

// grants are what the policy gives the guests.
var grants = map[string][]string{
	"lists": {"block", "empty", "gone"}, "kv": nil, "dns": {".test", ".in-addr.arpa"}, "queue": nil, "accept": nil,
	"http": {"https://hooks.test/weir/"}, "dial": {"unix:/run/echo", "scan.test:3310"},
}

// host is a real plugin host with one guest, over fakes.
type host struct {
	*filter.Host
	log   bytes.Buffer
	kv    *store
	queue *queue
	count map[string]int64
}

func newHost(t testing.TB, g guest, configs ...filter.Config) *host {
	t.Helper()
	module := g.module(t)
	h := &host{kv: &store{m: map[string][]byte{}}, queue: &queue{}, count: map[string]int64{}}
	h.Host = filter.NewHost(filter.Options{
		Logger: slog.New(slog.NewTextHandler(&h.log, nil)), CacheDir: filepath.Join(work(), "cache"),
		Lists: lists{}, KV: h.kv, Metrics: h, DNS: dns{}, Net: network{}, Queue: h.queue,
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	spec := filter.Spec{Name: "guest", Source: g.folder, Module: module, Grants: grants, Limits: filter.Limits{
		Instances: 1, Deadline: map[abi.Stage]time.Duration{0: 30 * time.Second}, // nothing here is about time
	}}
	if err := h.Swap(context.Background(), []filter.Spec{spec}, configs); err != nil {
		t.Fatal(err)
	}
	return h
}

// Count implements filter.Metrics.
func (h *host) Count(plugin, name string, delta int64) { h.count[plugin+"."+name] += delta }

type lists struct{}

func (lists) Lookup(_ context.Context, tenant, list string, keys []string) (string, string, bool, error) {
	switch {
	case list == "gone" || tenant != "acme":
		return "", "", false, filter.ErrNoList
	case list == "empty":
		return "", "", false, nil
	}
	for _, k := range keys {
		if strings.HasPrefix(k, "bad") {
			return k, "by hand\xff", true, nil
		}
	}
	return "", "", false, nil
}

// store keeps values for ever, and remembers the last TTL.
type store struct {
	mu  sync.Mutex
	m   map[string][]byte
	ttl time.Duration
}

func (k *store) id(plugin, tenant, key string) string { return plugin + "/" + tenant + "/" + key }

func (k *store) Get(_ context.Context, plugin, tenant, key string) ([]byte, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key == "broken" {
		return nil, false, errors.New("the disk is gone")
	}
	v, ok := k.m[k.id(plugin, tenant, key)]
	return v, ok, nil
}

func (k *store) Set(_ context.Context, plugin, tenant, key string, v []byte, ttl time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.m[k.id(plugin, tenant, key)], k.ttl = v, ttl
	return nil
}

func (k *store) CompareAndSwap(_ context.Context, plugin, tenant, key string, old, v []byte, ttl time.Duration) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	have, ok := k.m[k.id(plugin, tenant, key)]
	if ok != (old != nil) || !bytes.Equal(have, old) {
		return false, nil
	}
	k.m[k.id(plugin, tenant, key)], k.ttl = v, ttl
	return true, nil
}

func (k *store) Delete(_ context.Context, plugin, tenant, key string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.m, k.id(plugin, tenant, key))
	return nil
}

func (k *store) Add(_ context.Context, plugin, tenant, key string, delta int64, ttl time.Duration) (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := k.id(plugin, tenant, key)
	if v := k.m[id]; len(v) == 8 {
		delta += int64(binary.LittleEndian.Uint64(v))
	}
	k.m[id], k.ttl = binary.LittleEndian.AppendUint64(nil, uint64(delta)), ttl
	return delta, nil
}

func (k *store) Batch(ctx context.Context, plugin, tenant string, ops []abi.KVRequest) ([]abi.KVResult, error) {
	var out []abi.KVResult
	for i := range ops {
		o := &ops[i]
		var r abi.KVResult
		var err error
		switch o.Op {
		case abi.KVOpGet:
			r.Value, r.Found, err = k.Get(ctx, plugin, tenant, o.Key)
		case abi.KVOpSet:
			err = k.Set(ctx, plugin, tenant, o.Key, o.Value, time.Duration(o.TTLMs)*time.Millisecond)
		case abi.KVOpDelete:
			err = k.Delete(ctx, plugin, tenant, o.Key)
		case abi.KVOpAdd:
			r.Number, err = k.Add(ctx, plugin, tenant, o.Key, o.Delta, 0)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// dns answers what it was asked, so that a scenario sees both ways.
type dns struct{}

func (dns) Query(_ context.Context, qs []abi.DNSQuestion) []abi.DNSAnswer {
	var out []abi.DNSAnswer
	for i, q := range qs {
		a := abi.DNSAnswer{Code: abi.DNSCode(i % 4), TTLS: uint32(i) * 60, Secure: i%2 == 0}
		if a.Code == abi.DNSCodeOk {
			a.Records = []string{q.Name + " " + q.Type, "10 mx.test"}
		}
		out = append(out, a)
	}
	return out
}

// network has a server that gives back what it got, and one that is not there.
type network struct{}

func (network) Dial(_ context.Context, address string, _ []string) (net.Conn, error) {
	if address != "unix:/run/echo" {
		return nil, errors.New("connection refused by the scenario")
	}
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		// Everything up to the line END, then an answer to all of it.
		var got []byte
		b := make([]byte, 4096)
		for !bytes.HasSuffix(got, []byte("END")) {
			n, err := there.Read(b)
			if err != nil {
				return
			}
			got = append(got, b[:n]...)
		}
		_, _ = there.Write(bytes.ToUpper(got))
	}()
	return here, nil
}

func (network) Fetch(_ context.Context, r *abi.HTTPRequest, body io.Reader, size int64, _ []string) (*abi.HTTPResponse, error) {
	if strings.HasSuffix(r.URL, "/gone") {
		return nil, fmt.Errorf("%w: the scenario does not like it", filter.ErrBadRequest)
	}
	if body != nil {
		b, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		r.Body = append([]byte(fmt.Sprintf("part of %d: ", size)), b...)
	}
	return &abi.HTTPResponse{
		Status: 200 + uint32(len(r.Headers)), Truncated: true, Body: append(r.Body, 0, 0xff),
		Headers: append(r.Headers, abi.Header{Name: "Seen", Value: r.Method + " " + r.URL[strings.LastIndex(r.URL, "/weir/"):]}),
	}, nil
}

// queue writes down what was ordered.
type queue struct{ said []string }

func (q *queue) say(f string, a ...any) { q.said = append(q.said, fmt.Sprintf(f, a...)) }

func (q *queue) Schedule(_ context.Context, plugin, tenant string, config uint64, r abi.ScheduleRequest) error {
	q.say("schedule %s %s %d %d %s %s %x %s", plugin, tenant, config, r.AtUnixMs, r.Name, r.Key, r.Payload, r.Message)
	return nil
}

func (q *queue) Message(_ context.Context, tenant, id string) (*abi.MessageInfo, error) {
	if id == "gone" {
		return nil, filter.ErrNoMessage
	}
	m := information()
	m.ID = id
	return &m, nil
}

func (q *queue) Order(_ context.Context, verb, plugin, tenant string, o abi.MessageOrder) (int, error) {
	if o.ID == "gone" {
		return 0, filter.ErrNoMessage
	}
	q.say("%s %s %s %s %d %s", verb, plugin, tenant, o.ID, o.Recipient, o.Reason)
	return len(q.said), nil
}

func (q *queue) Submit(_ context.Context, plugin, tenant string, s abi.Submission) (string, error) {
	q.say("submit %s %s %v %s %q %v %s", plugin, tenant, s.To, s.Subject, s.Text, s.Headers, s.Parent)
	return "01notice", nil
}

// mailed is the message of the scenarios.
type mailed struct {
	headers []abi.Header
	parts   abi.PartList
	bodies  [][]byte
	raw     []byte
	err     error
}

func message() *mailed {
	m := &mailed{raw: bytes.Repeat([]byte("Raw line of the message, \xe9\x00 too.\r\n"), 3000)}
	for i := range 40 {
		m.headers = append(m.headers, abi.Header{Name: fmt.Sprintf("X-%d", i%20), Value: strings.Repeat("v", i*20) + "\xff é"})
	}
	m.headers = append(m.headers, abi.Header{Name: "Subject", Value: "prize 42 \xc3"})
	big := make([]byte, 100_000)
	for i := range big {
		big[i] = byte(i * i >> 7)
	}
	m.bodies = [][]byte{nil, []byte("hello PRIZE"), big, []byte("PK zip!"), {}}
	for i, b := range m.bodies {
		m.parts.Parts = append(m.parts.Parts, abi.Part{
			Index: uint32(i), Type: "text/plain", Size: uint64(len(b)), Number: fmt.Sprint(i), Filename: "naïve\xfe.txt",
			Names: []string{"a", "b\xff"}, Attachment: i > 1, Malformed: i == 3, Depth: uint32(min(i, 1)),
		})
	}
	m.parts.Parts[0].Type = "multipart/mixed"
	m.parts.Malformed = true
	return m
}

func (m *mailed) Headers() []abi.Header { return m.headers }
func (m *mailed) Parts() abi.PartList   { return m.parts }

func (m *mailed) ReadPart(part int, off int64, p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	b := m.raw
	if part >= 0 {
		b = m.bodies[part]
	}
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	return copy(p, b[off:]), nil
}

func information() abi.MessageInfo {
	return abi.MessageInfo{
		ID: "01m", Direction: abi.DirectionOutbound, Sender: "a@b.test", ReceivedUnixMs: 1 << 41, Size: 1 << 33, From: "From", To: "To", Cc: "Cc",
		Subject: "Sübject\xff", MessageID: "<x@y>", Attachments: []string{"a.zip", "b"}, HasBody: true,
		Recipients: []abi.RecipientInfo{
			{N: 1, Address: "x@acme.test", Tenant: "acme", Status: "quarantined", Class: "spam/a/b", Score: -2.5, Reason: "r", Attempts: 3, Reply: "250 ok",
				Findings: []abi.Finding{{Main: "spam", Score: 1e300}, {Main: "malware", Part: 2, Path: "a/b"}}},
			{N: 2, Address: "y@acme.test"},
		},
	}
}
