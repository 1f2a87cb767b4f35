package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

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

// gtube is rspamd's own test of unsolicited bulk mail.
const gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

// TestRspamd asks Debian's rspamd.
func TestRspamd(t *testing.T) {
	bin, err := exec.LookPath("rspamd")
	if err != nil {
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal("rspamd is missing: install rspamd")
		}
		t.Skip("rspamd is not installed (Debian: rspamd)")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	port := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	worker, controller := port(), port()
	conf := `
options { pidfile = "` + dir + `/rspamd.pid"; dynamic_conf = "` + dir + `/dyn"; filters = ""; gtube_patterns = "all";
  dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; } }
logging { type = "console"; level = "error"; }
metric { name = "default"; actions { reject = 15; add_header = 6; } }
actions { reject = 15; add_header = 6; }
worker { type = "normal"; bind_socket = "` + worker + `"; count = 1; }
worker { type = "controller"; bind_socket = "` + controller + `"; count = 1; secure_ip = "127.0.0.1"; }
`
	if err := os.WriteFile(filepath.Join(dir, "rspamd.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-f", "-i", "-c", filepath.Join(dir, "rspamd.conf"), "--var=DBDIR="+dir, "--var=RUNDIR="+dir, "--var=LOGDIR="+dir)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); <-ended })
	for end := time.Now().Add(time.Minute); ; {
		res, err := http.Get("http://" + worker + "/ping")
		if err == nil {
			res.Body.Close()
			break
		}
		select {
		case <-ended:
			t.Fatalf("rspamd ended:\n%s", log.String())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatal("rspamd does not listen")
		}
	}
	t.Logf("rspamd listens after %v", time.Since(begin).Round(time.Millisecond))
	for _, c := range []struct{ name, raw, want string }{
		{"clean", "From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\n\r\nhello\r\n", "continue"},
		{"gtube", "From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\n\r\n" + gtube + "\r\n", "quarantine"},
	} {
		t.Logf("%s after %v", c.name, time.Since(begin).Round(time.Millisecond))
		h := sdktest.New(t)
		h.SetConfig(config("url", "http://"+worker, "controller", "http://"+controller))
		h.SetRaw([]byte(c.raw))
		h.HTTP = func(r *abi.HTTPRequest) (*abi.HTTPResponse, error) {
			req, err := http.NewRequest(r.Method, r.URL, strings.NewReader(c.raw)) // BodyPart: the raw message
			if err != nil {
				return nil, err
			}
			for _, x := range r.Headers {
				req.Header.Add(x.Name, x.Value)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return nil, err
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			return &abi.HTTPResponse{Status: uint32(res.StatusCode), Body: b}, err
		}
		v, err := h.Try(&abi.Event{Stage: abi.StageMessage, Sender: "a@b.test", Recipients: []string{"c@d.test"}, Client: abi.Client{IP: "192.0.2.1", Helo: "x.test"}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(v.Findings) != 1 || v.Findings[0].Action.String() != c.want {
			t.Errorf("%s: %+v, want %s", c.name, v.Findings, c.want)
		}
	}
}
