package main

import (
	"testing"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

func TestShouting(t *testing.T) {
	h := sdktest.New(t)
	cfg := abi.Object()
	cfg.Set("letters", abi.Number(8))
	cfg.Set("score", abi.Number(3))
	h.SetConfig(cfg)
	for subject, want := range map[string]int{
		"Lunch on Thursday?": 0,
		"RE: Q3":             0,
		"READ THIS AT ONCE":  1,
	} {
		h.ClearMessage()
		h.AddHeader("Subject", subject)
		v := h.Run(&abi.Event{Stage: abi.StageMessage})
		if len(v.Findings) != want {
			t.Errorf("%q: %d findings, want %d", subject, len(v.Findings), want)
		}
	}
}
