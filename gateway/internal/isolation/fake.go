package isolation

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Pair is something of somebody else's, and the same of nobody's: as long, of
// the same letters, and not there.
type Pair struct{ Real, Fake string }

// Pairs are all of a kind of Acme's things.
func (w *World) Pairs(kind string) []Pair {
	var out []Pair
	add := func(values []string, f func(string) string) {
		for _, v := range values {
			out = append(out, Pair{v, f(v)})
		}
	}
	a := w.acme
	switch kind {
	case "prefix":
		for _, v := range a["message"] {
			out = append(out, Pair{v[:20], other(v[:20])})
		}
	case "recipient":
		for _, v := range a["message"] {
			out = append(out, Pair{v + ".1", other(v) + ".1"})
		}
		for _, v := range a["shared"] { // beside one of Beta's
			id, _, _ := strings.Cut(v, ".")
			out = append(out, Pair{v, id + ".9"})
		}
	case "person": // of a domain that everybody knows to be here
		add(a["mailbox"], func(s string) string { return "nona" + strings.TrimPrefix(s, "anna") })
	case "cursor", "auditcursor": // a place in everybody's log: nobody is there
		add(a[kind], func(s string) string { return s })
	default:
		add(a[kind], other)
	}
	return out
}

// Own are Beta's things of a kind, as pairs with themselves.
func (w *World) Own(kind string) []Pair {
	values := w.beta[kind]
	switch kind {
	case "prefix":
		values = nil
		for _, v := range w.beta["message"] {
			values = append(values, v[:24])
		}
	case "person":
		values = w.beta["mailbox"]
	}
	var out []Pair
	for _, v := range values {
		out = append(out, Pair{v, v})
	}
	return out
}

var messageID = regexp.MustCompile(`[0-9a-hjkmnp-tv-z]{26}`)

func idOf(s string) string { return messageID.FindString(s) }

// other is a text like another, with nobody behind it.
func other(s string) string {
	for _, m := range []string{Mark, "zephyrine", Acme} {
		if strings.Contains(s, m) {
			return strings.ReplaceAll(s, m, m[:len(m)-4]+"wxyz")
		}
	}
	// The last letter or digit, and the one before it, are others.
	b := []byte(s)
	for i, n := len(b)-1, 0; i >= 0 && n < 2; i-- {
		switch c := b[i]; {
		case c >= '0' && c <= '8', c >= 'a' && c <= 'g', c >= 'A' && c <= 'G':
			b[i]++
		case c == '9':
			b[i] = '0'
		case c > 'g' && c <= 'z', c > 'G' && c <= 'Z':
			b[i] = 'c'
			if c < 'a' {
				b[i] = 'C'
			}
		default:
			continue
		}
		n++
	}
	return string(b)
}

// Case is a question with holes: {kind} in a path, a query or a body. A query
// is not encoded yet.
type Case struct {
	Path, Body string
	Header     map[string]string
	// Ignore is what differs from answer to answer all the same.
	Ignore []*regexp.Regexp
	// Few asks about the first pair alone.
	Few bool
	// By are the names of the callers who ask; none: all.
	By []string
}

var hole = regexp.MustCompile(`\{[a-z]+\}`)

// kinds are the holes of a case.
func (c Case) kinds() []string {
	var out []string
	for _, h := range hole.FindAllString(c.Path+c.Body, -1) {
		if k := strings.Trim(h, "{}"); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// Question is a case whose holes are filled.
type Question struct {
	Request
	Asked []string // what it names
}

// Fill makes the questions of a case: each pair of the kind that has most, with
// the others in turn. Of every two the first asks for what is there.
func (c Case) Fill(method string, pairs func(kind string) []Pair) (out [][2]Question, missing string) {
	kinds := c.kinds()
	most := 1
	all := map[string][]Pair{}
	for _, k := range kinds {
		all[k] = pairs(k)
		if len(all[k]) == 0 {
			return nil, k
		}
		most = max(most, len(all[k]))
	}
	if c.Few {
		most = 1
	}
	for i := range most {
		var two [2]Question
		for j := range two {
			values := map[string]string{}
			for _, k := range kinds {
				p := all[k][i%len(all[k])]
				values[k] = []string{p.Real, p.Fake}[j]
			}
			two[j] = c.question(method, values)
		}
		out = append(out, two)
	}
	return out, ""
}

func (c Case) question(method string, values map[string]string) Question {
	put := func(s string, code func(string) string) string {
		return hole.ReplaceAllStringFunc(s, func(h string) string { return code(values[strings.Trim(h, "{}")]) })
	}
	path, query, _ := strings.Cut(c.Path, "?")
	q := Question{Request: Request{Method: method, Path: put(path, url.PathEscape), Body: put(c.Body, func(s string) string { return s }), Header: c.Header}}
	if query != "" {
		v := url.Values{}
		for _, kv := range strings.Split(query, "&") {
			key, value, _ := strings.Cut(kv, "=")
			v.Add(key, put(value, func(s string) string { return s }))
		}
		q.Path += "?" + v.Encode()
	}
	for _, v := range values {
		q.Asked = append(q.Asked, v)
		if id := idOf(v); id != "" && id != v { // of a recipient's
			q.Asked = append(q.Asked, id)
		}
		if _, domain, ok := strings.Cut(v, "@"); ok { // of an address
			q.Asked = append(q.Asked, domain)
		}
	}
	slices.SortFunc(q.Asked, func(a, b string) int { return len(b) - len(a) })
	return q
}

// volatile is what differs from one answer to the next in any case: the ID of a
// fault, and times.
var volatile = []*regexp.Regexp{
	regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`),
	regexp.MustCompile(`(internal error|look for) [0-9a-f]{8}`),
	regexp.MustCompile(`has no recipient \d+`),
}

// Plain is an answer without what the question said itself, and without what
// always differs.
func (a Answer) Plain(q Question, ignore []*regexp.Regexp) string {
	var b strings.Builder
	for _, k := range slices.Sorted(headers(a)) {
		if k == "Content-Length" && (len(ignore) > 0 || volatile[0].MatchString(a.Body)) {
			continue // a fraction of a second is as long as it needs to be
		}
		if k != "Date" && k != "Retry-After" && k != "Set-Cookie" {
			b.WriteString(k + ": " + strings.Join(a.Header[k], ", ") + "\n")
		}
	}
	b.WriteString("\n" + a.Body)
	text := b.String()
	for _, v := range q.Asked {
		for _, form := range []string{v, url.QueryEscape(v), url.PathEscape(v), strings.ToLower(v)} {
			text = strings.ReplaceAll(text, form, "‹asked›")
		}
	}
	for _, re := range append(slices.Clone(volatile), ignore...) {
		text = re.ReplaceAllString(text, "‹…›")
	}
	return text
}

func headers(a Answer) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range a.Header {
			if !yield(k) {
				return
			}
		}
	}
}

// Leak is the first word of Acme's in a text; "" where there is none.
func Leak(text string) string {
	low := strings.ToLower(text)
	for _, m := range Marks() {
		if i := strings.Index(low, m); i >= 0 {
			return text[max(0, i-60):min(len(text), i+60)]
		}
	}
	return ""
}
