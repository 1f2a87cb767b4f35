// Command plugin-shout is a plugin for Weir that finds subjects in capitals.
package main

import (
	"unicode"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{abi.StageMessage: onMessage}})
}

func main() {}

// settings is the config block as the plugin wants it.
type settings struct {
	letters int     // a subject with fewer is not judged
	score   float64 // of the finding
}

// read is called once for each configuration and instance. The host has
// checked the block by the manifest's schema and filled the defaults in.
func read(v abi.Value) (settings, error) {
	return settings{
		letters: int(v.Get("letters").Number),
		score:   v.Get("score").Number,
	}, nil
}

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	cfg, err := sdk.Config(c, read)
	if err != nil {
		return err // the policy's on_error says what becomes of the message
	}
	subject, _ := c.Header("Subject")
	if shouts(subject, cfg.letters) {
		f := v.Find("spam", "shouting")
		f.Score, f.Explanation = cfg.score, "the subject is all in capitals"
	}
	return nil
}

// shouts reports whether a text has letters enough, none of them small.
func shouts(s string, letters int) bool {
	n := 0
	for _, r := range s {
		switch {
		case unicode.IsLower(r):
			return false
		case unicode.IsUpper(r):
			n++
		}
	}
	return n >= letters
}
