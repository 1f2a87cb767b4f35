package daemon_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

const exportPolicy = `
gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
admin { address = "127.0.0.1:0" }
ruleset "held" {
  action "suspicious" {
    when = sender.domain == "far.test"
    do   = quarantine("everything from there is suspicious")
  }
}
tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.held]
  recipients { verify = "none" }
}
`

// heap counts the rows that pass, and looks at the heap now and then.
type heap struct {
	n, every, unseen int
	looks            []uint64 // octets in use after a collection
}

func (h *heap) Write(p []byte) (int, error) {
	lines := bytes.Count(p, []byte("\n"))
	h.n += lines
	if h.unseen += lines; h.unseen >= h.every {
		h.unseen = 0
		h.looks = append(h.looks, inUse())
	}
	return len(p), nil
}

// inUse is what is reachable on the heap, octets. The export goes on while this
// looks, until the buffers between it and the reader are full: what is allocated
// during a collection counts as in use, so it waits until nothing is.
func inUse() uint64 {
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	last := uint64(0)
	for quiet, end := 0, time.Now().Add(10*time.Second); quiet < 3 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		metrics.Read(allocated)
		if n := allocated[0].Value.Uint64(); n-last < 64<<10 {
			quiet++
		} else {
			quiet = 0
		}
		last = allocated[0].Value.Uint64()
	}
	runtime.GC()
	runtime.GC() // pools let go of what they hold with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// An export of 100,000 rows streams: what is reachable on the heap at nine tenths
// of its rows is what was at one tenth, and no more than before it. What is kept
// of a row would be some 100 MiB by then. The same export went before, so that the
// caches of the store and of the search index have taken what they take and do
// not count as its own.
func TestB42_export_of_100000_rows_in_flat_memory(t *testing.T) {
	rows, bound := 100_000, int64(8<<20)
	if raceDetector { // each row takes ten times as long
		rows, bound = 10_000, 4<<20
	}
	dir := configDir(t, exportPolicy)
	fill(t, filepath.Join(dir, "var"), rows)
	_, c, _ := gatewayAt(t, dir, newMoved(time.Now()))
	waitForIndex(t, c)

	export := func(w io.Writer) {
		if n, err := c.Export(t.Context(), client.Export{Format: "csv"}, w); err != nil || n.Written != rows {
			t.Fatalf("%+v, %v", n, err)
		}
	}
	export(io.Discard)
	before := inUse()
	began, h := time.Now(), &heap{every: rows / 20}
	export(h)
	if h.n != rows+1 || len(h.looks) < 12 {
		t.Fatalf("%d lines, %d looks", h.n, len(h.looks))
	}
	early, late, after, most := slices.Min(h.looks[:4]), slices.Min(h.looks[len(h.looks)-4:]), inUse(), slices.Max(h.looks)
	t.Logf("%d rows as csv in %s; octets on the heap: %d before, %d at a tenth, %d at nine tenths, %d after, %d at most", rows, time.Since(began).Round(time.Millisecond), before, early, late, after, most)
	for _, g := range []struct {
		when     string
		from, to uint64
		bound    int64
	}{
		{"from a tenth of the rows to nine tenths", early, late, bound},
		{"from before to nine tenths of the rows", before, late, bound},
		{"from before to after", before, after, bound},
		{"from before to any look, with a page that is under way", before, most, 2 * bound},
	} {
		if grown := int64(g.to) - int64(g.from); grown > g.bound {
			t.Errorf("%s the heap grows by %d octets, more than %d", g.when, grown, g.bound)
		}
	}
}

// fill writes finished messages of one recipient each into a new store.
func fill(t *testing.T, dir string, n int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := badgerstore.Open(badgerstore.Options{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now().Add(-24 * time.Hour)
	from := address(t, "ann@far.test")
	for i := range n {
		at := start.Add(time.Duration(i) * 500 * time.Millisecond)
		s.Record(&store.Message{
			ID: mail.NewID(at), Direction: mail.Inbound, Received: at, Sender: from, Size: 12345, Policy: "3fa9c01d22ab17ef",
			Summary: store.Summary{From: "Ann <ann@far.test>", To: "Bob <bob@acme.test>", Subject: fmt.Sprintf("message %d about nothing in particular, with some length to it", i), MessageID: fmt.Sprintf("<%d@far.test>", i)},
			Recipients: []store.Recipient{{
				N: 1, Address: address(t, fmt.Sprintf("user%d@acme.test", i%1000)), Tenant: "acme", Status: mail.StatusDelivered, Changed: at, Attempts: 1,
				Last: &mail.Reply{Code: 250, Text: "2.0.0 Ok: queued as 4XYZ"}, LastHost: "mx.acme.test", Class: mail.Class{Main: "clean"}, Reason: "nothing was found in it",
			}},
		}, nil)
	}
	if err := errors.Join(s.Sync(context.Background()), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func address(t *testing.T, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// waitForIndex waits until a search answers.
func waitForIndex(t *testing.T, c *client.Client) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if p, err := c.Search(t.Context(), client.Search{Limit: 1}); err == nil && len(p.Items) == 1 {
			return
		} else if time.Now().After(end) {
			t.Fatalf("no search answers: %v", err)
		}
	}
}

// breaking stops to read after so many octets.
type breaking struct{ left int }

func (b *breaking) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("the disk is full")
	}
	return len(p), nil
}

// What is held is exported as .eml in a .zip and as mbox, each message once, and
// stands in the audit log before. An export that breaks off is seen to.
func TestB41_held_mail_in_a_zip(t *testing.T) {
	dir := configDir(t, exportPolicy)
	clk := newMoved(time.Now())
	d, c, _ := gatewayAt(t, dir, clk)
	for i, subject := range []string{"../../one", "From here", "one"} {
		text := fmt.Sprintf("From: Eve <eve@far.test>\r\nSubject: %s\r\n\r\nFrom number %d.\r\n", subject, i)
		if err := smtp.SendMail(d.Addresses().Listeners["mx"], nil, "eve@far.test", []string{"ann@acme.test", "bob@acme.test"}, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	held := query.Where("status", query.Is, "quarantined")
	var b bytes.Buffer
	n, err := c.Export(t.Context(), client.Export{Filter: held, Format: "zip"}, &b)
	if err != nil || n.Written != 3 || n.Skipped != 0 {
		t.Fatalf("%+v, %v", n, err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(z.File) != 3 {
		t.Fatalf("%v", err)
	}
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(rc)
		if err != nil || !strings.HasPrefix(string(body), "Received: ") || !strings.Contains(string(body), "\r\n\r\nFrom number ") || strings.ContainsAny(f.Name, "/\\") {
			t.Errorf("%s: %v\n%s", f.Name, err, body)
		}
	}
	b.Reset()
	if n, err = c.Export(t.Context(), client.Export{Filter: held, Format: "mbox", Limit: 2}, &b); err != nil || n.Written != 2 || strings.Count("\n"+b.String(), "\nFrom eve@far.test ") != 2 || strings.Count(b.String(), "\n>From number ") != 2 {
		t.Errorf("%+v, %v\n%s", n, err, b.String())
	}
	entries, _, err := c.Audit(t.Context(), client.AuditQuery{Action: "download-quarantined"}, "", 10)
	if err != nil || len(entries) != 2 || entries[1].Details["messages"] != "3" || len(strings.Fields(entries[1].Details["ids"])) != 3 || entries[1].Tenant != "acme" {
		t.Errorf("%+v, %v", entries, err)
	}
	// Of what is not kept there is nothing to export, which is said.
	if _, err := c.Act(t.Context(), api.ActionRequest{Verb: "remove-quarantined", Filter: &held}); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	n, err = c.Export(t.Context(), client.Export{Format: "zip"}, &b)
	if z, e := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil || e != nil || n.Written != 0 || n.Skipped != 6 || len(z.File) != 1 || z.File[0].Name != "left-out.txt" {
		t.Errorf("%+v, %v, %v", n, err, e)
	}
	if _, err := c.Export(t.Context(), client.Export{Format: "csv"}, &breaking{20}); err == nil {
		t.Error("a disk that is full is not noticed")
	}
}

// Without the trailer, or cut short, a download is an error for the client.
func TestExportThatBreaksOffIsAnError(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Weir-Rows")
			_, _ = w.Write([]byte("id\r\n"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"no_trailer": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("id\r\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			c := client.New(client.Options{Handler: h})
			if _, err := c.Export(t.Context(), client.Export{Format: "csv"}, io.Discard); !errors.Is(err, client.ErrIncomplete) {
				t.Errorf("%v", err)
			}
		})
	}
}
