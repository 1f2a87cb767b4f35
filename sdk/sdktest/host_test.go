package sdktest_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

// settings is what the plugin of this test makes of its configuration.
type settings struct {
	words    []string
	patterns *sdk.Patterns
}

var builds int

func build(v abi.Value) (*settings, error) {
	builds++
	s := &settings{words: v.Get("words").StringList()}
	var ps []abi.Pattern
	for _, w := range s.words {
		ps = append(ps, abi.Pattern{Text: w, Fold: true})
	}
	if len(ps) == 0 {
		return nil, sdk.Error("no words")
	}
	s.patterns = sdk.NewPatterns(1, ps...)
	return s, nil
}

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	s, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	subject, _ := c.Header("subject")
	hits, err := s.patterns.MatchText(c, subject)
	if err != nil {
		return err
	}
	for _, h := range hits {
		v.Find("spam", "word").Explanation = s.words[h]
	}
	parts, err := c.Parts()
	if err != nil {
		return err
	}
	for i := range parts.Parts {
		p := &parts.Parts[i]
		if hits, err = s.patterns.MatchPart(c, int32(p.Index)); err != nil {
			return err
		}
		if len(hits) > 0 {
			v.Tag("body:" + s.words[hits[0]])
		}
	}
	if res, err := c.Lookup("bad", c.Sender, "x"); err == nil && res.Found {
		v.Reject(550, "5.7.1", res.Value)
	} else if err != nil && err != sdk.ErrNotFound {
		return err
	}
	n, err := c.KV().Add("seen", 1, 0)
	if err != nil {
		return err
	}
	if n > 1 {
		v.Note("again", "yes")
	}
	c.Info("done")
	return nil
}

func onHeaders(c *sdk.Call, v *sdk.Verdict) error {
	r := c.OpenRaw()
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		return err
	}
	v.Tag(string(b[:3]), string(b[len(b)-3:]))
	one := make([]byte, 2)
	if _, err := r.ReadAt(one, r.Size()-1); err != io.EOF {
		return sdk.Error("no EOF at the end")
	}
	for _, off := range []int64{0, 9000, 4095, 4097, 70000} { // across windows, backwards
		p := make([]byte, 10000)
		n, err := r.ReadAt(p, off)
		if want := b[min(off, int64(len(b))):]; err != nil && err != io.EOF || !bytes.Equal(p[:n], want[:min(len(want), len(p))]) {
			return sdk.Error("wrong range")
		}
		n, _ = r.ReadAt(p[:5], off)
		if want := b[min(off, int64(len(b))):]; !bytes.Equal(p[:n], want[:min(len(want), 5)]) {
			return sdk.Error("wrong small range")
		}
	}
	return nil
}

func TestPluginOnTheFakeHost(t *testing.T) {
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{abi.StageMessage: onMessage, abi.StageHeaders: onHeaders}})
	h := sdktest.New(t)
	cfg := abi.Object()
	cfg.Set("words", abi.Strings("prize", "win"))
	h.SetConfig(cfg)
	h.AddHeader("Subject", "You WIN")
	h.AddPart(abi.Part{Type: "text/plain"}, []byte("the PRIZE"))
	h.Lists["bad"] = map[string]string{"a@b.test": "go away"}

	v := h.Run(&abi.Event{Stage: abi.StageMessage, Sender: "a@b.test"})
	if len(v.Findings) != 1 || v.Findings[0].Explanation != "win" || v.Tags[0] != "body:prize" || v.Action != abi.ActionReject || v.Text != "go away" {
		t.Errorf("%+v", v)
	}
	v = h.Run(&abi.Event{Stage: abi.StageMessage, Sender: "other@b.test"})
	if v.Action != abi.ActionContinue || len(v.Notes) != 1 || builds != 1 {
		t.Errorf("%+v after %d builds", v, builds)
	}
	h.SetConfig(abi.Object())
	for range 2 {
		if _, err := h.Try(&abi.Event{Stage: abi.StageMessage}); err == nil || err.Error() != "no words" || builds != 2 {
			t.Errorf("%v after %d builds: a failed build is kept too", err, builds)
		}
	}
	if len(h.Lines) != 2 {
		t.Errorf("%d lines", len(h.Lines))
	}
	if _, err := h.Try(&abi.Event{Stage: abi.StageConnect}); err == nil {
		t.Error("a stage without hook must be an error")
	}
}

func TestReaderRanges(t *testing.T) {
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{abi.StageHeaders: onHeaders}})
	h := sdktest.New(t)
	h.SetRaw([]byte("abc" + strings.Repeat("0123456789", 3000) + "xyz"))
	v := h.Run(&abi.Event{Stage: abi.StageHeaders})
	if v.Tags[0] != "abc" || v.Tags[1] != "xyz" {
		t.Error(v.Tags)
	}
}
