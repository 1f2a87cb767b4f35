package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

func config(kv ...string) abi.Value {
	v := abi.Object()
	for i := 0; i < len(kv); i += 2 {
		v.Set(kv[i], abi.String(kv[i+1]))
	}
	return v
}

// clamd is a daemon that reads one INSTREAM and answers. got is what it read.
func clamd(answer string, got *[]byte) func(string) (io.ReadWriteCloser, error) {
	return func(string) (io.ReadWriteCloser, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			cmd := make([]byte, len("zINSTREAM\x00"))
			if _, err := io.ReadFull(there, cmd); err != nil {
				return
			}
			var all []byte
			for {
				var n [4]byte
				if _, err := io.ReadFull(there, n[:]); err != nil {
					return
				}
				size := binary.BigEndian.Uint32(n[:])
				if size == 0 {
					break
				}
				b := make([]byte, size)
				if _, err := io.ReadFull(there, b); err != nil {
					return
				}
				all = append(all, b...)
			}
			if got != nil {
				*got = all
			}
			_, _ = io.WriteString(there, answer)
		}()
		return here, nil
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		answer string
		cfg    abi.Value
		want   string // "" clean, "error"
		action abi.Action
	}{
		{"stream: OK\x00", config(), "", 0},
		{"stream: Win.Test.EICAR_HDB-1 FOUND\x00", config(), "malware/clamav", abi.ActionReject},
		{"stream: X FOUND\x00", config("action", "quarantine"), "malware/clamav", abi.ActionQuarantine},
		{"stream: Heuristics.Phishing.Email FOUND\x00", config(), "malware/heuristic", abi.ActionQuarantine},
		{"stream: PUA.X FOUND\x00", config("heuristics", "ignore"), "", 0},
		{"INSTREAM size limit exceeded. ERROR\x00", config(), "unscannable/size", abi.ActionStall},
		{"stream: Can't allocate memory ERROR\x00", config(), "error", 0},
		{"stream: OK", config(), "error", 0}, // cut off
		{"", config(), "error", 0},
		{"OK\x00", config(), "error", 0},
		{"stream:  FOUND\x00", config(), "error", 0},
		{"stream: OK but not really\x00", config(), "error", 0},
		{strings.Repeat("x", 10000), config(), "error", 0},
	} {
		h := sdktest.New(t)
		h.SetConfig(c.cfg)
		h.SetRaw([]byte("Subject: x\r\n\r\nhi\r\n"))
		h.Dial = clamd(c.answer, nil)
		v, err := h.Try(&abi.Event{Stage: abi.StageMessage})
		got, action := "", abi.Action(0)
		switch {
		case err != nil:
			got = "error"
		case len(v.Findings) > 0:
			got, action = v.Findings[0].Main+"/"+v.Findings[0].Sub, v.Findings[0].Action
		}
		if got != c.want || action != c.action {
			t.Errorf("%.60q: %q %v (%v), want %q %v", c.answer, got, action, err, c.want, c.action)
		}
	}
}

func TestAllOfItIsSent(t *testing.T) {
	h := sdktest.New(t)
	h.SetConfig(config())
	raw := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16+3)
	h.SetRaw(raw)
	var got []byte
	h.Dial = clamd("stream: OK\x00", &got)
	h.Run(&abi.Event{Stage: abi.StageMessage})
	if !bytes.Equal(got, raw) {
		t.Errorf("%d octets of %d arrived", len(got), len(raw))
	}
}

func TestTooLargeIsNotSent(t *testing.T) {
	cfg := config()
	cfg.Set("max_size", abi.Number(100))
	h := sdktest.New(t)
	h.SetConfig(cfg)
	h.SetRaw(make([]byte, 101))
	v := h.Run(&abi.Event{Stage: abi.StageMessage}) // there is no Dial: it would fail
	if len(v.Findings) != 1 || v.Findings[0].Sub != "size" || v.Findings[0].Action != abi.ActionStall {
		t.Errorf("%+v", v)
	}
}

func TestUnreachableFails(t *testing.T) {
	h := sdktest.New(t)
	h.SetConfig(config())
	h.SetRaw([]byte("x"))
	h.Dial = func(string) (io.ReadWriteCloser, error) { return nil, errors.New("connection refused") }
	if _, err := h.Try(&abi.Event{Stage: abi.StageMessage}); err == nil {
		t.Error("no answer was taken for a clean one")
	}
}
