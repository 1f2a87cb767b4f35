// Command plugin-desk is a plugin for Weir with custom actions: it holds mail
// that says it is locked, has a help desk reminded of it, and releases it for a
// password.
package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{
		abi.StageMessage: onMessage, abi.StageAction: onAction, abi.StageSchedule: onSchedule,
	}})
}

func main() {}

// settings are the config block of the plugin, or of a filter.
type settings struct {
	password string
	remind   uint64 // milliseconds
	desk     []string
}

func read(v abi.Value) (settings, error) {
	return settings{password: v.Get("password").String, remind: uint64(v.Get("remind").Number), desk: v.Get("desk").StringList()}, nil
}

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	subject, _ := c.Header("Subject")
	if strings.Contains(strings.ToLower(subject), "locked") {
		f := v.Find("unscannable", "locked")
		f.Action, f.Explanation = abi.ActionStall, "the subject says that it is locked"
	}
	return nil
}

// onAction answers operators, and what policy asks for with run.
func onAction(c *sdk.Call, v *sdk.Verdict) error {
	cfg, err := sdk.Config(c, read)
	if err != nil {
		return err
	}
	params, err := c.Params()
	if err != nil {
		return err
	}
	if c.Name == "unlock" {
		return unlock(c, v, cfg, params.Get("password").String)
	}
	at := uint64(c.Now().UnixMilli()) + cfg.remind
	// The same name and key again would replace it: one reminder a message.
	err = c.Schedule(abi.ScheduleRequest{AtUnixMs: at, Name: "remind", Key: c.ID, Message: c.ID, Payload: []byte(params.Get("text").String)})
	if err != nil {
		return err
	}
	v.Text = "the desk is reminded"
	v.Result("of", params.Get("text").String)
	return nil
}

// unlock releases the recipients that the call is about, and no others: the
// one who calls may see these alone.
func unlock(c *sdk.Call, v *sdk.Verdict, cfg settings, password string) error {
	if cfg.password == "" || password != cfg.password {
		v.Text = "that is not the password"
		return nil
	}
	released := 0
	for _, m := range c.Event.Message {
		for _, r := range m.Recipients {
			n, err := c.Release(abi.MessageOrder{ID: m.ID, Recipient: r.N, Reason: "unlocked for " + c.Actor})
			if err != nil {
				return err
			}
			released += n
		}
	}
	v.Text = "released"
	v.Result("recipients", strconv.Itoa(released))
	return nil
}

// onSchedule reminds the desk of what is still held.
func onSchedule(c *sdk.Call, v *sdk.Verdict) error {
	cfg, err := sdk.Config(c, read)
	if err != nil {
		return err
	}
	m, err := c.Message(c.ID) // as it is now; c.Event.Message is as it was when the call began
	if errors.Is(err, sdk.ErrNotFound) {
		return nil // its record is gone, so nobody waits for it
	}
	if err != nil {
		return err
	}
	var held []string
	for _, r := range m.Recipients {
		if r.Status == "stalled" {
			held = append(held, r.Address)
		}
	}
	if len(held) == 0 || len(cfg.desk) == 0 {
		return nil
	}
	_, err = c.Submit(abi.Submission{
		To: cfg.desk, Subject: "Still held: " + m.Subject, Parent: m.ID,
		Text: string(c.Payload) + "\nIt waits for " + strings.Join(held, ", ") + ".\n",
	})
	if err == nil {
		v.Text = "the desk was reminded"
	}
	return err
}
