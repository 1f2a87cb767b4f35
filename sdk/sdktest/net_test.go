package sdktest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

// run runs one hook on a fresh host.
func run(t *testing.T, h *sdktest.Host, hook sdk.Hook) (*abi.Verdict, error) {
	t.Helper()
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{abi.StageMessage: hook}})
	return h.Try(&abi.Event{Stage: abi.StageMessage})
}

func host(t *testing.T) *sdktest.Host {
	sdk.Register(sdk.Plugin{})
	return sdktest.New(t)
}

func TestDNS(t *testing.T) {
	h := host(t)
	h.DNS[abi.DNSQuestion{Name: "a.test", Type: "TXT"}] = abi.DNSAnswer{Records: []string{"x"}, TTLS: 60}
	_, err := run(t, h, func(c *sdk.Call, _ *sdk.Verdict) error {
		as, err := c.DNS([]abi.DNSQuestion{{Name: "A.test", Type: "txt"}, {Name: "b.test", Type: "A"}})
		if err != nil || as[0].Records[0] != "x" || as[1].Code != abi.DNSCodeNotFound {
			t.Errorf("%+v, %v", as, err)
		}
		_, err = c.DNS(make([]abi.DNSQuestion, 33))
		return err
	})
	if !errors.Is(err, sdk.ErrTooLarge) {
		t.Error(err)
	}
}

func TestFetch(t *testing.T) {
	h := host(t)
	h.AddPart(abi.Part{}, []byte("the part"))
	h.HTTP = func(r *abi.HTTPRequest) (*abi.HTTPResponse, error) {
		if string(r.Body) != "the part" {
			return nil, sdk.ErrTimeout
		}
		return &abi.HTTPResponse{Status: 200, Body: []byte("long body")}, nil
	}
	_, err := run(t, h, func(c *sdk.Call, _ *sdk.Verdict) error {
		r, err := c.Fetch(&abi.HTTPRequest{URL: "http://x.test/", BodyPart: sdk.BodyPart(0), MaxBody: 4})
		if err != nil || string(r.Body) != "long" || !r.Truncated {
			t.Errorf("%+v, %v", r, err)
		}
		_, err = c.Fetch(&abi.HTTPRequest{URL: "http://x.test/"})
		return err
	})
	if !errors.Is(err, sdk.ErrTimeout) {
		t.Error(err)
	}
	h.HTTP = nil
	if _, err = run(t, h, func(c *sdk.Call, _ *sdk.Verdict) error {
		_, err := c.Fetch(&abi.HTTPRequest{})
		return err
	}); !errors.Is(err, sdk.ErrUnavailable) || !strings.Contains(err.Error(), "HTTP") {
		t.Error(err)
	}
}

func TestDial(t *testing.T) {
	h := host(t)
	h.SetRaw([]byte("0123456789"))
	closed := make(chan string, 9)
	h.Dial = func(address string) (io.ReadWriteCloser, error) {
		ours, theirs := net.Pipe()
		go func() {
			var b bytes.Buffer
			_, _ = io.CopyN(&b, theirs, 7)
			_, _ = theirs.Write([]byte("got it"))
			_, _ = io.Copy(&b, theirs)
			closed <- address + " " + b.String()
		}()
		return ours, nil
	}
	if _, err := run(t, h, func(c *sdk.Call, _ *sdk.Verdict) error {
		conn, err := c.Dial("x:1")
		if err != nil {
			return err
		}
		if _, err := conn.Write([]byte("hi ")); err != nil {
			return err
		}
		if n, err := conn.SendPart(abi.PartRaw, 6, 99); n != 4 || err != nil {
			t.Error(n, err)
		}
		b := make([]byte, 20)
		n, err := conn.Read(b)
		if string(b[:n]) != "got it" {
			t.Errorf("%q", b[:n])
		}
		return err // left open
	}); err != nil {
		t.Fatal(err)
	}
	if got := <-closed; got != "x:1 hi 6789" {
		t.Error(got)
	}
	if _, err := run(t, h, func(c *sdk.Call, _ *sdk.Verdict) error {
		for range 9 {
			if _, err := c.Dial("x:1"); err != nil {
				return err
			}
		}
		return nil
	}); !errors.Is(err, sdk.ErrTooLarge) {
		t.Error(err)
	}
}

func TestEdits(t *testing.T) {
	h := host(t)
	h.AddPart(abi.Part{Type: "text/plain"}, []byte("hello"))
	v, err := run(t, h, func(c *sdk.Call, v *sdk.Verdict) error {
		v.AppendPart(0, []byte("-- "))
		v.KeepOriginal = true
		return c.StagePart(0, []byte("the end"))
	})
	if err != nil || string(v.PartEdits[0].Text) != "-- the end" || !v.KeepOriginal || string(h.Staged[0]) != "the end" {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err = run(t, h, func(c *sdk.Call, _ *sdk.Verdict) error { return c.StagePart(0, []byte("x")) }); err == nil {
		t.Error("staged content that no edit takes")
	}
	if _, err = run(t, h, func(c *sdk.Call, v *sdk.Verdict) error {
		v.ReplacePart(0, "", "", nil)
		return c.StagePart(0, make([]byte, 257<<10))
	}); !errors.Is(err, sdk.ErrTooLarge) {
		t.Error(err)
	}
}

func TestQueue(t *testing.T) {
	h := host(t)
	h.Messages["m1"] = &abi.MessageInfo{ID: "m1", Recipients: []abi.RecipientInfo{{N: 1}, {N: 2}}}
	if _, err := run(t, h, func(c *sdk.Call, _ *sdk.Verdict) error {
		for _, at := range []uint64{5, 6} {
			if err := c.Schedule(abi.ScheduleRequest{AtUnixMs: at, Name: "n", Key: "k"}); err != nil {
				return err
			}
		}
		if m, err := c.Message("m1"); err != nil || len(m.Recipients) != 2 {
			t.Error(m, err)
		}
		all, err := c.Release(abi.MessageOrder{ID: "m1"})
		one, err2 := c.Reject(abi.MessageOrder{ID: "m1", Recipient: 2})
		_, err3 := c.Delete(abi.MessageOrder{ID: "m2"})
		if all != 2 || one != 1 || err != nil || err2 != nil || !errors.Is(err3, sdk.ErrNotFound) {
			t.Error(all, one, err, err2, err3)
		}
		id, err := c.Submit(abi.Submission{To: []string{"a@b.test"}})
		if id != "submitted-1" {
			t.Error(id)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(h.Scheduled) != 1 || h.Scheduled[0].AtUnixMs != 6 || len(h.Submitted) != 1 || len(h.Orders) != 2 || h.Orders[1].Verb != "reject" {
		t.Errorf("%+v %+v %+v", h.Scheduled, h.Submitted, h.Orders)
	}
}

func TestParams(t *testing.T) {
	h := host(t)
	p := abi.Object()
	p.Set("text", abi.String("hi"))
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{abi.StageAction: func(c *sdk.Call, v *sdk.Verdict) error {
		p, err := c.Params()
		v.Result("said", p.Get("text").String)
		return err
	}}})
	if v := h.Run(&abi.Event{Stage: abi.StageAction, Payload: p.Append(nil)}); v.Results[0].Value != "hi" {
		t.Error(v.Results)
	}
	if v := h.Run(&abi.Event{Stage: abi.StageAction}); v.Results[0].Value != "" {
		t.Error(v.Results)
	}
}

func TestBatchAndClock(t *testing.T) {
	h := host(t)
	now := time.Unix(1e9, 0)
	h.Clock = func() time.Time { return now }
	ops := []abi.KVRequest{
		{Op: abi.KVOpSet, Key: "short", Value: []byte("s"), TTLMs: 1000},
		{Op: abi.KVOpAdd, Key: "n", Delta: 4},
		{Op: abi.KVOpGet, Key: "short"},
		{Op: abi.KVOpGet, Key: "none"},
		{Op: abi.KVOpDelete, Key: "none"},
	}
	if _, err := run(t, h, func(c *sdk.Call, _ *sdk.Verdict) error {
		if !c.Now().Equal(now) {
			t.Error(c.Now())
		}
		r, err := c.KV().Batch(ops)
		if err != nil || r[1].Number != 4 || !r[2].Found || r[3].Found || r[4].Found {
			t.Errorf("%+v, %v", r, err)
		}
		now = now.Add(2 * time.Second)
		if _, ok, err := c.KV().Get("short"); ok || err != nil {
			t.Error("its time is over", err)
		}
		_, err = c.KV().Batch(append(ops, abi.KVRequest{Op: abi.KVOpAdd, Key: "short", Delta: 1}))
		return err
	}); err == nil {
		t.Error("added to a text")
	}
	if h.KV["n"][0] != 4 {
		t.Error("a batch that failed has written")
	}
}
