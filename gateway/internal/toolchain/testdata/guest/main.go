// Command guest is the plugin of this package's tests: what it does to a
// message stands in the header field X-Do, one word after the other.
package main

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{
		abi.StageConnect: onConnect, abi.StageRcptTo: onRcpt, abi.StageMessage: onMessage, abi.StageQueued: onQueued, abi.StageDelivery: onDelivery,
		abi.StageHoldEvent: onHold, abi.StageAction: onAction, abi.StageSchedule: onSchedule,
	}})
}

func main() {}

func onConnect(c *sdk.Call, v *sdk.Verdict) error {
	v.Note("client", c.Client.IP+" "+c.Client.Helo)
	return nil
}

func onRcpt(c *sdk.Call, v *sdk.Verdict) error {
	if strings.HasPrefix(c.Recipient, "nobody@") {
		v.Reject(550, "5.1.1", "no such recipient")
	}
	return nil
}

func onQueued(c *sdk.Call, _ *sdk.Verdict) error {
	c.Info("queued " + c.Sender)
	return c.Count("queued", 1)
}

func onDelivery(c *sdk.Call, _ *sdk.Verdict) error {
	c.Info(c.Attempt.Result.String() + " at " + c.Attempt.Host + " for " + c.Recipient)
	return nil
}

func onHold(c *sdk.Call, v *sdk.Verdict) error {
	v.Tag(c.Name + " " + c.Event.Message[0].ID + " " + c.Event.Message[0].Recipients[0].Status)
	return nil
}

func onAction(c *sdk.Call, v *sdk.Verdict) error {
	p, err := c.Params()
	if err != nil {
		return err
	}
	switch c.Name {
	case "let_go":
		n, err := c.Release(abi.MessageOrder{ID: c.Event.Message[0].ID, Reason: p.Get("why").String})
		if err != nil {
			return err
		}
		v.Result("changed", strconv.Itoa(n))
		_, err = c.Submit(abi.Submission{To: []string{c.Actor}, Subject: "let go"})
		return err
	}
	return sdk.Error("no such action")
}

func onSchedule(c *sdk.Call, v *sdk.Verdict) error {
	n, err := c.KV().Add("rung", 1, 0)
	v.Tag(c.Name + " " + string(c.Payload) + " " + strconv.FormatInt(n, 10) + " " + c.Now().UTC().Format(time.Kitchen))
	return err
}

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	do, _ := c.Header("X-Do")
	for _, word := range strings.Fields(do) {
		if err := one(c, v, word); err != nil {
			return err
		}
	}
	return nil
}

var leaked [][]byte

func one(c *sdk.Call, v *sdk.Verdict, word string) error {
	switch word {
	case "find":
		f := v.Find("spam", "test")
		f.Score, f.Explanation, f.Path = 2.5, "as it was told", "a.zip/b.txt"
		if c.PartCount > 1 {
			f.Part = 2
		}
	case "stall":
		v.Find("unscannable", "test").Action = abi.ActionStall
	case "note":
		s, _ := c.NoteOf("client")
		v.Tag(s)
	case "edit":
		v.AddHeader("X-Spam", "yes")
		v.RemoveHeader("Subject", 0)
		v.PrependPart(0, []byte("BANNER"))
		v.Waive("known", "spam", "list/sender")
		v.RedirectTo("else@where.test")
	case "hold":
		v.Hold = abi.Hold{UntilUnixMs: uint64(c.Now().Add(time.Hour).UnixMilli()), Reason: "wait", Key: "k"}
	case "fail":
		return sdk.Error("it was told to fail")
	case "crash":
		panic("it was told to crash")
	case "list":
		r, err := c.Lookup("block", c.Sender)
		if err != nil {
			return err
		}
		if r.Found {
			v.Find("list", "block").Explanation = r.Value
		}
	case "swallow": // the mistake that chaos is for
		if r, err := c.Lookup("block", c.Sender); err == nil && r.Found {
			v.Find("list", "block")
		}
	case "fragile": // the other one
		if _, err := c.Lookup("block", c.Sender); err != nil {
			panic(err)
		}
	case "unsure": // copes: says that it could not see
		if _, err := c.Lookup("block", c.Sender); err != nil {
			v.Find("unscannable", "list")
			return nil
		}
		v.Find("list", "block")
	case "raw":
		r := c.OpenRaw()
		b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		if err != nil {
			return err
		}
		v.Tag(strconv.Itoa(len(b)))
	case "hasty": // takes a short read for the end
		b := make([]byte, 4096)
		n, err := c.OpenRaw().ReadAt(b, 0)
		if err != nil && err != io.EOF {
			return err
		}
		v.Tag(strconv.Itoa(n))
	case "kv":
		n, err := c.KV().Add("seen", 1, 3_600_000)
		if err != nil {
			return err
		}
		v.Tag("seen " + strconv.FormatInt(n, 10))
	case "dns":
		as, err := c.DNS([]abi.DNSQuestion{{Name: "sender.test", Type: "MX"}, {Name: "gone.test", Type: "A"}})
		if err != nil {
			return err
		}
		v.Tag(as[0].Records[0], as[1].Code.String())
	case "http":
		r, err := c.Fetch(&abi.HTTPRequest{Method: "POST", URL: "https://hooks.test/x", Body: []byte("b")})
		if err != nil {
			return err
		}
		v.Tag(strconv.Itoa(int(r.Status)) + " " + string(r.Body))
	case "dial":
		conn, err := c.Dial("127.0.0.1:3310")
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("PING\n")); err != nil {
			return err
		}
		b, err := io.ReadAll(conn)
		if err != nil {
			return err
		}
		v.Tag(string(b))
	case "schedule":
		return c.Schedule(abi.ScheduleRequest{AtUnixMs: uint64(c.Now().Add(30 * time.Minute).UnixMilli()), Name: "ring", Key: "k1", Payload: []byte("again")})
	case "leak":
		leaked = append(leaked, make([]byte, 4<<10))
	}
	return nil
}
