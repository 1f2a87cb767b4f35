package scope

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNamesAreFoundInAnyCase(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		names, shown   []string
	}{
		{"none", "a@b.test", "a@b.test", nil, nil},
		{"empty_one", "a@b.test", "a@b.test", []string{""}, nil},
		{"case", "<A@B.Test> and a@b.TEST.", "<-> and -.", []string{"a@b.test"}, nil},
		{"whole_text", "a@b.test", "-", []string{"A@B.TEST"}, nil},
		{"longest_first", "joann@b.test ann@b.test", "- -", []string{"ann@b.test", "joann@b.test", "ann@b"}, nil},
		{"one_within_what_is_shown", "joann@b.test ann@b.test", "joann@b.test -", []string{"ann@b.test"}, []string{"joann@b.test"}},
		{"a_shown_one_with_a_sign_in_it", "<JO/ann@b.test> <ann@b.test>", "<JO/ann@b.test> <->", []string{"ann@b.test"}, []string{"jo/ann@b.test"}},
		{"shown_and_hidden", "ann@b.test", "ann@b.test", []string{"ann@b.test"}, []string{"Ann@B.test"}},
		{"a_hidden_one_around_a_shown_one", "joann@b.test ann@b.test", "- ann@b.test", []string{"joann@b.test"}, []string{"ann@b.test"}},
		{"within_somebody_elses", "joann@b.test jo.ann@b.test jo-ann@b.test jo+ann@b.test 1ann@b.test jörgann@b.test _ann@b.test", "joann@b.test jo.ann@b.test jo-ann@b.test jo+ann@b.test 1ann@b.test jörgann@b.test _ann@b.test", []string{"ann@b.test"}, nil},
		{"within_a_longer_domain", "a@x.test.example a@x.testing a@x.test-2.example", "a@x.test.example a@x.testing a@x.test-2.example", []string{"a@x.test"}, nil},
		{"in_a_sentence", "rcpt=a@x.test, to:a@x.test; (a@x.test) 'a@x.test' 550-a@x.test 5.1.1-a@x.test ...a@x.test no a@x.test. a@x.test... a@x.test-\na@x.test", "rcpt=-, to:-; (-) '-' 550-- 5.1.1-- ...- no -. -... --\n-", []string{"a@x.test"}, nil},
		{"without_spaces_between_words", "收件人a@x.test不存在", "收件人-不存在", []string{"a@x.test"}, nil},
		{"one_after_the_other", "a@b.testa@b.test", "--", []string{"a@b.test"}, nil},
		{"begins_alike", "user.01@b.test user.02@b.test user.03@b.test", "- user.02@b.test -", []string{"user.01@b.test", "user.03@b.test"}, nil},
		{"broken_off", "user.0", "user.0", []string{"user.01@b.test"}, nil},
		{"not_ascii", "JÖRG@B.TEST jörg@b.test \u212aay@b.test", "- - -", []string{"jörg@b.test", "kay@b.test"}, nil},
		{"before_what_is_not_ascii", "ß é a@b.test é", "ß é - é", []string{"a@b.test"}, nil},
		{"no_utf8", "\xff a@b.test \xe9x \xe9X", "\xff - - -", []string{"a@b.test", "\xe9x"}, nil},
		{"no_half_runes", "é", "é", []string{"\xa9"}, nil},
	} {
		n := newNames(c.names, c.shown)
		got := n.replace(c.in, "-")
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	// In any text, each address that is hidden goes, whole, and nothing else does.
	rapid.Check(t, func(rt *rapid.T) {
		few := rapid.StringOfN(rapid.SampledFrom([]rune("abABéÉ")), 1, 2, -1)
		address := rapid.Custom(func(rt *rapid.T) string { return few.Draw(rt, "box") + "@" + few.Draw(rt, "domain") })
		hidden := rapid.SliceOfN(address, 1, 6).Draw(rt, "hidden")
		shown := rapid.SliceOfN(address, 0, 3).Draw(rt, "shown")
		between := rapid.SampledFrom([]string{" ", "<", ">", ";", "=", ", ", ". ", ":", "\n", "\xff"})
		longer := rapid.SampledFrom([]string{"", "", "", "a", "é", "b.", "b-"})
		is := func(in []string, s string) bool {
			return slices.ContainsFunc(in, func(x string) bool { return strings.EqualFold(x, s) })
		}
		var in, want strings.Builder
		for range rapid.IntRange(0, 12).Draw(rt, "n") {
			word := longer.Draw(rt, "longer") + address.Draw(rt, "address")
			sep := between.Draw(rt, "between")
			in.WriteString(word + sep)
			if is(hidden, word) && !is(shown, word) {
				word = "\x00"
			}
			want.WriteString(word + sep)
		}
		if got := newNames(hidden, shown).replace(in.String(), "\x00"); got != want.String() {
			rt.Fatalf("%q becomes %q, want %q", in.String(), got, want.String())
		}
	})
}
