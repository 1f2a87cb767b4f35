package policy

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Diagnostics quote the source, and what they say quotes values. Neither may
// show a password: a configuration is checked in terminals and logs that more
// people read than the file itself.

// secretName finds names of attributes and variables whose value is a secret.
var secretName = regexp.MustCompile(`(?i)pas+w|passphrase|secret|token|credential|api_?key|private_?key`)

// leastSecret is how long a secret must be to be taken out of sentences:
// a shorter one would take other words with it.
const leastSecret = 6

// secret notes a value that no diagnostic may show.
func (l *loader) secret(s string) {
	if len(s) >= leastSecret {
		l.secrets = append(l.secrets, s)
	}
}

// conceal takes secrets out of what the diagnostics say.
func (l *loader) conceal() {
	var pairs []string
	for _, s := range l.secrets {
		q := strconv.Quote(s)
		for _, form := range []string{s, q[1 : len(q)-1], strings.TrimSuffix(clip(s), "…")} {
			pairs = append(pairs, form, "(secret)")
		}
	}
	if len(pairs) == 0 {
		return
	}
	r := strings.NewReplacer(pairs...)
	for _, d := range l.diags {
		d.Summary, d.Detail = r.Replace(d.Summary), r.Replace(d.Detail)
	}
}

// Masked is HCL source to quote from: with the text of secrets as asterisks,
// in the same lines and columns. Source that does not parse will do.
func Masked(src []byte) []byte {
	if !secretName.Match(src) && !bytes.Contains(src, []byte("auth")) {
		return src
	}
	var out []byte
	done := 0
	m := newMasker(src)
	for i, t := range m.tokens {
		if !m.secret(i) || t.Range.Start.Byte < done {
			continue
		}
		out = append(out, src[done:t.Range.Start.Byte]...)
		for _, r := range string(t.Bytes) {
			if r != '\n' && r != '\r' {
				r = '*'
			}
			out = append(out, string(r)...)
		}
		done = t.Range.End.Byte
	}
	return append(out, src[done:]...)
}

// masker walks over tokens and knows which are the text of a secret: in an
// attribute with a secret's name, in an auth block but for its user (a misspelt
// password is no less secret), and in a variable block with a secret's name.
type masker struct {
	tokens hclsyntax.Tokens
	depth  int // of brackets and braces
	value  int // depth at which a secret attribute stands, -1 outside of one
	block  int // depth at which such a block stands, -1 outside of one
	shown  int // depth at which an attribute stands that is not secret, -1 outside of one
}

func newMasker(src []byte) *masker {
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos) // what is wrong was reported
	return &masker{tokens: tokens, value: -1, block: -1, shown: -1}
}

// secret is to be asked about each token in turn.
func (m *masker) secret(i int) bool {
	switch m.tokens[i].Type {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		m.depth++
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
		m.depth--
		m.leave(m.depth + 1)
		if m.depth <= m.block {
			m.block = -1
		}
	case hclsyntax.TokenNewline:
		m.leave(m.depth)
	case hclsyntax.TokenIdent:
		m.ident(i)
	case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
		inside := m.value >= 0 || m.block >= 0 && m.depth > m.block && m.shown < 0
		return inside && !m.path(i)
	}
	return false
}

// leave ends the attributes that stand at a depth or deeper.
func (m *masker) leave(depth int) {
	if m.value >= depth {
		m.value = -1
	}
	if m.shown >= depth {
		m.shown = -1
	}
}

// ident begins an attribute or a block.
func (m *masker) ident(i int) {
	is := func(k int, ty hclsyntax.TokenType) bool { return k < len(m.tokens) && m.tokens[k].Type == ty }
	name := string(m.tokens[i].Bytes)
	switch {
	case is(i+1, hclsyntax.TokenEqual) || is(i+1, hclsyntax.TokenColon):
		if m.value < 0 && secretName.MatchString(name) {
			m.value = m.depth
		}
		if m.block >= 0 && m.depth == m.block+1 {
			if m.shown = -1; name == "user" { // also where a new line is missing between two
				m.shown = m.depth
			}
		}
	case m.block >= 0:
	case name == "auth" && is(i+1, hclsyntax.TokenOBrace):
		m.block = m.depth
	case name == "variable" && m.depth == 0 && is(i+1, hclsyntax.TokenOQuote) && is(i+2, hclsyntax.TokenQuotedLit) && secretName.Match(m.tokens[i+2].Bytes):
		m.block = m.depth
	}
}

// path reports whether a string is the argument of file().
func (m *masker) path(i int) bool {
	return i >= 3 && string(m.tokens[i-3].Bytes) == "file" && m.tokens[i-2].Type == hclsyntax.TokenOParen
}
