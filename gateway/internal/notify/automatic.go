package notify

import (
	"bufio"
	"bytes"
	"fmt"
	"net/textproto"
	"strings"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Automatic reports a message that a program wrote, or that goes to a list:
// nobody waits for news of its delay (Exim's delay_warning_condition; RFC 3834
// §2). body is the message's.
func Automatic(m *store.Message, body store.Body) (bool, error) {
	if body == nil {
		return false, nil
	}
	head, err := header(m, body)
	if err != nil {
		return false, fmt.Errorf("reading the header of %s: %w", m.ID, err)
	}
	// What cannot be read ends the header: the rest of it does not count.
	h, _ := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(head, "\r\n"...)))).ReadMIMEHeader()
	auto, _, _ := strings.Cut(strings.ToLower(h.Get("Auto-Submitted")), ";")
	if auto = strings.TrimSpace(auto); auto != "" && auto != "no" {
		return true, nil
	}
	switch strings.ToLower(strings.TrimSpace(h.Get("Precedence"))) {
	case "bulk", "list", "junk":
		return true, nil
	}
	return h.Get("List-Id") != "" || h.Get("List-Post") != "", nil
}
