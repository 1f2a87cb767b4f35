package wire

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

const sample = "Subject: one\r\nX-A: 1\r\n folded\r\nFrom: a@b.test\r\nX-A: 2\r\n\r\nbody\r\n"

func compose(t *testing.T, src string, edits ...mail.HeaderEdit) string {
	t.Helper()
	m := Message{Trace: "Received: here\r\n", Edits: edits, Body: bytes.NewReader([]byte(src)), Size: int64(len(src))}
	r, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReader(t *testing.T) {
	long := "X: " + strings.Repeat("y", 40<<10) + "\r\n\r\nbody"
	for _, c := range []struct {
		name, src string
		edits     []mail.HeaderEdit
		want      string
	}{
		{"no edits keep every byte", sample, nil, sample},
		{"add goes on top", sample, []mail.HeaderEdit{{Op: "add", Name: "X-B", Value: "v"}}, "X-B: v\r\n" + sample},
		{"replace first occurrence with its folds", sample, []mail.HeaderEdit{{Op: "replace", Name: "x-a", Value: "n"}},
			"Subject: one\r\nx-a: n\r\nFrom: a@b.test\r\nX-A: 2\r\n\r\nbody\r\n"},
		{"replace second", sample, []mail.HeaderEdit{{Op: "replace", Name: "X-A", Index: 1, Value: "n"}},
			"Subject: one\r\nX-A: 1\r\n folded\r\nFrom: a@b.test\r\nX-A: n\r\n\r\nbody\r\n"},
		{"replace of a missing field adds", sample, []mail.HeaderEdit{{Op: "replace", Name: "X-C", Value: "n"}}, "X-C: n\r\n" + sample},
		{"remove all", sample, []mail.HeaderEdit{{Op: "remove", Name: "X-A", Index: -1}}, "Subject: one\r\nFrom: a@b.test\r\n\r\nbody\r\n"},
		{"remove of a missing one changes nothing", sample, []mail.HeaderEdit{{Op: "remove", Name: "X-A", Index: 5}}, sample},
		{"empty header", "\r\nbody", []mail.HeaderEdit{{Op: "add", Name: "X", Value: "1"}}, "X: 1\r\n\r\nbody"},
		{"header without end", "A: b", []mail.HeaderEdit{{Op: "add", Name: "X", Value: "1"}}, "X: 1\r\nA: b\r\n"},
		{"long header", long, []mail.HeaderEdit{{Op: "add", Name: "X-B", Value: "v"}}, "X-B: v\r\n" + long},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := compose(t, c.src, c.edits...); got != "Received: here\r\n"+c.want {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, e := range []mail.HeaderEdit{
		{Op: "set", Name: "X"}, {Op: "add", Name: ""}, {Op: "add", Name: "a b"}, {Op: "add", Name: "a:"},
		{Op: "add", Name: "X", Value: "a\r\nBcc: x@y"}, {Op: "add", Name: "X", Value: "a\nb"}, {Op: "add", Name: "X", Value: "a\x00"},
		{Op: "add", Name: "X", Value: strings.Repeat("a", 1000)},
	} {
		if Check(e) == nil {
			t.Errorf("accepted %+v", e)
		}
	}
	if err := Check(mail.HeaderEdit{Op: "add", Name: "X", Value: "a\r\n b"}); err != nil {
		t.Error(err)
	}
}
