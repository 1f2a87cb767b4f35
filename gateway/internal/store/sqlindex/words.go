package sqlindex

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mailweir/weir/gateway/internal/query"
)

// words is the way to subjects that contain something.
func words(t query.Filter) []access {
	if t.Field != "subject" {
		return nil
	}
	m := trigrams(query.Key(t.Value))
	if m == "" {
		return nil
	}
	return []access{{from: "words w CROSS JOIN rows r ON r.at = w.rowid", order: "w.rowid", where: "w.words MATCH ?", args: []any{m}}}
}

// maxTrigrams bounds the question to the index of words: each is a long list
// to go through, a match has all of them, and the row's own condition looks at
// the rest.
const maxTrigrams = 3

// trigrams asks for what every text that contains s has: those of its trigrams
// that are likely to be the rarest. "" for less than three runes.
func trigrams(s string) string {
	type trigram struct {
		text string
		rare int
	}
	var all []trigram
	for i := range s {
		t := trigram{}
		end := i
		for n := 0; n < 3 && end < len(s); n++ {
			r, w := utf8.DecodeRuneInString(s[end:])
			end, t.rare = end+w, t.rare+rarity(r)
			if n == 2 {
				t.text = s[i:end]
			}
		}
		if t.text != "" {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b trigram) int { return b.rare - a.rare })
	all = slices.CompactFunc(all, func(a, b trigram) bool { return a.text == b.text })
	var parts []string
	for _, t := range all[:min(len(all), maxTrigrams)] {
		parts = append(parts, `"`+strings.ReplaceAll(t.text, `"`, `""`)+`"`)
	}
	return strings.Join(parts, " AND ")
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
