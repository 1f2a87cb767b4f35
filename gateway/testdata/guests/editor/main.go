// Command editor is a plugin for tests of the gateway. Its filter's mode says
// what it does: "banner" adds text to text parts, "strip" takes ZIPs away and
// keeps the original, "sandbox" holds a message until its own schedule has
// found out about it.
package main

import (
	"strings"
	"time"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{
		abi.StageMessage: onMessage, abi.StageSchedule: onSchedule, abi.StageHoldEvent: onHoldEvent,
	}})
}

func main() {}

func mode(v abi.Value) (string, error) { return v.Get("mode").String, nil }

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	m, err := sdk.Config(c, mode)
	if err != nil {
		return err
	}
	switch m {
	case "sandbox":
		return sandbox(c, v)
	case "banner":
		return eachPart(c, func(p *abi.Part) {
			switch {
			case p.Attachment:
			case p.Type == "text/plain":
				v.AppendPart(p.Index, []byte("-- \nGrüße vom Gateway\n"))
			case p.Type == "text/html":
				v.AppendPart(p.Index, []byte("<p>Grüße vom Gateway</p>"))
			}
		})
	}
	return eachPart(c, func(p *abi.Part) {
		if strings.HasSuffix(p.Filename, ".zip") {
			v.RemovePart(p.Index)
			v.KeepOriginal = true
		}
	})
}

func eachPart(c *sdk.Call, f func(*abi.Part)) error {
	list, err := c.Parts()
	if err != nil {
		return err
	}
	for i := range list.Parts {
		f(&list.Parts[i])
	}
	return nil
}

// sandbox holds a message once, and then goes by what onSchedule has noted.
func sandbox(c *sdk.Call, v *sdk.Verdict) error {
	id := c.Event.ID
	if answer, ok, err := c.KV().Get("answer:" + id); err != nil || ok {
		if string(answer) == "bad" {
			f := v.Find("malware", "sandbox")
			f.Action, f.Explanation = abi.ActionQuarantine, "the sandbox saw it misbehave"
		}
		return err
	}
	now := c.Now()
	v.Hold = abi.Hold{UntilUnixMs: uint64(now.Add(30 * time.Minute).UnixMilli()), Reason: "the sandbox is looking at it", Key: "job"}
	if err := c.KV().Set("subject:"+id, []byte(subject(c)), int64(time.Hour/time.Millisecond)); err != nil {
		return err
	}
	return c.Schedule(abi.ScheduleRequest{AtUnixMs: uint64(now.Add(1500 * time.Millisecond).UnixMilli()), Name: "poll", Key: id, Payload: []byte(id)})
}

func subject(c *sdk.Call) string {
	s, _ := c.Header("Subject")
	return s
}

func onSchedule(c *sdk.Call, _ *sdk.Verdict) error {
	id := string(c.Event.Payload)
	s, _, err := c.KV().Get("subject:" + id)
	if err != nil {
		return err
	}
	answer := "good"
	if strings.Contains(string(s), "evil") {
		answer = "bad"
	}
	if strings.Contains(string(s), "slow") { // an operator will decide
		return nil
	}
	if err := c.KV().Set("answer:"+id, []byte(answer), int64(time.Hour/time.Millisecond)); err != nil {
		return err
	}
	_, err = c.Release(abi.MessageOrder{ID: id, Reason: "the sandbox has an answer"})
	return err
}

func onHoldEvent(c *sdk.Call, _ *sdk.Verdict) error {
	c.Info("hold event " + c.Event.Name + " of " + c.Event.Recipient + " by " + c.Event.Actor)
	return nil
}
