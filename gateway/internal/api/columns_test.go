package api

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/sqlindex"
)

// fullRow has something in every field.
func fullRow(t *testing.T) store.Row {
	t.Helper()
	at := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)
	address := func(s string) mail.Address {
		a, err := mail.ParseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	r := store.Recipient{
		N: 3, Address: address("a@acme.test"), Original: address("old@was.test"), Tenant: "acme", Status: mail.StatusQueued, Origin: mail.StatusReleased,
		Class: mail.Class{Main: "m", Sub: "s", Extra: "e"}, Score: 1.5, Findings: []mail.Finding{{Filter: "f", Class: mail.Class{Main: "m", Sub: "s", Extra: "e"}, Explanation: "x"}},
		Filters: []mail.FilterRun{{Filter: "f", Plugin: "p", Digest: "0123456789abcdef", Stages: []mail.StageRun{{Stage: "message", Micros: 1500}}}},
		Tags:    []string{"t", "u"}, Rule: "policy.hcl:3", Reason: "because", Route: "r", Schedule: "standard", NextHop: "n", Next: at, Failures: 1, Attempts: 2,
		Last: mail.NewReply(450, "4.2.0", "later"), LastHost: "mx.acme.test", LastAddr: "192.0.2.9:25", Changed: at, Expires: at, Archived: true, Identity: "i",
	}
	m := &store.Message{
		ID: mail.NewID(at), Parent: mail.NewID(at), Direction: mail.Inbound, Received: at.Add(-time.Minute), Sender: address("x@far.test"), Size: 7, Policy: "d", Kind: "dsn", HasBody: true,
		Client:     mail.Client{Addr: netip.MustParseAddrPort("192.0.2.1:25"), Name: "n", Helo: "h", User: "u", Listener: "l", TLS: "TLS1.3"},
		Summary:    store.Summary{From: "f", To: "t", Cc: "c", Subject: "s", MessageID: "m", Attachments: []string{"a.zip", "b.txt"}},
		Recipients: []store.Recipient{r},
	}
	return store.Row{Message: m, Recipient: &m.Recipients[0]}
}

// TestOneVocabulary: every field of a search that is not search-only is a column
// of lists, CSV and JSON lines, by its own name and by its others, and says there
// what a search would find.
func TestOneVocabulary(t *testing.T) {
	row := fullRow(t)
	done := row // of what is final
	rc := *row.Recipient
	rc.Status = mail.StatusDelivered
	done.Recipient = &rc
	c := Columns{Offered: func(store.Row) []string { return []string{"retry"} }}
	for _, f := range Fields() {
		if f.Source != "messages" {
			if CheckColumns([]string{f.Name}) == nil || CheckDeliveryColumns([]string{f.Name}) != nil {
				t.Errorf("%s is no column of the delivery log alone", f.Name)
			}
			continue
		}
		if !f.Column {
			if f.Name != "text" || CheckColumns([]string{f.Name}) == nil {
				t.Errorf("%s cannot be shown", f.Name)
			}
			continue
		}
		r := row
		if f.Name == "delay" {
			r = done
		}
		for _, name := range append(f.Aliases, f.Name) {
			if p := CheckColumns([]string{name}); p != nil {
				t.Fatal(p)
			}
			if !slices.Contains(ExportColumns(), name) {
				t.Errorf("a report's policy does not know the column %s", name)
			}
			c.Names = []string{name}
			if cell := c.Cells(r)[0]; cell == "" && f.Name != "mark" {
				t.Errorf("%s is empty in CSV", name)
			}
			b, err := json.Marshal(c.Object(r))
			if err != nil {
				t.Fatal(err)
			}
			var object map[string]any
			if err := json.Unmarshal(b, &object); err != nil {
				t.Fatal(err)
			}
			if _, ok := object[name]; !ok {
				t.Errorf("%s is not in JSON lines: %s", name, b)
			}
			shown, err := json.Marshal(rowWith(r, []string{name}).pick([]string{name}))
			if err != nil {
				t.Fatal(err)
			}
			if string(shown) == `{"id":"`+r.Message.ID.String()+`.3"}` && f.Name != "id" && f.Name != "verbs" {
				t.Errorf("%s is not in a list: %s", name, shown)
			}
		}
		if err := sqlindex.CanFacet(f.Name); (err == nil) != f.Facets {
			t.Errorf("%s can be summed up by: %v, and the index says %v", f.Name, f.Facets, err)
		}
	}
	for _, name := range RowFields() {
		if _, ok := query.Lookup(query.Name(name)); !ok && !slices.Contains([]string{"original", "mark", "verbs"}, name) {
			t.Errorf("rows have a field %s of which searches and GET /v1/fields know nothing", name)
		}
	}
}

// TestNamesThatColumnsHad go on, with what they meant.
func TestNamesThatColumnsHad(t *testing.T) {
	r := fullRow(t)
	c := Columns{Names: []string{"last_host", "host", "last_address", "address", "last", "reply", "tags", "tag", "rcpt", "recipient"}}
	cells := c.Cells(r)
	for i := 0; i < len(cells); i += 2 {
		if cells[i] != cells[i+1] || cells[i] == "" {
			t.Errorf("%s is %q, and %s %q", c.Names[i], cells[i], c.Names[i+1], cells[i+1])
		}
	}
}
