package smtpc

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// FuzzPeer: whatever a peer sends before it closes, a session ends with an
// *Error whose reply is well-formed, or with answers; it never panics, hangs,
// or reports a message taken that the peer did not answer with 2yz.
func FuzzPeer(f *testing.F) {
	ehlo := "220 x\r\n250-x\r\n250 PIPELINING\r\n"
	f.Add([]byte("220 x\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 ok\r\n"))
	f.Add([]byte(ehlo + "250 ok\r\n550 5.1.1 no\r\n354 go\r\n554 no\r\n250 reset\r\n"))
	f.Add([]byte(ehlo + "250 ok\r\n250 ok\r\n421 4.3.2 bye\r\n"))
	f.Add([]byte("220-a\n220 b\n500 what\n250 helo\n451-x\n451 y"))
	to, err := mail.ParseAddress("to@b.test")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Skip(err)
		}
		defer l.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(script)
			_ = c.(*net.TCPConn).CloseWrite()
			var b [512]byte
			for {
				if _, err := c.Read(b[:]); err != nil {
					c.Close()
					return
				}
			}
		}()
		tr := &Transcript{}
		c, err := Dial(t.Context(), Options{Addr: l.Addr().String(), Helo: "gw.test", TLS: TLSNone, Timeouts: quick(nil), Transcript: tr})
		var answers []Answer
		if err == nil {
			answers, err = c.Begin(t.Context(), Envelope{To: []mail.Address{to}})
			if err == nil && c.AwaitsData() {
				answers, err = c.Data(t.Context(), strings.NewReader("x\r\n"), nil)
			}
			c.Quit()
		} else {
			l.Close()
		}
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("the connection stays open")
		}
		var se *Error
		if err != nil && (!errors.As(err, &se) || se.Reply.Code < 400 || se.Reply.Code > 599) {
			t.Fatalf("%v\n%s", err, tr)
		}
		if len(answers) == 1 && err == nil && answers[0].Reply.Success() && !strings.Contains(tr.String(), "> .\n< 2") {
			t.Fatalf("taken without an answer: %v\n%s", answers, tr)
		}
		if strings.ContainsAny(strings.ReplaceAll(tr.String(), "\n", ""), "\x00\x1b\r\x7f") {
			t.Fatalf("%q", tr)
		}
	})
}
