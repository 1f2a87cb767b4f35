package isolation

import (
	"fmt"
	"regexp"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
)

// made is what a new thing has for a name.
var made = []*regexp.Regexp{regexp.MustCompile(`"(id|secret|name)":"[^"]*"`), regexp.MustCompile(`"(state|over|total|tried)":[^,}]*`)}

func c(path string) Case                  { return Case{Path: path} }
func post(path, body string) Case         { return Case{Path: path, Body: body} }
func few(c Case) Case                     { c.Few = true; return c }
func newly(c Case) Case                   { c.Ignore = made; return c }
func of(path string, more ...Case) []Case { return append([]Case{c(path)}, more...) }

// searches ask a route that takes a filter: for Acme's by its names, for all
// that is not one's own, and for everything, with cursors of Acme's pages.
func searches(path string, more ...string) []Case {
	extra := ""
	for _, m := range more {
		extra += "&" + m
	}
	var out []Case
	for _, q := range []string{
		"tenant:{tenant}", "id:{message}", "id:{prefix}", "id:{recipient}", "recipient:{mailbox}", "recipient_domain:{domain}", "owner:{mailbox}", "owner_domain:{domain}",
		`subject:="{subject}"`, "parent:{message}", "route:{route}", "identity:{mailbox}", "rule:*{rulefile}*", `reason:"{word} suspicious"`, "attachment:{word}.bin", "message_id:*{word}*",
		"-tenant:beta", "(tenant:beta or tenant:{tenant}) -owner_domain:beta.test -owner_domain:beta.example", "not (not tenant:{tenant})", "",
	} {
		out = append(out, Case{Path: path + "?q=" + q + extra})
	}
	return append(out,
		Case{Path: path + `?filter={"field":"tenant","op":"is","value":"{tenant}"}` + extra},
		Case{Path: path + `?filter={"any":[{"field":"tenant","op":"is","value":"{tenant}"},{"not":{"field":"tenant","op":"is","value":"beta"}}]}` + extra})
}

// selected are requests that act on a selection: one ID of every kind, and
// filters. body has SELECT where the selection stands.
func selected(path, body string) []Case {
	var out []Case
	for _, s := range []string{
		`"ids":["{message}"]`, `"ids":["{recipient}"]`, `"ids":["{prefix}"]`,
		`"q":"tenant:{tenant}"`, `"q":"recipient:{mailbox}"`, `"q":"-tenant:beta"`, `"filter":{"field":"owner_domain","op":"is","value":"{domain}"}`,
	} {
		out = append(out, post(path, replace(body, "SELECT", s)))
	}
	return out
}

func replace(s, old, with string) string {
	return regexp.MustCompile(old).ReplaceAllLiteralString(s, with)
}

// verbs are all that may be done with mail, with what each of them needs.
func verbs() []Case {
	var out []Case
	for i, v := range lifecycle.Verbs() {
		body := fmt.Sprintf(`{"verb":%q,SELECT,"args":%s}`, v, verbArgs[v])
		if verbArgs[v] == "" {
			body = fmt.Sprintf(`{"verb":%q,SELECT}`, v)
		}
		all := selected("/v1/actions", body)
		for j := range all {
			// Every verb with an ID of every message would be many; each kind of
			// selection gets all messages with some verbs, and some with all.
			all[j].Few = (i+j)%4 != 0
		}
		out = append(out, all...)
	}
	return append(out, post("/v1/actions", `{"verb":"retry","ids":["{message}"],"dry_run":true}`), post("/v1/actions", `{"verb":"remove","q":"*","dry_run":true}`))
}

var verbArgs = map[lifecycle.Verb]string{
	lifecycle.Force:        `{"confirmed":"yes"}`,
	lifecycle.Copy:         `{"to":"spy@beta.test"}`,
	lifecycle.Reroute:      `{"route":"{route}"}`,
	lifecycle.ChangeAction: `{"to":"deliver"}`,
}

// cases are the questions of every operation. An operation without any is
// refused by the test.
var cases = map[string][]Case{
	"act":       verbs(),
	"start-job": append(jobs(), newly(post("/v1/jobs", `{"verb":"remove","q":"tenant:{tenant}"}`))),
	"list-jobs": of("/v1/jobs"), "get-job": of("/v1/jobs/{job}"), "cancel-job": of("/v1/jobs/{job}/cancel"), "job-results": of("/v1/jobs/{job}/results", c("/v1/jobs/{job}/results?refused=true")), "job-events": of("/v1/jobs/{job}/events"),

	"search-messages":    append(append(searches("/v1/messages"), searches("/v1/messages", "sort=-size", "limit=1")...), few(c("/v1/messages?q=*&fields=id,n,original,owner,owner_domain,sender_domain,attachment,filter,plugin,tag,reply,host,address,schedule,parent")), c("/v1/messages?cursor={cursor}"), c("/v1/messages?cursor={cursor}&q=tenant:{tenant}")),
	"list-fields":        of("/v1/fields"),
	"list-verbs":         of("/v1/verbs"),
	"count-messages":     searches("/v1/messages/count"),
	"facet-messages":     searches("/v1/messages/facets", "fields=tenant,status,owner_domain,rule,route,filter"),
	"histogram-messages": searches("/v1/messages/histogram", "step=1s"),
	"search-deliveries":  append(searches("/v1/deliveries"), c("/v1/deliveries?cursor={cursor}")),
	"tail":               {few(c("/v1/tail?after=0&q=tenant:{tenant}")), few(c("/v1/tail?after=0&q=-tenant:beta")), few(c("/v1/tail?after=0")), few(Case{Path: "/v1/tail", Header: map[string]string{"Last-Event-ID": "1"}})},
	"export": append(append(searches("/v1/export", "format=jsonl"), few(c("/v1/export?format=zip&q=tenant:{tenant}")), few(c("/v1/export?format=mbox&q=*")), few(c("/v1/export?format=csv&q=*&columns=id,tenant,rule,route,filter,explanation,parent")),
		c("/v1/export?ids={message}")), c("/v1/export?ids={recipient}"), c("/v1/export?format=zip&ids={message}")),
	"export-archive": append(searches("/v1/archive/export"), c("/v1/archive/export?ids={message}"), few(c("/v1/archive/export?ids={recipient}&format=mbox"))),
	"get-message":    message(""), "explain-message": message("/explain"), "list-attempts": message("/attempts"), "list-events": message("/events"), "get-body": append(message("/body"), c("/v1/messages/{message}/body?verb=view")),
	"get-archived": append(message("/archived"), few(c("/v1/messages/{message}/archived?format=zip"))), "compose-reply": message("/reply"),
	"send-reply":    {post("/v1/messages/{message}/reply", `{"text":"hello"}`), post("/v1/messages/{recipient}/reply", `{"text":"hello"}`), post("/v1/messages/{message}/reply", `{"from":"{mailbox}","text":"hello"}`)},
	"explain-reply": of("/v1/explain?reply=550 5.1.1 no"), "parse-filter": of("/v1/filter?q=tenant:{tenant}"),

	"list-lists": of("/v1/lists?tenant={tenant}"), "list-entries": of("/v1/lists/operator.block-sender?tenant={tenant}", c("/v1/lists/{list}?tenant={tenant}"), c("/v1/lists/{list}?tenant=beta"), c("/v1/lists/operator.block-sender?tenant={tenant}&mailbox={mailbox}"), c("/v1/lists/operator.block-sender?tenant=beta&mailbox={mailbox}"), c("/v1/lists/operator.block-sender?tenant=beta&cursor={key}"), c("/v1/lists/operator.block-sender?tenant=beta&mailbox=anna@beta.test")),
	"add-entries":        {post("/v1/lists/operator.allow-sender", `{"tenant":"{tenant}","keys":["x@far.test"]}`), post("/v1/lists/{list}", `{"tenant":"{tenant}","keys":["x@far.test"]}`), post("/v1/lists/{list}", `{"tenant":"beta","keys":["x@far.test"]}`), post("/v1/lists/operator.allow-sender", `{"tenant":"beta","mailbox":"{mailbox}","keys":["x@far.test"]}`), post("/v1/lists/operator.allow-sender", `{"tenant":"beta","mailbox":"anna@beta.test","keys":["y@far.test"]}`)},
	"remove-entries":     {post("/v1/lists/operator.block-sender/remove", `{"tenant":"{tenant}","keys":["{key}"]}`), post("/v1/lists/operator.block-sender/remove", `{"tenant":"beta","keys":["{key}"]}`), post("/v1/lists/operator.block-sender/remove", `{"tenant":"beta","mailbox":"{mailbox}","keys":["{key}"]}`), post("/v1/lists/operator.block-sender/remove", `{"tenant":"beta","mailbox":"anna@beta.test","keys":["y@far.test"]}`)},
	"list-rules":         of("/v1/rules?tenant={tenant}", c("/v1/rules?tenant={tenant}&limit=1"), c("/v1/rules?tenant={tenant}&cursor={key}")),
	"add-rule":           {post("/v1/rules", `{"tenant":"{tenant}","verb":"allow","sender":["x@far.test"]}`), newly(post("/v1/rules", `{"tenant":"beta","mailbox":"{mailbox}","verb":"allow","sender":["x@far.test"]}`))},
	"remove-rule":        of("/v1/rules/{rule}?tenant={tenant}", c("/v1/rules/{rule}?tenant=beta")),
	"list-class-actions": of("/v1/class-actions?tenant={tenant}"), "set-class-action": {post("/v1/class-actions", `{"tenant":"{tenant}","class":"{class}","action":"deliver"}`)},
	"clear-class-action": of("/v1/class-actions?tenant={tenant}&class={class}", c("/v1/class-actions?tenant=beta&class={class}")),

	"list-identities": of("/v1/identities?tenant={tenant}"), "add-identity": {post("/v1/identities", `{"tenant":"{tenant}","name":"{identity}","sender":"{mailbox}"}`), post("/v1/identities", `{"tenant":"beta","name":"spy","sender":"{mailbox}"}`)},
	"remove-identity":   {post("/v1/identities/remove", `{"tenant":"{tenant}","name":"{identity}"}`), post("/v1/identities/remove", `{"tenant":"beta","name":"{identity}"}`)},
	"lock-identity":     {post("/v1/identities/lock", `{"tenant":"{tenant}","name":"{identity}"}`), post("/v1/identities/lock", `{"tenant":"beta","name":"{mailbox}"}`)},
	"unlock-identity":   {post("/v1/identities/unlock", `{"tenant":"{tenant}","name":"{identity}"}`), post("/v1/identities/unlock", `{"tenant":"beta","name":"{identity}"}`)},
	"list-locked-users": of("/v1/locked-users?tenant={tenant}"), "lock-user": {post("/v1/locked-users", `{"tenant":"{tenant}","name":"{lockeduser}"}`)},
	"unlock-user": {post("/v1/locked-users/remove", `{"tenant":"{tenant}","name":"{lockeduser}"}`), post("/v1/locked-users/remove", `{"tenant":"beta","name":"{lockeduser}"}`)},

	"list-searches": of("/v1/searches"), "get-search": of("/v1/searches/{search}", c("/v1/searches/token:ci%2F{search}")),
	"delete-search": of("/v1/searches/{search}", c("/v1/searches/token:ci%2F{search}")), "save-search": {post("/v1/searches/spy", `{"q":"tenant:{tenant}","share":"{tenant}"}`), post("/v1/searches/spy-of-mine", `{"q":"tenant:{tenant}"}`)},
	"get-preferences": of("/v1/preferences"), "set-preferences": {post("/v1/preferences", `{"columns":{"beta-view":["id"]}}`)},

	"list-users": of("/v1/users", c("/v1/users?limit=1")), "get-user": of("/v1/users/{user}"), "remove-user": of("/v1/users/{user}"),
	"change-user": {post("/v1/users/{user}", `{"disabled":true}`), post("/v1/users/{user}", `{"password":"another long password"}`), post("/v1/users/{user}", `{"grant":{"level":"domain","tenant":"beta"}}`), post("/v1/users/{user}", `{"grant":{"level":"domain","tenant":"{tenant}"}}`), post("/v1/users/{user}", `{"reset_totp":true}`)},
	"create-user": {post("/v1/users", `{"name":"{user}","level":"domain","tenant":"beta"}`), post("/v1/users", `{"name":"spy","level":"domain","tenant":"{tenant}"}`), post("/v1/users", `{"name":"{person}","level":"mailbox"}`), post("/v1/users", `{"name":"{mailbox}","level":"mailbox","mailbox":"anna@beta.test"}`), post("/v1/users", `{"name":"spy@beta.test","level":"mailbox","mailbox":"{mailbox}"}`), post("/v1/users", `{"name":"spy","level":"domain","tenant":"beta","domains":["{domain}"]}`), post("/v1/users", `{"name":"spy","level":"admin"}`)},
	"list-tokens": of("/v1/tokens", c("/v1/tokens?limit=1")), "revoke-token": of("/v1/tokens/{token}"),
	"create-token":  {post("/v1/tokens", `{"name":"spy","level":"domain","tenant":"{tenant}"}`), post("/v1/tokens", `{"name":"spy","level":"mailbox","mailbox":"{mailbox}"}`), post("/v1/tokens", `{"name":"spy","level":"mailbox","mailbox":"{person}"}`), post("/v1/tokens", `{"name":"spy","level":"domain","tenant":"beta","domains":["{domain}"]}`), post("/v1/tokens", `{"name":"spy","level":"admin"}`)},
	"list-sessions": of("/v1/sessions"), "end-session": of("/v1/sessions/{session}"), "me": of("/v1/me"), "my-account": of("/v1/me/account"),

	"list-audit":   {c("/v1/audit?limit=1000"), c("/v1/audit?tenant={tenant}"), c("/v1/audit?message={message}"), c("/v1/audit?message={recipient}"), c("/v1/audit?actor={user}"), c("/v1/audit?target={user}"), c("/v1/audit?target={message}"), few(c("/v1/audit?cursor={auditcursor}"))},
	"export-audit": {few(c("/v1/audit/export")), c("/v1/audit/export?tenant={tenant}"), c("/v1/audit/export?message={message}")},
	"verify-audit": of("/v1/audit/verify"),

	"archive-usage": of("/v1/archive/usage"), "list-holds": of("/v1/archive/holds"), "lift-hold": of("/v1/archive/holds/{hold}"), "add-hold": {post("/v1/archive/holds", `{"tenant":"{tenant}","all":true}`), post("/v1/archive/holds", `{"tenant":"{tenant}","q":"id:{message}"}`)},
	"destroy-archive-key": {post("/v1/archive/destroy-key", `{"tenant":"{tenant}","confirmed":true}`)}, "check-archive": {few(post("/v1/archive/check", `{}`))}, "rotate-archive-key": {few(post("/v1/archive/rotate-key", `{}`))},

	"preview-digest": of("/v1/digests/preview?mailbox={mailbox}", c("/v1/digests/preview?mailbox={person}")), "send-digest": {post("/v1/digests", `{"mailbox":"{mailbox}"}`), post("/v1/digests", `{"mailbox":"{person}"}`)},
	"list-reports": of("/v1/reports"), "run-report": {post("/v1/reports/run", `{"tenant":"{tenant}","name":"{report}"}`), post("/v1/reports/run", `{"tenant":"beta","name":"{report}"}`), post("/v1/reports/run", `{"tenant":"beta","name":"betaword-report","to":["{mailbox}"]}`), post("/v1/reports/run", `{"name":"all"}`)},

	"queue-summary": of("/v1/queue/summary"), "queue-shape": append(searches("/v1/queue/shape", "by=destination,reason,next_hop,route,tenant,sender_domain,sender"), c("/v1/queue/shape")), "outbound-report": searchesQ("/v1/reports/outbound"),

	"test-recipient": {post("/v1/tests/recipient", `{"message":"{message}"}`), post("/v1/tests/recipient", `{"message":"{recipient}"}`), post("/v1/tests/recipient", `{"address":"{mailbox}"}`), post("/v1/tests/recipient", `{"address":"{person}","remembered":true}`)},
	"test-sender":    {post("/v1/tests/sender", `{"message":"{message}"}`), post("/v1/tests/sender", `{"address":"{person}"}`)},
	"test-smtp":      {post("/v1/tests/smtp", `{"message":"{message}"}`), post("/v1/tests/smtp", `{"message":"{message}","send":true}`), post("/v1/tests/smtp", `{"to":["{person}"]}`), post("/v1/tests/smtp", `{"from":"{person}","to":["x@far.test"]}`)},
	"test-tls":       {post("/v1/tests/tls", `{"domain":"{domain}"}`)},
	"test-route":     {post("/v1/tests/route", `{"recipient":"{mailbox}"}`), post("/v1/tests/route", `{"recipient":"{person}","sender":"anna@beta.test"}`), post("/v1/tests/route", `{"recipient":"x@far.test","sender":"{mailbox}"}`)},
	"test-dns":       {few(post("/v1/tests/dns", `{"name":"{domain}","type":"MX"}`))}, "test-self": {few(c("/v1/tests/self"))},
	"list-recipients":  of("/v1/recipients?tenant={tenant}", c("/v1/recipients?tenant={tenant}&address={mailbox}"), c("/v1/recipients?tenant=beta"), c("/v1/recipients?tenant=beta&address={mailbox}"), c("/v1/recipients?tenant=beta&prefix=anna"), c("/v1/recipients?tenant=beta&domain={domain}"), c("/v1/recipients?tenant=beta&cursor={mailbox}")),
	"clear-recipients": {post("/v1/recipients/clear", `{"tenant":"{tenant}","all":true}`), post("/v1/recipients/clear", `{"tenant":"beta","address":"{mailbox}"}`), post("/v1/recipients/clear", `{"tenant":"beta","domain":"{domain}"}`), post("/v1/recipients/clear", `{"tenant":"beta","address":"anna@beta.test"}`)},

	"list-plugin-actions": of("/v1/plugin-actions"), "call-plugin-action": append(selected("/v1/plugin-actions", `{"plugin":"{plugin}","action":"train_spam",SELECT}`), selected("/v1/plugin-actions", `{"plugin":"betabayes","action":"train_spam",SELECT}`)...),
	"train": selected("/v1/train", `{"as":"spam",SELECT}`), "list-plugin-tasks": of("/v1/plugin-tasks"), "list-plugins": of("/v1/plugins"),

	"get-policy": of("/v1/policy"), "reload": {few(c("/v1/reload?check=true")), few(c("/v1/reload"))}, "get-version": of("/v1/version"),
	"list-destinations": of("/v1/destinations"), "suspend-destination": {post("/v1/destinations/suspend", `{"name":"{domain}"}`)}, "resume-destination": {post("/v1/destinations/resume", `{"name":"{destination}"}`)},
	"list-tls-reports": of("/v1/tls-reports"), "get-tls-report": of("/v1/tls-reports/{domain}"),
	"list-event-sinks": of("/v1/event-sinks"), "resume-event-sink": {post("/v1/event-sinks/resume", `{"name":"{sink}"}`)},
	"get-index": of("/v1/index"), "rebuild-index": {few(c("/v1/index/rebuild"))},
}

// searchesQ is searches of a route that takes no tree.
func searchesQ(path string) (out []Case) {
	for _, x := range searches(path) {
		if !regexp.MustCompile(`filter=`).MatchString(x.Path) {
			out = append(out, x)
		}
	}
	return out
}

func message(tail string) []Case {
	return []Case{c("/v1/messages/{message}" + tail), c("/v1/messages/{recipient}" + tail), c("/v1/messages/{prefix}" + tail)}
}

// jobs are all verbs on all of Acme's, a few of them.
func jobs() []Case {
	var out []Case
	for _, x := range selected("/v1/jobs", `{"verb":"freeze",SELECT}`) {
		if !regexp.MustCompile(`"ids"`).MatchString(x.Body) {
			out = append(out, few(newly(x)))
		}
	}
	return out
}

// own are operations that name nothing of anybody's but the caller's: there is
// nothing to ask for.
var own = map[string]string{
	"change-password": "the caller's own", "begin-totp": "the caller's own", "confirm-totp": "the caller's own", "end-totp": "the caller's own",
	"sign-out": "the caller's own session", "begin-passkey": "the caller's own", "add-passkey": "the caller's own", "remove-passkey": "the caller's own",
	"sign-in": "TestB2_B4_B5_isolation/sign-in", "ask-link": "TestIsolation/sign-in", "sign-in-ways": "TestIsolation/sign-in", "open-link": "what it takes is signed",
	"sign-in-code": "what it takes is signed", "begin-passkey-sign-in": "it names nobody", "passkey-sign-in": "what it takes is signed",
	"begin-oidc": "it names a provider of the gateway", "finish-oidc": "what it takes is signed",
}

// administrators are operations that nobody of a tenant may use at all.
var administrators = []string{
	"check-archive", "destroy-archive-key", "rotate-archive-key", "lift-hold", "verify-audit", "list-destinations", "suspend-destination", "resume-destination", "list-event-sinks",
	"resume-event-sink", "list-plugin-tasks", "list-plugins", "get-policy", "reload", "list-tls-reports", "get-tls-report", "get-index", "rebuild-index", "test-self",
}
