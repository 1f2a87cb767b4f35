package isolation

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const password = "correct horse battery staple"

// settle fills the world, and waits until nothing moves any more.
func (w *World) settle(t testing.TB) {
	t.Helper()
	into := map[string]map[string][]string{Acme: w.acme, Beta: w.beta, Gamma: {}}
	for _, of := range tenants {
		w.send(t, of, into[of.name])
	}
	w.shared(t)
	for _, of := range tenants {
		w.things(t, of, into[of.name])
	}
	w.people(t)
	w.must(t, "POST", "/v1/destinations/suspend", map[string]any{"name": "quince.far.test", "why": Mark})
	w.acme["destination"] = []string{"quince.far.test"}
	w.quiet(t)
	for name, into := range map[string]map[string][]string{Acme: w.acme, Beta: w.beta} { // what the gateway itself wrote
		for _, r := range w.rows(t, "kind:dsn,notice tenant:"+name) {
			id, _ := r["id"].(string)
			id, _, _ = strings.Cut(id, ".")
			into["message"] = append(into["message"], id)
		}
	}
}

// things makes what a tenant has beside its mail, as its own operator: a token.
func (w *World) things(t testing.TB, of tenant, into map[string][]string) {
	t.Helper()
	note := func(kind string, values ...string) { into[kind] = append(into[kind], values...) }
	text := func(m map[string]any, key string) string { s, _ := m[key].(string); return s }

	tok := w.must(t, "POST", "/v1/tokens", map[string]any{"name": "ci", "level": "domain", "tenant": of.name})
	op := &Caller{Name: of.name + " token", Token: text(tok, "secret")}
	note("token", text(tok, "id"))
	if of.name == Acme {
		w.acmeToken = op.Token
	}
	do := func(method, path string, in any) map[string]any { return w.mustAs(t, op, method, path, in) }

	note("tenant", of.name)
	note("domain", of.domains...)
	note("address", "anna@"+of.domain(), "later.anna@"+of.domain(), of.mark+"-boss@"+of.domain())
	note("mailbox", "anna@"+of.domain())
	note("route", of.name+"-"+of.mark+"-way")
	note("list", of.mark+"-list")
	note("word", of.mark)
	note("rulefile", of.mark+".hcl")
	if w.Plugins {
		note("plugin", map[string]string{Mark: "quincebayes"}[of.mark]+map[string]string{"betaword": "betabayes"}[of.mark])
	}
	note("sink", of.name+"/"+of.mark+"-events")
	note("report", of.mark+"-report")

	key := of.mark + "@enemy.test"
	do("POST", "/v1/lists/operator.block-sender", map[string]any{"tenant": of.name, "keys": []string{key}, "note": of.mark + " note"})
	do("POST", "/v1/lists/"+of.mark+"-list", map[string]any{"tenant": of.name, "keys": []string{of.mark + ".friend.test"}})
	note("key", key)
	note("rule", text(do("POST", "/v1/rules", map[string]any{"tenant": of.name, "verb": "block", "subject": []string{of.mark + " lottery"}, "note": of.mark}), "id"))
	do("PUT", "/v1/class-actions", map[string]any{"tenant": of.name, "class": "spam/" + of.mark, "action": "quarantine", "note": of.mark})
	note("class", "spam/"+of.mark)
	do("POST", "/v1/identities", map[string]any{"tenant": of.name, "name": of.mark + " printer", "sender": "printer@" + of.domain()})
	do("POST", "/v1/identities/lock", map[string]any{"tenant": of.name, "name": of.mark + " printer", "reason": of.mark})
	note("identity", of.mark+" printer")
	do("POST", "/v1/locked-users", map[string]any{"tenant": of.name, "name": of.mark + "-robot", "reason": of.mark})
	note("lockeduser", of.mark+"-robot")
	do("PUT", "/v1/searches/"+of.mark+"-private", map[string]any{"q": "subject:" + of.mark, "title": of.mark})
	do("PUT", "/v1/searches/"+of.mark+"-shared", map[string]any{"q": "subject:" + of.mark, "share": of.name})
	note("search", of.mark+"-private", of.mark+"-shared")
	do("PUT", "/v1/preferences", map[string]any{"columns": map[string]any{of.mark + "-view": []string{"id"}}})
	hold := w.must(t, "POST", "/v1/archive/holds", map[string]any{"tenant": of.name, "q": "subject:" + of.mark + "-held", "reason": of.mark})
	note("hold", text(hold, "id"))
	job := do("POST", "/v1/jobs", map[string]any{"verb": "freeze", "q": "status:queued subject:frozen", "args": map[string]string{"reason": of.mark}})
	note("job", text(job, "id"))

	user := func(name string, more map[string]any) {
		more["name"], more["password"] = name, password
		w.must(t, "POST", "/v1/users", more)
		note("user", name)
	}
	user(of.mark+"-operator", map[string]any{"level": "domain", "tenant": of.name})
	user("anna@"+of.domain(), map[string]any{"level": "mailbox"})
	note("session", w.session(t, w.signIn(t, of.mark+"-operator")))

	do("GET", "/v1/messages/"+into["message"][0]+"/explain", nil) // something for the audit log
	page := do("GET", "/v1/messages?limit=1", nil)
	note("cursor", text(page, "next"))
	page = do("GET", "/v1/audit?limit=1", nil)
	note("auditcursor", text(page, "next"))
	if w.Plugins && of.name == Acme { // what a plugin says of a part that is not Beta's
		for _, id := range w.acme["shared"] {
			do("POST", "/v1/plugin-actions", map[string]any{"plugin": "quincebayes", "action": "train_ham", "ids": []string{id}})
		}
	}
	await(t, "the job of "+of.name, func() bool {
		over, _ := do("GET", "/v1/jobs/"+into["job"][0], nil)["over"].(bool)
		return over
	})
}

// signIn gives the cookie of a new session.
func (w *World) signIn(t testing.TB, name string) string {
	t.Helper()
	a := w.Ask(t, &Caller{Name: name}, Request{Method: "POST", Path: "/v1/sign-in", Body: `{"name":"` + name + `","password":"` + password + `"}`})
	for _, line := range a.Header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && a.Status == http.StatusOK {
			return c.Name + "=" + c.Value
		}
	}
	t.Fatalf("%s does not sign in: %d %s", name, a.Status, a.Body)
	return ""
}

// session is the ID of the session of a cookie.
func (w *World) session(t testing.TB, cookie string) string {
	t.Helper()
	s, _ := w.mustAs(t, &Caller{Name: "a session", Cookie: cookie}, "GET", "/v1/me", nil)["session"].(string)
	return s
}

// people makes those who look around: of Beta, and nobody.
func (w *World) people(t testing.TB) {
	t.Helper()
	token := func(name string, grant map[string]any) string {
		grant["name"] = name
		s, _ := w.must(t, "POST", "/v1/tokens", grant)["secret"].(string)
		return s
	}
	add := func(c Caller) { w.Callers = append(w.Callers, c) }
	box := "anna@" + BetaDomain
	add(Caller{Name: "operator", Level: "domain", Cookie: w.signIn(t, "betaword-operator")})
	add(Caller{Name: "mailbox", Level: "mailbox", Cookie: w.signIn(t, box)})
	add(Caller{Name: "auditor", Level: "domain", Role: "auditor", Token: token("beta auditor", map[string]any{"level": "domain", "role": "auditor", "tenant": Beta})})
	add(Caller{Name: "helpdesk", Level: "domain", Role: "helpdesk", Token: token("beta helpdesk", map[string]any{"level": "domain", "role": "helpdesk", "tenant": Beta})})
	// Of the same name as a token of Acme's.
	add(Caller{Name: "token", Level: "domain", Token: token("ci", map[string]any{"level": "domain", "tenant": Beta})})
	add(Caller{Name: "token of one domain", Level: "domain", Token: token("ci", map[string]any{"level": "domain", "tenant": Beta, "domains": []string{BetaOther}})})
	add(Caller{Name: "token of a mailbox", Level: "mailbox", Token: token("ci", map[string]any{"level": "mailbox", "mailbox": box})})
	w.Operator, w.Mailbox = &w.Callers[0], &w.Callers[1]
	// Of Beta's operator's own, too: these belong to who made them.
	w.mustAs(t, w.Operator, "PUT", "/v1/searches/betaword-mine", map[string]any{"q": "subject:betaword"})
	job := w.mustAs(t, w.Operator, "POST", "/v1/jobs", map[string]any{"verb": "freeze", "q": "status:queued subject:frozen"})
	id, _ := job["id"].(string)
	w.mustAs(t, &w.Callers[4], "PUT", "/v1/searches/betaword-token", map[string]any{"q": "subject:betaword"})
	w.beta["search"], w.beta["job"], w.beta["user"] = []string{"betaword-token", "betaword-mine"}, []string{id}, []string{box}

	gone := w.must(t, "POST", "/v1/tokens", map[string]any{"name": "gone", "level": "domain", "tenant": Acme})
	secret, _ := gone["secret"].(string)
	id, _ = gone["id"].(string)
	w.must(t, "DELETE", "/v1/tokens/"+id, nil)
	add(Caller{Name: "revoked token of acme", Nobody: true, Token: secret})
	soon := token("soon", map[string]any{"level": "domain", "tenant": Acme, "expires": time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)})
	add(Caller{Name: "expired token of acme", Nobody: true, Token: soon})
	await(t, "a token to end", func() bool {
		return w.Ask(t, &Caller{Token: soon}, Request{Method: "GET", Path: "/v1/me"}).Status == 401
	})
	add(Caller{Name: "nobody", Nobody: true})
}

// quiet waits until Acme's mail has come to rest.
func (w *World) quiet(t testing.TB) {
	t.Helper()
	last := ""
	await(t, "mail to come to rest", func() bool {
		now := w.Admin(t, Request{Method: "GET", Path: "/v1/messages?limit=1000&q=" + url.QueryEscape("tenant:"+Acme)}).Body
		moves := strings.Contains(now, `"state":"sending"`) || strings.Contains(now, `"status":"accepted"`)
		same := now == last
		last = now
		if !same {
			time.Sleep(300 * time.Millisecond)
		}
		return same && !moves
	})
}
