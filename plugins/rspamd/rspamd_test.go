package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

func config(kv ...any) abi.Value {
	v := abi.Object()
	for i := 0; i < len(kv); i += 2 {
		switch x := kv[i+1].(type) {
		case string:
			v.Set(kv[i].(string), abi.String(x))
		case bool:
			v.Set(kv[i].(string), abi.Bool(x))
		case int:
			v.Set(kv[i].(string), abi.Number(float64(x)))
		}
	}
	return v
}

func answering(status uint32, body string, got **abi.HTTPRequest) func(*abi.HTTPRequest) (*abi.HTTPResponse, error) {
	return func(r *abi.HTTPRequest) (*abi.HTTPResponse, error) {
		if got != nil {
			*got = r
		}
		return &abi.HTTPResponse{Status: status, Body: []byte(body)}, nil
	}
}

func TestAnswers(t *testing.T) {
	const symbols = `"symbols":{"A":{"name":"A","score":1.5},"B":{"score":-3.25},"C":{"score":0}}`
	for _, c := range []struct {
		name, body string
		status     uint32
		cfg        abi.Value
		want       string // "score action explanation", "-" nothing, "error"
	}{
		{"clean", `{"score":-0.5,"action":"no action",` + symbols + `}`, 200, config(), "-0.25 continue rspamd: -0.50, no action: B -3.25, A 1.50"},
		{"spam", `{"score":8,"action":"add header","symbols":{}}`, 200, config(), "4 continue rspamd: 8.00, add header"},
		{"reject", `{"score":20,"action":"reject"}`, 200, config(), "10 quarantine rspamd: 20.00, reject"},
		{"reject outright", `{"score":20,"action":"reject"}`, 200, config("on_reject", "reject"), "10 reject rspamd: 20.00, reject"},
		{"reject ignored", `{"score":20,"action":"reject"}`, 200, config("on_reject", "none"), "10 continue rspamd: 20.00, reject"},
		{"greylist", `{"score":5,"action":"greylist"}`, 200, config(), "2.5 continue rspamd: 5.00, greylist"},
		{"greylist followed", `{"score":5,"action":"greylist"}`, 200, config("greylist", true), "2.5 tempfail rspamd: 5.00, greylist"},
		{"soft", `{"score":5,"action":"soft reject","messages":{"smtp_message":"Ratelimit"}}`, 200, config(), "2.5 tempfail rspamd: 5.00, soft reject"},
		{"skipped", `{"is_skipped":true,"score":0,"action":"no action"}`, 200, config(), "-"},
		{"status", `{"error":"x"}`, 500, config(), "error"},
		{"no JSON", `<html>`, 200, config(), "error"},
		{"cut JSON", `{"score":1,"action":"no action"`, 200, config(), "error"},
		{"no score", `{"action":"no action"}`, 200, config(), "error"},
		{"no action", `{"score":1}`, 200, config(), "error"},
		{"unknown action", `{"score":1,"action":"explode"}`, 200, config(), "error"},
		{"error", `{"error":"too large"}`, 200, config(), "error"},
	} {
		h := sdktest.New(t)
		h.SetConfig(c.cfg)
		h.SetRaw([]byte("Subject: x\r\n\r\nhi\r\n"))
		h.HTTP = answering(c.status, c.body, nil)
		v, err := h.Try(&abi.Event{Stage: abi.StageMessage})
		got := "-"
		switch {
		case err != nil:
			got = "error"
		case len(v.Findings) > 0:
			f := v.Findings[0]
			got = fmt.Sprint(f.Score, " ", f.Action, " ", f.Explanation)
		}
		if got != c.want {
			t.Errorf("%s: %q (%v), want %q", c.name, got, err, c.want)
		}
	}
}

func TestRequest(t *testing.T) {
	h := sdktest.New(t)
	h.SetConfig(config("url", "http://127.0.0.1:1/", "timeout", 1234))
	h.SetRaw([]byte("x"))
	var got *abi.HTTPRequest
	h.HTTP = answering(200, `{"score":0,"action":"no action"}`, &got)
	h.Run(&abi.Event{Stage: abi.StageMessage, ID: "01m", Sender: "", Recipients: []string{"a@b.test", "c@d.test"}, Client: abi.Client{IP: "192.0.2.1", Helo: "evil\r\nRcpt: x"}})
	var hs []string
	for _, x := range got.Headers {
		hs = append(hs, x.Name+"="+x.Value)
	}
	want := "Queue-Id=01m IP=192.0.2.1 Helo=evilRcpt: x From=<> Rcpt=<a@b.test> Rcpt=<c@d.test>"
	if s := strings.Join(hs, " "); s != want || got.URL != "http://127.0.0.1:1/checkv2" || got.BodyPart != 1 || got.TimeoutMs != 1234 {
		t.Errorf("%s\n%+v", s, got)
	}
}

func TestLearn(t *testing.T) {
	for _, c := range []struct {
		action, path string
		status       uint32
		ok           bool
	}{{"train_spam", "/learnspam", 200, true}, {"train_ham", "/learnham", 208, true}, {"train_ham", "/learnham", 403, false}, {"train_spam", "/learnspam", 500, false}} {
		h := sdktest.New(t)
		h.SetConfig(config("password", "p"))
		h.SetRaw([]byte("x"))
		var got *abi.HTTPRequest
		h.HTTP = answering(c.status, "{}", &got)
		_, err := h.Try(&abi.Event{Stage: abi.StageAction, Name: c.action})
		if (err == nil) != c.ok || !strings.HasSuffix(got.URL, ":11334"+c.path) {
			t.Errorf("%+v: %v %s", c, err, got.URL)
		}
	}
}

// What the parser takes, encoding/json reads alike.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,true,false,null,"x\u00fc\ud83d\ude00\n"]}`, `"`, `[[[[`, `{"a":}`, `1.`, `"\ud800"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := parse(s)
		var want any
		if jerr := json.Unmarshal([]byte(s), &want); err != nil || jerr != nil {
			return // one may be stricter than the other; neither panics
		}
		if got := plainOf(v); !reflect.DeepEqual(got, want) && strings.ToValidUTF8(s, "") == s {
			t.Errorf("%q: %#v, want %#v", s, got, want)
		}
	})
}

func plainOf(v value) any {
	switch v := v.(type) {
	case members:
		m := map[string]any{}
		for _, x := range v {
			m[x.name] = plainOf(x.v)
		}
		return m
	case []value:
		a := []any{}
		for _, x := range v {
			a = append(a, plainOf(x))
		}
		return a
	}
	return v
}
