// Guest is the plugin of the host's tests: it does what the sender of the
// event says, well or badly.
package main

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func main() {}

func init() {
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{
		abi.StageConnect: func(c *sdk.Call, v *sdk.Verdict) error { return nil },
		abi.StageRcptTo:  func(c *sdk.Call, v *sdk.Verdict) error { return act(c, v) },
		abi.StageMessage: func(c *sdk.Call, v *sdk.Verdict) error { return act(c, v) },
	}})
}

var (
	keep  [][]byte
	calls int
)

func act(c *sdk.Call, v *sdk.Verdict) error {
	calls++
	if words := strings.Fields(c.Sender); len(words) > 0 && orders[words[0]] != nil {
		return orders[words[0]](c, v, words[1:])
	}
	switch c.Sender {
	case "loop":
		for i := uint32(0); ; i++ {
			calls += int(i & 1)
		}
	case "recurse":
		v.Tag(strconv.Itoa(int(fib(90))))
	case "deep":
		v.Tag(strconv.Itoa(int(deep(0))))
	case "grow":
		for {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			keep = append(keep, b)
		}
	case "fat":
		keep = append(keep, make([]byte, 40<<20))
	case "panic":
		panic("the plugin said no\nin two lines")
	case "exit":
		syscall.Exit(7)
	case "deadlock":
		<-make(chan int)
	case "sleep":
		time.Sleep(time.Hour)
	case "nap":
		time.Sleep(20 * time.Millisecond)
	case "error":
		return sdk.Error("cannot judge this")
	case "large":
		v.Text = string(make([]byte, 300<<10))
	case "crlf":
		v.Reject(550, "5.7.1", "no\r\n250 yes")
	case "print":
		syscall.Write(1, []byte("to stdout\nand "))
		syscall.Write(2, []byte("to stderr\n"))
		for i := 0; i < 200; i++ {
			c.Info("line " + strconv.Itoa(i))
		}
	case "files":
		_, err := syscall.Open("/etc/passwd", syscall.O_RDONLY, 0)
		n, rerr := syscall.Read(0, make([]byte, 1))
		_, serr := syscall.Socket(2, 1, 0)
		v.Tag(strconv.FormatBool(err != nil && rerr != nil && n <= 0 && serr != nil), strconv.Itoa(len(syscall.Environ())))
	case "calls":
		v.Tag(strconv.Itoa(calls))
	case "slow config":
		_, err := sdk.Config(c, func(abi.Value) (int, error) {
			for begin := time.Now(); time.Since(begin) < 350*time.Millisecond; {
			}
			return 0, nil
		})
		return err
	case "message":
		return message(c, v)
	case "typical":
		return typical(c, v)
	case "data":
		return data(c, v)
	}
	return nil
}

func fib(n uint32) uint32 {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func deep(n uint32) uint32 { return deep(n+1) + 1 }

type config struct {
	words    []string
	patterns *sdk.Patterns
}

func build(val abi.Value) (*config, error) {
	cfg := &config{words: val.Get("words").StringList()}
	var ps []abi.Pattern
	for _, w := range cfg.words {
		ps = append(ps, abi.Pattern{Kind: abi.PatternKindRegexp, Text: w})
	}
	cfg.patterns = sdk.NewPatterns(1, ps...)
	return cfg, nil
}

// typical is what a small filter does with a message.
func typical(c *sdk.Call, v *sdk.Verdict) error {
	if s, ok := c.Header("Subject"); ok && s == "never" {
		v.Find("spam", "subject")
	}
	l, err := c.Parts()
	if err != nil {
		return err
	}
	for i := range l.Parts {
		if l.Parts[i].Filename == "never" {
			v.Find("spam", "file")
		}
	}
	v.Tag("seen")
	return nil
}

// message reads all there is of a message and says what it saw.
func message(c *sdk.Call, v *sdk.Verdict) error {
	cfg, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	subject, _ := c.Header("SUBJECT")
	v.Tag("subject=" + subject)
	second, _ := c.HeaderAt("x", 1)
	v.Tag("x1=" + second)
	hs, err := c.Headers()
	if err != nil {
		return err
	}
	v.Tag("headers=" + strconv.Itoa(len(hs)))
	l, err := c.Parts()
	if err != nil {
		return err
	}
	for i := range l.Parts {
		p := &l.Parts[i]
		r := c.Open(p)
		b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		if err != nil {
			return err
		}
		v.Tag(p.Type + "=" + strconv.Itoa(len(b)) + ":" + string(b[:min(len(b), 5)]))
		sum, err := c.Hash(int32(p.Index), abi.HashSHA256)
		if err != nil {
			return err
		}
		v.Tag("sum=" + strconv.Itoa(int(sum[0])))
		hits, err := cfg.patterns.MatchPart(c, int32(p.Index))
		if err != nil {
			return err
		}
		for _, h := range hits {
			f := v.Find("content", "word")
			f.Explanation, f.Part, f.Score = cfg.words[h], p.Index+1, 1.5
		}
	}
	if hits, err := cfg.patterns.MatchText(c, subject); err != nil || len(hits) != 1 {
		return sdk.Error("match_text: " + strconv.Itoa(len(hits)))
	}
	raw := c.OpenRaw()
	start := make([]byte, 4)
	if _, err := raw.ReadAt(start, 0); err != nil {
		return err
	}
	v.Tag("raw=" + string(start))
	if _, err := c.Hash(99, abi.HashSHA256); err != sdk.ErrBadArgument {
		return sdk.Error("a part that is not there")
	}
	if n, _ := c.NoteOf("earlier"); n != "" {
		v.Note("later", n+"!")
	}
	v.AddHeader("X-Guest", "was here")
	v.Waive("test", "spam")
	return c.Count("messages", 1)
}

// data uses lists and KV.
func data(c *sdk.Call, v *sdk.Verdict) error {
	res, err := c.Lookup("block", "nobody", "bad@spam.test")
	if err != nil {
		return err
	}
	v.Tag("list=" + res.Key + ":" + res.Value)
	if _, err := c.Lookup("nolist", "x"); err != sdk.ErrNotFound {
		return sdk.Error("a list that is not there")
	}
	kv := c.KV()
	if _, _, err := kv.Get("k"); err == sdk.ErrDenied {
		v.Tag("kv=denied")
		return nil
	}
	if err := kv.Set("k", []byte("one"), 60_000); err != nil {
		return err
	}
	if ok, err := kv.CompareAndSwap("k", nil, []byte("two"), 0); ok || err != nil {
		return sdk.Error("swapped a key that was there")
	}
	if ok, err := kv.CompareAndSwap("k", []byte("one"), []byte("two"), 0); !ok || err != nil {
		return sdk.Error("did not swap")
	}
	b, ok, err := kv.Get("k")
	if err != nil || !ok || !bytes.Equal(b, []byte("two")) {
		return sdk.Error("get: " + string(b))
	}
	if err := kv.Delete("k"); err != nil {
		return err
	}
	if _, ok, err := kv.Get("k"); ok || err != nil {
		return sdk.Error("still there")
	}
	if err := kv.Set("big", make([]byte, 65<<10), 0); err != sdk.ErrTooLarge {
		return sdk.Error("a value of 65 KiB")
	}
	n, err := kv.Add("n", 5, 0)
	if err != nil {
		return err
	}
	n, err = kv.Add("n", -7, 0)
	v.Tag("n=" + strconv.Itoa(int(n)))
	return err
}
