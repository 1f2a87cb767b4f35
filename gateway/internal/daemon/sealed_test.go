package daemon_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// sealedPolicy archives everything, sends digests, and writes events to a file.
var sealedPolicy = strings.NewReplacer("OIDC", "", `tenant "acme" {`, `events "log" {
  file { path = "events.jsonl" }
}
tenant "acme" {
  retain { archive = "30d" }
  digest { at = ["07:00"] }`).Replace(peoplePolicy)

var linkPaths = regexp.MustCompile(`/(?:sign-in/link|link/release|link/remove)/[\w.-]+`)

// sealedHouse is a gateway with two notices that wait, and what must not come out.
type sealedHouse struct {
	*people
	notices []string // IDs of recipients
	secrets []string // paths of links
}

func startSealed(t *testing.T) *sealedHouse {
	h := &sealedHouse{people: startPeopleWith(t, sealedPolicy)}
	h.dest.Set(smtptest.Script{Reply: map[string]string{"DOT": "450 4.2.1 try later"}})
	h.mail("ann@acme.test")
	h.browser().want(200, "POST", "/v1/sign-in/link", obj{"mailbox": "ann@acme.test"})
	if _, err := h.socket.SendDigest(t.Context(), "ann@acme.test"); err != nil {
		t.Fatal(err)
	}
	for _, r := range h.waiting("kind:notice status:queued attempts:1", 2) {
		h.notices = append(h.notices, r.ID)
	}
	raw := strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(h.dest.Raw()) // RFC 2045 §6.7
	h.secrets = slices.Compact(slices.Sorted(slices.Values(linkPaths.FindAllString(raw, -1))))
	if len(h.secrets) != 3 {
		t.Fatalf("links: %q", h.secrets)
	}
	return h
}

// waiting waits for rows of a search.
func (h *sealedHouse) waiting(q string, n int) []api.Row {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		page, err := h.socket.Search(h.t.Context(), client.Search{Q: q})
		if err != nil {
			h.t.Fatal(err)
		}
		if len(page.Items) == n {
			return page.Items
		}
		if time.Now().After(end) {
			h.t.Fatalf("%q finds %d, want %d", q, len(page.Items), n)
		}
	}
}

// clean reports whether there is no link in what came out.
func (h *sealedHouse) clean(what, text string) {
	h.t.Helper()
	for _, s := range h.secrets {
		_, token, _ := strings.Cut(strings.TrimPrefix(s, "/"), "/")
		mac := token[strings.LastIndexByte(token, '.')+1:]
		if strings.Contains(text, s) || strings.Contains(text, mac) {
			h.t.Errorf("%s tells a link:\n%.2000s", what, text)
		}
	}
}

// Mail of the gateway's own with links that sign in or act as a mailbox comes out
// nowhere but at its recipient's, whoever asks.
func TestB52_links_come_out_nowhere(t *testing.T) {
	h := startSealed(t)
	callers := map[string]*caller{
		"admin":   h.makeToken("admin", api.GrantRequest{Level: "admin"}),
		"domain":  h.makeToken("domain", api.GrantRequest{Level: "domain", Tenant: "acme"}),
		"mailbox": h.makeToken("mailbox", api.GrantRequest{Level: "mailbox", Mailbox: "ann@acme.test"}),
	}
	for name, c := range callers {
		t.Run("queued_"+name, func(t *testing.T) { h.ask(t, c, "queued") })
	}
	t.Run("queued_socket", func(t *testing.T) { h.askSocket(t) })
	t.Run("host_quotes_link", h.hostQuotes)

	h.dest.Set(smtptest.Script{})
	if r, err := h.socket.Act(t.Context(), api.ActionRequest{Verb: "retry", IDs: h.notices}); err != nil || r.Changed != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	held := h.waiting("status:quarantined", 1)[0].ID
	if r, err := h.socket.Act(t.Context(), api.ActionRequest{Verb: "release", IDs: []string{held}}); err != nil || r.Changed != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	arrivals(t, h.dest, 3) // the recipient gets them as ever
	quiet(t, h.socket)
	h.waiting("kind:notice status:delivered", 2)
	for _, r := range h.waiting("archived:yes", 1) { // ordinary mail is archived here
		if r.ID != held {
			t.Errorf("%s is in the archive", r.ID)
		}
	}
	for name, c := range callers {
		t.Run("delivered_"+name, func(t *testing.T) { h.ask(t, c, "delivered") })
	}
	t.Run("files", h.files)
}

// ask tries every way out of the API.
func (h *sealedHouse) ask(t *testing.T, c *caller, status string) {
	get := func(path string) answer {
		t.Helper()
		a := c.do("GET", path, nil)
		h.clean(path, a.text)
		return a
	}
	for _, id := range h.notices {
		for _, verb := range []string{"view", "download-queued", "download-quarantined", "download-archived", "export-archived"} {
			a := get("/v1/messages/" + id + "/body?verb=" + verb)
			if a.status != 409 && a.status != 403 || !strings.Contains(a.text, "for its recipient alone") {
				t.Errorf("%s of %s: %d %s", verb, id, a.status, a.text)
			}
		}
		if a := get("/v1/messages/" + id + "/reply"); a.status < 400 || !strings.Contains(a.text, "for its recipient alone") {
			t.Errorf("reply to %s: %d %s", id, a.status, a.text)
		}
		// What became of it is there to see.
		for _, path := range []string{"", "/events", "/explain", "/attempts"} {
			if a := get("/v1/messages/" + id + path); a.status != 200 && !(path == "/attempts" && status == "delivered") {
				t.Errorf("%q: %d %s", path, a.status, a.text)
			}
		}
		verbs := c.want(200, "GET", "/v1/messages/"+id, nil).json["recipients"].([]any)[0].(obj)["verbs"]
		for _, v := range verbs.([]any) {
			if slices.Contains([]string{"view", "download-queued", "copy", "reroute", "compose-reply", "train-spam", "remove-train"}, v.(string)) {
				t.Errorf("%s is offered", v)
			}
		}
		if status == "queued" && !slices.Contains(verbs.([]any), any("retry")) {
			t.Errorf("only %v is offered", verbs)
		}
	}
	for _, order := range []obj{
		{"verb": "copy", "args": obj{"to": "spy@acme.test"}}, {"verb": "reroute", "args": obj{"to": "spy@acme.test"}}, {"verb": "reroute", "args": obj{"host": h.dest.Addr}},
		{"verb": "reroute", "args": obj{"return_path": "spy@acme.test"}}, {"verb": "redeliver-archived"}, {"verb": "train-spam"}, {"verb": "remove-train"}, {"verb": "view"}, {"verb": "export-archived"},
	} {
		for _, by := range []obj{{"ids": h.notices}, {"q": "kind:notice"}} {
			for k, v := range order {
				by[k] = v
			}
			a := c.do("POST", "/v1/actions", by)
			h.clean("action", a.text)
			if n, ok := a.json["changed"]; ok && n != 0.0 || strings.Contains(a.text, `"see"`) {
				t.Errorf("%v: %s", by, a.text)
			}
		}
		order["q"] = "kind:notice"
		if a := c.do("POST", "/v1/jobs", order); a.status < 300 {
			h.job(t, c, a.json["id"].(string))
		}
	}
	for _, path := range []string{"/v1/export?format=zip&", "/v1/export?format=mbox&", "/v1/archive/export?format=zip&", "/v1/archive/export?format=mbox&", "/v1/export?format=csv&", "/v1/export?format=jsonl&"} {
		for _, q := range []string{"kind:notice", ""} {
			a := get(path + "q=" + url.QueryEscape(q))
			h.clean(path, unzipped(t, a.text))
		}
	}
	get("/v1/deliveries?q=kind:notice")
	get("/v1/messages?q=kind:notice")
	if rows := h.waiting("kind:notice", 2); rows[0].Status != status || rows[1].Status != status {
		t.Errorf("they are %s and %s", rows[0].Status, rows[1].Status)
	}
	h.waiting("recipient:spy@acme.test", 0)
}

func (h *sealedHouse) job(t *testing.T, c *caller, id string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		a := c.want(200, "GET", "/v1/jobs/"+id, nil)
		if a.json["state"] != "running" && a.json["state"] != "waiting" {
			if n, ok := a.json["changed"]; ok && n != 0.0 {
				t.Errorf("%s", a.text)
			}
			h.clean("job", a.text+c.do("GET", "/v1/jobs/"+id+"/results", nil).text)
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s", a.text)
		}
	}
}

// askSocket is the administrator at the machine: they may read the files, and are
// told the same here.
func (h *sealedHouse) askSocket(t *testing.T) {
	for _, id := range h.notices {
		for _, verb := range []string{"view", "download-queued"} {
			if b, err := h.socket.BodyFor(t.Context(), id, verb); err == nil || !strings.Contains(err.Error(), "for its recipient alone") {
				t.Errorf("%s: %v %v", verb, b, err)
			}
		}
	}
	r, err := h.socket.Act(t.Context(), api.ActionRequest{Verb: "copy", IDs: h.notices, Args: map[string]string{"to": "spy@acme.test"}})
	if err != nil || r.Changed != 0 || len(r.Items) != 2 || !strings.Contains(r.Items[0].Error, "for its recipient alone") {
		t.Errorf("%+v %v", r, err)
	}
	var out bytes.Buffer
	if n, err := h.socket.Export(t.Context(), client.Export{IDs: h.notices, Format: "zip"}, &out); err != nil || n.Written != 0 || n.Skipped != 2 {
		t.Errorf("%+v %v", n, err)
	}
	h.clean("zip", unzipped(t, out.String()))
}

// hostQuotes: the host says which link it does not like.
func (h *sealedHouse) hostQuotes(t *testing.T) {
	h.dest.Set(smtptest.Script{Reply: map[string]string{"DOT": "450 4.7.1 we block http://weir.localhost" + h.secrets[0] + " and " + h.secrets[2]}})
	if r, err := h.socket.Act(t.Context(), api.ActionRequest{Verb: "retry", IDs: h.notices}); err != nil || r.Changed != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	for _, r := range h.waiting("kind:notice status:queued attempts:2", 2) {
		as, err := h.socket.Attempts(t.Context(), r.ID)
		if err != nil || len(as) != 2 || !strings.Contains(as[1].Transcript, "< 450 4.7.1 (the host's words are not kept") || strings.Contains(as[1].Transcript, "we block") || !strings.Contains(as[1].Transcript, "> RCPT TO:<ann@acme.test>") {
			t.Errorf("%+v %v", as, err)
		}
		x, err := h.socket.Explain(t.Context(), r.ID)
		if err != nil || r.Last == nil || r.Last.Code != 450 || r.Last.Enhanced != "4.7.1" || !strings.Contains(r.Last.Text, "words are not kept") || strings.Contains(r.Last.Text, "we block") {
			t.Errorf("%+v %v", r, err)
		}
		var text strings.Builder
		for _, a := range x.Attempts {
			text.WriteString(a.Transcript)
		}
		for _, e := range x.Events {
			if e.Reply != nil {
				text.WriteString(e.Reply.Text)
			}
		}
		h.clean("explain", text.String()+r.Last.Text)
	}
	h.hostIsBusy(t)
}

// hostIsBusy: it says so in the answer to such mail, and names the link and the
// recipient. Whoever's mail waits for the host now does not hear it, nor does the
// list of destinations.
func (h *sealedHouse) hostIsBusy(t *testing.T) {
	h.dest.Set(smtptest.Script{Reply: map[string]string{"DOT": "421 4.7.0 too much for <ann@acme.test>: http://weir.localhost" + h.secrets[0]}})
	if r, err := h.socket.Act(t.Context(), api.ActionRequest{Verb: "retry", IDs: h.notices[:1]}); err != nil || r.Changed != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	h.waiting("kind:notice status:queued attempts:3", 1)
	list, err := h.socket.Destinations(t.Context())
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	busy := 0
	for _, d := range list {
		if d.Last == nil || d.Last.Code != 421 {
			continue
		}
		busy++
		h.clean("destinations", d.Last.Text)
		if d.Last.Enhanced != "4.7.0" || strings.Contains(d.Last.Text, "too much") {
			t.Errorf("%+v", d.Last)
		}
	}
	if busy != 1 {
		t.Errorf("%d destinations are busy: %+v", busy, list)
	}
}

// files: neither events nor the audit log have them.
func (h *sealedHouse) files(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(h.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".jsonl") && !strings.Contains(path, "audit") {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return err
		}
		b, err := os.ReadFile(path)
		if strings.HasSuffix(path, "events.jsonl") && bytes.Contains(b, []byte("ann@acme.test")) {
			seen++
		}
		h.clean(path, string(b))
		return err
	})
	if err != nil || seen != 1 {
		t.Errorf("%d files of events, %v", seen, err)
	}
}

// unzipped is the text of an archive's files; what is none stays as it is.
func unzipped(t *testing.T, s string) string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(s), int64(len(s)))
	if err != nil {
		return s
	}
	var b strings.Builder
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&b, r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	return strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(b.String())
}
