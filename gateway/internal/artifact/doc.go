// Package artifact is how plugin modules travel: signed, pushed to and pulled
// from OCI registries, fetched by https, pinned in a lock file and kept in a
// folder of the gateway's, so that a restart needs no network.
//
// It decides only whether octets are the ones that were meant: by digest, by
// lock and by signature. It runs nothing and grants nothing; what a module may
// do is the business of package filter and of the policy.
package artifact

import (
	"crypto/sha256"
	"encoding/hex"
)

// MaxModule is the largest module there may be, in octets: what the plugin
// host takes (plugin-host: five facts, 4).
const MaxModule = 16 << 20

// Digest is how the octets of a module are named everywhere: "sha256:…".
func Digest(module []byte) string {
	d := sha256.Sum256(module)
	return "sha256:" + hex.EncodeToString(d[:])
}
