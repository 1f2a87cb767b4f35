package lists

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

func digest(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:8])
}

// Known reports whether a list exists without being declared.
func Known(list string) bool { return list == RulesList || slices.Contains(Own, list) }

// Lookup is what a plugin asks: the first of keys that the tenant's list has.
// A key "KEY>MAILBOX" looks into the list of one mailbox. The value is who
// added the entry, and why.
func (l *Lists) Lookup(tenant, list string, keys []string) (key, value string, found bool) {
	if list == RulesList {
		return l.lookupRules(tenant, keys)
	}
	for _, k := range keys {
		what, mailbox := k, ""
		if i := strings.LastIndexByte(k, '>'); i >= 0 {
			what, mailbox = k[:i], k[i+1:]
			if mailbox == "" {
				continue
			}
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
