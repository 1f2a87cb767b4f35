package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/mailweir/weir/"

// layers says what a room may never import, and why. A rule holds for the
// room's tests too, but for inTests.
var layers = []struct {
	room  string // folder below the module's root, with everything under it
	never []string
	why   string
}{
	{"gateway/internal/mail", []string{module}, "mail holds the shared words and knows no room of ours"},
	{"gateway/internal/lifecycle", []string{module + "gateway/internal/store", "net/http", "os"}, "lifecycle is pure"},
	{"gateway/internal/query", []string{module + "gateway/internal/store", "net/http"}, "query stands below the store"},
	{"gateway/internal/store", []string{module + "policy", "github.com/tetratelabs/wazero", "net/http"}, "the store keeps, it does not decide"},
	{"gateway/internal/smtpd", []string{module + "gateway/internal/store", module + "gateway/internal/flow"}, "smtpd declares the Gate it calls"},
	{"gateway/internal/smtpc", []string{module + "gateway/internal/resolver", module + "gateway/internal/deliver", module + "gateway/internal/flow", module + "gateway/internal/queue", module + "gateway/internal/store"}, "everything above uses smtpc, not the other way round"},
	{"gateway/internal/dane", []string{module + "gateway/internal/deliver", module + "gateway/internal/store", "github.com/miekg/dns"}, "what TLSA records mean needs no name server"},
	{"gateway/internal/mtasts", []string{module + "gateway/internal/deliver", module + "gateway/internal/flow", module + "policy"}, "a policy is found here and applied elsewhere"},
	{"gateway/internal/tlsrpt", []string{module + "gateway/internal/deliver", module + "gateway/internal/flow", module + "policy"}, "connections are counted here, not made"},
	{"gateway/internal/filter", []string{module + "policy", module + "gateway/internal/store", module + "gateway/internal/flow"}, "the plugin host declares the lists and KV it needs"},
	{"gateway/internal/deliver", []string{module + "gateway/internal/store", module + "gateway/internal/flow", module + "gateway/internal/queue"}, "an attempt stores nothing"},
	{"gateway/internal/verify", []string{module + "gateway/internal/flow"}, "verification answers, flow decides"},
	{"gateway/internal/nettools", []string{"net/http", "github.com/dgraph-io/badger", module + "gateway/internal/api", module + "gateway/internal/flow"}, "tools ask a scope and know neither who offers them nor who is filtering"},
	{"gateway/internal/flow", []string{"github.com/dgraph-io/badger", "github.com/tetratelabs/wazero", "github.com/emersion/go-smtp", "net/http"}, "flow knows engines by their seams only"},
	{"gateway/internal/queue", []string{"github.com/dgraph-io/badger", "github.com/tetratelabs/wazero", "github.com/emersion/go-smtp", "net/http", module + "gateway/internal/flow"}, "the queue asks flow through an interface"},
	{"gateway/internal/keeper", []string{"net/http", module + "gateway/internal/api"}, "the keeper has no operators"},
	{"gateway/internal/explain", []string{module + "gateway/internal/store", module + "gateway/internal/journal", module + "policy", "net/http"}, "what an answer means depends on the answer alone"},
	{"gateway/internal/journal", []string{module + "gateway/internal/flow", "net/http"}, "the log is read, not made, here"},
	{"gateway/internal/actions", []string{"net/http", module + "gateway/internal/api"}, "verbs do not know who offers them"},
	{"gateway/internal/jobs", []string{"net/http", module + "gateway/internal/api", module + "gateway/internal/flow", module + "gateway/internal/queue"}, "a job only repeats verbs"},
	{"gateway/internal/report", []string{"net/http", module + "gateway/internal/api", module + "gateway/internal/flow", module + "gateway/internal/actions"}, "sums are read, and change nothing"},
	{"gateway/internal/tasks", []string{"net/http", "github.com/tetratelabs/wazero", module + "gateway/internal/api", module + "gateway/internal/flow"}, "what plugins do for themselves knows neither who offers it nor who is filtering"},
	{"gateway/internal/events", []string{"github.com/dgraph-io/badger", module + "policy", module + "gateway/internal/api", module + "gateway/internal/flow", module + "gateway/internal/queue", module + "gateway/internal/actions"}, "events are passed on, and nobody waits for that"},
	{"gateway/internal/saved", []string{"net/http", module + "policy", module + "gateway/internal/api", module + "gateway/internal/actions"}, "a saved search is a text, and finds nothing"},
	{"gateway/internal/audit", []string{"net/http", module + "gateway/internal/api", module + "gateway/internal/actions", module + "policy"}, "what was done is written down here, not decided"},
	{"gateway/internal/atomicfile", []string{module, "net"}, "how a file gets to its place does not depend on what it is"},
	{"gateway/internal/signed", []string{module}, "a token says what its maker means by it"},
	{"gateway/internal/archive", []string{"net/http", "github.com/dgraph-io/badger", module + "policy", module + "gateway/internal/api", module + "gateway/internal/flow"}, "what is kept is decided elsewhere"},
	{"gateway/internal/accounts", []string{"github.com/dgraph-io/badger", module + "gateway/internal/api", module + "gateway/internal/flow", module + "gateway/internal/actions"}, "who somebody is does not depend on what they ask for"},
	{"gateway/internal/export", []string{module}, "writers of forms know no mail of ours"},
	{"gateway/internal/digest", []string{"net/http", "github.com/dgraph-io/badger", module + "gateway/internal/api", module + "gateway/internal/flow", module + "gateway/internal/queue"}, "what is sent by the clock serves no pages and judges nothing"},
	{"gateway/internal/api", []string{"github.com/dgraph-io/badger", module + "gateway/internal/filter", module + "gateway/internal/deliver", module + "gateway/internal/store/badgerstore"}, "the API calls verbs and views"},
	{"gateway/internal/artifact", []string{module + "policy", module + "gateway/internal/filter", module + "gateway/internal/store", "github.com/tetratelabs/wazero"}, "whether a module is the one that was meant is decided without running it"},
	{"gateway/internal/daemon", []string{module + "gateway/internal/toolchain"}, "the gateway runs no compilers"},
	{"policy", []string{module + "gateway"}, "the policy language stands alone"},
	{"sdk", []string{module + "gateway", module + "policy"}, "an author's plugin needs no gateway"},
	{"plugins", []string{module + "gateway", module + "policy"}, "a guest sees the SDK only"},
}

// inTests is what tests may open although their room may not import it: those
// of the rooms over the store run on the real one.
const inTests = module + "gateway/internal/store/badgerstore"

// TestLayers keeps the house's rooms apart (architecture: rooms).
func TestLayers(t *testing.T) {
	for _, l := range layers {
		root := filepath.Join("..", "..", filepath.FromSlash(l.room))
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, im := range f.Imports {
				name := strings.Trim(im.Path.Value, `"`)
				for _, never := range l.never {
					if within(name, never) && !within(name, module+l.room) && !(strings.HasSuffix(path, "_test.go") && name == inTests) {
						t.Errorf("%s imports %s: %s", path, name, l.why)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func within(name, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

// TestSDKStandsAlone: a plugin's module needs nothing but the standard library.
func TestSDKStandsAlone(t *testing.T) {
	root := filepath.Join("..", "..", "sdk")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, im := range f.Imports {
			name := strings.Trim(im.Path.Value, `"`)
			if strings.Contains(strings.SplitN(name, "/", 2)[0], ".") && !within(name, module+"sdk") {
				t.Errorf("%s imports %s", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
