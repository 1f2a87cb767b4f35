// Command bayes is the first-party spam classifier: it learns from each
// tenant's own mail and keeps what it learned in the tenant's KV, so that
// training needs no other software. Its state is one counter a word; README has
// the method. It recommends nothing but a score.
package main

import (
	"strconv"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Check: sdk.Checks(build), Hooks: sdk.Hooks{abi.StageMessage: onMessage, abi.StageAction: onAction}})
}

func main() {}

// settings are a config block.
type settings struct {
	minSpam, minHam    uint32
	spamAbove, hamUpTo float64
	score, hamScore    float64
}

func build(v abi.Value) (*settings, error) {
	num := func(name string, otherwise float64) float64 {
		if x := v.Get(name); !x.IsNull() {
			return x.Number
		}
		return otherwise
	}
	s := &settings{
		minSpam: uint32(max(1, num("min_spam", 30))), minHam: uint32(max(1, num("min_ham", 30))), spamAbove: num("spam_above", 0.9), hamUpTo: num("ham_below", 0.1),
		score: num("score", 5), hamScore: num("ham_score", 2),
	}
	if s.spamAbove <= 0.5 || s.spamAbove > 1 || s.hamUpTo >= 0.5 || s.hamUpTo < 0 {
		return nil, sdk.Error("spam_above is above 0.5 and at most 1, ham_below below 0.5 and not negative")
	}
	return s, nil
}

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	s, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	m, err := read(c.KV(), "n")
	if err != nil {
		return err
	}
	if m.spam < s.minSpam || m.ham < s.minHam {
		return nil // not taught enough
	}
	words, err := wordsOf(c)
	if err != nil {
		return err
	}
	p, _, err := judge(c.KV(), m, words)
	if err != nil {
		return err
	}
	switch {
	case p >= s.spamAbove:
		f := v.Find("spam", "bayes")
		f.Score = s.score * (p - 0.5) * 2
		f.Explanation = "the message resembles spam (probability " + percent(p) + ")"
	case p <= s.hamUpTo && s.hamScore > 0:
		f := v.Find("ham", "bayes")
		f.Score = -s.hamScore * (0.5 - p) * 2
		f.Explanation = "the message resembles wanted mail (probability of spam " + percent(p) + ")"
	}
	return nil
}

func percent(p float64) string { return strconv.FormatFloat(p*100, 'f', 1, 64) + " %" }

func onAction(c *sdk.Call, v *sdk.Verdict) error {
	kv := c.KV()
	words, err := wordsOf(c)
	if err != nil {
		return err
	}
	id, err := identity(c)
	if err != nil {
		return err
	}
	switch c.Name {
	case "train_spam":
		v.Text, err = learn(kv, id, words, asSpam)
	case "train_ham":
		v.Text, err = learn(kv, id, words, asHam)
	case "forget":
		v.Text, err = learn(kv, id, words, asNothing)
	case "judge":
		return show(kv, v, words)
	default:
		return sdk.Error("no action is called " + c.Name)
	}
	if err != nil {
		return err
	}
	m, err := read(kv, "n")
	if err != nil {
		return err
	}
	v.Result("spam learned", strconv.FormatUint(uint64(m.spam), 10))
	v.Result("ham learned", strconv.FormatUint(uint64(m.ham), 10))
	return nil
}

func show(kv sdk.KV, v *sdk.Verdict, words []string) error {
	m, err := read(kv, "n")
	if err != nil {
		return err
	}
	p, weigh, err := judge(kv, m, words)
	if err != nil {
		return err
	}
	v.Text = "probability of spam " + percent(p)
	v.Result("learned", strconv.FormatUint(uint64(m.spam), 10)+" spam, "+strconv.FormatUint(uint64(m.ham), 10)+" ham")
	for i, w := range weigh {
		if i == 10 {
			break
		}
		v.Result(w.word, percent(w.p))
	}
	return nil
}

// identity is what a message is remembered by: a digest of all of it.
func identity(c *sdk.Call) (string, error) {
	d, err := c.Hash(abi.PartRaw, abi.HashSHA256)
	if err != nil {
		return "", err
	}
	const hex = "0123456789abcdef"
	b := make([]byte, 0, 40)
	b = append(b, "m:"...)
	for _, x := range d[:min(16, len(d))] {
		b = append(b, hex[x>>4], hex[x&15])
	}
	return string(b), nil
}
