// Package sdktest is an in-memory host for the tests of a plugin's logic: it
// runs the registered plugin natively, with the headers, parts, configuration,
// lists, KV, DNS, HTTP, connections, messages and clock that the test gives it. It does not stand in for a test in Wasm:
// limits, grants and traps are the gateway's.
//
//	h := sdktest.New(t)
//	h.SetConfig(abi.Strings("x"))
//	v := h.Run(&abi.Event{Stage: abi.StageMessage, Sender: "a@b.test"})
package sdktest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/pattern"
)

// Line is one line a plugin logged.
type Line struct {
	Level abi.LogLevel
	Text  string
}

// Host is the fake. Its maps may be read and changed between runs.
type Host struct {
	Lists    map[string]map[string]string // list: key: value
	KV       map[string][]byte
	Counters map[string]int64
	Lines    []Line
	Level    abi.LogLevel

	DNS  map[abi.DNSQuestion]abi.DNSAnswer                 // not there: code not_found
	HTTP func(*abi.HTTPRequest) (*abi.HTTPResponse, error) // nil: unavailable
	Dial func(address string) (io.ReadWriteCloser, error)  // nil: unavailable; what is open after a run is closed

	Messages  map[string]*abi.MessageInfo // by ID
	Scheduled []abi.ScheduleRequest
	Submitted []abi.Submission
	Orders    []Order

	Staged map[int32][]byte // what the last run staged, by part
	Clock  func() time.Time // what time it is, for the plugin (Call.Now) and for TTLs; nil: time.Now, and TTLs are not looked at

	t        testing.TB
	instance *sdk.Instance
	headers  []abi.Header
	parts    abi.PartList
	bodies   [][]byte
	raw      []byte
	configs  map[uint64]abi.Value
	config   uint64
	sets     map[setKey]*pattern.Set
	ends     map[string]time.Time // of KV
	open     opened
}

type setKey struct {
	config uint64
	set    uint32
}

// New starts an instance of the registered plugin; a failing Init fails the test.
func New(t testing.TB) *Host {
	t.Helper()
	h := &Host{
		Lists: map[string]map[string]string{}, KV: map[string][]byte{}, Counters: map[string]int64{},
		DNS: map[abi.DNSQuestion]abi.DNSAnswer{}, Messages: map[string]*abi.MessageInfo{}, Staged: map[int32][]byte{},
		ends: map[string]time.Time{},
		t:    t, configs: map[uint64]abi.Value{}, sets: map[setKey]*pattern.Set{},
	}
	var err error
	h.instance, err = sdk.NewInstance(fake{h}, abi.Init{HostMinor: abi.Minor, MemoryLimit: 64 << 20, DeadlineMs: 5000})
	if err != nil {
		t.Fatalf("init: %v", err)
	}
	return h
}

// SetConfig gives the configuration of the calls that follow, under a new ID.
func (h *Host) SetConfig(v abi.Value) {
	h.config++
	h.configs[h.config] = v
}

// AddHeader adds a header field at the end.
func (h *Host) AddHeader(name, value string) {
	h.headers = append(h.headers, abi.Header{Name: name, Value: value})
}

// AddPart adds a MIME part with its decoded content. Index and Size are set.
func (h *Host) AddPart(p abi.Part, content []byte) {
	p.Index, p.Size = uint32(len(h.parts.Parts)), uint64(len(content))
	h.parts.Parts = append(h.parts.Parts, p)
	h.bodies = append(h.bodies, content)
}

// SetMalformed says that the MIME structure is uncertain.
func (h *Host) SetMalformed(m bool) { h.parts.Malformed = m }

// SetRaw gives the raw message.
func (h *Host) SetRaw(b []byte) { h.raw = b }

// ClearMessage forgets headers, parts and raw message.
func (h *Host) ClearMessage() { h.headers, h.parts, h.bodies, h.raw = nil, abi.PartList{}, nil, nil }

// Run runs the hook of the event's stage; an error fails the test. ConfigID,
// PartCount, Malformed and Size are filled in where they are zero.
func (h *Host) Run(ev *abi.Event) *abi.Verdict {
	h.t.Helper()
	v, err := h.Try(ev)
	if err != nil {
		h.t.Fatalf("hook %s: %v", ev.Stage, err)
	}
	return v
}

// Try is Run for hooks that may fail.
func (h *Host) Try(ev *abi.Event) (*abi.Verdict, error) {
	e := *ev
	if e.ConfigID == 0 {
		e.ConfigID = h.config
	}
	if e.PartCount == 0 {
		e.PartCount = uint32(len(h.parts.Parts))
	}
	e.Malformed = e.Malformed || h.parts.Malformed
	if e.Size == 0 {
		e.Size = uint64(len(h.raw))
	}
	h.Staged = map[int32][]byte{}
	h.closeConns()
	defer h.closeConns()
	v, err := h.instance.Run(&e)
	if err != nil {
		return nil, err
	}
	return v, h.settle(v)
}

// Now is the time of the test.
func (h fake) Now() time.Time {
	if h.Clock == nil {
		return time.Now()
	}
	return h.Clock()
}

// fake implements sdk.Host, apart from what tests call and set.
type fake struct{ *Host }

func (h fake) ConfigRead(id uint64) ([]byte, error) {
	v, ok := h.configs[id]
	if !ok {
		return nil, sdk.ErrNotFound
	}
	return v.Append(nil), nil
}

func (h fake) Log(l abi.LogLevel, line string) {
	h.t.Logf("plugin %s: %s", l, line)
	h.Lines = append(h.Lines, Line{l, line})
}

func (h fake) LogLevel() abi.LogLevel { return h.Level }

func (h fake) MetricAdd(name string, delta int64) error {
	h.Counters[name] += delta
	return nil
}

func (h fake) HeadersRead() ([]byte, error) {
	return (&abi.HeaderList{Headers: h.headers}).Append(nil), nil
}

func (h fake) HeaderGet(name string, nth int) ([]byte, error) {
	for _, f := range h.headers {
		if strings.EqualFold(f.Name, name) {
			if nth == 0 {
				return []byte(f.Value), nil
			}
			nth--
		}
	}
	return nil, sdk.ErrNotFound
}

func (h fake) PartsRead() ([]byte, error) { return h.parts.Append(nil), nil }

func (h fake) content(part int32) ([]byte, error) {
	switch {
	case part == abi.PartRaw:
		return h.raw, nil
	case part >= 0 && int(part) < len(h.bodies):
		return h.bodies[part], nil
	}
	return nil, sdk.ErrBadArgument
}

func (h fake) BodyRead(part int32, off int64, p []byte) (int, error) {
	b, err := h.content(part)
	if err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, sdk.ErrBadArgument
	}
	if off >= int64(len(b)) {
		return 0, nil
	}
	return copy(p, b[off:]), nil
}

func (h fake) PartHash(part int32, alg abi.Hash) ([]byte, error) {
	b, err := h.content(part)
	if err != nil {
		return nil, err
	}
	switch alg {
	case abi.HashSHA256:
		d := sha256.Sum256(b)
		return d[:], nil
	case abi.HashSHA1:
		d := sha1.Sum(b)
		return d[:], nil
	case abi.HashMD5:
		d := md5.Sum(b)
		return d[:], nil
	}
	return nil, sdk.ErrBadArgument
}

func (h fake) MatchDefine(id uint64, set uint32, def []byte) error {
	var ps abi.PatternSet
	if err := ps.Decode(def); err != nil {
		return sdk.ErrBadArgument
	}
	s, err := pattern.Compile(&ps)
	if err != nil {
		h.t.Logf("match_define: %v", err)
		return sdk.ErrBadArgument
	}
	h.sets[setKey{id, set}] = s
	return nil
}

func (h fake) Match(id uint64, set uint32, part int32, hits []uint32) (int, error) {
	b, err := h.content(part)
	if err != nil {
		return 0, err
	}
	return h.match(id, set, hits, func(s *pattern.Set) ([]uint32, error) {
		return s.Reader(bytes.NewReader(b), func() error { return nil })
	})
}

func (h fake) MatchText(id uint64, set uint32, text string, hits []uint32) (int, error) {
	if len(text) > pattern.MaxText {
		return 0, sdk.ErrTooLarge
	}
	return h.match(id, set, hits, func(s *pattern.Set) ([]uint32, error) {
		return s.Text(text, func() error { return nil })
	})
}

func (h fake) match(id uint64, set uint32, hits []uint32, do func(*pattern.Set) ([]uint32, error)) (int, error) {
	s := h.sets[setKey{id, set}]
	if s == nil {
		return 0, sdk.ErrNotFound
	}
	found, err := do(s)
	if err != nil {
		return 0, sdk.ErrBadArgument
	}
	copy(hits, found)
	return len(found), nil
}

func (h fake) ListLookup(req []byte) ([]byte, error) {
	var r abi.LookupRequest
	if err := r.Decode(req); err != nil {
		return nil, sdk.ErrBadArgument
	}
	list, ok := h.Lists[r.List]
	if !ok {
		return nil, sdk.ErrNotFound
	}
	var res abi.LookupResult
	for _, k := range r.Keys {
		if v, ok := list[k]; ok {
			res = abi.LookupResult{Found: true, Key: k, Value: v}
			break
		}
	}
	return res.Append(nil), nil
}
