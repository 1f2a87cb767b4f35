package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/mailweir/weir/gateway/internal/isolation"
)

// apartCases are what each command asks for of another tenant's, as its arguments; a
// hole is a thing of that tenant's (package isolation). Commands that take IDs
// and a filter have theirs from idCases and filterCases besides.
var apartCases = map[string][]string{
	"reload": {"", "--check"}, "events status": {""}, "events resume": {"{sink}"}, "index status": {""}, "index rebuild": {""}, "version": {"--running"},
	"queue reroute": {"--route {route} {message}"}, "queue copy": {"--to spy@beta.test {message}"}, "log change-action": {"--to deliver {message}"},
	"archive usage": {""}, "archive holds": {""}, "archive hold": {"--tenant {tenant} --all", "--tenant {tenant} id:{message}"}, "archive release": {"{hold}"}, "archive check": {""},
	"archive destroy-key": {"{tenant} --yes"}, "archive rotate-key": {""}, "log facets": {"tenant", "owner_domain tenant:{tenant}", "rule -tenant:beta"}, "log histogram": {"--step 1d"}, "log tail": {"--after 0 tenant:{tenant}", "--after 0"},
	"log search": {"--sort=-size", "--view pending"}, "action": {"{plugin} train_spam {message}", "betabayes train_spam {message}", "betabayes train_spam --query tenant:{tenant} --yes"},
	"destinations list": {"", "{domain}"}, "destinations suspend": {"{domain}"}, "destinations resume": {"{destination}"}, "deliveries": {"", "{message}", "{recipient}", "--tenant {tenant}"},
	"report outbound": {"", "--tenant {tenant}"}, "report tls": {"", "{domain}"}, "report list": {""}, "report run": {"{report} --tenant {tenant}", "{report} --tenant beta", "all"},
	"digest preview": {"{mailbox}", "{person}"}, "digest send": {"--to {mailbox}"},
	"search list": {""}, "search run": {"{search}", "queue --tenant {tenant}"}, "search show": {"{search}"}, "search save": {"spy --share {tenant} tenant:{tenant}"}, "search columns": {"queue"}, "search remove": {"{search}"},
	"jobs list": {""}, "jobs wait": {"{job}"}, "jobs watch": {"{job}"}, "jobs results": {"{job}"}, "jobs cancel": {"{job}"}, "explain": {"{message}", "{recipient}", "{prefix}"},
	"lists list": {"--tenant {tenant}"}, "lists show": {"operator.block-sender --tenant {tenant}", "{list} --tenant beta"}, "lists add": {"operator.allow-sender x@far.test --tenant {tenant}", "{list} x@far.test --tenant beta"},
	"lists remove": {"operator.block-sender {key} --tenant {tenant}", "operator.block-sender {key} --tenant beta"}, "lists import": {"operator.allow-sender LISTFILE --tenant {tenant}"},
	"rules list": {"--tenant {tenant}"}, "rules allow": {"--tenant {tenant} --sender x@far.test"}, "rules block": {"--tenant {tenant} --sender x@far.test"}, "rules remove": {"{rule} --tenant {tenant}", "{rule} --tenant beta"},
	"classes list": {"--tenant {tenant}"}, "classes set": {"{class} deliver --tenant {tenant}"}, "classes clear": {"{class} --tenant {tenant}", "{class} --tenant beta"},
	"identity list": {"--tenant {tenant}"}, "identity show": {"{identity} --tenant {tenant}", "{identity} --tenant beta"}, "identity add": {"{identity} --tenant {tenant} --sender {mailbox}"},
	"identity lock": {"{identity} --tenant {tenant}"}, "identity unlock": {"{identity} --tenant {tenant}", "{identity} --tenant beta"}, "identity remove": {"{identity} --tenant {tenant}", "{identity} --tenant beta"},
	"identity users": {"--tenant {tenant}"}, "identity lock-user": {"{lockeduser} --tenant {tenant}"}, "identity unlock-user": {"{lockeduser} --tenant {tenant}", "{lockeduser} --tenant beta"},
	"reply": {"{message}", "{recipient}"}, "do": {"retry {message} --yes", "view {message}", "remove --query tenant:{tenant} --yes"},
	"recipients list": {"--tenant {tenant}", "--tenant beta"}, "recipients check": {"{person}", "{mailbox}"}, "recipients clear": {"--tenant {tenant} --all", "{mailbox} --tenant beta"},
	"test callout": {"{mailbox}", "{message}"}, "test sender": {"{message}", "{person}"}, "test smtp": {"{message}", "{person}"}, "test route": {"{mailbox}", "{person} --from anna@beta.test"}, "test tls": {"{domain}"},
	"test dns": {"{domain} MX"}, "test self": {"--last"},
	"log fields": {""}, "log verbs": {""},
	"user list": {""}, "user show": {"{user}"}, "user add": {"{user} --level domain --tenant beta --no-password", "spy@beta.test --level domain --tenant {tenant} --no-password", "{mailbox} --level mailbox --no-password"},
	"user grant": {"{user} --level domain --tenant beta"}, "user passwd": {"{user} --password-file PASSWORDFILE"}, "user disable": {"{user}"}, "user enable": {"{user}"}, "user reset-totp": {"{user}"}, "user remove": {"{user}"},
	"user sessions": {"", "--end {session}"}, "user whoami": {""},
	"token list": {""}, "token create": {"spy --level domain --tenant {tenant}", "spy --level mailbox --mailbox {mailbox}", "spy --level mailbox --mailbox {person}"}, "token revoke": {"{token}"},
	"audit list": {"--tenant {tenant}", "--message {message}", "--actor {user}"}, "audit verify": {""}, "audit export": {"--tenant {tenant}", "--message {message}"},
	"plugin list": {""}, "plugin show": {"{plugin}"}, "plugin actions": {"", "{plugin}"}, "plugin tasks": {""},
}

var (
	idCases     = []string{"{message} --yes", "{recipient} {prefix} --yes", "--query tenant:{tenant} --yes"}
	filterCases = []string{"--limit 500", "--query owner_domain:{domain}"}
)

// local are commands that ask no gateway, or none of ours.
var local = []string{
	"serve", "check", "fmt", "policy explain", "send", "sink", "bench journal", "completion", "help", "openapi", "plugin new", "plugin build", "plugin pack", "plugin check", "plugin test",
	"plugin bench", "plugin keygen", "plugin sign", "plugin verify", "plugin push", "plugin pull", "plugin lock", "plugin update",
}

// reads are the commands that show Beta's operator something of their own.
var reads = []string{
	"queue list", "queue show", "queue summary", "queue failed", "stalled list", "stalled show", "quarantine list", "quarantine show", "archive list", "archive show", "archive usage", "archive holds",
	"log search", "log count", "log facets", "log histogram", "log show", "deliveries", "report outbound", "report list", "search list", "search show", "jobs list", "explain", "lists list", "lists show", "rules list",
	"classes list", "identity list", "identity users", "recipients list", "user list", "user show", "user whoami", "token list", "audit list", "version",
}

// leaf is a command, as the command line's own model has it.
type leaf struct {
	name  string
	cases []string
}

// leaves are all commands, with what they are asked. A new one without any fails
// the test.
func leaves(t *testing.T) []leaf {
	t.Helper()
	var cli CLI
	p, err := kong.New(&cli, kongOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	var out []leaf
	for _, n := range p.Model.Leaves(false) {
		l := leaf{name: strings.TrimPrefix(n.FullPath(), "weir ")}
		if slices.Contains(local, l.name) {
			continue
		}
		l.cases = slices.Clone(apartCases[l.name])
		has := func(flag string) bool {
			return slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == flag })
		}
		switch {
		case slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Required }) || slices.Contains([]string{"do", "action", "queue reroute"}, l.name):
		case has("query") && has("dry-run"):
			l.cases = append(l.cases, idCases...)
		case has("query") && len(n.Positional) == 0 || l.name != "log tail" && has("query") && n.Positional[0].Name == "term":
			for _, line := range filterCases {
				if strings.Contains(line, "--limit") && !has("limit") {
					line = ""
				}
				if l.name == "archive export" && line == filterCases[0] {
					line = "--all"
				}
				l.cases = append(l.cases, line)
			}
		case len(n.Positional) == 1 && n.Positional[0].Name == "id" && len(l.cases) == 0:
			l.cases = []string{"{message}", "{recipient}", "{prefix}"}
		}
		if len(l.cases) == 0 {
			t.Errorf("no isolation case for weir %s: add one to apartCases", l.name)
		}
		out = append(out, l)
	}
	return out
}

// shell runs commands in this process, as somebody at the admin listener.
type shell struct {
	world    *isolation.World
	dir      string
	out, err *os.File
}

func newShell(t *testing.T, w *isolation.World) *shell {
	t.Helper()
	s := &shell{world: w, dir: t.TempDir()}
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	s.out, s.err = open("stdout"), open("stderr")
	null := open("stdin")
	for _, v := range []string{"WEIR_CONFIG", "WEIR_SOCKET", "WEIR_URL", "WEIR_TOKEN_FILE"} {
		t.Setenv(v, "")
		os.Unsetenv(v)
	}
	for name, text := range map[string]string{"LISTFILE": "x@far.test\n", "PASSWORDFILE": "another long password\n"} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(s.dir)
	in, out, err := os.Stdin, os.Stdout, os.Stderr
	os.Stdin, os.Stdout, os.Stderr = null, s.out, s.err
	t.Cleanup(func() { os.Stdin, os.Stdout, os.Stderr = in, out, err })
	return s
}

// run gives a command's exit code, and all that it said.
func (s *shell) run(t *testing.T, c *isolation.Caller, command string, args []string) isolation.Answer {
	t.Helper()
	for _, f := range []*os.File{s.out, s.err} {
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
	}
	token := filepath.Join(s.dir, "token")
	if err := os.WriteFile(token, []byte(c.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	patience := 30 * time.Second
	if command == "log tail" {
		patience = 300 * time.Millisecond // it goes on for ever
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	all := append(strings.Fields(command), args...)
	code := run(ctx, append(all, "--url", "http://"+s.world.Addr, "--token-file", token, "--json"))
	var text strings.Builder
	for _, f := range []*os.File{s.out, s.err} {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	return isolation.Answer{Status: code, Body: text.String()}
}

const between = "\x1f" // arguments in one text

// TestB2_B4_B5_isolation_of_commands has tokens of one tenant run every command
// for what is another's: it is as if it were not there, and stays as it was.
func TestB2_B4_B5_isolation_of_commands(t *testing.T) {
	all := leaves(t)
	w := isolation.Start(t)
	before := w.Snapshot(t)
	s := newShell(t, w)
	ask := func(c *isolation.Caller, l leaf, line string, pairs func(string) []isolation.Pair, do func(q isolation.Question, a isolation.Answer)) {
		k := isolation.Case{Body: strings.Join(strings.Fields(line), between), Few: true}
		two, missing := k.Fill("", pairs)
		if missing != "" && (missing != "plugin" || w.Plugins) {
			t.Fatalf("%s: the world has no %s", l.name, missing)
		}
		for _, q := range slices.Concat(two) {
			for i := range q {
				if i == 1 && len(q[0].Asked) == 0 {
					continue
				}
				var args []string
				if q[i].Body != "" {
					args = strings.Split(q[i].Body, between)
				}
				do(q[i], s.run(t, c, l.name, args))
			}
		}
	}
	for i := range w.Callers {
		c := &w.Callers[i]
		if c.Name != "token" && c.Name != "token of a mailbox" { // the others ask the API itself
			continue
		}
		for _, l := range all {
			for _, line := range l.cases {
				first, had := "", isolation.Answer{}
				ask(c, l, line, w.Pairs, func(q isolation.Question, a isolation.Answer) {
					text := a.Plain(q, nil)
					name := fmt.Sprintf("weir %s %s by %s", l.name, strings.ReplaceAll(q.Body, between, " "), c.Name)
					if a.Status == exitUsage && l.name != "action" { // which is one of the plugin's, or none
						t.Errorf("%s: the case is none: %s", name, a.Body)
					}
					if leak := isolation.Leak(text); leak != "" && !slices.Contains([]string{"audit list", "audit export", "jobs list"}, l.name) {
						t.Errorf("%s shows what is Acme's: …%s…", name, leak)
					}
					if first == "" {
						first, had = text, a
						return
					}
					if !strings.Contains(had.Body+a.Body, "too often") && (a.Status != had.Status || text != first) {
						t.Errorf("%s: %d %s\nfor what is not there; for what is:\n%d %s", name, a.Status, text, had.Status, first)
					}
				})
			}
		}
	}
	before.Same(t, w.Snapshot(t))
	for i := range w.Callers {
		c := &w.Callers[i]
		if c.Name != "token" {
			continue
		}
		for _, l := range all {
			if !slices.Contains(reads, l.name) {
				continue
			}
			ok, said := false, ""
			for _, line := range l.cases {
				ask(c, l, line, w.Own, func(_ isolation.Question, a isolation.Answer) {
					ok = ok || a.Status == exitOK
					said = a.Body
				})
			}
			if !ok {
				t.Errorf("weir %s shows Beta's operator nothing: %s", l.name, said)
			}
		}
	}
}
