package peers

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// absent skips a test whose peers are not there, or fails it where they must be.
func absent(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && !Required() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPeersPassMailOn(t *testing.T) {
	type start func(ctx context.Context, dir, nextHop string, domains []string, extra ...string) (*Process, error)
	for name, peer := range map[string]start{"postfix": Postfix, "exim": Exim} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			drop := t.TempDir()
			if err := traversable(drop); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(drop, 0o777); err != nil {
				t.Fatal(err)
			}
			sink, err := Sink(ctx, drop, "-d", "m.")
			absent(t, err)
			defer sink.Stop()
			p, err := peer(ctx, t.TempDir(), sink.Addr, []string{"peer.test"})
			absent(t, err)
			defer p.Stop()
			if _, err := Source(ctx, p.Addr, "-m", "5", "-s", "2", "-f", "a@client.test", "-t", "b@peer.test"); err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(20 * time.Second)
			for {
				got, err := filepath.Glob(filepath.Join(drop, "m.*"))
				if err != nil {
					t.Fatal(err)
				}
				if len(got) == 5 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d of 5 messages came through %s", len(got), name)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}
