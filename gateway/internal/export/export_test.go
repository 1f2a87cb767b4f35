package export

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestB42_no_cell_is_a_formula(t *testing.T) {
	for in, want := range map[string]string{
		"=cmd|'/c calc'!A1": "'=cmd|'/c calc'!A1", "+1+1": "'+1+1", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\rx": "'\rx", "\n=1": "'\n=1",
		" =1+1": "' =1+1", "\u00a0=1": "'\u00a0=1", "\ufeff=1": "'\ufeff=1", "\u200b@x": "'\u200b@x", "＝1": "'＝1", "－1": "'－1", "\x00=1": "'\x00=1",
		"-5": "-5", "+4.25": "+4.25", "-5e3": "'-5e3", "-Inf": "'-Inf", "plain": "plain", "": "", "a=b": "a=b", " ": " ",
	} {
		if got := Disarm(in); got != want {
			t.Errorf("Disarm(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestB42_csv_is_RFC_4180(t *testing.T) {
	rows := [][]string{
		{"a", "b", "c"}, {"", "", ""}, {`say "hi"`, "one,two", "lines\r\nand\nlines"}, {"semi;colon", "tab\tin", " blank "}, {"it's", "größe", "=x"},
	}
	var b bytes.Buffer
	c, err := NewCSV(&b, rows[0], CSVOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[1:] {
		if err := c.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "a,b,c\r\n,,\r\n\"say \"\"hi\"\"\",\"one,two\",") {
		t.Errorf("%q", b.String())
	}
	got, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows[2][2] = "lines\nand\nlines" // as encoding/csv reads it
	rows[4][2] = "'=x"
	for i := range rows {
		if fmt.Sprint(got[i]) != fmt.Sprint(rows[i]) {
			t.Errorf("row %d: %q, want %q", i, got[i], rows[i])
		}
	}
	b.Reset()
	if c, err = NewCSV(&b, []string{"x"}, CSVOptions{BOM: true}); err == nil {
		err = errors.Join(c.Write([]string{""}), c.Write([]string{"a\xff\x00b"}), c.Close())
	}
	if err != nil || b.String() != "\ufeffx\r\n\"\"\r\na\ufffdb\r\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// FuzzCSV: whatever a cell holds, the table keeps its shape and no cell begins
// as a formula does.
func FuzzCSV(f *testing.F) {
	f.Add("=1", "a\"b\r\n,c")
	f.Add(" \x00@x", "\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		var out bytes.Buffer
		c, err := NewCSV(&out, []string{"a", "b"}, CSVOptions{})
		if err == nil {
			err = errors.Join(c.Write([]string{a, b}), c.Write([]string{b, a}), c.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 3 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, r := range rows {
			for _, cell := range r {
				trimmed := strings.TrimLeftFunc(cell, unseen)
				if trimmed != "" && strings.ContainsRune("=+-@", rune(trimmed[0])) && !number(cell) {
					t.Errorf("%q", cell)
				}
			}
		}
	})
}

var safeName = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}_[A-Za-z0-9_-]{1,125}\.eml$`)

func entry(id, subject string) Entry {
	return Entry{ID: id, At: time.Date(2026, 11, 22, 23, 59, 59, 0, time.FixedZone("", 3600)), Sender: "ann@far.test", Subject: subject}
}

func TestB41_zip_has_safe_names_that_differ(t *testing.T) {
	subjects := []string{"", "../../etc/passwd", `..\..\boot.ini`, "CON", "nul.txt", "a/b\\c:d*e?f\"g<h>i|j", strings.Repeat("x", 5000), "Ärger über Öl", "\u202egnp.exe", "...", "-rf", " . ", "\x00\r\n\t", "same", "SAME"}
	var b bytes.Buffer
	z := NewZip(&b)
	for i, s := range subjects {
		if err := z.Add(entry(fmt.Sprintf("01kb3z6q9xe0m8v2r5s7t4w%03d", i), s), strings.NewReader("Subject: x\r\n\r\n"+s)); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // the same message again
		if err := z.Add(entry("01kb3z6q9xe0m8v2r5s7t4wabc", "again"), strings.NewReader("again")); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.AddText("left-out.txt", "none"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, f := range r.File {
		if seen[strings.ToLower(f.Name)] {
			t.Errorf("%s stands twice", f.Name)
		}
		seen[strings.ToLower(f.Name)] = true
		if f.Name != "left-out.txt" && !safeName.MatchString(f.Name) {
			t.Errorf("%q is no name for every system", f.Name)
		}
		if !f.Mode().IsRegular() {
			t.Errorf("%s is no regular file", f.Name)
		}
		if i < len(subjects) {
			rc, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(rc)
			if err != nil || string(body) != "Subject: x\r\n\r\n"+subjects[i] {
				t.Errorf("%s: %q, %v", f.Name, body, err)
			}
		}
	}
	if len(seen) != len(subjects)+4 {
		t.Errorf("%d files", len(seen))
	}
}

// A .zip that broke off is seen to be no .zip.
func TestZipThatBreaksOffIsNotOpened(t *testing.T) {
	var b bytes.Buffer
	z := NewZip(&b)
	if err := z.Add(entry("01a", "one"), strings.NewReader("one")); err != nil {
		t.Fatal(err)
	}
	if err := z.Add(entry("01b", "two"), io.MultiReader(strings.NewReader("two"), iotest.ErrReader(errors.New("the disk is gone")))); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Fatalf("%v", err)
	}
	if err := z.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len())); err == nil {
		t.Error("it opens")
	}
}

// More than 65,535 files make a ZIP64 that opens.
func TestZip64(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a second")
	}
	var b bytes.Buffer
	z := NewZip(&b)
	const n = 1<<16 + 5
	for i := range n {
		if err := z.Add(entry(fmt.Sprintf("%026d", i), ""), strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(r.File) != n {
		t.Fatalf("%v", err)
	}
}

func TestMboxrd(t *testing.T) {
	bodies := []string{
		"Subject: a\r\n\r\nFrom here\r\n>From there\r\n>>From afar\r\n> From no\r\nfrom no\r\nFro\r\nFrom\r\nFromage\r\n xFrom \r\n",
		"From \r\nno line end", "", "\r\n\r\n", "bare\rcr and \nlf\r", "ends with Fr", "ends with >", "ends with\r\nFrom", strings.Repeat(">", 100000) + "From x\r\n" + strings.Repeat("y", 100000),
	}
	for chunk := 1; chunk < 4; chunk++ {
		var b bytes.Buffer
		m := NewMbox(&b)
		for i, body := range bodies {
			r := io.Reader(strings.NewReader(body))
			if chunk == 1 {
				r = iotest.OneByteReader(r)
			}
			e := entry(fmt.Sprint(i), "")
			if i == 1 {
				e.Sender = ""
			}
			if i == 2 {
				e.Sender = "\"a b\r\nFrom \"@far.test"
			}
			if err := m.Add(e, r); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "From ann@far.test Sun Nov 22 22:59:59 2026\nSubject: a\n\n>From here\n>>From there\n>>>From afar\n> From no\nfrom no\nFro\nFrom\nFromage\n xFrom \n\nFrom MAILER-DAEMON ") {
			t.Fatalf("%.400q", b.String())
		}
		got := readMbox(t, b.String())
		if len(got) != len(bodies) {
			t.Fatalf("%d messages, want %d", len(got), len(bodies))
		}
		for i, want := range bodies {
			want = strings.ReplaceAll(want, "\r\n", "\n")
			if want != "" && !strings.HasSuffix(want, "\n") {
				want += "\n"
			}
			if got[i] != want {
				t.Errorf("message %d: %.200q, want %.200q", i, got[i], want)
			}
		}
	}
}

// readMbox is a reader of mboxrd of its own.
func readMbox(t *testing.T, s string) (out []string) {
	t.Helper()
	var cur *strings.Builder
	done := func() {
		if cur != nil {
			body, ok := strings.CutSuffix(cur.String(), "\n")
			if !ok {
				t.Fatal("no empty line behind a message")
			}
			out = append(out, body)
		}
	}
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "From ") {
			done()
			cur = &strings.Builder{}
			continue
		}
		if rest := strings.TrimLeft(line, ">"); rest != line && strings.HasPrefix(rest, "From ") {
			line = line[1:]
		}
		cur.WriteString(line)
	}
	done()
	return out
}

// Everything that a fuzzer thinks of comes back out of a mailbox.
func FuzzMbox(f *testing.F) {
	f.Add("From a\r\n>From b", "\r\nFrom ")
	f.Add("\r\r\n\r", ">")
	f.Fuzz(func(t *testing.T, a, b string) {
		var out bytes.Buffer
		m := NewMbox(&out)
		for _, body := range []string{a, b} {
			if err := m.Add(entry("x", ""), strings.NewReader(body)); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		got := readMbox(t, out.String())
		for i, want := range []string{a, b} {
			want = strings.ReplaceAll(want, "\r\n", "\n")
			if want != "" && !strings.HasSuffix(want, "\n") {
				want += "\n"
			}
			if len(got) != 2 || got[i] != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
	})
}
