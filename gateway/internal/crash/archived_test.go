package main

import (
	"context"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
)

// shelf is an archive in memory: what is archived by its record, page by page,
// and what a check finds.
type shelf struct {
	pages [][]api.Row
	found []api.ArchiveFound
}

func (s shelf) Search(_ context.Context, q client.Search) (*api.SearchPage, error) {
	i := len(q.Cursor)
	p := &api.SearchPage{Items: s.pages[i]}
	if i+1 < len(s.pages) {
		p.Next = q.Cursor + "x"
	}
	return p, nil
}

func (s shelf) CheckArchive(context.Context, bool, bool) (*api.ArchiveReport, error) {
	n := 0
	for _, p := range s.pages {
		n += len(p)
	}
	return &api.ArchiveReport{Copies: n, Found: s.found}, nil
}

// TestInArchive: a claim without a copy, and copies that do not fit their records,
// fail the harness.
func TestInArchive(t *testing.T) {
	claims := []claim{{token: "t1", id: "a", to: "u@crash.test"}, {token: "t1", id: "a", to: "v@crash.test"}, {token: "t2", id: "b", to: "u@crash.test"}}
	row := func(id, to string) api.Row { return api.Row{ID: id, Recipient: to} }
	for _, tc := range []struct {
		name string
		s    shelf
		want string
	}{
		{"all_there", shelf{pages: [][]api.Row{{row("a.1", "u@crash.test"), row("a.2", "v@crash.test")}, {row("b.1", "u@crash.test")}}}, ""},
		{"one_recipient_missing", shelf{pages: [][]api.Row{{row("a.1", "u@crash.test"), row("b.1", "u@crash.test")}}}, "1 of 3 acknowledged and not in the archive, such as\n  t1 (a) to v@crash.test"},
		{"does_not_fit", shelf{pages: [][]api.Row{{row("a.1", "u@crash.test"), row("a.2", "v@crash.test"), row("b.1", "u@crash.test")}}, found: []api.ArchiveFound{{Tenant: "hosted", Message: "b", What: "without-copy"}}}, "b of tenant hosted: without-copy"},
		{"nothing", shelf{pages: [][]api.Row{{}}}, "nothing was archived"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := inArchive(t.Context(), claims, tc.s)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}
