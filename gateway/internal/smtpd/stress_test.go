package smtpd

import (
	"testing"
	"time"
)

// crowd opens all but one of four connections.
func crowd(t *testing.T, haste time.Duration) (b *bench, first *client) {
	t.Helper()
	b = serve(t, Config{Limits: Limits{Connections: 4, StageTimeout: time.Hour, Errors: 20, Junk: 100}})
	b.server.haste = haste
	first = b.dial()
	first.expect("220 *")
	for range 2 {
		b.dial().expect("220 *")
	}
	return b, first
}

// TestStressShortensPatience: a client may keep silent for minutes while there
// is room, and for seconds only once connections run out.
func TestStressShortensPatience(t *testing.T) {
	b, calm := crowd(t, 50*time.Millisecond)
	calm.send("NOOP\r\n")
	calm.expect("250 *")
	time.Sleep(4 * b.server.haste) // the subject of the test
	calm.send("NOOP\r\n")
	calm.expect("250 *")
	last := b.dial() // the fourth of four
	last.expect("220 *", "421 4.4.2 Timeout*")
	last.expectClosed()
}

// TestStressBearsLess: errors and idle commands end a session sooner then.
func TestStressBearsLess(t *testing.T) {
	for _, c := range []struct{ send, reply, end string }{
		{"RCPT TO:<a@b.test>\r\n", "503 *", "421 4.7.0 Too many errors"},
		{"NOOP\r\nNOOP\r\n", "250 *", "421 4.7.0 Too many commands*"},
	} {
		b, calm := crowd(t, time.Hour)
		calm.send(c.send)
		calm.expect(c.reply)
		last := b.dial()
		last.expect("220 *")
		last.send(c.send)
		last.expect(c.reply, c.end)
		last.expectClosed()
	}
}
