package main

import (
	"io"
	"strings"

	"github.com/mailweir/weir/sdk"
)

// Bounds of what is looked at.
const (
	maxWords = 600       // of one message
	maxText  = 128 << 10 // octets of all text parts
	minWord  = 3         // octets
	maxWord  = 30
)

// bag gathers the distinct words of a message, in order.
type bag struct {
	seen  map[string]bool
	words []string
}

func (b *bag) add(w string) {
	if len(b.words) < maxWords && !b.seen[w] {
		b.seen[w] = true
		b.words = append(b.words, w)
	}
}

// wordsOf are the words of a message: of its text, its subject, who it is from,
// what it links to and what is attached.
func wordsOf(c *sdk.Call) ([]string, error) {
	b := &bag{seen: map[string]bool{}}
	if s, ok := c.Header("Subject"); ok {
		split(s, func(w string) { b.add("s:" + w) })
	}
	if f, ok := c.Header("From"); ok {
		if i := strings.LastIndexByte(f, '@'); i >= 0 {
			b.add("f:" + strings.ToLower(strings.Trim(clip(f[i+1:]), "> \t\"")))
		}
	}
	list, err := c.Parts()
	if err != nil {
		return nil, err
	}
	room := int64(maxText)
	for i := range list.Parts {
		p := &list.Parts[i]
		if p.Attachment {
			b.add("a:" + clip(p.Type))
			if i := strings.LastIndexByte(p.Filename, '.'); i >= 0 {
				b.add("x:" + strings.ToLower(clip(p.Filename[i:])))
			}
			continue
		}
		if !strings.HasPrefix(p.Type, "text/") || room <= 0 {
			continue
		}
		text := make([]byte, min(room, int64(p.Size)))
		n, err := io.ReadFull(io.NewSectionReader(c.Open(p), 0, int64(len(text))), text)
		if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
			return nil, err
		}
		room -= int64(n)
		s := string(text[:n])
		links(s, b)
		if p.Type == "text/html" {
			s = strip(s)
		}
		split(s, b.add)
	}
	return b.words, nil
}

func clip(s string) string { return s[:min(len(s), 60)] }

// links adds the hosts of the URLs in s.
func links(s string, b *bag) {
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			return
		}
		s = s[i+3:]
		end := strings.IndexFunc(s, func(r rune) bool {
			return !(r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z')
		})
		if end < 0 {
			end = len(s)
		}
		if end > 3 {
			b.add("u:" + strings.ToLower(clip(s[:end])))
		}
		s = s[end:]
	}
}

// strip takes tags, and what script and style hold, out of HTML. It need not
// be exact: what is learned and what is judged pass through it alike.
func strip(s string) string {
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		b.WriteByte(' ')
		s = s[i:]
		low := strings.ToLower(s[:min(len(s), 8)])
		end := ">"
		switch {
		case strings.HasPrefix(low, "<script"):
			end = "</script>"
		case strings.HasPrefix(low, "<style"):
			end = "</style>"
		case strings.HasPrefix(low, "<!--"):
			end = "-->"
		}
		j := strings.Index(s, end)
		if j < 0 {
			return b.String()
		}
		s = s[j+len(end):]
	}
	b.WriteString(s)
	return b.String()
}

// split gives the words of s: runs of letters, digits and octets past ASCII, in
// lower case.
func split(s string, each func(string)) {
	start := -1
	for i := 0; i <= len(s); i++ {
		if i < len(s) && (s[i] >= 0x80 || s[i] == '\'' || s[i] == '$' || '0' <= s[i] && s[i] <= '9' || 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z') {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			if n := i - start; n >= minWord && n <= maxWord {
				each(strings.ToLower(s[start:i]))
			}
			start = -1
		}
	}
}
