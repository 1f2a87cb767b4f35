package flow_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/archive"
	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// vault is an archive that a test can break.
type vault struct {
	*archive.Archive
	dir    string
	broken atomic.Pointer[error]
}

func (v *vault) Stage(ctx context.Context, tenant string, m *store.Message, ns []int, body io.ReaderAt, size int64) (*archive.Staged, error) {
	if err := v.broken.Load(); err != nil && *err != nil {
		return nil, *err
	}
	return v.Archive.Stage(ctx, tenant, m, ns, body, size)
}

func (v *vault) fail(err error) { v.broken.Store(&err) }

// withVault gives a rig an archive.
func withVault(t *testing.T, v *vault) func(*flow.Options) {
	return func(o *flow.Options) {
		v.dir = t.TempDir()
		a, err := archive.Open(t.Context(), archive.Options{Dir: v.dir, KeyFile: filepath.Join(t.TempDir(), "key"), OwnKey: true, Store: o.Store, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		v.Archive = a
		o.Archive = v
	}
}

// copies are the files of an archive.
func (v *vault) copies(t *testing.T) (n int) {
	t.Helper()
	err := filepath.WalkDir(v.dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(p, "/keys/") {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const keepsAll = `retain { archive = "30d" }`

// archived are the recipients that a record says are in the archive.
func archived(m *store.Message) string {
	var out []string
	for _, r := range m.Recipients {
		if r.Archived {
			out = append(out, r.Address.String())
		}
	}
	return strings.Join(out, " ")
}

// A message of which no copy can be made is not taken, and nothing of it is sent
// on: its client keeps it. Nor is a copy kept of what was not taken.
func TestB81_no_copy_no_mail(t *testing.T) {
	v := &vault{}
	took := newInbox(t, 0)
	r := newRig(t, silent, base("", "", tenant("acme", took.addr, keepsAll), tenant("other", destination(t, "refuse"), keepsAll), tenant("none", took.addr, "")), withVault(t, v))
	v.fail(errors.New("the disk is broken"))
	reply, m := r.inbound("x@acme.test", "y@none.test")
	r.want(reply, m, 451, "x@acme.test=not-accepted", "y@none.test=not-accepted")
	if !strings.Contains(m.Recipients[0].Reason, "archive") {
		t.Errorf("%+v", m.Recipients[0])
	}
	v.fail(store.ErrFull)
	reply, m = r.inbound("x@acme.test")
	r.want(reply, m, 452, "x@acme.test=not-accepted")
	if got := took.mails(t); len(got) != 0 || v.copies(t) != 0 {
		t.Errorf("sent %d, %d copies", len(got), v.copies(t))
	}
	reply, m = r.inbound("y@none.test") // who keeps none does not wait for it
	r.want(reply, m, 250, "y@none.test=delivered")
	v.fail(nil)
	reply, m = r.inbound("x@other.test")
	if reply.Code < 500 || v.copies(t) != 0 || archived(m) != "" {
		t.Errorf("refused by its destination: %v, %d copies, archived for %q", reply, v.copies(t), archived(m))
	}
	reply, m = r.inbound("x@acme.test", "z@acme.test")
	r.want(reply, m, 250, "x@acme.test=delivered", "z@acme.test=delivered")
	if archived(m) != "x@acme.test z@acme.test" || v.copies(t) != 1 {
		t.Errorf("archived for %q, %d copies", archived(m), v.copies(t))
	}
}

// undrafted is a store to which nothing is written that was read from the archive:
// decrypted, it would stand on the disk.
type undrafted struct {
	store.Store
	t *testing.T
}

func (u undrafted) NewDraft(ctx context.Context, size int64) (store.Draft, error) {
	u.t.Error("an archived message is written to the queue's folder to be read")
	return u.Store.NewDraft(ctx, size)
}

// What is read from the archive is what went out; the copy has what came in, too.
func TestB81_the_copy_is_what_went_out(t *testing.T) {
	v := &vault{}
	took := newInbox(t, 0)
	r := newRig(t, strips(false), base("", "", tenant("acme", took.addr, keepsAll)), withVault(t, v))
	reply, m := r.post(twoParts, "x@acme.test")
	r.want(reply, m, 250, "x@acme.test=delivered")
	if got := took.mails(t); !slices.Equal(got, []string{stripped}) {
		t.Fatalf("%q", got)
	}
	reads := actions.New(actions.Options{Store: undrafted{r.st, t}, Logger: r.o.Logger, Archive: v})
	s := actions.New(actions.Options{Store: r.st, Logger: r.o.Logger, Archive: v})
	for _, verb := range []lifecycle.Verb{lifecycle.DownloadArchived, lifecycle.ExportArchived, lifecycle.View} {
		_, b, err := reads.Open(t.Context(), scope.Mailbox("x", "x@acme.test"), verb, m.ID.String())
		if err != nil {
			t.Fatal(verb, err)
		}
		text, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
		if err = errors.Join(err, b.Close()); err != nil || string(text) != stripped {
			t.Errorf("%s: %q, %v", verb, text, err)
		}
	}
	c, err := v.Copy(t.Context(), "acme", m.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if text, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size())); err != nil || string(text) != twoParts {
		t.Errorf("%q, %v", text, err)
	}
	// Sent once more it has the changes, too (B60).
	res, err := s.Do(t.Context(), scope.Admin("root"), lifecycle.RedeliverArchived, actions.Selection{IDs: []string{m.ID.String()}}, actions.Args{})
	if err != nil || res.Changed != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	r.runQueue(func() bool { return len(took.mails(t)) == 2 })
	if got := took.mails(t); got[1] != stripped {
		t.Errorf("%q", got[1])
	}
	if v.copies(t) != 1 {
		t.Errorf("%d copies", v.copies(t))
	}
}

// Held mail is archived when it passes: before the first attempt after its release.
// While no copy can be made it waits, and no attempt counts.
func TestB81_released_mail_is_archived(t *testing.T) {
	v := &vault{}
	took := newInbox(t, 0)
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, vd *abi.Verdict) error {
		finds(vd, "x", abi.ActionStall)
		return nil
	}}
	r := newRig(t, fs, base("", "", tenant("acme", took.addr, keepsAll)), withVault(t, v))
	reply, m := r.inbound("x@acme.test", "z@acme.test")
	r.want(reply, m, 250, "x@acme.test=stalled", "z@acme.test=stalled")
	if archived(m) != "" || v.copies(t) != 0 {
		t.Fatalf("archived for %q, %d copies", archived(m), v.copies(t))
	}
	v.fail(store.ErrFull)
	r.do(lifecycle.Force, m.ID)
	r.runQueue(func() bool { return strings.Contains(r.get(m.ID).Recipients[0].Reason, "archive") })
	if m = r.get(m.ID); m.Attempts != 0 || m.Recipients[0].Failures != 0 || len(took.mails(t)) != 0 || m.Recipients[0].Status != mail.StatusQueued {
		t.Fatalf("%+v", m)
	}
	v.fail(nil)
	r.do(lifecycle.Retry, m.ID)
	r.runQueue(func() bool {
		return r.get(m.ID).Recipients[0].Status == mail.StatusReleased && r.get(m.ID).Recipients[1].Status == mail.StatusReleased
	})
	if m = r.get(m.ID); archived(m) != "x@acme.test z@acme.test" || v.copies(t) != 1 || m.Recipients[0].Reason != "" {
		t.Errorf("archived for %q, %d copies, %q", archived(m), v.copies(t), m.Recipients[0].Reason)
	}
	if _, err := os.Stat(filepath.Join(v.dir, "mail", "acme")); err != nil {
		t.Error(err)
	}
}

// Deleted while it waits in the queue, it is not archived again by the next attempt.
func TestB57_deleted_stays_deleted(t *testing.T) {
	v := &vault{}
	took := newInbox(t, 1)
	r := newRig(t, silent, base("", "", tenant("acme", took.addr, keepsAll)), withVault(t, v))
	reply, m := r.inbound("x@acme.test")
	r.want(reply, m, 250, "x@acme.test=queued")
	if archived(m) == "" || v.copies(t) != 1 {
		t.Fatalf("archived for %q, %d copies", archived(m), v.copies(t))
	}
	s := actions.New(actions.Options{Store: r.st, Logger: r.o.Logger, Archive: v})
	res, err := s.Do(t.Context(), scope.Mailbox("x", "x@acme.test"), lifecycle.DeleteArchived, actions.Selection{IDs: []string{m.ID.String()}}, actions.Args{})
	if err != nil || res.Changed != 1 || v.copies(t) != 0 {
		t.Fatalf("%+v, %v, %d copies", res, err, v.copies(t))
	}
	r.do(lifecycle.Retry, m.ID)
	r.runQueue(func() bool { return r.get(m.ID).Recipients[0].Status == mail.StatusDelivered })
	if m = r.get(m.ID); archived(m) != "" || v.copies(t) != 0 {
		t.Errorf("archived for %q, %d copies", archived(m), v.copies(t))
	}
}

// Nobody reads or deletes another mailbox's or tenant's archived mail, and what
// is not theirs looks like what is not there.
func TestB57_B58_B60_isolation(t *testing.T) {
	v := &vault{}
	took := newInbox(t, 0)
	r := newRig(t, silent, base("", "", tenant("acme", took.addr, keepsAll), tenant("other", took.addr, keepsAll)), withVault(t, v))
	_, m := r.inbound("x@acme.test", "y@other.test")
	s := actions.New(actions.Options{Store: r.st, Logger: r.o.Logger, Archive: v})
	mine, gone := m.ID.String()+".1", mail.NewID(r.o.Now()).String()
	for _, sc := range []scope.Scope{scope.Domain("eve", "other.test"), scope.Mailbox("eve", "y@other.test"), scope.Mailbox("eve", "z@acme.test"), scope.Admin("eve").Within("other")} {
		for _, verb := range []lifecycle.Verb{lifecycle.DownloadArchived, lifecycle.ExportArchived, lifecycle.View} {
			_, _, err := s.Open(t.Context(), sc, verb, mine)
			_, _, none := s.Open(t.Context(), sc, verb, gone)
			if !errors.Is(err, store.ErrNotFound) || strings.ReplaceAll(err.Error(), mine, "") != strings.ReplaceAll(none.Error(), gone, "") {
				t.Errorf("%s by %+v: %v; what is not there: %v", verb, sc, err, none)
			}
		}
		for _, verb := range []lifecycle.Verb{lifecycle.DeleteArchived, lifecycle.RedeliverArchived} {
			res, err := s.Do(t.Context(), sc, verb, actions.Selection{IDs: []string{mine}}, actions.Args{})
			if err != nil || res.Changed != 0 || res.Items[0].Code != actions.CodeNotFound {
				t.Errorf("%s by %+v: %+v, %v", verb, sc, res, err)
			}
		}
	}
	// One tenant's deletion leaves the other's copy.
	res, err := s.Do(t.Context(), scope.Domain("ann", "acme.test"), lifecycle.DeleteArchived, actions.Selection{IDs: []string{m.ID.String()}}, actions.Args{})
	if err != nil || res.Changed != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if got := archived(r.get(m.ID)); got != "y@other.test" || v.copies(t) != 1 {
		t.Errorf("archived for %q, %d copies", got, v.copies(t))
	}
	for role, may := range map[lifecycle.Role]bool{lifecycle.RoleOperator: true, lifecycle.RoleAuditor: false, lifecycle.RoleHelpdesk: false} {
		sc := scope.Domain("bob", "other.test")
		sc.Role = role
		_, b, err := s.Open(t.Context(), sc, lifecycle.DownloadArchived, m.ID.String())
		if (err == nil) != may {
			t.Errorf("role %q: %v", role, err)
		}
		if b != nil {
			b.Close()
		}
	}
}
