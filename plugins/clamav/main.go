// Command clamav is the first-party plugin that has clamd scan each message, by
// its command INSTREAM (clamd(8)). Whatever is not a clean answer is a failure
// of the filter or a finding: an error never looks clean.
package main

import (
	"encoding/binary"
	"io"
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Check: sdk.Checks(build), Hooks: sdk.Hooks{abi.StageMessage: onMessage}})
}

func main() {}

// settings are a config block.
type settings struct {
	address    string
	action     abi.Action
	heuristics abi.Action
	ignore     bool
	maxSize    uint64
}

func build(v abi.Value) (*settings, error) {
	s := &settings{address: v.Get("address").String, maxSize: uint64(v.Get("max_size").Number)}
	if s.address == "" {
		s.address = "unix:/run/clamav/clamd.ctl"
	}
	if s.maxSize == 0 {
		s.maxSize = 25 << 20
	}
	var ok bool
	if s.action, ok = action(v.Get("action").String, abi.ActionReject); !ok {
		return nil, sdk.Error("action is none of reject, quarantine, discard")
	}
	h := v.Get("heuristics").String
	if s.ignore = h == "ignore"; s.ignore {
		return s, nil
	}
	if s.heuristics, ok = action(h, abi.ActionQuarantine); !ok {
		return nil, sdk.Error("heuristics is none of reject, quarantine, discard, ignore")
	}
	return s, nil
}

func action(s string, otherwise abi.Action) (abi.Action, bool) {
	switch s {
	case "":
		return otherwise, true
	case "reject":
		return abi.ActionReject, true
	case "quarantine":
		return abi.ActionQuarantine, true
	case "discard":
		return abi.ActionDiscard, true
	}
	return 0, false
}

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	s, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	if c.Size > s.maxSize {
		f := v.Find("unscannable", "size")
		f.Action, f.Explanation = abi.ActionStall, "the message is too large for the virus scanner"
		return nil
	}
	answer, err := scan(c, s.address)
	if err != nil {
		return err
	}
	return s.report(v, answer)
}

// report turns clamd's answer into a finding. Only "stream: OK" is clean.
func (s *settings) report(v *sdk.Verdict, answer string) error {
	rest, ok := strings.CutPrefix(answer, "stream: ")
	switch {
	case ok && rest == "OK":
		return nil
	case ok && strings.HasSuffix(rest, " FOUND"):
		name := oneLine(strings.TrimSuffix(rest, " FOUND"))
		if name == "" {
			break
		}
		if mild(name) {
			if s.ignore {
				return nil
			}
			f := v.Find("malware", "heuristic")
			f.Action, f.Explanation = s.heuristics, "the virus scanner suspects "+name
			return nil
		}
		f := v.Find("malware", "clamav")
		f.Action, f.Explanation = s.action, "the virus scanner found "+name
		if s.action == abi.ActionReject {
			f.Code, f.Enhanced, f.Text = 550, "5.7.1", "the message contains malware"
		}
		return nil
	case strings.Contains(answer, "size limit exceeded"):
		f := v.Find("unscannable", "size")
		f.Action, f.Explanation = abi.ActionStall, "the message is too large for the virus scanner (StreamMaxLength of clamd)"
		return nil
	}
	return sdk.Error("clamd answered: " + oneLine(answer))
}

// mild reports what is no signature of known malware. Names come from clamd's
// databases; those of encrypted files are reported by heuristics too.
func mild(name string) bool {
	for _, p := range []string{"Heuristics.", "PUA.", "Sanesecurity."} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func oneLine(s string) string {
	s = s[:min(len(s), 200)]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// chunk is how much goes to clamd with one length; maxAnswer bounds its answer.
const (
	chunk     = 1 << 20
	maxAnswer = 4 << 10
)

// scan sends the message as it came and gives clamd's answer.
func scan(c *sdk.Call, address string) (string, error) {
	conn, err := c.Dial(address)
	if err != nil {
		return "", sdk.Error("connecting to clamd at " + address + ": " + err.Error())
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("zINSTREAM\x00")); err != nil {
		return "", sdk.Error("clamd: " + err.Error())
	}
	var sendErr error
	for off, size := int64(0), int64(c.Size); off < size && sendErr == nil; {
		n := min(chunk, size-off)
		var head [4]byte
		binary.BigEndian.PutUint32(head[:], uint32(n))
		if _, sendErr = conn.Write(head[:]); sendErr != nil {
			break
		}
		sent, err := conn.SendPart(abi.PartRaw, off, n)
		if err == nil && sent != n {
			return "", sdk.Error("the message could not be read to its end")
		}
		sendErr = err
		off += sent
	}
	if sendErr == nil {
		_, sendErr = conn.Write([]byte{0, 0, 0, 0})
	}
	// clamd that has had enough answers and closes: its words say more than
	// the failed write does.
	answer, err := read(conn)
	if sendErr != nil && (err != nil || strings.HasSuffix(answer, "OK")) {
		return "", sdk.Error("sending to clamd: " + sendErr.Error())
	}
	return answer, err
}

// read takes clamd's answer, which a NUL ends.
func read(conn io.Reader) (string, error) {
	var b []byte
	buf := make([]byte, 512)
	for len(b) <= maxAnswer {
		n, err := conn.Read(buf)
		b = append(b, buf[:n]...)
		if i := strings.IndexByte(string(b), 0); i >= 0 {
			return string(b[:i]), nil
		}
		if err != nil {
			return "", sdk.Error("clamd closed the connection without an answer: " + err.Error())
		}
	}
	return "", sdk.Error("clamd's answer does not end")
}
