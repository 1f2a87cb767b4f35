package isolation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
)

// operation is one route of the API's document.
type operation struct{ id, method, path string }

// operations are all that the document has.
func operations(t *testing.T) []operation {
	t.Helper()
	b, err := api.OpenAPI()
	check(t, err)
	var doc struct {
		Paths map[string]map[string]struct {
			ID string `json:"operationId"`
		}
	}
	check(t, json.Unmarshal(b, &doc))
	var out []operation
	for path, methods := range doc.Paths {
		for m, o := range methods {
			out = append(out, operation{o.ID, strings.ToUpper(m), path})
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return out
}

// TestB2_B4_B5_isolation runs all of it in one world.
func TestB2_B4_B5_isolation(t *testing.T) {
	w := Start(t)
	t.Run("raw", w.raw)
	t.Run("shared", w.sharedMail)
	t.Run("neighbours", w.neighbours)
	t.Run("api", w.api)
	t.Run("sign-in", w.signsIn)
	t.Run("idempotency", w.idempotency)
}

// api has everybody of Beta ask every route for what is Acme's: the answer is
// the one about what is not there, and Acme stays as it was. Then it has Beta's
// operator ask the same for Beta's own.
func (w *World) api(t *testing.T) {
	ops := operations(t)
	known := map[string]bool{}
	for _, op := range ops {
		known[op.id] = true
		if len(cases[op.id]) == 0 && own[op.id] == "" {
			t.Errorf("no isolation case for %s %s: add one under %q in cases_test.go", op.method, op.path, op.id)
		}
	}
	for id := range cases {
		if !known[id] {
			t.Errorf("there is no operation %q any more", id)
		}
	}
	before := w.Snapshot(t)
	// The audit log comes first, for it holds what Beta asks: the whole of it
	// before any question.
	audits := func(o operation) bool { return strings.HasPrefix(o.path, "/v1/audit") }
	for _, whole := range []bool{true, false} {
		for i := range w.Callers {
			for _, op := range ops {
				for _, k := range cases[op.id] {
					if audits(op) && whole == (len(k.kinds()) == 0) {
						w.apart(t, &w.Callers[i], op, k)
					}
				}
			}
		}
	}
	for i := range w.Callers {
		c := &w.Callers[i]
		t.Run(strings.ReplaceAll(c.Name, " ", "-"), func(t *testing.T) {
			for _, op := range ops {
				for _, k := range cases[op.id] {
					if !audits(op) {
						w.apart(t, c, op, k)
					}
				}
			}
		})
	}
	t.Run("unchanged", func(t *testing.T) { before.Same(t, w.Snapshot(t)) })
	t.Run("own", func(t *testing.T) { w.ownWorks(t, ops) })
}

// worst bounds what is said of one operation and caller.
const worst = 2

// apart asks one case's questions about Acme's and compares.
func (w *World) apart(t *testing.T, c *Caller, op operation, k Case) {
	t.Helper()
	if c.Nobody {
		k.Few = true
	}
	w.same(t, c, op, k, w.Pairs)
}

// same asks one case's questions, and fails where what is there is answered
// otherwise than what is not, or where something of Acme's shows.
func (w *World) same(t *testing.T, c *Caller, op operation, k Case, pairs func(string) []Pair) {
	t.Helper()
	all, missing := k.Fill(op.method, pairs)
	if missing == "plugin" && !w.Plugins {
		return
	}
	if missing != "" {
		t.Fatalf("%s: the world has no %s to ask for", op.id, missing)
	}
	said := 0
	for _, two := range all {
		there := w.Ask(t, c, two[0].Request)
		got := there.Plain(two[0], k.Ignore)
		name := fmt.Sprintf("%s by %s: %s %s %s", op.id, c.Name, op.method, two[0].Path, two[0].Body)
		if l := Leak(got); l != "" {
			t.Errorf("%s: shows what is Acme's: %d …%s…", name, there.Status, l)
			said++
		}
		if c.Nobody && there.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, there.Status)
			said++
		}
		if len(two[0].Asked) > 0 {
			none := w.Ask(t, c, two[1].Request)
			want := none.Plain(two[1], k.Ignore)
			limited := there.Status == http.StatusTooManyRequests || none.Status == http.StatusTooManyRequests
			if !limited && (there.Status != none.Status || got != want) {
				t.Errorf("%s: tells that it is there: %d …%s…\nwhere nothing is (%s %s): %d …%s…", name, there.Status, from(got, want), two[1].Path, two[1].Body, none.Status, from(want, got))
				said++
			}
		}
		if said >= worst {
			return
		}
	}
}

// from is a text around where it differs from another.
func from(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return a[max(0, i-100):min(len(a), i+300)]
}

// history are operations whose answers hold what was asked before.
var history = []string{"list-audit", "export-audit", "list-jobs", "list-searches"}

// ends are operations after which there is less to ask for: they come last.
var ends = regexp.MustCompile(`^(remove|delete|revoke|clear|end|cancel|lift)`)

// ownWorks shows that the questions are ones that are answered: to Beta's
// operator about Beta's own. What is for administrators is refused, whatever it
// is about.
func (w *World) ownWorks(t *testing.T, ops []operation) {
	ops = slices.Clone(ops)
	slices.SortStableFunc(ops, func(a, b operation) int {
		x, y := ends.MatchString(a.id), ends.MatchString(b.id)
		switch {
		case x == y:
			return 0
		case y:
			return -1
		}
		return 1
	})
	for _, op := range ops {
		if own[op.id] == "" {
			t.Run(op.id, func(t *testing.T) { w.ownWork(t, op) })
		}
	}
}

func (w *World) ownWork(t *testing.T, op operation) {
	t.Helper()
	if op.id == "train" && !w.Plugins {
		return // there is nobody to teach
	}
	closed := slices.Contains(administrators, op.id)
	pairs := w.Own
	if closed {
		pairs = func(kind string) []Pair {
			if p := w.Own(kind); len(p) > 0 {
				return p
			}
			return w.Pairs(kind)
		}
	}
	bad := []string{}
	for _, k := range cases[op.id] {
		all, missing := k.Fill(op.method, pairs)
		if missing == "plugin" && !w.Plugins {
			return
		}
		for _, two := range all { // none, where the world has no such thing of Beta's
			a := w.Ask(t, w.Operator, two[0].Request)
			what := fmt.Sprintf("%s %s %s: %d %s", op.method, two[0].Path, two[0].Body, a.Status, a.Body)
			if l := Leak(a.Plain(two[0], k.Ignore)); l != "" && !slices.Contains(history, op.id) {
				t.Errorf("%s shows what is Acme's: …%s…", what, l)
			}
			switch {
			case closed && a.Status != http.StatusForbidden && a.Status != http.StatusNotFound:
				t.Errorf("it is for administrators: %s", what)
			case closed || a.Status/100 == 2:
				return
			}
			bad = append(bad, what)
		}
	}
	t.Errorf("nothing is answered to its own operator:\n%s", strings.Join(bad[:min(3, len(bad))], "\n"))
}

// sharedMail has Beta look at its part of messages that Acme has got,
// too: what became of Acme's part is not in it.
func (w *World) sharedMail(t *testing.T) {
	for i := range w.Callers {
		c := &w.Callers[i]
		if c.Nobody {
			continue
		}
		for _, id := range w.beta["shared"] {
			message, n, _ := strings.Cut(id, ".")
			for _, name := range []string{message, id} {
				for _, tail := range []string{"", "/explain", "/attempts", "/events", "/reply", "/body", "/archived"} {
					a := w.Ask(t, c, Request{Method: "GET", Path: "/v1/messages/" + name + tail})
					if l := Leak(a.Body); l != "" {
						t.Errorf("%s: %s%s shows what is Acme's: …%s…", c.Name, name, tail, l)
					}
					if c.Name == "operator" && a.Status != http.StatusOK && tail != "/body" && tail != "/reply" {
						t.Errorf("%s%s: %d %s", name, tail, a.Status, a.Body)
					}
				}
			}
			other := map[string]string{"1": ".2", "2": ".1"}[n]
			if a := w.Ask(t, c, Request{Method: "GET", Path: "/v1/messages/" + message + other}); a.Status != http.StatusNotFound {
				t.Errorf("%s: Acme's recipient of %s: %d %s", c.Name, message, a.Status, a.Body)
			}
		}
	}
}

// signsIn: who may not come in learns of nobody whether they are
// there.
func (w *World) signsIn(t *testing.T) {
	for _, c := range []*Caller{{Name: "nobody"}, w.Operator} {
		for _, k := range []Case{
			post("/v1/sign-in", `{"name":"{user}","password":"not the right one"}`), post("/v1/sign-in/link", `{"mailbox":"{mailbox}"}`), post("/v1/sign-in/link", `{"mailbox":"{person}"}`),
		} {
			w.apart(t, c, operation{"sign-in", "POST", ""}, k)
		}
		w.apart(t, c, operation{"sign-in-ways", "GET", ""}, Case{Path: "/v1/sign-in/ways"})
	}
}

// raw: what the listener serves beside the API is of nobody's.
func (w *World) raw(t *testing.T) {
	src, err := os.ReadFile(filepath.Join("..", "api", "server.go"))
	check(t, err)
	known := map[string]string{ // where each is asked
		`"GET /healthz"`: "/healthz", `"GET /readyz"`: "/readyz", `"GET /openapi.json"`: "/openapi.json", `"/v1/"`: "/v1/nothing", `"/link/"`: "/link/release/x",
		"accountPath": "/account", "signInPath": "/sign-in", `signInPath+"/"`: "/sign-in/x",
		`"GET /metrics"`: "", // of the gateway as a whole: for administrators where others reach the listener
	}
	for _, m := range regexp.MustCompile(`top\.Handle(?:Func)?\(([^,]+),`).FindAllStringSubmatch(string(src), -1) {
		path, ok := known[m[1]]
		if !ok {
			t.Errorf("no isolation case for the handler of %s: add one here", m[1])
		}
		for i := range w.Callers {
			if path == "" {
				continue
			}
			if a := w.Ask(t, &w.Callers[i], Request{Method: "GET", Path: path}); Leak(a.Body) != "" {
				t.Errorf("%s by %s shows what is Acme's: …%s…", path, w.Callers[i].Name, Leak(a.Body))
			}
		}
	}
}

// idempotency: the answer that is kept for one tenant's token is no
// other's, though its name and the key are the same.
func (w *World) idempotency(t *testing.T) {
	r := Request{Method: "POST", Path: "/v1/actions", Body: `{"verb":"freeze","q":"status:queued"}`, Header: map[string]string{"Idempotency-Key": "monday"}}
	if a := w.Ask(t, &Caller{Name: "acme", Token: w.acmeToken}, r); a.Status != http.StatusOK || Leak(a.Body) == "" {
		t.Fatalf("Acme's own: %d %s", a.Status, a.Body)
	}
	for i := range w.Callers {
		if c := &w.Callers[i]; c.Name == "token" {
			if a := w.Ask(t, c, r); a.Status != http.StatusOK || a.Header.Get("Idempotency-Replayed") != "" || Leak(a.Body) != "" {
				t.Errorf("Beta's: %d %v %s", a.Status, a.Header, a.Body)
			}
		}
	}
}

// neighbours has those of Beta who see a part of it ask for the rest: a mailbox
// for another's mail and for what is the operators', and an operator of one
// domain for the other domain's.
func (w *World) neighbours(t *testing.T) {
	ops := operations(t)
	for i := range w.Callers {
		c := &w.Callers[i]
		box := c.Level == "mailbox"
		if !box && c.Name != "token of one domain" {
			continue
		}
		var mine []Pair
		for i, l := range letters {
			if !box || l.to == "later.anna" {
				id := w.beta["message"][i]
				mine = append(mine, Pair{id, other(id)})
			}
		}
		pairs := func(kind string) []Pair {
			var out []Pair
			switch kind {
			case "message":
				return mine
			case "recipient", "prefix":
				for _, p := range mine {
					if kind == "prefix" {
						out = append(out, Pair{p.Real[:20], other(p.Real[:20])})
					} else {
						out = append(out, Pair{p.Real + ".1", p.Fake + ".1"})
					}
				}
			case "job", "token", "session", "rule", "hold", "lockeduser":
				for _, v := range w.beta[kind] {
					out = append(out, Pair{v, other(v)})
				}
			}
			return out
		}
		for _, op := range ops {
			for _, k := range cases[op.id] {
				kinds := k.kinds()
				if len(kinds) == 0 || slices.ContainsFunc(kinds, func(kind string) bool { return len(pairs(kind)) == 0 }) {
					continue // it asks for what is theirs as well
				}
				k.Few = k.Few || len(mine) > 4
				w.same(t, c, op, k, pairs)
			}
		}
	}
}
