package digest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
)

// Letter is a digest as people read it.
type Letter struct{ Subject, Text, HTML string }

// letterOf reads mail that this package has composed.
func letterOf(body []byte) (Letter, error) {
	m, err := mail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		return Letter{}, fmt.Errorf("reading the digest: %w", err)
	}
	var l Letter
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return Letter{}, fmt.Errorf("reading the digest: %w", err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return Letter{}, fmt.Errorf("reading the digest: %w", err)
	}
	r := multipart.NewReader(m.Body, params["boundary"]) // decodes quoted-printable
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return Letter{}, fmt.Errorf("reading the digest: %w", err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return Letter{}, fmt.Errorf("reading the digest: %w", err)
		}
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			l.HTML = text
		} else {
			l.Text = text
		}
	}
}
