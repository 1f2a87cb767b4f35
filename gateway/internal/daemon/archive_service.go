package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/archive"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// archiveService is the archive as the API sees it.
type archiveService struct{ d *Daemon }

// manages reports whether a scope has all of a tenant. A tenant that is gone from
// the policy is the administrator's.
func (s archiveService) manages(sc scope.Scope, tenant string) bool {
	if t := sc.TenantName(); t != "" && t != tenant {
		return false
	}
	if sc.Level == lifecycle.LevelAdmin {
		return sc.Validate() == nil
	}
	return sc.Level == lifecycle.LevelDomain && listService(s).manages(sc, tenant, "") == nil
}

func notThere(tenant string) error { return fmt.Errorf("tenant %.60q: %w", tenant, store.ErrNotFound) }

func adminsOnly(sc scope.Scope, doing string) error {
	if sc.Level != lifecycle.LevelAdmin {
		return fmt.Errorf("%w: %s is for an administrator", lifecycle.ErrRefused, doing)
	}
	return nil
}

// Usage implements api.Archive.
func (s archiveService) Usage(ctx context.Context, sc scope.Scope) ([]api.StorageUse, error) {
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	if sc.Level == lifecycle.LevelMailbox {
		return nil, fmt.Errorf("%w: what a tenant stores is for its operators", lifecycle.ErrRefused)
	}
	uses := map[string]*api.StorageUse{}
	of := func(t string) *api.StorageUse {
		if uses[t] == nil {
			uses[t] = &api.StorageUse{Tenant: t}
		}
		return uses[t]
	}
	for _, t := range s.d.snaps.policy().Tenants() {
		u := of(t.Name)
		if keep := t.Retain().Archive; keep > 0 {
			u.Retain = keep.String()
		}
	}
	copies, err := s.d.archive.Usage(ctx)
	if err != nil {
		return nil, err
	}
	for t, size := range copies {
		of(t).Archive, of(t).ArchiveMessages = size.Octets, size.Copies
	}
	for _, h := range s.d.archive.Holds("") {
		of(h.Tenant).Holds++
	}
	if err := s.bodies(ctx, of); err != nil {
		return nil, err
	}
	out := []api.StorageUse{}
	for _, u := range uses {
		if s.manages(sc, u.Tenant) {
			out = append(out, *u)
		}
	}
	slices.SortFunc(out, func(a, b api.StorageUse) int { return strings.Compare(a.Tenant, b.Tenant) })
	return out, nil
}

// bodies adds up what the store keeps, by what it is kept for: each message once
// for a tenant and purpose.
func (s archiveService) bodies(ctx context.Context, of func(string) *api.StorageUse) error {
	type purpose struct {
		tenant string
		what   int
	}
	var last mail.ID
	seen := map[purpose]bool{}
	return s.d.store.Each(ctx, query.Where("has_body", query.Is, "yes"), func(row store.Row) error {
		m, r := row.Message, row.Recipient
		if m.ID != last {
			last = m.ID
			clear(seen)
		}
		p := purpose{r.Tenant, 0}
		switch {
		case r.Status.Held():
			p.what = 1
		case r.Status.Live():
		case queue.Requeueable(r.Status):
			p.what = 2
		default: // it is kept for another recipient
			return nil
		}
		if seen[p] {
			return nil
		}
		seen[p] = true
		u := of(r.Tenant)
		switch p.what {
		case 0:
			u.Queue, u.QueueMessages = u.Queue+m.Size, u.QueueMessages+1
		case 1:
			u.Quarantine, u.QuarantineMessages = u.Quarantine+m.Size, u.QuarantineMessages+1
		case 2:
			u.Failed, u.FailedMessages = u.Failed+m.Size, u.FailedMessages+1
		}
		return nil
	})
}

func holdOf(h archive.Hold) api.LegalHold {
	return api.LegalHold{ID: h.ID, Tenant: h.Tenant, Q: h.Q, All: h.All, Reason: h.Reason, By: h.By, At: h.At}
}

// Holds implements api.Archive.
func (s archiveService) Holds(sc scope.Scope) ([]api.LegalHold, error) {
	out := []api.LegalHold{}
	for _, h := range s.d.archive.Holds("") {
		if s.manages(sc, h.Tenant) {
			out = append(out, holdOf(h))
		}
	}
	return out, nil
}

// AddHold implements api.Archive.
func (s archiveService) AddHold(ctx context.Context, sc scope.Scope, h api.LegalHold) (api.LegalHold, error) {
	_, known := s.d.snaps.policy().Tenant(h.Tenant)
	if kept, err := s.d.archive.Tenants(); err == nil {
		known = known || slices.Contains(kept, h.Tenant)
	}
	if !known || !s.manages(sc, h.Tenant) {
		return h, notThere(h.Tenant)
	}
	placed, err := s.d.archive.AddHold(ctx, archive.Hold{Tenant: h.Tenant, Q: h.Q, All: h.All, Reason: h.Reason, By: sc.Actor})
	if errors.Is(err, archive.ErrHold) {
		err = badArgs{err}
	}
	return holdOf(placed), err
}

// LiftHold implements api.Archive. Who could delete what a hold keeps does not
// lift it.
func (s archiveService) LiftHold(ctx context.Context, sc scope.Scope, id string) error {
	for _, h := range s.d.archive.Holds("") {
		if h.ID == id && s.manages(sc, h.Tenant) {
			if err := adminsOnly(sc, "lifting a legal hold"); err != nil {
				return err
			}
			return s.d.archive.LiftHold(ctx, id, sc.Actor)
		}
	}
	return fmt.Errorf("legal hold %.40q: %w", id, store.ErrNotFound)
}

// DestroyKey implements api.Archive.
func (s archiveService) DestroyKey(ctx context.Context, sc scope.Scope, tenant string) (api.ArchiveShredded, error) {
	if !s.manages(sc, tenant) {
		return api.ArchiveShredded{}, notThere(tenant)
	}
	if err := adminsOnly(sc, "destroying the key of an archive"); err != nil {
		return api.ArchiveShredded{}, err
	}
	keys, copies, err := s.d.archive.DestroyKey(ctx, tenant, sc.Actor)
	if errors.Is(err, archive.ErrHeld) {
		err = badArgs{err}
	}
	return api.ArchiveShredded{Tenant: tenant, Keys: keys, Copies: copies}, err
}

// RotateKey implements api.Archive.
func (s archiveService) RotateKey(ctx context.Context, sc scope.Scope) (api.ArchiveRotated, error) {
	if !sc.Everything() || sc.Level != lifecycle.LevelAdmin {
		return api.ArchiveRotated{}, fmt.Errorf("%w: changing the master key of the archives is for the administrator of all tenants", lifecycle.ErrRefused)
	}
	r, err := s.d.archive.RotateKey(ctx, sc.Actor)
	if errors.Is(err, archive.ErrNoMaster) || errors.Is(err, archive.ErrNextKey) {
		err = badArgs{err}
	}
	return api.ArchiveRotated{Keys: r.Keys, Master: r.Master, Old: r.Old}, err
}

// Check implements api.Archive.
func (s archiveService) Check(ctx context.Context, sc scope.Scope, deep, repair bool) (api.ArchiveReport, error) {
	if !sc.Everything() {
		return api.ArchiveReport{}, fmt.Errorf("%w: checking the archives is for the administrator of all tenants", lifecycle.ErrRefused)
	}
	r, err := s.d.archive.Check(ctx, archive.CheckOptions{Deep: deep, Repair: repair})
	out := api.ArchiveReport{Copies: r.Copies, Octets: r.Octets, Records: r.Records, Found: []api.ArchiveFound{}, More: r.More}
	for _, f := range r.Found {
		out.Found = append(out.Found, api.ArchiveFound{Tenant: f.Tenant, Message: f.Message, What: f.What, Error: f.Error, Repaired: f.Repaired})
	}
	return out, err
}
