package wire

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// places are where text goes into an HTML document, as offsets of its octets.
type places struct{ before, after int64 }

// maxToken bounds what is held of a document at once.
const maxToken = 1 << 20

// htmlPlaces finds where a document's content begins (behind <body>, or
// behind what may only stand before it) and where it ends (before the last
// </body>, else before the last </html>, else at the end). What looks like a
// tag in a comment, a script or a title is none. A document that cannot be
// followed, say for a comment of megabytes, takes text at its very ends.
func htmlPlaces(r io.Reader, size int64) (places, error) {
	p := places{0, size}
	z := html.NewTokenizer(r)
	z.SetMaxBuf(maxToken)
	var at, body, page int64 = 0, -1, -1
	begun := false
	for {
		tt := z.Next()
		if tt == html.ErrorToken {
			switch err := z.Err(); {
			case errors.Is(err, html.ErrBufferExceeded):
				return places{p.before, size}, nil
			case !errors.Is(err, io.EOF):
				return p, fmt.Errorf("reading the document: %w", err)
			}
			break
		}
		start := at
		at += int64(len(z.Raw()))
		switch tt {
		case html.DoctypeToken:
			if !begun && start == p.before {
				p.before = at
			}
		case html.TextToken:
			if !begun && start == p.before && blank(z.Raw()) {
				p.before = at
			}
		case html.StartTagToken, html.EndTagToken:
			name, _ := z.TagName()
			switch a := atom.Lookup(name); {
			case a == atom.Body && tt == html.StartTagToken && !begun:
				p.before, begun = at, true
			case a == atom.Html && tt == html.StartTagToken && !begun, a == atom.Head && tt == html.EndTagToken && !begun:
				p.before = at
			case a == atom.Body && tt == html.EndTagToken:
				body = start
			case a == atom.Html && tt == html.EndTagToken:
				page = start
			}
		}
	}
	switch {
	case body >= p.before:
		p.after = body
	case page >= p.before:
		p.after = page
	}
	return p, nil
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}
