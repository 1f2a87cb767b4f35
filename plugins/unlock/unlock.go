// Package unlock is the first-party plugin that opens archives with a password
// that an operator or a recipient gives, inspects what is in them, and releases
// a message that was held for nothing but these archives, if nothing forbidden
// is in them. It guesses no passwords, and forgets those it is given.
package unlock

import (
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/plugins/internal/archive"
	"github.com/mailweir/weir/plugins/internal/document"
	"github.com/mailweir/weir/plugins/internal/inspection"
	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.RegisterAs("unlock", sdk.Plugin{Init: onInit, Hooks: sdk.Hooks{abi.StageAction: onAction}})
}

func onInit(in abi.Init) error {
	if in.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(in.MemoryLimit) * 5 / 8)
	}
	return nil
}

// Defaults of the configuration.
const (
	defaultTries  = 10
	defaultWindow = int64(time.Hour / time.Millisecond)
	defaultTime   = 15 * time.Second // of the 30 that an action has
	defaultBytes  = 96 << 20
)

// causes are those of package document that keep a message.
var causes = []string{
	document.CauseEncryptedDocument, document.CauseEncryptedMessage, document.CauseMacro, document.CauseTracking, document.CauseUnreadable,
}

// settings are the plugin's config block.
type settings struct {
	rules  *inspection.Rules
	limits archive.Limits
	forbid []string
	tries  int64
	window int64 // ms
}

func build(v abi.Value) (*settings, error) {
	r, err := inspection.Build(v)
	if err != nil {
		return nil, err
	}
	s := &settings{rules: r, forbid: causes, tries: int64(v.Get("tries").Number), window: int64(v.Get("window").Number)}
	if s.tries <= 0 {
		s.tries = defaultTries
	}
	if s.window <= 0 {
		s.window = defaultWindow
	}
	if f := v.Get("forbid"); !f.IsNull() {
		s.forbid = f.StringList()
		for _, c := range s.forbid {
			if !slices.Contains(causes, c) {
				return nil, sdk.Error("forbid: there is no cause " + c + "; they are " + strings.Join(causes, ", "))
			}
		}
	}
	for _, b := range v.Get("limits").Items {
		s.limits = inspection.Limits(b)
	}
	if s.limits.Time == 0 {
		s.limits.Time = defaultTime
	}
	if s.limits.Bytes == 0 {
		s.limits.Bytes = defaultBytes
	}
	s.limits.Verify = s.limits.Bytes // all of it is decoded, and its checksums compared
	return s, nil
}

// onAction opens and inspects; open also releases.
func onAction(c *sdk.Call, v *sdk.Verdict) error {
	if c.Name != "open" && c.Name != "inspect" {
		return sdk.Error("no action is called " + c.Name)
	}
	s, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	params, err := c.Params()
	if err != nil {
		return err
	}
	password := params.Get("password").String
	release := c.Name == "open"
	if r := params.Get("release"); !r.IsNull() {
		release = release && r.Bool
	}
	if len(c.Event.Message) == 0 {
		return sdk.Error("there is no message")
	}
	m := &c.Event.Message[0]
	if password == "" {
		v.Text = "the password is empty"
		return nil
	}
	if ok, err := s.allowed(c, v, m.ID); err != nil || !ok {
		return err
	}
	x := &opening{s: s, call: c}
	if err := x.message(password); err != nil {
		return err
	}
	x.results(v)
	return x.conclude(c, v, m, release)
}

// allowed counts the try; tries of all who may call are counted together.
func (s *settings) allowed(c *sdk.Call, v *sdk.Verdict, id string) (bool, error) {
	n, err := c.KV().Add("tries/"+id, 1, s.window)
	if err != nil {
		return false, sdk.Error("counting the tries: " + err.Error())
	}
	if n <= s.tries {
		return true, nil
	}
	v.Text = "there were too many tries for this message; try again in " + span(s.window) + " at the latest"
	v.Result("tries", strconv.FormatInt(s.tries, 10)+" in "+span(s.window))
	_ = c.Count("refused", 1)
	return false, nil
}

func span(ms int64) string {
	switch d := time.Duration(ms) * time.Millisecond; {
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	case d >= time.Minute:
		return strconv.Itoa(int((d+time.Minute-1)/time.Minute)) + " min"
	}
	return strconv.FormatInt((ms+999)/1000, 10) + " s"
}
