package mimetree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExampleMessages: the sample messages show what their README says.
func TestExampleMessages(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "examples", "messages")
	for name, want := range map[string]struct {
		parts                 int
		attachment, malformed bool
		subject, names        string
	}{
		"clean.eml":          {1, false, false, "Lunch on Thursday?", ""},
		"blocked-sender.eml": {1, false, false, "Only today: everything must go", ""},
		"encrypted-zip.eml":  {3, true, false, "The figures, protected", "report.zip"},
		"attachment.eml":     {6, true, false, "Die Zahlen für November", "Zahlen für November.csv report.zip"},
		"spam.eml":           {1, false, false, "You have WОN a prіze 🎉", ""},
		"malformed.eml":      {3, true, true, "Which of the two is it?", "letter.exe"},
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "\n"); n != strings.Count(string(b), "\r\n") || n == 0 {
			t.Errorf("%s: lines must end in CRLF", name)
		}
		tree := parse(t, string(b))
		s := tree.Summary()
		if len(tree.Parts().Parts) != want.parts || tree.HasAttachments() != want.attachment || tree.Malformed() != want.malformed ||
			s.Subject != want.subject || strings.Join(s.Attachments, " ") != want.names {
			t.Errorf("%s: %d parts, attachments %v, malformed %v, %q, %q", name, len(tree.Parts().Parts), tree.HasAttachments(), tree.Problems(), s.Subject, s.Attachments)
		}
	}
}
