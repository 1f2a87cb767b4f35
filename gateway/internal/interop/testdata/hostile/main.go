// Hostile fails in the way that the sender's local part names.
package main

import (
	"strings"
	"syscall"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func main() {}

func init() {
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{abi.StageRcptTo: early, abi.StageMessage: misbehave}})
}

var (
	kept [][]byte
	sum  uint32
)

// early misbehaves before there is a message, for senders that ask for it.
func early(c *sdk.Call, v *sdk.Verdict) error {
	if how, ok := strings.CutPrefix(c.Sender, "early-"); ok {
		return fail(how, v)
	}
	return nil
}

func misbehave(c *sdk.Call, v *sdk.Verdict) error { return fail(c.Sender, v) }

func fail(how string, v *sdk.Verdict) error {
	how, _, _ = strings.Cut(how, "@")
	switch how {
	case "loop":
		for i := uint32(0); ; i++ {
			sum += i & 1
		}
	case "recurse":
		sum += fib(90)
	case "deep":
		sum += deep(0)
	case "grow":
		for {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
		}
	case "panic":
		panic("the plugin said no")
	case "exit":
		syscall.Exit(7)
	case "error":
		return sdk.Error("cannot judge this")
	case "crlf":
		v.Reject(550, "5.7.1", "no\r\n250 yes")
	case "large":
		v.Text = strings.Repeat("x", 300<<10)
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
