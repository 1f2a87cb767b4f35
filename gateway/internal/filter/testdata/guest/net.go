package main

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// orders are what the guest does with the network, KV and the queue: the first
// word of the sender, then its arguments.
var orders = map[string]func(c *sdk.Call, v *sdk.Verdict, args []string) error{
	"dns": func(c *sdk.Call, v *sdk.Verdict, args []string) error {
		var qs []abi.DNSQuestion
		for i := 0; i+1 < len(args); i += 2 {
			qs = append(qs, abi.DNSQuestion{Name: args[i], Type: args[i+1]})
		}
		as, err := c.DNS(qs)
		if failed(v, err) {
			return nil
		}
		for _, a := range as {
			say(v, a.Code.String()+" "+strings.Join(a.Records, ",")+" "+strconv.Itoa(int(a.TTLS))+" "+strconv.FormatBool(a.Secure))
		}
		return nil
	},
	"fetch": func(c *sdk.Call, v *sdk.Verdict, args []string) error {
		r := &abi.HTTPRequest{URL: args[0]}
		for _, a := range args[1:] {
			key, value, _ := strings.Cut(a, "=")
			n, _ := strconv.Atoi(value)
			switch key {
			case "timeout":
				r.TimeoutMs = uint32(n)
			case "max":
				r.MaxBody = uint32(n)
			case "part":
				r.Method, r.BodyPart = "POST", sdk.BodyPart(int32(n))
			case "header":
				r.Headers = append(r.Headers, abi.Header{Name: value, Value: "x"})
			}
		}
		res, err := c.Fetch(r)
		if failed(v, err) {
			return nil
		}
		say(v, strconv.Itoa(int(res.Status))+" "+strconv.Itoa(len(res.Body))+" "+strconv.FormatBool(res.Truncated), line(res.Body[:min(len(res.Body), 60)]))
		return nil
	},
	"talk": func(c *sdk.Call, v *sdk.Verdict, args []string) error {
		conn, err := c.Dial(args[0])
		if failed(v, err) {
			return nil
		}
		if _, err := conn.Write([]byte("hello\n")); failed(v, err) {
			return nil
		}
		b, err := io.ReadAll(conn)
		if failed(v, err) {
			return nil
		}
		say(v, line(b))
		return conn.Close()
	},
	"send": func(c *sdk.Call, v *sdk.Verdict, args []string) error { // address part offset length
		conn, err := c.Dial(args[0])
		if failed(v, err) {
			return nil
		}
		part, _ := strconv.Atoi(args[1])
		off, _ := strconv.ParseInt(args[2], 10, 64)
		n, _ := strconv.ParseInt(args[3], 10, 64)
		sent, err := conn.SendPart(int32(part), off, n)
		if failed(v, err) {
			return nil
		}
		say(v, "sent "+strconv.FormatInt(sent, 10))
		if _, err := conn.Write([]byte("\nend\n")); failed(v, err) {
			return nil
		}
		b, err := io.ReadAll(conn)
		failed(v, err)
		say(v, line(b))
		return nil
	},
	"open": func(c *sdk.Call, v *sdk.Verdict, args []string) error { // address count how: what is open stays so
		n, _ := strconv.Atoi(args[1])
		for range n {
			conn, err := c.Dial(args[0])
			if failed(v, err) {
				break
			}
			if _, err := conn.Write([]byte("hello\n")); failed(v, err) {
				break
			}
		}
		switch args[2] {
		case "panic":
			panic("with connections open")
		case "loop":
			for i := uint32(0); ; i++ {
				calls += int(i & 1)
			}
		case "fail":
			return sdk.Error("with connections open")
		}
		return nil
	},
	"dials": func(c *sdk.Call, v *sdk.Verdict, args []string) error {
		for i := 0; ; i++ {
			conn, err := c.Dial(args[0])
			if failed(v, err) {
				say(v, strconv.Itoa(i))
				return nil
			}
			if err := conn.Close(); err != nil {
				return err
			}
			if err := conn.Close(); !errors.Is(err, sdk.ErrBadArgument) {
				return sdk.Error("closed twice")
			}
		}
	},
	"batch": batch,
	"learn": func(c *sdk.Call, v *sdk.Verdict, args []string) error {
		ops := make([]abi.KVRequest, 200)
		for i := range ops {
			ops[i] = abi.KVRequest{Op: abi.KVOpAdd, Key: "token-" + strconv.Itoa(i), Delta: 1}
			if args[0] == "get" {
				ops[i].Op = abi.KVOpGet
			}
		}
		_, err := c.KV().Batch(ops)
		return err
	},
	"read": func(c *sdk.Call, v *sdk.Verdict, _ []string) error {
		l, err := c.Parts()
		if err != nil {
			return err
		}
		p := make([]byte, 32<<10)
		for i := range l.Parts {
			r := c.Open(&l.Parts[i])
			for off := int64(0); off < r.Size(); off += int64(len(p)) {
				if _, err := r.ReadAt(p, off); err != nil && err != io.EOF {
					return err
				}
			}
		}
		return nil
	},
	"edit": func(c *sdk.Call, v *sdk.Verdict, args []string) error {
		for _, a := range args {
			op, part := a[:1], uint32(a[1]-'0')
			switch op {
			case "s": // stage
				if failed(v, c.StagePart(int32(part), []byte("staged "))) {
					return nil
				}
			case "S":
				if failed(v, c.StagePart(int32(part), make([]byte, 200<<10))) {
					return nil
				}
			case "r":
				v.ReplacePart(part, "text/html; charset=utf-8", "a.html", []byte("text "))
			case "a":
				v.AppendPart(part, []byte("after "))
			case "p":
				v.PrependPart(part, nil)
			case "x":
				v.RemovePart(part)
			case "k":
				v.KeepOriginal = true
			case "m":
				v.ReplacePart(part, "multipart/mixed", "", nil)
			case "n":
				v.ReplacePart(part, "", "a\r\nb", nil)
			}
		}
		return nil
	},
	"queue": queue,
}

// say tells the test something, in order.
func say(v *sdk.Verdict, texts ...string) {
	for _, t := range texts {
		v.Find("said").Explanation = t
	}
}

// line makes text fit for an explanation.
func line(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return '.'
		}
		return r
	}, string(b))
}

func failed(v *sdk.Verdict, err error) bool {
	if err == nil {
		return false
	}
	var he *sdk.HostError
	if errors.As(err, &he) {
		say(v, "err="+string(he.Code), he.Text)
	} else {
		say(v, "err="+err.Error())
	}
	return true
}

// batch fills a batch to its limit and looks at what came of it.
func batch(c *sdk.Call, v *sdk.Verdict, _ []string) error {
	kv := c.KV()
	ops := make([]abi.KVRequest, 1000)
	for i := range ops {
		key := "n" + strconv.Itoa(i/4)
		switch i % 4 {
		case 0:
			ops[i] = abi.KVRequest{Op: abi.KVOpSet, Key: "t" + key, Value: []byte("x"), TTLMs: 1000}
		case 1, 2:
			ops[i] = abi.KVRequest{Op: abi.KVOpAdd, Key: key, Delta: int64(i)}
		case 3:
			ops[i] = abi.KVRequest{Op: abi.KVOpGet, Key: key}
		}
	}
	r, err := kv.Batch(ops)
	if failed(v, err) {
		return nil
	}
	say(v, strconv.Itoa(len(r)), strconv.FormatInt(r[998].Number, 10), strconv.FormatBool(r[999].Found))
	_, err = kv.Batch(make([]abi.KVRequest, 1001))
	failed(v, err)
	_, err = kv.Batch([]abi.KVRequest{{Op: abi.KVOpSet, Key: "early", Value: []byte("x")}, {Op: abi.KVOpGet}})
	failed(v, err)
	if _, ok, err := kv.Get("early"); ok || err != nil {
		return sdk.Error("a batch that was refused has written")
	}
	_, err = kv.Batch([]abi.KVRequest{{Op: 9, Key: "x"}})
	failed(v, err)
	_, err = kv.Batch([]abi.KVRequest{{Op: abi.KVOpSet, Key: "x", Value: make([]byte, 65<<10)}})
	failed(v, err)
	_, err = kv.Batch([]abi.KVRequest{{Op: abi.KVOpSet, Key: "x", TTLMs: 1 << 60}})
	failed(v, err)
	return nil
}

// queue orders all there is to order.
func queue(c *sdk.Call, v *sdk.Verdict, args []string) error {
	if failed(v, c.Schedule(abi.ScheduleRequest{AtUnixMs: 1000, Name: "again", Key: "k", Payload: []byte("p"), Message: "m1"})) {
		return nil
	}
	failed(v, c.Schedule(abi.ScheduleRequest{AtUnixMs: 1000}))
	failed(v, c.Schedule(abi.ScheduleRequest{AtUnixMs: 1 << 60, Name: "x"}))
	m, err := c.Message("m1")
	if err != nil {
		return err
	}
	say(v, "from="+m.From)
	_, err = c.Message("m2")
	failed(v, err)
	n, err := c.Release(abi.MessageOrder{ID: "m1", Recipient: 1, Reason: "clean"})
	say(v, strconv.Itoa(n))
	failed(v, err)
	_, err = c.Reject(abi.MessageOrder{ID: "m2"})
	failed(v, err)
	_, err = c.Delete(abi.MessageOrder{})
	failed(v, err)
	id, err := c.Submit(abi.Submission{To: []string{"a@acme.test"}, Subject: "s", Text: "t"})
	say(v, id)
	failed(v, err)
	_, err = c.Submit(abi.Submission{To: []string{"a@acme.test"}, Subject: "s\r\nBcc: b@evil.test"})
	failed(v, err)
	_, err = c.Submit(abi.Submission{To: []string{"a@acme.test"}, Subject: "s", Headers: []abi.Header{{Name: "From", Value: "x@y.test"}}})
	failed(v, err)
	for i := 0; ; i++ {
		if _, err = c.Message("m1"); err != nil {
			failed(v, err)
			return nil
		}
	}
}
