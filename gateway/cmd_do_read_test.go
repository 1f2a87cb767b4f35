package main

import (
	"strings"
	"testing"
)

// What "weir do view" prints on a terminal shows the mail, and holds nothing that
// a terminal would obey.
func TestMailOnATerminalOnlyShows(t *testing.T) {
	var out strings.Builder
	mail := "Subject: hello\r\n\r\n\x1b]0;owned\x07red \x1b[31mtext\r\nlast line without an end"
	if err := printMail(&out, strings.NewReader(mail)); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if strings.ContainsAny(got, "\x1b\x07\r") || !strings.HasPrefix(got, "Subject: hello\n\n") || !strings.HasSuffix(got, "last line without an end\n") || !strings.Contains(got, "red ") {
		t.Errorf("%q", got)
	}
}
