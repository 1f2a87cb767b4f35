package export

import (
	"io"
	"strings"
	"time"
)

// Messages takes whole messages: *Zip and *Mbox. One goroutine uses it.
type Messages interface {
	// Add writes one message. After an error nothing more may be added, and
	// Close must not be called: what was written is not whole.
	Add(e Entry, r io.Reader) error
	// Close ends it. The writer below stays open.
	Close() error
}

// Entry is what a reader finds a message by.
type Entry struct {
	ID      string    // the message's, which names its file
	At      time.Time // when it was received
	Sender  string    // envelope sender; "" the null one
	Subject string    // as the sender wrote it
}

// FileName is a name for a message that every system takes: the day, what of
// the subject is ASCII letters and digits, and the ID, which makes it unique. It
// never begins with a dot or a hyphen, holds no path, and is no device's name.
func FileName(e Entry) string {
	parts := []string{e.At.UTC().Format("2006-01-02")}
	if s := slug(e.Subject); s != "" {
		parts = append(parts, s)
	}
	return strings.Join(append(parts, safeID(e.ID)), "_") + ".eml"
}

// maxSlug keeps a whole name below the 143 octets that the tightest of usual
// file systems takes (eCryptfs).
const maxSlug = 60

func slug(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range s {
		if r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z' {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('-')
			gap = false
		}
		if b.WriteRune(r); b.Len() >= maxSlug {
			break
		}
	}
	return b.String()
}

// safeID keeps of an ID what may stand in a file's name.
func safeID(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return -1
	}, s)
	if s == "" {
		s = "message"
	}
	return s[:min(len(s), maxSlug)]
}
