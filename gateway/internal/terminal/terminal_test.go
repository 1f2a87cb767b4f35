package terminal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestTextFromOutsideIsMadeHarmless(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "anna@acme.test", "anna@acme.test"},
		{"colour", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"bell_and_nul", "a\a\x00b", `a\x07\x00b`},
		{"c1_control", "a\u009bb", `a\u009bb`},
		{"title_of_window", "\x1b]0;owned\a", `\x1b]0;owned\x07`},
		{"lines", "one\r\ntwo\nthree\n", "one / two / three"},
		{"carriage_return_alone", "good\revil", `good\x0devil`},
		{"override", "gpj.\u202eexe", `gpj.\u202eexe`},
		{"zero_width", "pay\u200bpal", `pay\u200bpal`},
		{"not_utf8", "a\xffb", `a\xffb`},
		{"umlauts", "Grüße 你好", "Grüße 你好"},
		{"tab", "a\tb", "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clean(c.in); got != c.want {
				t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
	if got := CleanLines("a\r\nb\x1b\n"); got != "a\nb\\x1b" {
		t.Errorf("CleanLines keeps line feeds only: %q", got)
	}
}

func TestCuts(t *testing.T) {
	for _, c := range []struct {
		name, in    string
		n           int
		middle, end string
	}{
		{"fits", "abc", 3, "abc", "abc"},
		{"middle_keeps_the_domain", "anna.longname@acme.test", 14, "anna.…cme.test", "anna.longname…"},
		{"narrow", "abcdef", 4, "abc…", "abc…"},
		{"one", "abcdef", 1, "…", "…"},
		{"nothing", "abcdef", 0, "", ""},
		{"wide_runes", "你好你好你好", 7, "你…你好", "你好你…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := CutMiddle(c.in, c.n); got != c.middle {
				t.Errorf("CutMiddle = %q, want %q", got, c.middle)
			}
			if got := Cut(c.in, c.n); got != c.end {
				t.Errorf("Cut = %q, want %q", got, c.end)
			}
			for _, got := range []string{Cut(c.in, c.n), CutMiddle(c.in, c.n)} {
				if Columns(got) > c.n {
					t.Errorf("%q takes %d columns, want at most %d", got, Columns(got), c.n)
				}
			}
		})
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		name, in string
		n        int
		want     string
	}{
		{"short", "a b", 10, "a b"},
		{"breaks_at_blanks", "one two three four", 9, "one two|three|four"},
		{"long_word", "aaaaaaaaaa b", 4, "aaaa|aaaa|aa b"},
		{"empty", "", 5, ""},
		{"no_limit", "one  two", 0, "one two"},
		{"rune_wider_than_the_line", "你 a", 1, "你|a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(Wrap(c.in, c.n), "|"); got != c.want {
				t.Errorf("Wrap = %q, want %q", got, c.want)
			}
		})
	}
}

func sample() *Table {
	t := NewTable(
		Column{Title: "ID"}, Column{Title: "SENDER", Min: 10}, Column{Title: "EMPTY"},
		Column{Title: "TRIES", Right: true}, Column{Title: "ANSWER", Min: 20, End: true, Drop: 1})
	t.Add("01kb3z6q9xe0.1", "anna.longname@accounts.partner.test", "", "6", "452 4.2.2 The mailbox you are trying to reach is over quota")
	t.Add("01kb3z6q9xe1.1", "<>", "", "12", "\x1b[31mno\nway")
	return t
}

func TestTable(t *testing.T) {
	for _, c := range []struct {
		name  string
		width int
		want  string
	}{
		{"80_columns", 80, "" +
			"ID              SENDER                       TRIES  ANSWER\n" +
			"01kb3z6q9xe0.1  anna.longn…nts.partner.test      6  452 4.2.2 The mailbox you a…\n" +
			"01kb3z6q9xe1.1  <>                              12  \\x1b[31mno / way\n"},
		{"a_column_is_dropped", 48, "" +
			"ID              SENDER                     TRIES\n" +
			"01kb3z6q9xe0.1  anna.long…ts.partner.test      6\n" +
			"01kb3z6q9xe1.1  <>                            12\n"},
		{"without_limit", 0, "" +
			"ID              SENDER                               TRIES  ANSWER\n" +
			"01kb3z6q9xe0.1  anna.longname@accounts.partner.test      6  452 4.2.2 The mailbox you are trying to reach is over quota\n" +
			"01kb3z6q9xe1.1  <>                                      12  \\x1b[31mno / way\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := sample().Write(NewFixedScreen(&b, c.width, false)); err != nil {
				t.Fatal(err)
			}
			if b.String() != c.want {
				t.Errorf("got\n%s\nwant\n%s", &b, c.want)
			}
			for _, line := range strings.Split(b.String(), "\n") {
				if c.width > 0 && Columns(line) > c.width {
					t.Errorf("%d columns: %s", Columns(line), line)
				}
				if strings.TrimRight(line, " ") != line {
					t.Errorf("blanks at the end of %q", line)
				}
			}
		})
	}
}

func TestTableNeverOverflowsWhereItMayShrink(t *testing.T) {
	for width := 30; width < 140; width++ {
		var b bytes.Buffer
		if err := sample().Write(NewFixedScreen(&b, width, false)); err != nil {
			t.Fatal(err)
		}
		least := 14 + 2 + 10 + 2 + 5 // ID, SENDER at its least, TRIES
		for _, line := range strings.Split(b.String(), "\n") {
			if n := Columns(line); n > max(width, least) {
				t.Fatalf("width %d: a line of %d columns: %s", width, n, line)
			}
		}
	}
}

func TestColourChangesNoColumn(t *testing.T) {
	draw := func(color bool) string {
		tb := NewTable(Column{Title: "STATUS"}, Column{Title: "N", Right: true})
		tb.AddCells(Cell{Text: "queued", Style: Yellow}, Cell{Text: "1", Style: Red})
		var b bytes.Buffer
		if err := tb.Write(NewFixedScreen(&b, 80, color)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	plain, color := draw(false), draw(true)
	for _, st := range []Style{Bold, Yellow, Red} {
		color = strings.ReplaceAll(color, "\x1b["+string(st)+"m", "")
	}
	if got := strings.ReplaceAll(color, "\x1b[0m", ""); got != plain {
		t.Errorf("with colour:\n%q\nwithout:\n%q", got, plain)
	}
}

func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		in   string
		want bool
	}{{"y\n", true}, {"YES\n", true}, {"yes", true}, {"\n", false}, {"n\n", false}, {"yep\n", false}, {"", false}} {
		var out bytes.Buffer
		a := &Asker{In: strings.NewReader(c.in), Out: &out, TTY: true}
		if got, err := a.Confirm("Really?"); got != c.want || err != nil {
			t.Errorf("answer %q: %v, %v; want %v", c.in, got, err, c.want)
		}
		if out.String() != "Really? [y/N] " {
			t.Errorf("question %q", &out)
		}
	}
	if _, err := (&Asker{In: strings.NewReader("y\n"), Out: &bytes.Buffer{}}).Confirm("Really?"); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("without a terminal: %v, want ErrNoTerminal", err)
	}
}

func TestSecretIsNotShown(t *testing.T) {
	var out bytes.Buffer
	a := &Asker{Out: &out, TTY: true, hidden: func() ([]byte, error) { return []byte("open sesame"), nil }}
	if got, err := a.Secret("password"); got != "open sesame" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if out.String() != "password: \n" {
		t.Errorf("shown: %q", &out)
	}
	broken := errors.New("gone")
	a.hidden = func() ([]byte, error) { return nil, broken }
	if _, err := a.Secret("password"); !errors.Is(err, broken) {
		t.Errorf("a terminal that breaks: %v", err)
	}
	if _, err := (&Asker{Out: &out}).Secret("password"); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("without a terminal: %v", err)
	}
}
