package lists

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

func digest(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:8])
}

// Known reports whether a list exists without being declared.
func Known(list string) bool { return list == RulesList || slices.Contains(Own, list) }

// SplitKey parts a key "KEY>MAILBOX", which looks into the list of one mailbox;
// false: it names none. A '>' in a quoted local part is the address's own.
func SplitKey(k string) (key, mailbox string, ok bool) {
	quoted := false
	for i := 0; i < len(k); i++ {
		switch c := k[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == '>' && !quoted:
			return k[:i], k[i+1:], true
		}
	}
	return k, "", false
}

// Lookup is what a plugin asks: the first of keys that the tenant's list has;
// keys as SplitKey reads them. The value is who added the entry, and why.
func (l *Lists) Lookup(tenant, list string, keys []string) (key, value string, found bool) {
	if list == RulesList {
		return l.lookupRules(tenant, keys)
	}
	for _, k := range keys {
		what, mailbox, own := SplitKey(k)
		if own && mailbox == "" {
			continue
		}
		if e, ok := l.Find(tenant, list, mailbox, what); ok {
			return k, e.words(), true
		}
	}
	return "", "", false
}

// words is an entry in a sentence's end: "acme.test, added by anna@acme.test: spam".
func (e *Entry) words() string {
	s := e.Key + ", added by " + e.By
	if e.Note != "" {
		s += ": " + e.Note
	}
	return s
}

func (l *Lists) lookupRules(tenant string, keys []string) (key, value string, found bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	b := l.rules[tenant]
	if b == nil {
		return "", "", false
	}
	for _, k := range keys {
		switch k {
		case "version":
			return k, b.version, true
		case "rules":
			return k, b.blob, true
		}
	}
	return "", "", false
}
