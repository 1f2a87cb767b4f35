package pattern

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

func lit(s string) abi.Pattern   { return abi.Pattern{Text: s} }
func foldl(s string) abi.Pattern { return abi.Pattern{Text: s, Fold: true} }
func re(s string) abi.Pattern    { return abi.Pattern{Kind: abi.PatternKindRegexp, Text: s} }
func wild(s string) abi.Pattern {
	return abi.Pattern{Kind: abi.PatternKindWildcard, Text: s, Fold: true}
}

func never() error { return nil }

func TestText(t *testing.T) {
	s, err := Compile(&abi.PatternSet{Patterns: []abi.Pattern{
		lit("Invoice"), foldl("invoice"), re(`\d{3}-\d+`), wild("re: *invoice??"), wild("*x"), re("^nothing$"), wild("RE: 555*"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Text("Re: 555-1 INVOICE!!", never)
	if want := []uint32{1, 2, 3, 6}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestReaderAcrossWindows(t *testing.T) {
	pad := strings.Repeat("a", 64<<10-3)
	body := pad + "NeeDle" + pad + "tail 42"
	s, err := Compile(&abi.PatternSet{Patterns: []abi.Pattern{foldl("needle"), lit("needle"), lit("NeeDle"), re(`tail \d+$`), re(`^tail`)}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Reader(strings.NewReader(body), never)
	if want := []uint32{0, 2, 3}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestCheckEndsASearch(t *testing.T) {
	late := errors.New("late")
	n := 0
	check := func() error {
		if n++; n > 3 {
			return late
		}
		return nil
	}
	s, _ := Compile(&abi.PatternSet{Patterns: []abi.Pattern{re(`(x+x+)+y[a-z]{500}`)}})
	if _, err := s.Text(strings.Repeat("x", 200<<10), check); err != late {
		t.Error(err)
	}
	n = 0
	if _, err := s.Reader(strings.NewReader(strings.Repeat("x", 200<<10)), check); err != late {
		t.Error(err)
	}
}

// TestManyLiteralsAreChecked: looking for thousands of literals in one window
// takes seconds, so the check must come in between.
func TestManyLiteralsAreChecked(t *testing.T) {
	var ps abi.PatternSet
	for i := range MaxPatterns {
		ps.Patterns = append(ps.Patterns, abi.Pattern{Text: "literal" + strconv.Itoa(i), Fold: i%2 == 0})
	}
	s, err := Compile(&ps)
	if err != nil {
		t.Fatal(err)
	}
	checks := 0
	if _, err := s.Reader(strings.NewReader("short"), func() error { checks++; return nil }); err != nil || checks < MaxPatterns/64 {
		t.Errorf("%d checks, %v", checks, err)
	}
	late := errors.New("late")
	checks = 0
	_, err = s.Reader(strings.NewReader("short"), func() error {
		if checks++; checks == 3 {
			return late
		}
		return nil
	})
	if err != late || checks != 3 {
		t.Errorf("%d checks, %v", checks, err)
	}
}

// TestWildcardsAreChecked: one wildcard may take a thousand million steps.
func TestWildcardsAreChecked(t *testing.T) {
	var ps abi.PatternSet
	for range 63 {
		ps.Patterns = append(ps.Patterns, wild("*"+strings.Repeat("a", MaxLength-3)+"b"))
	}
	s, err := Compile(&ps)
	if err != nil {
		t.Fatal(err)
	}
	late := errors.New("late")
	begin := time.Now()
	_, err = s.Text(strings.Repeat("a", MaxText), func() error {
		if time.Since(begin) > 10*time.Millisecond {
			return late
		}
		return nil
	})
	if took := time.Since(begin); err != late || took > 2*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

func TestCompileRefuses(t *testing.T) {
	many := abi.PatternSet{}
	for range 400 {
		many.Patterns = append(many.Patterns, re(strings.Repeat("[a-z]{900}", 8)))
	}
	for want, ps := range map[string]*abi.PatternSet{
		"too complex":   {Patterns: []abi.Pattern{re(strings.Repeat("[ab]{1000}", 30))}},
		"pattern 1":     {Patterns: []abi.Pattern{lit("a"), re("(")}},
		"empty literal": {Patterns: []abi.Pattern{lit("")}},
		"unknown kind":  {Patterns: []abi.Pattern{{Kind: 9}}},
		"too long":      {Patterns: []abi.Pattern{lit(strings.Repeat("a", MaxLength+1))}},
		"in the set":    &many,
	} {
		if _, err := Compile(ps); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if s, _ := Compile(&abi.PatternSet{Patterns: []abi.Pattern{wild("*")}}); s != nil {
		if _, err := s.Reader(strings.NewReader("x"), never); err != ErrWildcard {
			t.Error(err)
		}
	}
}

func FuzzWildcard(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("**", "")
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 50 || len(s) > 200 {
			return
		}
		if got, _ := wildcard(s, p, never); got != slow(p, s) {
			t.Errorf("%q %q: %v", p, s, got)
		}
	})
}

func slow(p, s string) bool {
	row := make([]bool, len(s)+1)
	row[0] = true
	for i := range len(p) {
		next := make([]bool, len(s)+1)
		next[0] = row[0] && p[i] == '*'
		for j := range len(s) {
			if p[i] == '*' {
				next[j+1] = next[j] || row[j+1]
			} else {
				next[j+1] = row[j] && (p[i] == '?' || p[i] == s[j])
			}
		}
		row = next
	}
	return row[len(s)]
}
