package main

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

func config(include ...string) abi.Value {
	v := abi.Object()
	v.Set("url", abi.String("https://hooks.example.test/weir"))
	v.Set("secret", abi.String("s3cret"))
	v.Set("include", abi.Strings(include...))
	v.Set("timeout", abi.Number(1500))
	h := abi.Object()
	h.Set("Authorization", abi.String("Bearer x"))
	v.Set("header", h)
	return v
}

func event(params abi.Value) *abi.Event {
	return &abi.Event{
		Stage: abi.StageAction, Name: "post", Tenant: "acme", Actor: "anna", Payload: params.Append(nil),
		Message: []abi.MessageInfo{{
			ID: "01m", Sender: "eve@out.test", From: `"Eve" <eve@out.test>, x@y.test`, Subject: "a \"b\" <c>\u2028\x01", Size: 12, ReceivedUnixMs: 1000, Attachments: []string{"a.zip"},
			Recipients: []abi.RecipientInfo{{Address: "bob@acme.test", Status: "stalled", Class: "unscannable/macro", Findings: []abi.Finding{{Main: "unscannable", Sub: "macro"}}}},
		}},
	}
}

func TestPost(t *testing.T) {
	now = func() time.Time { return time.Unix(1700000000, 0) }
	defer func() { now = time.Now }()
	h := sdktest.New(t)
	h.SetConfig(config("id", "tenant", "direction", "received", "size", "sender", "recipients", "subject", "from", "attachments", "findings"))
	var got *abi.HTTPRequest
	h.HTTP = func(r *abi.HTTPRequest) (*abi.HTTPResponse, error) {
		got = r
		return &abi.HTTPResponse{Status: 204}, nil
	}
	params := abi.Object()
	params.Set("event", abi.String("stalled"))
	params.Set("text", abi.String("look"))
	v := h.Run(event(params))
	if v.Text != "posted" || got == nil || got.Method != "POST" || got.TimeoutMs != 1500 {
		t.Fatalf("%+v %+v", v, got)
	}
	var body map[string]any
	if err := json.Unmarshal(got.Body, &body); err != nil {
		t.Fatalf("%s: %v", got.Body, err)
	}
	want := map[string]any{
		"event": "stalled", "at": "2023-11-14T22:13:20Z", "actor": "anna", "text": "look",
		"message": map[string]any{
			"id": "01m", "tenant": "acme", "direction": "inbound", "received": "1970-01-01T00:00:01Z", "size": 12.0, "sender": "e***@out.test",
			"from": "***@out.test, ***@y.test", "subject": "a \"b\" <c>\u2028\x01", "attachments": []any{"a.zip"},
			"recipients": []any{map[string]any{"address": "b***@acme.test", "status": "stalled", "class": "unscannable/macro", "findings": []any{"unscannable/macro"}}},
		},
	}
	if !reflect.DeepEqual(body, want) {
		t.Errorf("got  %v\nwant %v", body, want)
	}
	var sig, auth string
	for _, x := range got.Headers {
		switch x.Name {
		case "Weir-Signature":
			sig = x.Value
		case "Authorization":
			auth = x.Value
		}
	}
	if sig != sign("s3cret", 1700000000, got.Body) || !strings.HasPrefix(sig, "t=1700000000,v1=") || len(sig) != 16+64 || auth != "Bearer x" {
		t.Errorf("headers %+v", got.Headers)
	}
}

// What the configuration does not include is not sent.
func TestRedaction(t *testing.T) {
	h := sdktest.New(t)
	h.SetConfig(config("id"))
	h.HTTP = func(r *abi.HTTPRequest) (*abi.HTTPResponse, error) {
		for _, secret := range []string{"eve@", "Eve", "bob", "out.test", "acme.test", "a.zip", "macro"} {
			if strings.Contains(string(r.Body), secret) {
				t.Errorf("%q in %s", secret, r.Body)
			}
		}
		return &abi.HTTPResponse{Status: 200}, nil
	}
	h.Run(event(abi.Object()))
}

func TestFailures(t *testing.T) {
	for name, answer := range map[string]func(*abi.HTTPRequest) (*abi.HTTPResponse, error){
		"500":         func(*abi.HTTPRequest) (*abi.HTTPResponse, error) { return &abi.HTTPResponse{Status: 500}, nil },
		"redirect":    func(*abi.HTTPRequest) (*abi.HTTPResponse, error) { return &abi.HTTPResponse{Status: 302}, nil },
		"unreachable": func(*abi.HTTPRequest) (*abi.HTTPResponse, error) { return nil, errors.New("refused") },
	} {
		h := sdktest.New(t)
		h.SetConfig(config("id"))
		h.HTTP = answer
		if _, err := h.Try(event(abi.Object())); err == nil {
			t.Errorf("%s: taken for success", name)
		}
	}
	h := sdktest.New(t)
	h.SetConfig(config("id"))
	ev := event(abi.Object())
	ev.Name = "other"
	if _, err := h.Try(ev); err == nil {
		t.Error("an action that is not offered")
	}
}
