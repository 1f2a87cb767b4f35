package journal

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNamesAreFoundInAnyCase(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		names          []string
	}{
		{"none", "a@b.test", "a@b.test", nil},
		{"empty_one", "a@b.test", "a@b.test", []string{""}},
		{"case", "<A@B.Test> and a@b.TEST.", "<-> and -.", []string{"a@b.test"}},
		{"whole_text", "a@b.test", "-", []string{"A@B.TEST"}},
		{"longest_first", "joann@b.test ann@b.test", "- -", []string{"ann@b.test", "joann@b.test", "ann@b"}},
		{"one_within_what_is_shown", "joann@b.test", "jo-", []string{"ann@b.test"}},
		{"one_after_the_other", "a@b.testa@b.test", "--", []string{"a@b.test"}},
		{"begins_alike", "user.01@b.test user.02@b.test user.03@b.test", "- user.02@b.test -", []string{"user.01@b.test", "user.03@b.test"}},
		{"broken_off", "user.0", "user.0", []string{"user.01@b.test"}},
		{"not_ascii", "JÖRG@B.TEST jörg@b.test \u212aay@b.test", "- - -", []string{"jörg@b.test", "kay@b.test"}},
		{"before_what_is_not_ascii", "ß é a@b.test é", "ß é - é", []string{"a@b.test"}},
		{"no_utf8", "\xff a@b.test \xe9x \xe9X", "\xff - - -", []string{"a@b.test", "\xe9x"}},
		{"no_half_runes", "é", "é", []string{"\xa9"}},
	} {
		n := newNames(c.names)
		got := n.replace(c.in, "-")
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	// Whatever stands where, none is left, and nothing else goes.
	rapid.Check(t, func(rt *rapid.T) {
		few := rapid.StringOfN(rapid.SampledFrom([]rune("abAB@éÉ")), 1, 4, -1)
		list := rapid.SliceOfN(few, 1, 6).Draw(rt, "names")
		in := rapid.StringOfN(rapid.SampledFrom([]rune("abAB@éÉ .")), 0, 30, -1).Draw(rt, "in")
		n := newNames(list)
		got := n.replace(in, "\x00")
		rest := in
		for i, piece := range strings.Split(got, "\x00") {
			at := strings.Index(rest, piece)
			if at < 0 || i == 0 && at != 0 {
				rt.Fatalf("%q becomes %q", in, got)
			}
			rest = rest[at+len(piece):]
		}
		for _, name := range list {
			if regexp.MustCompile("(?i)" + regexp.QuoteMeta(name)).MatchString(got) {
				rt.Fatalf("%q is left in %q of %q", name, got, in)
			}
		}
	})
}
