package api

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

// htmlPage is a page for people: a title and what stands below it. It has no
// script but one of ours, loads nothing, and its forms lead back to the gateway.
type htmlPage struct {
	Title  string
	Lang   string        // "en" where it is ""
	Body   template.HTML // made by a template, never of what somebody sent
	Script template.JS   // a constant of ours; "" none
}

// pageStyle is all the style there is: readable on a telephone, and by day and
// night.
const pageStyle = `:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;line-height:1.2}
h2{font-size:1.1rem;line-height:1.2;margin-top:2rem}
li{margin:.5rem 0;overflow-wrap:anywhere}
code{font-size:1.1rem}
[hidden]{display:none}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}
dt{font-weight:600}
dd{margin:0;overflow-wrap:anywhere;unicode-bidi:isolate}
form{display:inline}
button,input{font:inherit;padding:.5rem 1rem;margin:.5rem .5rem .5rem 0;min-height:2.75rem;max-width:100%;box-sizing:border-box}
.note{border-inline-start:.25rem solid;padding-inline-start:.75rem}
`

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow, noarchive">
<title>{{.Title}}</title>
<style>{{.Style}}</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
{{.Body}}
</main>
{{with .Script}}<script>{{.}}</script>
{{end}}</body>
</html>
`))

// pagePolicy lets a page have its own style and script and send its forms home,
// and nothing else.
func pagePolicy(script template.JS) string {
	p := "default-src 'none'; style-src " + sourceHash(pageStyle) + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	if script != "" {
		p += "; script-src " + sourceHash(string(script))
	}
	return p
}

// sourceHash names a text in a policy (CSP3 §2.3.1).
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// writePage answers with a page.
//
// The referrer policy is same-origin, which tells other sites as little as
// no-referrer does: under that one a browser sends a form with "Origin: null",
// and then nothing tells it from a form of another site (Fetch §3.2).
func writePage(w http.ResponseWriter, status int, p htmlPage) {
	if p.Lang == "" {
		p.Lang = "en"
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Lang)
	h.Set("Content-Security-Policy", pagePolicy(p.Script))
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	w.WriteHeader(status)
	_ = pageTemplate.Execute(w, struct { // the caller may have left
		htmlPage
		Style template.CSS
	}{p, template.CSS(pageStyle)}) //nolint:gosec // a constant of ours
}
