package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/query"
)

// archives is what an archive is asked.
type archives interface {
	CheckArchive(ctx context.Context, deep, repair bool) (*api.ArchiveReport, error)
	Search(ctx context.Context, s client.Search) (*api.SearchPage, error)
}

// inArchive judges the archives of a gateway once it has drained, when all that
// was acknowledged has passed the filters or was let pass: each claim of the
// tenant that keeps an archive has its copy, and copies and records agree both
// ways, read whole. It gives the number of copies.
func inArchive(ctx context.Context, claims []claim, a archives) (copies int, err error) {
	rows := map[string]bool{} // message and recipient
	for s := (client.Search{Filter: query.Where("archived", query.Is, "yes"), Fields: []string{"id", "recipient"}, Limit: 500}); ; {
		p, err := a.Search(ctx, s)
		if err != nil {
			return 0, fmt.Errorf("searching the archive: %w", err)
		}
		for _, r := range p.Items {
			id, _, _ := strings.Cut(r.ID, ".")
			rows[id+" "+r.Recipient] = true
		}
		if s.Cursor = p.Next; s.Cursor == "" {
			break
		}
	}
	var missing []string
	for _, c := range claims {
		if !rows[c.id+" "+c.to] {
			missing = append(missing, fmt.Sprintf("%s (%s) to %s, 250 at %s", c.token, c.id, c.to, c.at.Format(clock)))
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		err = fmt.Errorf("%d of %d acknowledged and not in the archive, such as\n  %s", len(missing), len(claims), strings.Join(missing[:min(len(missing), 20)], "\n  "))
	}
	n, unfit := fits(ctx, a, true)
	if n == 0 {
		unfit = errors.Join(unfit, errors.New("the test is wrong: nothing was archived"))
	}
	return n, errors.Join(err, unfit)
}

// fits compares copies and records, as the gateway itself does after each start.
func fits(ctx context.Context, a archives, deep bool) (copies int, err error) {
	r, err := a.CheckArchive(ctx, deep, false)
	if err != nil {
		return 0, fmt.Errorf("checking the archive: %w", err)
	}
	if len(r.Found) > 0 {
		f := r.Found[0]
		err = fmt.Errorf("%d copies and records of the archive do not agree, such as %s of tenant %s: %s %s", len(r.Found)+r.More, f.Message, f.Tenant, f.What, f.Error)
	}
	return r.Copies, err
}

// archiveFits is fits of the gateway of the moment.
func (g *gateway) archiveFits(ctx context.Context) error {
	c := g.client()
	defer c.Close()
	_, err := fits(ctx, c, false)
	return err
}
