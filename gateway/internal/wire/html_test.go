package wire

import (
	"strings"
	"testing"
)

func TestPlacesInHTML(t *testing.T) {
	for name, doc := range map[string]string{ // [ where text goes in front, ] where it goes behind
		"whole":              "<!DOCTYPE html>\r\n<html><head><title>x</title></head><body class=\"a\">[hello]</body></html>",
		"upper_case":         "<HTML><BODY>[hello]</BODY></HTML>",
		"no_body":            "<html>[<p>hello]</html>",
		"head_only":          "<html><head></head>[<p>hello]",
		"fragment":           "[<p>hello</p>]",
		"text":               "[hello]",
		"doctype_alone":      "<!doctype html>[<p>x]",
		"in_a_comment":       "<body>[hello]</body><!-- </body> -->",
		"in_a_script":        "<body>[<script>'</body>'</script>]</body>",
		"two_ends":           "<body>[one</body>two]</body>",
		"in_a_title":         "[<title><body></title>x]",
		"body_after_content": "<p>x<body>[y]",
		"empty":              "[]",
		"open_comment":       "[x<!-- </body>]",
	} {
		t.Run(name, func(t *testing.T) {
			plain := strings.NewReplacer("[", "", "]", "").Replace(doc)
			p, err := htmlPlaces(strings.NewReader(plain), int64(len(plain)))
			if err != nil || p.before > p.after {
				t.Fatal(p, err)
			}
			got := plain[:p.before] + "[" + plain[p.before:p.after] + "]" + plain[p.after:]
			if got != doc {
				t.Errorf("%s\nwant %s", got, doc)
			}
		})
	}
}

func TestVastHTML(t *testing.T) {
	doc := "<body>" + strings.Repeat("x", 3*maxToken) + "</body>"
	p, err := htmlPlaces(strings.NewReader(doc), int64(len(doc)))
	if err != nil || p.before > p.after || p.after > int64(len(doc)) {
		t.Fatal(p, err)
	}
}
