package isolation

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/daemon/daemontest"
	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// World is a gateway with three tenants that have one of everything.
type World struct {
	Addr              string // of the admin listener
	Socket            string
	Dir               string // of the world: its files
	Plugins           bool   // whether plugins are loaded
	Callers           []Caller
	Operator, Mailbox *Caller // of Beta, from Callers

	at         daemon.Addresses
	peer       *smtptest.Peer
	tcp        *http.Client
	admin      *http.Client
	acmeToken  string              // of Acme's operator
	acme, beta map[string][]string // what there is, by kind
}

// Start makes a world, which lasts until the test ends. Nothing in it changes
// by itself once it is there.
func Start(t testing.TB) *World {
	t.Helper()
	if _, err := builtin.Module("bayes"); err != nil && os.Getenv("WEIR_CI") != "" {
		t.Fatal(err)
	} else if err != nil {
		t.Logf("without plugins: %v", err)
	}
	w := &World{Plugins: len(builtin.Names()) > 0, acme: map[string][]string{}, beta: map[string][]string{}}
	w.Dir = daemontest.Folder(t)
	w.peer = smtptest.Start(t, smtptest.Script{Rcpt: answer})
	dns := dnstest.Start(t, "")
	w.run(t, files(dns.Addr, w.peer.Addr, w.Plugins))
	w.settle(t)
	return w
}

// answer is what destinations say of a recipient.
func answer(addr string) string {
	local, domain, _ := strings.Cut(addr, "@")
	word := "word"
	for _, t := range tenants {
		for _, d := range t.domains {
			if d == domain {
				word = t.mark
			}
		}
	}
	switch {
	case strings.HasPrefix(local, "later"):
		return "451 4.2.0 " + word + " mailbox busy"
	case strings.HasPrefix(local, "never"):
		return "550 5.1.1 " + word + " nobody of that name"
	}
	return ""
}

func (w *World) run(t testing.TB, policy map[string]string) {
	t.Helper()
	w.at = daemontest.Start(t, w.Dir, policy, daemon.Options{NoSync: true, Version: api.VersionInfo{Version: "isolation"}}).At
	w.Addr, w.Socket = w.at.Admin, w.at.Socket
	w.tcp = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	w.admin = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", w.Socket)
		},
	}}
	t.Cleanup(w.tcp.CloseIdleConnections)
	t.Cleanup(w.admin.CloseIdleConnections)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await polls until ok.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
