package wire

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// anywhere reads a message from everywhere, by several readers side by side, and
// compares it with the whole.
func anywhere(t *testing.T, c *Content, want []byte) {
	t.Helper()
	if c.Size() != int64(len(want)) {
		t.Errorf("%d octets, want %d", c.Size(), len(want))
	}
	var wg sync.WaitGroup
	for seed := range uint64(2) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 50 {
				off := r.IntN(len(want) + 2)
				b := make([]byte, r.IntN(len(want)+2))
				n, err := c.ReadAt(b, int64(off))
				rest := want[min(off, len(want)):]
				if !bytes.Equal(b[:n], rest[:min(len(b), len(rest))]) || (err == io.EOF) != (len(b) > len(rest)) || err != nil && err != io.EOF {
					t.Errorf("%d octets from %d: %d, %v: %q", len(b), off, n, err, b[:n])
					return
				}
			}
		})
	}
	wg.Wait()
	if got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size())); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestContent: a long part that is written anew is read on, not from its start for
// each step, and a body that ends early is an error wherever it is read.
func TestContent(t *testing.T) {
	text := strings.Repeat("0123456789 grün 0123456789\r\n", 20_000)
	body := "From: a@x.test\r\nSubject: long\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text
	m := Message{Edits: []mail.HeaderEdit{{Op: "add", Name: "X-Seen", Value: "yes"}}, Parts: []mail.PartEdit{app(0, "a note")}, Body: strings.NewReader(body), Size: int64(len(body))}
	p, err := m.Plan()
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(p.Reader())
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	for i, x := range p.pieces {
		p.pieces[i].open = func() io.Reader { opened++; return x.open() }
	}
	c := p.Content()
	var got []byte
	for off := 0; off < len(want); off += 1000 {
		b := make([]byte, 1000)
		n, err := c.ReadAt(b, int64(off))
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		got = append(got, b[:n]...)
	}
	if !bytes.Equal(got, want) || opened > len(p.pieces) {
		t.Errorf("%d octets of %d; %d pieces were opened %d times", len(got), len(want), len(p.pieces), opened)
	}
	if _, err := c.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("before its start")
	}
	short := Message{Body: strings.NewReader(body[:100]), Size: int64(len(body))}
	if p, err = short.Plan(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Content().ReadAt(make([]byte, 200), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	if _, err := p.Content().ReadAt(make([]byte, 20), 1000); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}
