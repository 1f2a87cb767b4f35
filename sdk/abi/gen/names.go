package main

import "strings"

// words splits a name of the schema: "DNSQuestion" is dns, question; "mail_from"
// is mail, from.
func words(s string) []string {
	var out []string
	for _, part := range strings.Split(s, "_") {
		start := 0
		for i := 1; i < len(part); i++ {
			lowerBefore, upper := !isUpper(part[i-1]), isUpper(part[i])
			lowerAfter := i+1 < len(part) && !isUpper(part[i+1])
			if upper && (lowerBefore || lowerAfter) {
				out = append(out, strings.ToLower(part[start:i]))
				start = i
			}
		}
		if start < len(part) {
			out = append(out, strings.ToLower(part[start:]))
		}
	}
	return out
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// snake is "dns_question", screaming "MAIL_FROM", camel "configId".
func snake(s string) string     { return strings.Join(words(s), "_") }
func screaming(s string) string { return strings.ToUpper(snake(s)) }

func camel(s string) string {
	w := words(s)
	for i := 1; i < len(w); i++ {
		w[i] = strings.ToUpper(w[i][:1]) + w[i][1:]
	}
	return strings.Join(w, "")
}

// docLines are the lines of a comment, each behind mark; none without a comment.
func docLines(mark, doc string) string {
	if doc == "" {
		return ""
	}
	return mark + strings.ReplaceAll(doc, "\n", "\n"+mark) + "\n"
}
