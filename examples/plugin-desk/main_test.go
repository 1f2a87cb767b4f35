package main

import (
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

func host(t *testing.T) *sdktest.Host {
	h := sdktest.New(t)
	h.Clock = func() time.Time { return time.UnixMilli(1_000_000) }
	cfg := abi.Object()
	cfg.Set("password", abi.String("sesame"))
	cfg.Set("remind", abi.Number(5000))
	cfg.Set("desk", abi.Strings("desk@demo.test"))
	h.SetConfig(cfg)
	return h
}

func action(name, param, value string) *abi.Event {
	p := abi.Object()
	p.Set(param, abi.String(value))
	return &abi.Event{Stage: abi.StageAction, Name: name, ID: "m1", Payload: p.Append(nil), Actor: "root",
		Message: []abi.MessageInfo{{ID: "m1", Recipients: []abi.RecipientInfo{{N: 2, Status: "stalled"}, {N: 3, Status: "stalled"}}}}}
}

func TestTicketPlansAReminder(t *testing.T) {
	h := host(t)
	v := h.Run(action("ticket", "text", "look"))
	if len(h.Scheduled) != 1 || h.Scheduled[0].AtUnixMs != 1_005_000 || h.Scheduled[0].Message != "m1" || string(h.Scheduled[0].Payload) != "look" || v.Text == "" {
		t.Errorf("%+v, %+v", h.Scheduled, v)
	}
}

func TestUnlockReleasesWhatItWasCalledFor(t *testing.T) {
	h := host(t)
	h.Messages["m1"] = &abi.MessageInfo{ID: "m1"}
	if v := h.Run(action("unlock", "password", "wrong")); len(h.Orders) != 0 || !strings.Contains(v.Text, "not the password") {
		t.Errorf("%+v, %s", h.Orders, v.Text)
	}
	v := h.Run(action("unlock", "password", "sesame"))
	if len(h.Orders) != 2 || h.Orders[0].Verb != "release" || h.Orders[0].Recipient != 2 || h.Orders[1].Recipient != 3 || v.Text != "released" {
		t.Errorf("%+v, %+v", h.Orders, v)
	}
}

func TestReminderOfWhatIsStillHeld(t *testing.T) {
	h := host(t)
	ev := &abi.Event{Stage: abi.StageSchedule, Name: "remind", ID: "m1", Payload: []byte("Look.")}
	h.Run(ev) // the record is gone
	h.Messages["m1"] = &abi.MessageInfo{ID: "m1", Subject: "x", Recipients: []abi.RecipientInfo{{Address: "a@demo.test", Status: "queued"}}}
	h.Run(ev) // released meanwhile
	if len(h.Submitted) != 0 {
		t.Fatalf("%+v", h.Submitted)
	}
	h.Messages["m1"].Recipients[0].Status = "stalled"
	h.Run(ev)
	if s := h.Submitted; len(s) != 1 || s[0].To[0] != "desk@demo.test" || !strings.Contains(s[0].Text, "a@demo.test") || s[0].Parent != "m1" {
		t.Errorf("%+v", s)
	}
}
