package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Fingerprint names a finding by what was found where, so that an operator's
// waiver covers what the operator saw and nothing else. Score and wording do
// not count: they may differ from scan to scan.
func Fingerprint(f Finding) string {
	h := sha256.New()
	for _, s := range []string{f.Filter, f.Plugin, f.Class.Main, f.Class.Sub, f.Class.Extra, f.Part, f.Path} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// Covers reports whether the waiver is bound to findings and f is one of
// them. A waiver that is not bound goes by its classes alone; that is for
// policy to decide.
func (w Waiver) Covers(f Finding) bool {
	if len(w.Findings) == 0 {
		return false
	}
	p := Fingerprint(f)
	for _, k := range w.Findings {
		if k == p {
			return true
		}
	}
	return false
}
