package sink

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
)

// maildir is a folder with tmp, new and cur. A file in new is complete: it was
// written in tmp and then renamed.
type maildir struct {
	dir   string
	sync  bool // fsync file and folder before the rename is told
	count atomic.Int64
}

func openMaildir(dir string, sync bool) (*maildir, error) {
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("making the maildir: %w", err)
		}
	}
	return &maildir{dir: dir, sync: sync}, nil
}

// deliver writes one message, byte for byte behind a Return-Path and one
// Delivered-To line for each recipient, and one X-Sink-DSN line for each thing
// that was asked about notices, and returns its name and size.
func (m *maildir) deliver(from string, to, dsn []string, r io.Reader) (name string, size int64, err error) {
	host, _ := os.Hostname()
	name = fmt.Sprintf("%d.P%dQ%d.%s", time.Now().UnixNano(), os.Getpid(), m.count.Add(1), strings.NewReplacer("/", "_", ":", "_").Replace(host))
	tmp := filepath.Join(m.dir, "tmp", name)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(tmp)
		}
	}()
	var head strings.Builder
	fmt.Fprintf(&head, "Return-Path: <%s>\r\n", oneLine(from))
	for _, rcpt := range to {
		fmt.Fprintf(&head, "Delivered-To: %s\r\n", oneLine(rcpt))
	}
	for _, asked := range dsn {
		fmt.Fprintf(&head, "X-Sink-DSN: %s\r\n", oneLine(asked))
	}
	if _, err = io.WriteString(f, head.String()); err != nil {
		return "", 0, err
	}
	if size, err = io.Copy(f, r); err != nil {
		return "", 0, err
	}
	if m.sync {
		if err = f.Sync(); err != nil {
			return "", 0, err
		}
	}
	if err = f.Close(); err != nil {
		return "", 0, err
	}
	if err = os.Rename(tmp, filepath.Join(m.dir, "new", name)); err != nil {
		return "", 0, err
	}
	if m.sync {
		err = atomicfile.SyncDir(filepath.Join(m.dir, "new"))
	}
	return "new/" + name, size, err
}

// oneLine keeps an address from writing header lines of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
