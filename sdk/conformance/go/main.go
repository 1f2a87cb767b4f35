// Command go is the conformance guest of the Go SDK; ../README.md says what it
// is for.
package main

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func main() {}

func init() {
	p := sdk.Plugin{Init: onInit, Hooks: sdk.Hooks{}}
	for s := abi.StageConnect; s <= abi.StageAction; s++ {
		p.Hooks[s] = act
	}
	sdk.Register(p)
}

var started abi.Init

func onInit(in abi.Init) error {
	started = in
	return nil
}

// largest is the most octets that go into a note.
const largest = 4000

var (
	errNone  = errors.New("there is none")
	errNoOp  = sdk.Error("nothing is called that")
	outcomes = map[error]string{
		sdk.ErrNotFound: "-1", sdk.ErrDenied: "-2", sdk.ErrTooLarge: "-3", sdk.ErrTimeout: "-4", sdk.ErrBadArgument: "-5", sdk.ErrUnavailable: "-6",
		abi.ErrShort: "short", abi.ErrCount: "count", abi.ErrDepth: "depth", abi.ErrTail: "tail",
	}
)

func act(c *sdk.Call, v *sdk.Verdict) error {
	p, err := c.Params()
	if err != nil {
		return err
	}
	out, err := do(c, v, args{p})
	if err == nil {
		if len(out) > largest {
			return c.KV().Set("out", out, 0)
		}
		if out != nil {
			v.Note("ok", string(out))
		}
		return nil
	}
	if err == errNone {
		v.Note("none", "")
		return nil
	}
	for e, code := range outcomes {
		if errors.Is(err, e) {
			v.Note("err", code)
			v.Note("text", lastError())
			return nil
		}
	}
	return err
}

type args struct{ abi.Value }

func (a args) text(name string) string { return a.Get(name).String }
func (a args) octets(name string) []byte {
	return []byte(a.Get(name).String)
}
func (a args) int(name string) int { return int(a.Get(name).Number) }

func decimal(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// done is an output of nothing.
func done(err error) ([]byte, error) { return []byte{}, err }

func do(c *sdk.Call, v *sdk.Verdict, a args) ([]byte, error) {
	switch c.Name {
	case "init":
		return started.Append(nil), nil
	case "echo":
		return c.Event.Append(nil), nil
	case "describe":
		d := describe(&c.Event)
		return d.Append(nil), nil
	case "recode":
		r := recordOf(a.text("record"))
		if r == nil {
			return nil, errNoOp
		}
		if err := r.Decode(a.octets("data")); err != nil {
			return nil, err
		}
		return r.Append(nil), nil
	case "params":
		return a.Append(nil), nil
	case "config":
		val, err := c.Value()
		return val.Append(nil), err
	case "config built":
		cfg, err := sdk.Config(c, build)
		if err != nil {
			return nil, sdk.Error("configuration: " + err.Error())
		}
		return append(append(decimal(cfg.limit), ':'), decimal(int64(cfg.builds))...), nil
	case "note of":
		s, ok := c.NoteOf(a.text("key"))
		if !ok {
			return nil, errNone
		}
		return []byte(s), nil
	case "log":
		line := a.text("line")
		switch abi.LogLevel(a.int("level")) {
		case abi.LogLevelDebug:
			c.Debug(line)
		case abi.LogLevelInfo:
			c.Info(line)
		case abi.LogLevelWarn:
			c.Warn(line)
		default:
			c.Error(line)
		}
		var kept []byte
		for l := abi.LogLevelDebug; l <= abi.LogLevelError; l++ {
			b := byte('0')
			if c.Enabled(l) {
				b = '1'
			}
			kept = append(kept, b)
		}
		return kept, nil
	case "count":
		return done(c.Count(a.text("name"), int64(a.int("delta"))))
	case "fail":
		return nil, sdk.Error(a.text("why"))
	case "trap":
		panic(a.text("why"))
	case "large":
		v.Text = string(make([]byte, 300<<10))
		return nil, nil
	case "verdict":
		return nil, v.Decode(a.octets("data"))
	case "verdict built":
		built(v)
		return nil, nil
	}
	return message(c, v, a)
}

func message(c *sdk.Call, v *sdk.Verdict, a args) ([]byte, error) {
	part := int32(a.int("part"))
	switch c.Name {
	case "headers":
		hs, err := c.Headers()
		return (&abi.HeaderList{Headers: hs}).Append(nil), err
	case "header":
		s, ok := c.HeaderAt(a.text("name"), a.int("nth"))
		if !ok {
			return nil, errNone
		}
		return []byte(s), nil
	case "parts":
		l, err := c.Parts()
		if err != nil {
			return nil, err
		}
		return l.Append(nil), nil
	case "read":
		r := c.OpenRaw()
		if part != abi.PartRaw {
			r = c.Open(&abi.Part{Index: uint32(part)})
		}
		out := []byte{}
		for _, x := range a.Get("ranges").Items {
			b := make([]byte, int(x.Items[1].Number))
			n, err := r.ReadAt(b, int64(x.Items[0].Number))
			if err != nil && err != io.EOF {
				return nil, err
			}
			out = append(out, b[:n]...)
		}
		return out, nil
	case "hash":
		return c.Hash(part, abi.Hash(a.int("alg")))
	case "match part", "match text":
		p := sdk.NewPatterns(uint32(a.int("set")), patterns(a.Get("patterns"))...)
		var hits []uint32
		var err error
		if c.Name == "match part" {
			hits, err = p.MatchPart(c, part)
		} else {
			hits, err = p.MatchText(c, a.text("text"))
		}
		out := []byte{}
		for _, h := range hits {
			out = append(append(out, decimal(int64(h))...), ',')
		}
		return out, err
	case "stage":
		for _, x := range a.Get("content").StringList() {
			if err := c.StagePart(part, []byte(x)); err != nil {
				return nil, err
			}
		}
		v.AppendPart(uint32(part), a.octets("text"))
		return []byte{}, nil
	}
	return store(c, a)
}

func patterns(v abi.Value) []abi.Pattern {
	var out []abi.Pattern
	for _, x := range v.Items {
		out = append(out, abi.Pattern{Kind: abi.PatternKind(x.Items[0].Number), Text: x.Items[1].String, Fold: x.Items[2].Bool})
	}
	return out
}

func store(c *sdk.Call, a args) ([]byte, error) {
	kv, key, value, ttl := c.KV(), a.text("key"), a.octets("value"), int64(a.int("ttl"))
	switch c.Name {
	case "lookup":
		res, err := c.Lookup(a.text("list"), a.Get("keys").StringList()...)
		return res.Append(nil), err
	case "kv get":
		b, ok, err := kv.Get(key)
		if err == nil && !ok {
			err = errNone
		}
		return append([]byte{}, b...), err
	case "kv set":
		return done(kv.Set(key, value, ttl))
	case "kv cas":
		var old []byte
		if x := a.Get("old"); !x.IsNull() {
			old = append([]byte{}, x.String...)
		}
		ok, err := kv.CompareAndSwap(key, old, value, ttl)
		if ok {
			return []byte("1"), err
		}
		return []byte("0"), err
	case "kv delete":
		return done(kv.Delete(key))
	case "kv add":
		n, err := kv.Add(key, int64(a.int("delta")), ttl)
		return decimal(n), err
	case "kv batch":
		var b abi.KVBatch
		if err := b.Decode(a.octets("data")); err != nil {
			return nil, err
		}
		rs, err := kv.Batch(b.Ops)
		return (&abi.KVBatchResult{Results: rs}).Append(nil), err
	}
	return beyond(c, a)
}

func beyond(c *sdk.Call, a args) ([]byte, error) {
	data := a.octets("data")
	switch c.Name {
	case "dns":
		var r abi.DNSRequest
		if err := r.Decode(data); err != nil {
			return nil, err
		}
		as, err := c.DNS(r.Questions)
		return (&abi.DNSResponse{Answers: as}).Append(nil), err
	case "fetch":
		var r abi.HTTPRequest
		if err := r.Decode(data); err != nil {
			return nil, err
		}
		res, err := c.Fetch(&r)
		if err != nil {
			return nil, err
		}
		return res.Append(nil), nil
	case "dial":
		return talk(c, a)
	case "schedule":
		var r abi.ScheduleRequest
		if err := r.Decode(data); err != nil {
			return nil, err
		}
		return done(c.Schedule(r))
	case "message":
		m, err := c.Message(a.text("id"))
		if err != nil {
			return nil, err
		}
		return m.Append(nil), nil
	case "release", "reject", "delete":
		var o abi.MessageOrder
		if err := o.Decode(data); err != nil {
			return nil, err
		}
		verb := map[string]func(abi.MessageOrder) (int, error){"release": c.Release, "reject": c.Reject, "delete": c.Delete}[c.Name]
		n, err := verb(o)
		return decimal(int64(n)), err
	case "submit":
		var s abi.Submission
		if err := s.Decode(data); err != nil {
			return nil, err
		}
		id, err := c.Submit(s)
		return []byte(id), err
	}
	return nil, errNoOp
}

// talk writes a text and a range of a part, and reads to the end.
func talk(c *sdk.Call, a args) ([]byte, error) {
	conn, err := c.Dial(a.text("address"))
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(a.octets("write")); err != nil {
		return nil, err
	}
	sent, err := conn.SendPart(int32(a.int("part")), int64(a.int("offset")), int64(a.int("length")))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		return nil, err
	}
	if err := conn.Close(); err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{decimal(sent), b}, []byte(":")), nil
}

type settings struct {
	limit  int64
	builds int
}

var builds int

func build(v abi.Value) (settings, error) {
	builds++
	if v.Get("limit").Number < 0 {
		return settings{}, sdk.Error("a limit below 0")
	}
	return settings{int64(v.Get("limit").Number), builds}, nil
}

// describe gives the fields of an event by their names in this language.
func describe(e *abi.Event) abi.Value {
	n := func(x uint64) abi.Value { return abi.String(strconv.FormatUint(x, 10)) }
	s := abi.String
	at := &e.Attempt
	list := abi.List(
		n(uint64(e.Stage)), n(e.ConfigID), s(e.ID), s(e.Tenant), n(uint64(e.Direction)),
		s(e.Client.IP), n(uint64(e.Client.Port)), s(e.Client.Name), s(e.Client.Helo), abi.Bool(e.Client.Esmtp),
		s(e.Client.TLSVersion), s(e.Client.TLSCipher), s(e.Client.AuthUser), s(e.Client.Listener),
		s(e.Sender), s(e.Recipient), abi.Strings(e.Recipients...), n(e.Size), n(uint64(e.PartCount)), abi.Bool(e.Malformed),
		n(e.ReceivedUnixMs), s(e.Filter),
		n(uint64(at.Number)), n(uint64(at.Result)), n(uint64(at.Code)), s(at.Enhanced), s(at.Text), s(at.Host), s(at.Addr), n(at.NextUnixMs),
		s(e.Name), s(e.Actor),
	)
	for i := range e.Message {
		m := &e.Message[i]
		list.Items = append(list.Items, s(m.ID), s(m.Sender), s(m.Subject), abi.Bool(m.HasBody))
		for k := range m.Recipients {
			r := &m.Recipients[k]
			list.Items = append(list.Items, s(r.Address), s(r.Status), abi.Number(r.Score), s(r.Reply))
		}
	}
	return list
}

// built fills a verdict by every function the SDK has for it.
func built(v *sdk.Verdict) {
	v.RedirectTo("other@acme.test")
	v.Recommend(abi.ActionQuarantine)
	v.Tempfail(451, "4.7.1", "later")
	v.Reject(550, "5.7.1", "no")
	f := v.Find("spam", "subject")
	f.Score, f.Explanation, f.Part = 1.5, "a word", 1
	v.Tag("one")
	v.Tag("two")
	v.AddHeader("X-Added", "value")
	v.ReplaceHeader("Subject", 0, "other")
	v.RemoveHeader("X-Gone", -1)
	v.ReplacePart(1, "text/plain", "note.txt", []byte("new"))
	v.PrependPart(2, []byte("before"))
	v.AppendPart(2, []byte("after"))
	v.RemovePart(3)
	v.Note("key", "value")
	v.Waive("known", "spam", "list/sender")
	v.KeepOriginal = true
	v.Hold = abi.Hold{UntilUnixMs: 1 << 40, Reason: "wait", Key: "k"}
	v.Route, v.DelayMs = "slow", 250
}
