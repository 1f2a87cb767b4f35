package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/export"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Archive is the tenants' archives beyond their verbs. Every method gives
// store.ErrNotFound for a tenant that the scope does not manage, and
// lifecycle.ErrRefused for what it may not do.
type Archive interface {
	Usage(ctx context.Context, s scope.Scope) ([]StorageUse, error)
	Holds(s scope.Scope) ([]LegalHold, error)
	AddHold(ctx context.Context, s scope.Scope, h LegalHold) (LegalHold, error)
	LiftHold(ctx context.Context, s scope.Scope, id string) error
	DestroyKey(ctx context.Context, s scope.Scope, tenant string) (ArchiveShredded, error)
	RotateKey(ctx context.Context, s scope.Scope) (ArchiveRotated, error)
	Check(ctx context.Context, s scope.Scope, deep, repair bool) (ArchiveReport, error)
}

// StorageUse is what a tenant's mail takes on the disk. A message for several
// tenants counts for each.
type StorageUse struct {
	Tenant             string `json:"tenant"`
	Queue              int64  `json:"queue" doc:"Octets of bodies that wait for delivery or for filters"`
	QueueMessages      int    `json:"queue_messages"`
	Quarantine         int64  `json:"quarantine" doc:"Octets of bodies that are quarantined or stalled"`
	QuarantineMessages int    `json:"quarantine_messages"`
	Failed             int64  `json:"failed" doc:"Octets of bodies of finished mail that are kept, so that it can be queued again"`
	FailedMessages     int    `json:"failed_messages"`
	Archive            int64  `json:"archive" doc:"Octets of copies in the archive, compressed and encrypted"`
	ArchiveMessages    int    `json:"archive_messages"`
	Retain             string `json:"retain,omitempty" doc:"How long new copies are kept, by the policy of now; nothing: none are made" example:"8760h0m0s"`
	Holds              int    `json:"holds" doc:"Legal holds"`
}

// LegalHold keeps archived mail of a tenant from being deleted.
type LegalHold struct {
	ID     string    `json:"id,omitempty" readOnly:"true"`
	Tenant string    `json:"tenant" minLength:"1"`
	Q      string    `json:"q,omitempty" maxLength:"4096" doc:"What it holds: a filter in its text form. Relative times count from now"`
	All    bool      `json:"all,omitempty" doc:"It holds everything, instead of a filter"`
	Reason string    `json:"reason,omitempty" maxLength:"500"`
	By     string    `json:"by,omitempty" readOnly:"true"`
	At     time.Time `json:"at,omitzero" readOnly:"true"`
}

// ArchiveShredded is what went with a key.
type ArchiveShredded struct {
	Tenant string `json:"tenant"`
	Keys   int    `json:"keys"`
	Copies int    `json:"copies"`
}

// ArchiveRotated is a change of the archives' master key.
type ArchiveRotated struct {
	Keys   int    `json:"keys" doc:"Tenants' keys that are wrapped anew"`
	Master string `json:"master" doc:"File of the new master key"`
	Old    string `json:"old" doc:"File of the one before, which backups made until now need"`
}

// ArchiveReport is what a check of the archives came to.
type ArchiveReport struct {
	Copies  int            `json:"copies" doc:"Looked at"`
	Octets  int64          `json:"octets"`
	Records int            `json:"records" doc:"Archived messages by their records, one for each tenant"`
	Found   []ArchiveFound `json:"found" doc:"What is not as it should be"`
	More    int            `json:"more,omitempty" doc:"Found beyond those"`
}

// ArchiveFound is one thing that is not as it should be.
type ArchiveFound struct {
	Tenant   string `json:"tenant"`
	Message  string `json:"message" doc:"Its ID, or the name of a file"`
	What     string `json:"what" enum:"damaged,no-key,without-record,deleted,without-copy,no-copy"`
	Error    string `json:"error,omitempty"`
	Repaired bool   `json:"repaired,omitempty"`
}

// ArchiveExportInput are the parameters of an export of archived mail.
type ArchiveExportInput struct {
	Q      string   `query:"q" maxLength:"4096" doc:"Filter in its text form; nothing: all archived mail"`
	Filter string   `query:"filter" maxLength:"16384" doc:"Filter as JSON; narrows q"`
	IDs    []string `query:"ids" maxItems:"1000" doc:"Only these messages or recipients"`
	Format string   `query:"format" enum:"zip,mbox" default:"zip"`
	Limit  int      `query:"limit" minimum:"0" doc:"Messages at most, the newest; 0 all"`
}

func (s *server) archiveRoutes(a huma.API) {
	const tag = "archive"
	bad := []int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}
	binary := func(op huma.Operation, types ...string) huma.Operation {
		content := map[string]*huma.MediaType{}
		for _, t := range types {
			content[t] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
		}
		op.Responses = map[string]*huma.Response{"200": {Description: "The mail", Content: content}}
		return op
	}
	answers := func(op huma.Operation, t reflect.Type) huma.Operation {
		op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
			"application/json": {Schema: a.OpenAPI().Components.Schemas.Schema(t, true, "")},
		}}}
		return op
	}
	huma.Register(a, recordedAs(binary(route("get-archived", http.MethodGet, "/v1/messages/{id}/archived", tag, "Download an archived message (B58)",
		"As it went out to the recipient: with the gateway's Received line and the changes that filters made.", http.StatusForbidden, http.StatusNotFound, http.StatusConflict),
		"message/rfc822", exportTypes["zip"]), string(lifecycle.DownloadArchived)), s.archived)
	huma.Register(a, binary(route("export-archive", http.MethodGet, "/v1/archive/export", tag, "Export archived mail (B59)",
		"Streams; what is said of GET /v1/export holds here.", http.StatusForbidden, http.StatusUnprocessableEntity), exportTypes["zip"], exportTypes["mbox"]), s.exportArchive)
	huma.Register(a, route("archive-usage", http.MethodGet, "/v1/archive/usage", tag, "Storage use by tenant", "", bad...), s.archiveUsage)
	huma.Register(a, route("list-holds", http.MethodGet, "/v1/archive/holds", tag, "Legal holds", "", bad...), s.holdList)
	huma.Register(a, route("add-hold", http.MethodPost, "/v1/archive/holds", tag, "Place a legal hold",
		"What it holds is not deleted, neither by retention nor by delete-archived, until the hold is lifted; mail that comes later and matches is held, too.", bad...), s.holdAdd)
	huma.Register(a, route("lift-hold", http.MethodDelete, "/v1/archive/holds/{id}", tag, "Lift a legal hold", "For the administrator.", bad...), s.holdLift)
	huma.Register(a, answers(route("destroy-archive-key", http.MethodPost, "/v1/archive/destroy-key", tag, "Destroy the key of a tenant's archive",
		"All that it has archived so far is unreadable from then on, in every backup, too, that has no copy of the key. For the administrator; not while there is a legal hold.", append(bad, http.StatusConflict)...), reflect.TypeFor[ArchiveShredded]()), s.destroyKey)
	huma.Register(a, answers(route("rotate-archive-key", http.MethodPost, "/v1/archive/rotate-key", tag, "Change the master key of the archives",
		"Every tenant's key is wrapped under a new master key, or under the one that lies beside the old as ….next; copies stay as they are. Called again after an interruption it does the rest. For the administrator.", append(bad, http.StatusConflict)...), reflect.TypeFor[ArchiveRotated]()), s.rotateKey)
	huma.Register(a, answers(route("check-archive", http.MethodPost, "/v1/archive/check", tag, "Compare copies and records",
		"For the administrator.", bad...), reflect.TypeFor[ArchiveReport]()), s.checkArchive)
}

func (s *server) archived(ctx context.Context, in *struct {
	IDInput
	Format string `query:"format" enum:"eml,zip" default:"eml"`
}) (*huma.StreamResponse, error) {
	m, n, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	id := m.ID.String()
	if n != 0 {
		id = recipientID(m.ID, n)
	}
	r, err := s.Exports.Open(ctx, scopeOf(ctx), lifecycle.DownloadArchived, id)
	if err != nil {
		return nil, s.problemOf(ctx, "opening the archived message "+id, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer r.Close()
		w, err := paced(hc.BodyWriter()), error(nil)
		hc.SetHeader("Content-Disposition", `attachment; filename="`+m.ID.String()+`.`+in.Format+`"`)
		if in.Format == "zip" {
			hc.SetHeader("Content-Type", exportTypes["zip"])
			z := export.NewZip(w)
			if err = z.Add(export.Entry{ID: m.ID.String(), At: m.Received, Sender: m.Sender.String(), Subject: m.Summary.Subject}, r); err == nil {
				err = z.Close()
			}
		} else {
			hc.SetHeader("Content-Type", "message/rfc822")
			_, err = io.Copy(w, r)
		}
		if err != nil {
			s.log.WarnContext(ctx, "a download from the archive broke off", slog.String("message", id), slog.Any("error", err))
			panic(http.ErrAbortHandler) // the client must not take the part for the whole
		}
	}}, nil
}

func (s *server) exportArchive(ctx context.Context, in *ArchiveExportInput) (*huma.StreamResponse, error) {
	whole := &ExportInput{Q: in.Q, Filter: in.Filter, IDs: in.IDs, Format: in.Format, Zone: "UTC", Limit: in.Limit}
	return s.exportBy(ctx, whole, []lifecycle.Verb{lifecycle.ExportArchived}, query.Where("archived", query.Is, "yes"))
}

// archiveProblem is problemOf where what is not found is no message.
func (s *server) archiveProblem(ctx context.Context, doing string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		what := strings.TrimSuffix(err.Error(), ": "+store.ErrNotFound.Error())
		return problem(http.StatusNotFound, doing+": there is no "+what+" that you manage", "see: weir archive usage, weir archive holds")
	}
	return s.problemOf(ctx, doing, err)
}

// noArchive answers where there is none.
func (s *server) noArchive() error {
	if s.Archive != nil {
		return nil
	}
	return problem(http.StatusNotFound, "this gateway has no archive", "")
}

func (s *server) archiveUsage(ctx context.Context, in *PageInput) (*output[listItems[StorageUse]], error) {
	if err := s.noArchive(); err != nil {
		return nil, err
	}
	items, err := s.Archive.Usage(ctx, scopeOf(ctx))
	if err != nil {
		return nil, s.archiveProblem(ctx, "adding up what is stored", err)
	}
	return paged(*in, "archive-usage", items, func(u *StorageUse) string { return u.Tenant })
}

func (s *server) holdList(ctx context.Context, in *PageInput) (*output[listItems[LegalHold]], error) {
	if err := s.noArchive(); err != nil {
		return nil, err
	}
	items, err := s.Archive.Holds(scopeOf(ctx))
	if err != nil {
		return nil, s.archiveProblem(ctx, "listing the legal holds", err)
	}
	return paged(*in, "holds", items, func(h *LegalHold) string { return oldestFirst(h.At, h.ID) })
}

func (s *server) holdAdd(ctx context.Context, in *struct{ Body LegalHold }) (*output[LegalHold], error) {
	if err := s.noArchive(); err != nil {
		return nil, err
	}
	h, err := s.Archive.AddHold(ctx, scopeOf(ctx), in.Body)
	if err != nil {
		return nil, s.archiveProblem(ctx, "placing a legal hold", err)
	}
	return &output[LegalHold]{h}, nil
}

func (s *server) holdLift(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"40"`
}) (*struct{}, error) {
	if err := s.noArchive(); err != nil {
		return nil, err
	}
	if err := s.Archive.LiftHold(ctx, scopeOf(ctx), in.ID); err != nil {
		return nil, s.archiveProblem(ctx, "lifting a legal hold", err)
	}
	return nil, nil
}

// slow answers with what takes longer than an answer usually may.
func (s *server) slow(ctx context.Context, doing string, do func() (any, error)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		if rw, ok := hc.BodyWriter().(http.ResponseWriter); ok {
			_ = http.NewResponseController(rw).SetWriteDeadline(time.Time{})
		}
		out, err := do()
		if err != nil {
			var p *Problem
			if !errors.As(s.archiveProblem(ctx, doing, err), &p) {
				p = problem(http.StatusInternalServerError, doing, "")
			}
			hc.SetHeader("Content-Type", "application/problem+json")
			hc.SetStatus(p.Status)
			out = p
		} else {
			hc.SetHeader("Content-Type", "application/json")
		}
		_ = json.NewEncoder(hc.BodyWriter()).Encode(out) // the caller may have left
	}}
}

func (s *server) destroyKey(ctx context.Context, in *struct {
	Body struct {
		Tenant    string `json:"tenant" minLength:"1"`
		Confirmed bool   `json:"confirmed" doc:"That nobody will read this mail again is meant"`
	}
}) (*huma.StreamResponse, error) {
	if err := s.noArchive(); err != nil {
		return nil, err
	}
	if !in.Body.Confirmed {
		return nil, problem(http.StatusUnprocessableEntity, "destroying the key of an archive cannot be undone", `say "confirmed": true`)
	}
	return s.slow(ctx, "destroying the key of an archive", func() (any, error) { return s.Archive.DestroyKey(ctx, scopeOf(ctx), in.Body.Tenant) }), nil
}

func (s *server) rotateKey(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	if err := s.noArchive(); err != nil {
		return nil, err
	}
	return s.slow(ctx, "changing the master key of the archives", func() (any, error) { return s.Archive.RotateKey(ctx, scopeOf(ctx)) }), nil
}

func (s *server) checkArchive(ctx context.Context, in *struct {
	Body struct {
		Deep   bool `json:"deep,omitempty" doc:"Read every copy whole"`
		Repair bool `json:"repair,omitempty" doc:"Put right what can be"`
	}
}) (*huma.StreamResponse, error) {
	if err := s.noArchive(); err != nil {
		return nil, err
	}
	return s.slow(ctx, "checking the archives", func() (any, error) { return s.Archive.Check(ctx, scopeOf(ctx), in.Body.Deep, in.Body.Repair) }), nil
}
