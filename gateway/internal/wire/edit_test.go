package wire

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
)

func crlf(s string) string { return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\n", "\r\n") }

func apply(t *testing.T, body string, hs []mail.HeaderEdit, es ...mail.PartEdit) (string, error) {
	t.Helper()
	p, err := Message{Edits: hs, Parts: es, Body: strings.NewReader(body), Size: int64(len(body))}.Plan()
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(p.Reader())
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(out)) != p.Size() {
		t.Errorf("%d octets, announced as %d", len(out), p.Size())
	}
	anywhere(t, p.Content(), out)
	return string(out), nil
}

func app(part int, s string) mail.PartEdit {
	return mail.PartEdit{Op: "append", Part: part, Text: []byte(s), Filter: "banner"}
}

func pre(part int, s string) mail.PartEdit {
	return mail.PartEdit{Op: "prepend", Part: part, Text: []byte(s), Filter: "banner"}
}

func remove(part int) mail.PartEdit { return mail.PartEdit{Op: "remove", Part: part, Filter: "strip"} }

func replace(part int, typ, name, s string) mail.PartEdit {
	return mail.PartEdit{Op: "replace", Part: part, Type: typ, Filename: name, Text: []byte(s), Filter: "swap"}
}

const two = `
From: a@b.test
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain

hello
--b
Content-Type: application/zip; name=x.zip
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=x.zip
X-Other: kept
Content-ID: <1@x>

UEsDBAo=
--b--
epilogue
`

// TestEdits holds byte by byte what goes out.
func TestEdits(t *testing.T) {
	cases := map[string]struct {
		in    string
		hs    []mail.HeaderEdit
		edits []mail.PartEdit
		want  string
	}{
		"append_to_a_message_of_one_part": {"Subject: x\n\nhello\n", nil, []mail.PartEdit{app(0, "-- \nbye")}, "Subject: x\n\nhello\n-- \nbye\n"},
		"prepend_to_it":                   {"Subject: x\n\nhello\n", nil, []mail.PartEdit{pre(0, "hi")}, "Subject: x\n\nhi\nhello\n"},
		"beyond_ascii": {"Subject: x\n\nhello\n", nil, []mail.PartEdit{app(0, "Grüße")},
			"Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\nhello\nGr=C3=BC=C3=9Fe\n"},
		"in_its_charset": {"MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n=E4=\n\n", nil, []mail.PartEdit{app(0, "Grüße\n")},
			"MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n=E4\nGr=FC=DFe\n"},
		"not_in_its_charset": {"MIME-Version: 1.0\nContent-Type: text/plain; format=fixed; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n=E4\n", nil, []mail.PartEdit{app(0, "10 €\n")},
			"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8;\n\tformat=fixed\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A4\n10 =E2=82=AC\n"},
		"8bit_stays":  {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nÄ\n", nil, []mail.PartEdit{app(0, "Ö\n")}, "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nÄ\nÖ\n"},
		"html":        {"Content-Type: text/html\n\n<body>hi</body>\n", nil, []mail.PartEdit{app(0, "<p>Grüße</p>\n"), pre(0, "<p>1</p>\n")}, "Content-Type: text/html\n\n<body><p>1</p>hi<p>Gr&#252;&#223;e</p>\n</body>\n"},
		"two_filters": {"Subject: x\n\nhello\n", nil, []mail.PartEdit{app(0, "one"), app(0, "two"), pre(0, "a"), pre(0, "b")}, "Subject: x\n\nb\na\nhello\none\ntwo\n"},
		"flowed": {"Content-Type: text/plain; format=flowed\n\nhello \n", nil, []mail.PartEdit{app(0, ">quote \n-- \n indented")},
			"Content-Type: text/plain; format=flowed\n\nhello \n\n >quote\n-- \n  indented\n"},
		"with_header_edits": {"Subject: x\n\nhello\n", []mail.HeaderEdit{{Op: "replace", Name: "Subject", Value: "y"}}, []mail.PartEdit{app(0, "é")},
			"Subject: y\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\nhello\n=C3=A9\n"},
		"header_edit_and_an_insertion": {"Subject: x\n\nhello\n", []mail.HeaderEdit{{Op: "add", Name: "X-A", Value: "y"}}, []mail.PartEdit{app(0, "e")}, "X-A: y\nSubject: x\n\nhello\ne\n"},
		"header_edit_and_a_removal":    {two, []mail.HeaderEdit{{Op: "remove", Name: "From"}}, []mail.PartEdit{remove(2)}, strings.Replace(without(two), "From: a@b.test\n", "", 1)},
		"append_in_a_multipart":        {two, nil, []mail.PartEdit{app(1, "bye\n")}, strings.Replace(two, "hello\n", "hello\nbye\n\n", 1)},
		"remove":                       {two, nil, []mail.PartEdit{remove(2)}, without(two)},
		"remove_the_first":             {two, nil, []mail.PartEdit{remove(1)}, strings.Replace(two, "--b\nContent-Type: text/plain\n\nhello\n", "", 1)},
		"remove_all": {two, nil, []mail.PartEdit{remove(2), remove(1)}, `
From: a@b.test
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

The content of this message was removed.

--b--
epilogue
`},
		"replace": {two, nil, []mail.PartEdit{replace(2, "", "note.txt", "gone")}, strings.Replace(two, `Content-Type: application/zip; name=x.zip
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=x.zip
X-Other: kept
Content-ID: <1@x>

UEsDBAo=
`, `Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit
Content-Disposition: attachment; filename=note.txt
X-Other: kept
Content-ID: <1@x>

gone
`, 1)},
		"replace_by_octets": {two, nil, []mail.PartEdit{replace(2, "application/zip", "büro.zip", "PK\x00\xff")}, strings.Replace(two, `Content-Type: application/zip; name=x.zip
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=x.zip
X-Other: kept
Content-ID: <1@x>

UEsDBAo=
`, `Content-Type: application/zip
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename*=utf-8''b%C3%BCro.zip
X-Other: kept
Content-ID: <1@x>

UEsA/w==
`, 1)},
		"replace_the_whole": {two, nil, []mail.PartEdit{replace(0, "", "", "all gone")}, "From: a@b.test\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\nall gone\n"},
		"delimiter_in_the_text": {two, nil, []mail.PartEdit{app(1, "--b--\n")},
			strings.Replace(two, "Content-Type: text/plain\n\nhello\n", "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\nhello\n=2D-b--\n\n", 1)},
		"removed_stays_removed":    {two, nil, []mail.PartEdit{remove(2), replace(2, "", "", "x"), remove(2)}, without(two)},
		"removed_after_all":        {two, nil, []mail.PartEdit{replace(2, "", "", "x"), remove(2)}, without(two)},
		"last_replace_counts":      {two, nil, []mail.PartEdit{app(1, "no"), replace(1, "", "", "x"), replace(1, "", "", "y")}, strings.Replace(two, "Content-Type: text/plain\n\nhello", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\ny", 1)},
		"append_after_a_replace":   {two, nil, []mail.PartEdit{replace(1, "", "", "y"), app(1, "z")}, strings.Replace(two, "Content-Type: text/plain\n\nhello", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\ny\nz", 1)},
		"append_of_another_type":   {two, nil, []mail.PartEdit{replace(1, "text/html", "", "y"), app(1, "z")}, strings.Replace(two, "Content-Type: text/plain\n\nhello", "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\ny", 1)},
		"long_lines":               {"Subject: x\n\nhello\n", nil, []mail.PartEdit{app(0, strings.Repeat("x", 80)+strings.Repeat("y", 1000))}, "Subject: x\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\nhello\n" + soft(strings.Repeat("x", 80)+strings.Repeat("y", 1000)) + "\n"},
		"multipart_without_end":    {strings.Split(two, "--b--")[0], nil, []mail.PartEdit{remove(2)}, strings.Split(without(two), "--b--")[0]},
		"undeclared_8_bit":         {"Subject: x\n\nh\xe9llo\n", nil, []mail.PartEdit{app(0, "é")}, "Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\nh=C3=A9llo\n=C3=A9\n"},
		"unknown_charset_of_ascii": {"MIME-Version: 1.0\nContent-Type: text/plain; charset=x-klingon\n\nhi\n", nil, []mail.PartEdit{app(0, "é")}, "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nhi\n=C3=A9\n"},
		"unknown_charset_and_html": {"MIME-Version: 1.0\nContent-Type: text/html; charset=x-klingon\n\nh\xe9\n", nil, []mail.PartEdit{app(0, "é")}, "MIME-Version: 1.0\nContent-Type: text/html; charset=x-klingon\n\nh\xe9\n&#233;\n"},
		"japanese":                 {"MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B$\"\x1b(B\n", nil, []mail.PartEdit{app(0, "い")}, "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n44GCDQrjgYQNCg==\n"},
		"shift_jis":                {"MIME-Version: 1.0\nContent-Type: text/plain; charset=shift_jis\nContent-Transfer-Encoding: base64\n\ngqANCg==\n", nil, []mail.PartEdit{app(0, "い")}, "MIME-Version: 1.0\nContent-Type: text/plain; charset=shift_jis\nContent-Transfer-Encoding: base64\n\ngqANCoKiDQo=\n"},
		"message_in_a_message":     {nested, nil, []mail.PartEdit{app(3, "bye\n")}, strings.Replace(nested, "inner\n", "inner\nbye\n\n", 1)},
		"remove_an_inner_message":  {nested, nil, []mail.PartEdit{remove(3)}, strings.Replace(nested, "--b\nContent-Type: message/rfc822\n\nSubject: in\n\ninner\n", "", 1)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := apply(t, crlf(c.in), c.hs, c.edits...)
			if err != nil {
				t.Fatal(err)
			}
			if want := crlf(c.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			tree, err := mimetree.Parse(strings.NewReader(got), int64(len(got)), mimetree.Budget{})
			if err != nil || tree.Malformed() && name != "multipart_without_end" {
				t.Error(err, tree.Problems())
			}
		})
	}
}

func without(s string) string {
	a, b := strings.Index(s, "--b\nContent-Type: application/zip"), strings.Index(s, "--b--")
	if b < 0 {
		b = len(s)
	}
	return s[:a] + s[b:]
}

func soft(s string) string {
	var b strings.Builder
	for len(s) > 75 {
		b.WriteString(s[:75] + "=\n")
		s = s[75:]
	}
	return b.String() + s
}

const nested = `
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

outer
--b
Content-Type: message/rfc822

Subject: in

inner
--b--
`

func TestEditsThatAreRefused(t *testing.T) {
	signed := strings.Replace(two, "multipart/mixed", "multipart/signed", 1)
	for name, c := range map[string]struct {
		in   string
		e    mail.PartEdit
		want string
	}{
		"no_such_part":      {two, remove(7), "no such part"},
		"whole_message":     {two, remove(0), "cannot be removed"},
		"signed":            {signed, app(1, "x"), "multipart/signed"},
		"signed_removal":    {signed, remove(2), "multipart/signed"},
		"no_text":           {two, app(2, "x"), "application/zip"},
		"multipart":         {two, app(0, "x"), "multipart/mixed"},
		"broken_base64":     {"Content-Transfer-Encoding: base64\n\nA===B\n", app(0, "x"), "malformed"},
		"two_types":         {strings.Replace(two, "boundary=b\n", "boundary=b\nContent-Type: text/plain\n", 1), remove(2), "uncertain"},
		"moved":             {two, mail.PartEdit{Op: "remove", Part: 2, At: 3}, "not where it was"},
		"not_utf8":          {two, app(1, "\xff"), "not UTF-8"},
		"unknown_charset":   {"Content-Type: text/plain; charset=x-klingon\n\nh\xe9\n", app(0, "é"), "x-klingon"},
		"charset_with_mode": {"Content-Type: text/plain; charset=utf-7\n\nhi\n", app(0, "x"), "utf-7"},
		"type":              {two, replace(2, "multipart/mixed", "", "x"), "type of a part"},
		"type_with_break":   {two, replace(2, "text/plain\r\nX: y", "", "x"), "type of a part"},
		"name_with_break":   {two, replace(2, "", "a\r\nb", "x"), "file name"},
		"operation":         {two, mail.PartEdit{Op: "destroy", Part: 1}, "no such operation"},
		"too_much":          {two, app(1, strings.Repeat("x", mail.MaxPartEdits+1)), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			c.e.Filter = "who"
			_, err := apply(t, crlf(c.in), nil, c.e)
			var ee *EditError
			if !errors.As(err, &ee) || ee.Filter != "who" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := apply(t, crlf(two), []mail.HeaderEdit{{Op: "remove", Name: "content-type"}}, remove(2)); err == nil {
		t.Error("the header's structure may be edited beside its parts")
	}
}

// A broken attachment may be taken away, and replaced.
func TestBrokenPartsGo(t *testing.T) {
	in := crlf(strings.Replace(two, "UEsDBAo=", "U=E=sDBAo=", 1))
	for _, e := range []mail.PartEdit{remove(2), replace(2, "", "", "x")} {
		if _, err := apply(t, in, nil, e); err != nil {
			t.Error(err)
		}
	}
}

func TestFilenames(t *testing.T) {
	for _, name := range []string{"a.txt", "a b.txt", `q"\.txt`, "büro.zip", strings.Repeat("long ", 40) + ".txt", strings.Repeat("ä", 120) + ".exe", "=?utf-8?q?x?="} {
		got, err := apply(t, crlf(two), nil, replace(2, "application/octet-stream", name, "x"))
		if err != nil {
			t.Fatal(err)
		}
		tree, err := mimetree.Parse(strings.NewReader(got), int64(len(got)), mimetree.Budget{})
		if err != nil || tree.Malformed() {
			t.Fatal(err, tree.Problems())
		}
		if f := tree.Parts().Parts[2].Filename; f != name {
			t.Errorf("%q came back as %q", name, f)
		}
		for line := range strings.SplitSeq(got, "\r\n") {
			if len(line) > 78 {
				t.Errorf("a line of %d", len(line))
			}
		}
	}
}
