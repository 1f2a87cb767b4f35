package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/sdk/abi"
)

// FuzzEdits: any message with any edits either is refused, or goes out as a
// message that has the same other parts, with the size that was announced.
func FuzzEdits(f *testing.F) {
	for _, m := range []string{two, nested, "Subject: x\n\nhello\n", "\nbody", "a", "",
		"Content-Type: text/html; charset=utf-16\nContent-Transfer-Encoding: base64\n\n//48AGIAPgA=\n",
		"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=ab\n\n--ab\n\nx\n--ab\nContent-Type: text/html\n\n<body>\n--ab--\n--a\n--a--",
		"Content-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: y\n\nz\n--a--\n",
		"Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B$\"\n", "Content-Type: text/html\n\n<body>--b--\n",
	} {
		f.Add([]byte(m), []byte{2, 1, 0, 1, 0, 2}, "text é\n--b--\n")
		f.Add([]byte(m), []byte{3, 0, 3, 1, 3, 2}, "x")
		f.Add([]byte(m), []byte{1, 1, 1, 2, 1, 3}, "--a\n")
		f.Add([]byte(m), []byte{0, 0}, "<p>")
	}
	f.Fuzz(func(t *testing.T, raw, ops []byte, text string) {
		if len(raw) > 16<<10 || len(ops) > 32 || len(text) > 4<<10 {
			return
		}
		body := []byte(normalise(string(raw))) // SMTP lets no other line ends in
		before, err := mimetree.Parse(bytes.NewReader(body), int64(len(body)), mimetree.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		parts := before.Parts().Parts
		var es []mail.PartEdit
		touched := map[int]bool{}
		for i := 0; i+1 < len(ops); i += 2 {
			e := mail.PartEdit{Op: []string{"replace", "remove", "prepend", "append"}[ops[i]%4], Part: int(ops[i+1]) % len(parts), Text: []byte(text), Filter: "f"}
			if e.Op == "replace" {
				e.Type = []string{"", "text/html", "application/zip", "text/plain"}[ops[i]>>2%4]
				e.Filename = strings.ToValidUTF8(text[:min(len(text), int(ops[i]>>4))], "?")
			}
			touched[e.Part] = true
			es = append(es, e)
		}
		p, err := Message{Trace: "Received: x\r\n", Parts: es, Body: bytes.NewReader(body), Size: int64(len(body)), Tree: before}.Plan()
		var refused *EditError
		if errors.As(err, &refused) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(p.Reader())
		if err != nil || int64(len(out)) != p.Size() {
			t.Fatalf("%d octets of %d, %v", len(out), p.Size(), err)
		}
		out = bytes.TrimPrefix(out, []byte("Received: x\r\n"))
		if st := scanBytes(out); st.bare && !scanBytes(body).bare || st.longest > max(maxLine, scanBytes(body).longest) {
			t.Fatalf("bare %v, a line of %d: %q", st.bare, st.longest, out)
		}
		after, err := mimetree.Parse(bytes.NewReader(out), int64(len(out)), mimetree.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		compare(t, before, after, touched, es)
	})
}

// compare looks whether the parts that no edit touches, and are in none that
// an edit touches, are still there in their order.
func compare(t *testing.T, before, after *mimetree.Tree, touched map[int]bool, es []mail.PartEdit) {
	was, is := before.Parts().Parts, after.Parts().Parts
	if before.Malformed() { // its readers differ before and after
		return
	}
	if after.Malformed() {
		t.Fatalf("it became malformed: %v", after.Problems())
	}
	var want, got []string
	for i := range was {
		kept := len(before.Children(i)) == 0
		for k := i; ; k = int(was[k].Parent) {
			kept = kept && !touched[k]
			if k == 0 {
				break
			}
		}
		if kept {
			want = append(want, content(t, before, &was[i]))
		}
	}
	for i := range is {
		if len(after.Children(i)) == 0 {
			got = append(got, content(t, after, &is[i]))
		}
	}
	for _, w := range want { // in order
		for len(got) > 0 && got[0] != w {
			got = got[1:]
		}
		if len(got) == 0 {
			t.Fatalf("a part is lost: %q; edits %v", w, es)
		}
		got = got[1:]
	}
}

func content(t *testing.T, tree *mimetree.Tree, p *abi.Part) string {
	b, err := io.ReadAll(&partReader{tree: tree, part: int(p.Index)})
	if err != nil {
		t.Fatal(err)
	}
	return p.Type + " " + p.Filename + " " + string(b)
}
