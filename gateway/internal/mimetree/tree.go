// Package mimetree reads a message's header and MIME structure once, and then
// gives its parts, transfer-decoded, by range.
//
// It is tolerant, and it is honest about it: wherever another reader could
// understand the message differently (a multipart without boundary or without
// its end, two Content-Type fields, data after base64 padding, two names with
// different extensions), Malformed is set on the part and on the tree. A part
// that is malformed is not clean: what can be read of it may not be all.
//
// Nothing is decoded while the structure is read, and the message is never
// held in memory: parts are ranges of the message. It is not for composing or
// changing mail (bodies are relayed byte for byte), and it judges nothing.
package mimetree

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/mailweir/weir/sdk/abi"
)

// Budget bounds what is read of a message's structure. Zero fields are the
// defaults. What lies beyond is not descended into, and the tree is malformed.
type Budget struct {
	HeaderBytes int // of all headers together; default 1 MiB
	Parts       int // default 1,000
	Depth       int // levels of nesting; default 32
}

func (b Budget) withDefaults() Budget {
	if b.HeaderBytes <= 0 {
		b.HeaderBytes = 1 << 20
	}
	if b.Parts <= 0 {
		b.Parts = 1000
	}
	if b.Depth <= 0 {
		b.Depth = 32
	}
	return b
}

// Tree is a message's structure. Its methods are safe in parallel. It reads
// from the ReaderAt it was made with for as long as it is used.
type Tree struct {
	r         io.ReaderAt
	size      int64
	raw       []byte // the header block with its empty line
	headerLen int64
	headers   []abi.Header
	parts     []abi.Part
	bodies    []body // in step with parts
	spans     []span // in step with parts
	malformed bool
	shaky     bool // the structure as a whole is uncertain: the message is no ground for edits
	problems  []string

	mu      sync.Mutex
	cursors []*cursor // the most recently used last
}

// maxProblems is how many problems a tree keeps in words.
const maxProblems = 16

// Parse reads the structure of the size octets of r. Errors are those of
// reading only; trouble with the structure sets Malformed.
func Parse(r io.ReaderAt, size int64, b Budget) (*Tree, error) {
	t := &Tree{r: r, size: size}
	p := parser{tree: t, budget: b.withDefaults(), cur: -1}
	if err := p.run(); err != nil {
		return nil, fmt.Errorf("mimetree: %w", err)
	}
	return t, nil
}

// Headers are the message's own header fields in order, unfolded, in raw
// bytes: encoded words are not decoded. Not to be changed.
func (t *Tree) Headers() []abi.Header { return t.headers }

// RawHeader is the header block as it came, the empty line included; cut at
// the budget. Not to be changed.
func (t *Tree) RawHeader() []byte { return t.raw }

// HeaderBytes is the length of the header block, the empty line included.
func (t *Tree) HeaderBytes() int64 { return t.headerLen }

// Parts is every entity in the order of the message, the message itself first
// (index 0, its own parent). Multiparts are listed: their content is the raw
// range. A message/rfc822 part has the message in it as its child.
//
// Numbers are those of IMAP (RFC 3501 §6.4.5); a multipart that is a whole
// message has the message's number, "" for the outermost.
func (t *Tree) Parts() abi.PartList { return abi.PartList{Parts: t.parts, Malformed: t.malformed} }

// Malformed: the structure is uncertain somewhere.
func (t *Tree) Malformed() bool { return t.malformed }

// Problems says why the tree is malformed, the first 16 reasons.
func (t *Tree) Problems() []string { return t.problems }

// HasAttachments: some part is no inline text, or the structure is uncertain,
// so that something could be one for the recipient's reader.
func (t *Tree) HasAttachments() bool {
	if t.malformed {
		return true
	}
	for i := range t.parts {
		if t.parts[i].Attachment {
			return true
		}
	}
	return false
}

// ReceivedCount counts the Received fields, for loop detection (B129).
func (t *Tree) ReceivedCount() int {
	n := 0
	for i := range t.headers {
		if strings.EqualFold(t.headers[i].Name, "Received") {
			n++
		}
	}
	return n
}

// problem notes where another reader could understand the message differently.
func (t *Tree) problem(part int, text string) {
	if part >= 0 {
		t.spans[part].shaky = true
	} else {
		t.shaky = true
	}
	t.harmless(part, text)
}

// harmless is problem for what leaves no doubt where the part lies and what
// it is, so that it may still be edited.
func (t *Tree) harmless(part int, text string) {
	t.malformed = true
	if part >= 0 {
		t.parts[part].Malformed = true
	}
	if len(t.problems) >= maxProblems {
		return
	}
	if part >= 0 {
		if n := t.parts[part].Number; n != "" {
			text = "part " + n + ": " + text
		}
	}
	t.problems = append(t.problems, text)
}
