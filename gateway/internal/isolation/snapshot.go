package isolation

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Snapshot is all that Acme has, as the administrator and its own operator see it.
type Snapshot map[string]string

// used is what the look itself changes.
var used = []*regexp.Regexp{
	regexp.MustCompile(`"(last_used|last_from|seen|last_seen|last_sign_in)":"[^"]*",?`),
	regexp.MustCompile(`"(open|idle)":\d+,?`),
}

// Snapshot takes one.
func (w *World) Snapshot(t testing.TB) Snapshot {
	t.Helper()
	out := Snapshot{}
	get := func(path string) {
		text := w.Admin(t, Request{Method: "GET", Path: path}).Body
		for _, re := range used {
			text = re.ReplaceAllString(text, "")
		}
		out[path] = text
	}
	of := "?tenant=" + Acme
	get("/v1/messages?limit=1000&q=" + url.QueryEscape("tenant:"+Acme))
	for _, id := range slices.Concat(w.acme["message"], w.acme["shared"]) {
		get("/v1/messages/" + id)
		get("/v1/messages/" + id + "/events")
	}
	for _, p := range []string{"/v1/lists", "/v1/rules", "/v1/class-actions", "/v1/identities", "/v1/locked-users", "/v1/recipients"} {
		get(p + of)
	}
	for _, l := range []string{"operator.block-sender", "operator.allow-sender", "operator.block-recipient", w.acme["list"][0]} {
		get("/v1/lists/" + l + of)
	}
	for _, id := range w.acme["job"] {
		get("/v1/jobs/" + id)
		get("/v1/jobs/" + id + "/results")
	}
	for _, name := range w.acme["user"] {
		get("/v1/users/" + name)
	}
	get("/v1/archive/holds")
	// Of lists of everybody's only what is Acme's.
	for _, p := range []string{"/v1/tokens", "/v1/sessions", "/v1/destinations", "/v1/archive/usage", "/v1/audit?limit=1000&tenant=" + Acme} {
		get(p)
		var own []string
		for _, item := range strings.Split(out[p], "},{") {
			if Leak(item) != "" && !strings.Contains(item, `"actor":"cli`) {
				own = append(own, item)
			}
		}
		out[p] = strings.Join(own, "\n")
	}
	op := &Caller{Name: "acme's operator", Token: w.acmeToken}
	for _, p := range []string{"/v1/searches", "/v1/preferences", "/v1/jobs", "/v1/archive/usage", "/v1/users"} {
		text := w.Ask(t, op, Request{Method: "GET", Path: p}).Body
		for _, re := range used {
			text = re.ReplaceAllString(text, "")
		}
		out["own "+p] = text
	}
	return out
}

// Same fails the test for what is not as it was.
func (s Snapshot) Same(t testing.TB, now Snapshot) {
	t.Helper()
	for k, was := range s {
		if now[k] != was {
			t.Errorf("%s was\n%s\nand is\n%s", k, was, now[k])
		}
	}
}
