package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
)

// headName is the file that says how far the log goes, so that entries that
// were cut off at its end are missed. Its code needs the key.
const headName = "head.json"

// head is the content of that file.
type head struct {
	Seq   uint64    `json:"seq"`  // of the last entry that is known to be durable; 0: none yet
	Hash  string    `json:"hash"` // its hash
	First uint64    `json:"first"`
	Prev  string    `json:"prev"` // the hash before First: older entries were removed after their time
	At    time.Time `json:"at"`
	MAC   string    `json:"mac"`
}

var errHead = errors.New("the head of the audit log was not written with this gateway's key")

func (h head) code(key []byte) string {
	h.MAC = ""
	b, _ := json.Marshal(h) // a flat struct of numbers, text and a time
	m := hmac.New(sha256.New, key)
	m.Write([]byte("weir audit head\n"))
	m.Write(b)
	return hex.EncodeToString(m.Sum(nil))
}

// readHead gives fs.ErrNotExist where there is none, errHead where it is not ours.
func readHead(dir string, key []byte) (head, error) {
	var h head
	b, err := os.ReadFile(filepath.Join(dir, headName))
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return head{}, fmt.Errorf("%w: %w", errHead, err)
	}
	if !hmac.Equal([]byte(h.code(key)), []byte(h.MAC)) {
		return head{}, errHead
	}
	return h, nil
}

// writeHead replaces the file whole and durably.
func writeHead(dir string, key []byte, h head, sync bool) error {
	h.MAC = h.code(key)
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, headName), append(b, '\n'), atomicfile.Options{NoSync: !sync})
}

func notThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }
