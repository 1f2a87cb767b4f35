package sqlindex

import (
	"strings"
	"unicode/utf8"

	"github.com/mailweir/weir/gateway/internal/query"
)

// words is the way to subjects that contain something.
func words(t query.Filter) []access {
	if t.Field != "subject" {
		return nil
	}
	s := query.Key(t.Value)
	part := rarest(s)
	if part == "" {
		return nil
	}
	phrase := `"` + strings.ReplaceAll(part, `"`, `""`) + `"`
	return []access{{from: "words w CROSS JOIN rows r ON r.at = w.rowid", order: "w.rowid", where: "w.words MATCH ?", args: []any{phrase}, exact: part == s && !strings.ContainsAny(s, "\ufffd\ufffe\uffff")}} // which FTS5 takes for the same
}

// A trigram is the least that the index of words knows. Of a long text it is asked
// for the part that is likely to be the rarest: there is a long list to go through
// for each trigram, and the row's own condition looks at the rest.
const trigram, longest = 3, 10

// rarest is a part of s with longest runes, or all of it; "" has not even one trigram.
func rarest(s string) string {
	if !utf8.ValidString(s) { // what the index made of it is not known
		return ""
	}
	rs := []rune(s)
	if len(rs) < trigram {
		return ""
	}
	if len(rs) <= longest {
		return s
	}
	best, at, sum := -1, 0, 0
	for i, r := range rs {
		if sum += rarity(r); i >= longest {
			sum -= rarity(rs[i-longest])
		}
		if first := i - longest + 1; first >= 0 && sum > best {
			best, at = sum, first
		}
	}
	return string(rs[at : at+longest])
}

// rarity ranks characters by how rare they are in subjects of mail.
func rarity(r rune) int {
	switch {
	case r == ' ' || r == 'e':
		return 1
	case strings.ContainsRune("taoinsr", r):
		return 2
	case strings.ContainsRune("hldcu", r):
		return 3
	case strings.ContainsRune("mfpgwy", r):
		return 4
	case strings.ContainsRune("bvk", r):
		return 5
	case '0' <= r && r <= '9':
		return 6
	}
	return 7
}
