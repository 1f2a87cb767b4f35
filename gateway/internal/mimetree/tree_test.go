package mimetree

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

// crlf makes a message from a readable text.
func crlf(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\n", "\r\n")
}

func parse(t testing.TB, msg string) *Tree {
	t.Helper()
	tree, err := Parse(strings.NewReader(msg), int64(len(msg)), Budget{})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func readAll(t testing.TB, tree *Tree, part, piece int) string {
	t.Helper()
	var b []byte
	buf := make([]byte, piece)
	for {
		n, err := tree.ReadPart(part, int64(len(b)), buf)
		b = append(b, buf[:n]...)
		if err == io.EOF {
			return string(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

const sample = `
Received: by a
Received: by b
From: =?utf-8?q?J=C3=BCrgen?= <j@a.test>
To: b@b.test,
	c@b.test
Subject: =?utf-8?b?w4TDtsO8?= and
 more
Message-ID: <1@a.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative;
 boundary=inner

--inner
Content-Type: text/plain; charset=ISO-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe =
joined  
--inner
Content-Type: text/html; charset=utf-8

<p>x</p>

--inner--
epilogue
--outer
Content-Type: application/octet-stream; name="=?utf-8?q?a=C3=A4.zip?="
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename*=utf-8''a%C3%A4.zip

UEsDBBQAAAAIAA==
--outer
Content-Type: message/rfc822

From: x@x.test
Subject: inner
Content-Type: multipart/mixed; boundary=deep

--deep

one
--deep
Content-Type: image/png
Content-ID: <pic@x>

two
--deep--
--outer--
`

func TestTree(t *testing.T) {
	tree := parse(t, crlf(sample))
	if tree.Malformed() || len(tree.Problems()) > 0 {
		t.Errorf("malformed: %v", tree.Problems())
	}
	want := []struct {
		number, typ, name, content string
		parent, depth              uint32
		attachment                 bool
		magic                      string
	}{
		{"", "multipart/mixed", "", "", 0, 0, false, ""},
		{"1", "multipart/alternative", "", "", 0, 1, false, ""},
		{"1.1", "text/plain", "", "Gr\xfc\xdfe joined", 1, 2, false, ""},
		{"1.2", "text/html", "", "<p>x</p>\r\n", 1, 2, false, ""},
		{"2", "application/octet-stream", "aä.zip", "PK\x03\x04\x14\x00\x00\x00\x08\x00", 0, 1, true, "application/zip"},
		{"3", "message/rfc822", "", "", 0, 1, true, ""},
		{"3", "multipart/mixed", "", "", 5, 2, false, ""},
		{"3.1", "text/plain", "", "one", 6, 3, false, ""},
		{"3.2", "image/png", "", "two", 6, 3, true, ""},
	}
	parts := tree.Parts().Parts
	if len(parts) != len(want) {
		t.Fatalf("%d parts, want %d: %+v", len(parts), len(want), parts)
	}
	for i, w := range want {
		p := parts[i]
		if p.Index != uint32(i) || p.Number != w.number || p.Type != w.typ || p.Filename != w.name || p.Parent != w.parent ||
			p.Depth != w.depth || p.Attachment != w.attachment || p.Magic != w.magic {
			t.Errorf("part %d: %+v, want %+v", i, p, w)
		}
		got := readAll(t, tree, i, 7)
		if w.content != "" && got != w.content {
			t.Errorf("part %d: %q, want %q", i, got, w.content)
		}
		if int(p.Size) != len(got) {
			t.Errorf("part %d: size %d, content %d", i, p.Size, len(got))
		}
	}
	if parts[2].Charset != "iso-8859-1" || parts[2].Encoding != "quoted-printable" || parts[4].Disposition != "attachment" || parts[8].ContentID != "pic@x" {
		t.Errorf("%+v", parts)
	}
	if msg := readAll(t, tree, 5, 100); !strings.HasPrefix(msg, "From: x@x.test\r\n") || !strings.HasSuffix(msg, "--deep--") {
		t.Errorf("the message inside: %q", msg)
	}
	if readAll(t, tree, -1, 50) != crlf(sample) {
		t.Error("part -1 is not the message")
	}
	s := tree.Summary()
	if s.From != "Jürgen <j@a.test>" || s.To != "b@b.test,\tc@b.test" && s.To != "b@b.test, c@b.test" || s.Subject != "Äöü and more" || s.MessageID != "<1@a.test>" ||
		fmt.Sprint(s.Attachments) != "[aä.zip message/rfc822 image/png]" {
		t.Errorf("%+v", s)
	}
	if !tree.HasAttachments() || tree.ReceivedCount() != 2 {
		t.Error("attachments, Received")
	}
	head, _, _ := strings.Cut(crlf(sample), "\r\n\r\n")
	if string(tree.RawHeader()) != head+"\r\n\r\n" || tree.HeaderBytes() != int64(len(head)+4) {
		t.Errorf("header of %d octets: %q", tree.HeaderBytes(), tree.RawHeader())
	}
	if h := tree.Headers(); len(h) != 8 || h[5].Name != "Message-ID" || h[3].Value != "b@b.test,\tc@b.test" {
		t.Errorf("%+v", h)
	}
}

func TestPlainMessages(t *testing.T) {
	for _, c := range []struct{ name, msg, content string }{
		{"plain", "Subject: x\r\n\r\nhello\r\n", "hello\r\n"},
		{"no_body", "Subject: x\r\n", ""},
		{"empty_body", "Subject: x\r\n\r\n", ""},
		{"no_header", "\r\nhello", "hello"},
		{"nothing", "", ""},
		{"bare_lf", "Subject: x\n\nhello\n", "hello\n"},
		{"signature", "Subject: x\r\n\r\n-- \r\nme\r\n--\r\n", "-- \r\nme\r\n--\r\n"},
		{"quoted_trailing_break", "Content-Transfer-Encoding: quoted-printable\r\n\r\na=3D \r\n", "a=\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := parse(t, c.msg)
			p := tree.Parts().Parts
			if tree.Malformed() || tree.HasAttachments() || len(p) != 1 || p[0].Number != "1" || p[0].Type != "text/plain" {
				t.Errorf("%v %+v", tree.Problems(), p)
			}
			if got := readAll(t, tree, 0, 3); got != c.content || int(p[0].Size) != len(got) {
				t.Errorf("%q (size %d), want %q", got, p[0].Size, c.content)
			}
		})
	}
}

// TestMalformed: what other readers could understand differently is said, and
// what can be read is read.
func TestMalformed(t *testing.T) {
	multi := func(rest string) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n" + rest
	}
	for _, c := range []struct{ name, msg, says, part, content string }{
		{"no_boundary", "Content-Type: multipart/mixed\n\n--b\n\nx\n--b--\n", "without boundary", "", ""},
		{"empty_boundary", "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nx\n", "without boundary", "", ""},
		{"no_end", multi("--b\n\nx\n"), "without its end", "1", "x\r\n"},
		{"no_parts", multi("text\n"), "without parts", "", ""},
		{"end_only", multi("--b--\n"), "without parts", "", ""},
		{"part_behind_the_end", multi("--b\n\nx\n--b--\n--b\n\nhidden\n--b--\n"), "behind the end", "2", "hidden"},
		{"inner_without_end", multi("--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--b\n\ny\n--b--\n"), "without its end", "2", "y"},
		{"prefix_of_a_delimiter", multi("--b\n\nx\n--bx\n\ny\n--b--\n"), "only begins like", "1", "x\r\n--bx\r\n\r\ny"},
		{"junk_behind_the_end_mark", multi("--b\n\nx\n--b--junk\n--b--\n"), "only begins like", "1", "x\r\n--b--junk"},
		{"same_boundary_inside", multi("--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n"), "once more", "", ""},
		{"delimiter_of_two", multi("--b\nContent-Type: multipart/mixed; boundary=\"b--\"\n\n--b--\n\nx\n--b----\n--b--\n"), "of two multiparts", "", ""},
		{"boundary_too_long", "Content-Type: multipart/mixed; boundary=" + strings.Repeat("x", 71) + "\n\n--" + strings.Repeat("x", 71) + "\n\ny\n--" + strings.Repeat("x", 71) + "--\n", "invalid boundary", "1", "y"},
		{"two_boundaries", "Content-Type: multipart/mixed; boundary=b; boundary=c\n\n--b\n\nx\n--b--\n", "several boundaries", "1", "x"},
		{"encoded_boundary", "Content-Type: multipart/mixed; boundary*0=b; boundary*=us-ascii''b\n\n--b\n\nx\n--b--\n", "several boundaries", "1", "x"},
		{"multipart_in_base64", "Content-Transfer-Encoding: base64\n" + multi("--b\n\nx\n--b--\n"), "a multipart with a transfer encoding", "1", "x"},
		{"message_in_base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA0KDQo=\n", "a message with a transfer encoding", "1", "Subject: x\r\n\r\n"},
		{"fragment", "Content-Type: message/partial; id=x; number=1\n\nx\n", "a fragment", "1", "x\r\n"},
		{"two_types", "Content-Type: text/plain\nContent-Type: text/html\n\nx\n", "two Content-Type", "1", "x\r\n"},
		{"two_encodings", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\neA==\n", "two Content-Transfer-Encoding", "1", "eA==\r\n"},
		{"two_dispositions", "Content-Disposition: inline\nContent-Disposition: attachment\n\nx\n", "two Content-Disposition", "1", "x\r\n"},
		{"unknown_encoding", "Content-Transfer-Encoding: x-uuencode\n\nx\n", "unknown Content-Transfer-Encoding", "1", "x\r\n"},
		{"encoding_with_comment", "Content-Transfer-Encoding: base64 (really)\n\neA==\n", "unknown Content-Transfer-Encoding", "1", "x"},
		{"bad_type", "Content-Type: text\n\nx\n", "broken Content-Type", "1", "x\r\n"},
		{"type_with_comment", "Content-Type: text/html (x)\n\nx\n", "broken Content-Type", "1", "x\r\n"},
		{"unclosed_quote", "Content-Type: text/plain; name=\"x.txt\n\nx\n", "broken Content-Type", "1", "x\r\n"},
		{"unquoted_spaces", "Content-Disposition: attachment; filename=a.txt .exe\n\nx\n", "broken Content-Disposition", "1", "x\r\n"},
		{"names_differ", "Content-Type: text/plain; name=a.txt\nContent-Disposition: attachment; filename=a.exe\n\nx\n", "file names of different kinds", "1", "x\r\n"},
		{"names_twice", "Content-Disposition: attachment; filename=a.txt; filename=a.js\n\nx\n", "file names of different kinds", "1", "x\r\n"},
		{"extended_name_differs", "Content-Disposition: attachment; filename=a.txt; filename*=''a.exe\n\nx\n", "file names of different kinds", "1", "x\r\n"},
		{"pieces_with_a_hole", "Content-Disposition: attachment; filename*0=a; filename*2=.exe\n\nx\n", "broken file name", "1", "x\r\n"},
		{"no_colon", "Subject: x\nhello\n\nx\n", "without colon", "1", "x\r\n"},
		{"mbox_line", "From a@b Sat Nov 21 22:18:12 2026\nSubject: x\n\nx\n", "invalid name", "1", "x\r\n"},
		{"space_before_colon", "Content-Type : text/html\n\nx\n", "white space before the colon", "1", "x\r\n"},
		{"leading_continuation", " x\nSubject: x\n\nx\n", "continuation line", "1", "x\r\n"},
		{"nul_in_header", "Subject: x\x00\n\nx\n", "NUL in the header", "1", "x\r\n"},
		{"nul_in_body", "Subject: x\n\nx\x00\n", "NUL in the content", "1", "x\x00\r\n"},
		{"part_without_content", multi("--b\nContent-Type: text/html\n--b--\n"), "without content", "1", ""},
		{"base64_junk", "Content-Transfer-Encoding: base64\n\naG*Vsb-G8=\n", "broken base64", "1", "hello"},
		{"base64_no_padding", "Content-Transfer-Encoding: base64\n\naGVsbG8\n", "broken base64", "1", "hello"},
		{"base64_data_behind_padding", "Content-Transfer-Encoding: base64\n\naGVsbG8=\naGVsbG8=\n", "broken base64", "1", "hellohello"},
		{"base64_lone_character", "Content-Transfer-Encoding: base64\n\naGVsa\n", "broken base64", "1", "hel"},
		{"quoted_bad_escape", "Content-Transfer-Encoding: quoted-printable\n\na=ZZ=4\n", "broken quoted-printable", "1", "a=ZZ=4\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := parse(t, strings.ReplaceAll(c.msg, "\n", "\r\n"))
			if !tree.Malformed() || !tree.Parts().Malformed || !tree.HasAttachments() || !strings.Contains(strings.Join(tree.Problems(), "; "), c.says) {
				t.Errorf("malformed %v: %v, want %q", tree.Malformed(), tree.Problems(), c.says)
			}
			if c.part == "" {
				return
			}
			for i, p := range tree.Parts().Parts {
				if p.Number == c.part {
					if got := readAll(t, tree, i, 100); got != c.content {
						t.Errorf("part %s: %q, want %q", c.part, got, c.content)
					}
					return
				}
			}
			t.Errorf("no part %s: %+v", c.part, tree.Parts().Parts)
		})
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ header, name string }{
		{`Content-Disposition: attachment; filename="a b.pdf"`, "a b.pdf"},
		{`Content-Type: application/pdf; name=a.pdf`, "a.pdf"},
		{`Content-Disposition: attachment; filename="a\"b.pdf"`, `a"b.pdf`},
		{`Content-Disposition: attachment; filename="C:\dir\b.pdf"`, `C:\dir\b.pdf`},
		{`Content-Disposition: attachment; filename="=?iso-8859-1?q?=FC.pdf?="`, "ü.pdf"},
		{`Content-Disposition: attachment; filename*0="long "; filename*1="name.pdf"`, "long name.pdf"},
		{`Content-Disposition: attachment; filename*0*=utf-8''%C3%BC; filename*1*=%20x; filename*2=.pdf`, "ü x.pdf"},
		{`Content-Disposition: attachment; filename="Rechnung_.pdf"; filename*=UTF-8''Rechnung%20%E2%82%AC.pdf`, "Rechnung €.pdf"},
		{"Content-Disposition: attachment; filename=\"a\u202efdp.exe\"", "afdp.exe"},
		{"Content-Disposition: attachment; filename=\"\xfc.pdf\"", "ü.pdf"},
	} {
		tree := parse(t, c.header+"\r\n\r\nx")
		p := tree.Parts().Parts[0]
		if p.Filename != c.name || !p.Attachment || tree.Malformed() {
			t.Errorf("%s: %q %v, want %q", c.header, p.Filename, tree.Problems(), c.name)
		}
	}
}

func TestDigest(t *testing.T) {
	tree := parse(t, crlf(`
Content-Type: multipart/digest; boundary=b

--b

Subject: one

text
--b--
`))
	p := tree.Parts().Parts
	if len(p) != 3 || p[1].Type != "message/rfc822" || p[2].Number != "1.1" || readAll(t, tree, 2, 9) != "text" || tree.Malformed() {
		t.Errorf("%v %+v", tree.Problems(), p)
	}
}

func TestUUEncodedIsAnAttachment(t *testing.T) {
	tree := parse(t, "Subject: x\r\n\r\nlook\r\nbegin 644 a.exe\r\n#86)C\r\n`\r\nend\r\n")
	if !tree.HasAttachments() || !tree.Malformed() {
		t.Error("a uuencoded file in a text is an attachment that cannot be read")
	}
	for _, prose := range []string{"begin with something nice\r\n", "begin 644 things today\r\nand do not end before tomorrow\r\n"} {
		if parse(t, "Subject: x\r\n\r\n"+prose).HasAttachments() {
			t.Errorf("%q is prose", prose)
		}
	}
}

func TestMagicMakesAnAttachment(t *testing.T) {
	tree := parse(t, "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBBQAAAAIAA==\r\n")
	if p := tree.Parts().Parts[0]; p.Magic != "application/zip" || !p.Attachment {
		t.Errorf("%+v", p)
	}
	for text, media := range map[string]string{"MZ is what programs begin with, and so may a text of some length, here it is": "",
		"MZ" + strings.Repeat("\x00", 70): "application/vnd.microsoft.portable-executable", "junk\n%PDF-1.7": "application/pdf",
		"Rar!\x1a\x07\x01\x00": "application/vnd.rar", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "application/x-ole-storage", "hello": ""} {
		if got := magic([]byte(text)); got != media {
			t.Errorf("%q: %q, want %q", text, got, media)
		}
	}
}

func TestBudget(t *testing.T) {
	var b strings.Builder
	b.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	for range 20 {
		b.WriteString("--b\r\n\r\nx\r\n")
	}
	b.WriteString("--b--\r\n")
	deep := strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 40) + "x"
	long := strings.Repeat("X: "+strings.Repeat("y", 70)+"\r\n", 100) + "Subject: z\r\n\r\nbody"
	for _, c := range []struct {
		name, msg string
		budget    Budget
		parts     int
		says      string
	}{
		{"parts", b.String(), Budget{Parts: 10}, 10, "more than 10 parts"},
		{"depth", deep, Budget{Depth: 5}, 6, "too deeply"},
		{"default_depth", deep, Budget{}, 33, "too deeply"},
		{"header", long, Budget{HeaderBytes: 1000}, 1, "headers are too long"},
	} {
		tree, err := Parse(strings.NewReader(c.msg), int64(len(c.msg)), c.budget)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(tree.Parts().Parts); n != c.parts || !tree.Malformed() || !strings.Contains(strings.Join(tree.Problems(), ";"), c.says) {
			t.Errorf("%s: %d parts, %v", c.name, n, tree.Problems())
		}
		if c.name == "header" && (readAll(t, tree, 0, 9) != "body" || len(tree.RawHeader()) > 1000) {
			t.Errorf("header: body %q, %d octets of header kept", readAll(t, tree, 0, 9), len(tree.RawHeader()))
		}
	}
}

// TestRandomAccess reads a large part of each encoding at random places, by
// turns, against the whole.
func TestRandomAccess(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 700_000)
	for i := range want {
		want[i] = byte(rnd.Uint32())
	}
	var b bytes.Buffer
	b.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\nContent-Type: a/b\r\n\r\n")
	enc := base64.StdEncoding.EncodeToString(want)
	for i := 0; i < len(enc); i += 76 {
		b.WriteString(enc[i:min(i+76, len(enc))] + "\r\n")
	}
	b.WriteString("--b\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: a/b\r\n\r\n")
	w := quotedprintable.NewWriter(&b)
	w.Binary = true
	w.Write(want)
	w.Close()
	b.WriteString("\r\n--b\r\nContent-Transfer-Encoding: base64\r\nContent-Type: a/b\r\n\r\n" + enc) // one line
	b.WriteString("\r\n--b--\r\n")
	tree := parse(t, b.String())
	if tree.Malformed() || len(tree.Parts().Parts) != 4 {
		t.Fatal(tree.Problems())
	}
	for i := 1; i < 4; i++ {
		if n := len(tree.bodies[i].marks); n < 5 {
			t.Errorf("part %d: %d marks", i, n)
		}
	}
	for i := range 300 {
		part := 1 + rnd.IntN(3)
		if i < 4 {
			part = 1 + i%3
		}
		if tree.Parts().Parts[part].Size != uint64(len(want)) {
			t.Fatalf("part %d: size %d", part, tree.Parts().Parts[part].Size)
		}
		off := rnd.IntN(len(want) + 10)
		p := make([]byte, rnd.IntN(50_000))
		n, err := tree.ReadPart(part, int64(off), p)
		exp := want[min(off, len(want)):min(off+len(p), len(want))]
		if !bytes.Equal(p[:n], exp) || n == 0 && len(p) > 0 && err != io.EOF || n > 0 && err != nil {
			t.Fatalf("part %d at %d: %d octets, %v; want %d", part, off, n, err, len(exp))
		}
	}
}

func TestReadPartRefuses(t *testing.T) {
	tree := parse(t, "Subject: x\r\n\r\nhello")
	if _, err := tree.ReadPart(1, 0, make([]byte, 1)); !errors.Is(err, ErrPart) {
		t.Error(err)
	}
	if _, err := tree.ReadPart(-2, 0, make([]byte, 1)); !errors.Is(err, ErrPart) {
		t.Error(err)
	}
	if _, err := tree.ReadPart(0, -1, make([]byte, 1)); err == nil {
		t.Error("a negative offset")
	}
}

// TestReadErrors: a message that cannot be read is an error, not an empty one.
func TestReadErrors(t *testing.T) {
	if _, err := Parse(strings.NewReader("Subject: x"), 20, Budget{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	tree := parse(t, "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n")
	tree.r = strings.NewReader("")
	if _, err := tree.ReadPart(0, 0, make([]byte, 5)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if _, err := tree.ReadPart(-1, 0, make([]byte, 5)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

func TestParallel(t *testing.T) {
	tree := parse(t, crlf(sample))
	done := make(chan bool)
	for range 4 {
		go func() {
			for range 50 {
				for i := range tree.Parts().Parts {
					readAll(t, tree, i, 5)
				}
			}
			done <- true
		}()
	}
	for range 4 {
		<-done
	}
}

// FuzzParse: no panic, ranges inside the message, and ReadPart gives exactly
// Size octets, the same whatever the pieces.
func FuzzParse(f *testing.F) {
	f.Add([]byte(crlf(sample)), uint16(5))
	f.Add([]byte("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n"), uint16(1))
	f.Add([]byte("Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\naGVsbG8\r\n=="), uint16(2))
	f.Add([]byte("Content-Transfer-Encoding: quoted-printable\r\n\r\na = \t\r\n=3d=\r\n=\r= \r\n=4"), uint16(3))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n--b--"), uint16(7))
	f.Fuzz(func(t *testing.T, msg []byte, piece uint16) {
		tree, err := Parse(bytes.NewReader(msg), int64(len(msg)), Budget{})
		if err != nil {
			t.Fatal(err)
		}
		tree.Summary()
		for i, p := range tree.Parts().Parts {
			b := tree.bodies[i]
			if b.off < 0 || b.end < b.off || b.end > int64(len(msg)) {
				t.Fatalf("part %d: range %d to %d of %d", i, b.off, b.end, len(msg))
			}
			if p.Malformed && !tree.Malformed() {
				t.Fatalf("part %d malformed, the tree is not", i)
			}
			got := readAll(t, tree, i, 1+int(piece))
			if uint64(len(got)) != p.Size {
				t.Fatalf("part %d: %d octets, size %d", i, len(got), p.Size)
			}
			if whole := readAll(t, tree, i, 1<<16); whole != got {
				t.Fatalf("part %d: pieces of %d give something else", i, piece)
			}
		}
		list := tree.Parts()
		var back abi.PartList
		if err := back.Decode(list.Append(nil)); err != nil || len(back.Parts) != len(list.Parts) {
			t.Fatal(err)
		}
	})
}

func plainMessage() string {
	return "Received: from a (a [192.0.2.1]) by b; Sat, 21 Nov 2026 22:18:12 +0000\r\n" +
		"From: \"Example Billing\" <billing@sender.test>\r\nTo: Alice <alice@b.test>\r\nSubject: Your invoice\r\n" +
		"Date: Sat, 21 Nov 2026 19:45:51 +0000\r\nMessage-ID: <20261121@sender.test>\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
		strings.Repeat("The quick brown fox jumps over the lazy dog, and again, and again.\r\n", 55)
}

func attachmentMessage() string {
	var b strings.Builder
	b.WriteString("From: a@a.test\r\nContent-Type: multipart/mixed; boundary=\"=_1\"\r\n\r\n--=_1\r\n\r\nhello\r\n--=_1\r\n" +
		"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	line := strings.Repeat("QUJD", 19) + "\r\n"
	for b.Len() < 1<<20 {
		b.WriteString(line)
	}
	b.WriteString("--=_1--\r\n")
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, msg string }{{"plain_4KiB", plainMessage()}, {"base64_1MiB", attachmentMessage()}} {
		b.Run(c.name, func(b *testing.B) {
			r := strings.NewReader(c.msg)
			b.SetBytes(int64(len(c.msg)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(r, int64(len(c.msg)), Budget{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadPart(b *testing.B) {
	msg := attachmentMessage()
	tree := parse(b, msg)
	buf := make([]byte, 8192)
	size := int64(tree.Parts().Parts[2].Size)
	b.SetBytes(size)
	for b.Loop() {
		for off := int64(0); off < size; {
			n, err := tree.ReadPart(2, off, buf)
			if err != nil {
				b.Fatal(err)
			}
			off += int64(n)
		}
	}
}
