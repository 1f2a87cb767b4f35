package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/query"
)

// Export is what to export.
type Export struct {
	Filter  query.Filter
	IDs     []string // only these messages or recipients
	Format  string   // "csv", "jsonl", "zip", "mbox"
	Columns []string
	Zone    string // "" UTC
	BOM     bool
	Limit   int // 0 all
}

// Exported is how much it was.
type Exported struct {
	Written int // rows or messages
	Skipped int // messages that were left out
}

// ErrIncomplete: an export broke off.
var ErrIncomplete = errors.New("the export broke off before its end; what was written is not all")

// Export writes an export to w. An error means that what w has got is not whole.
func (c *Client) Export(ctx context.Context, e Export, w io.Writer) (n Exported, err error) {
	v := url.Values{"format": {e.Format}}
	if !e.Filter.IsZero() {
		b, err := json.Marshal(e.Filter)
		if err != nil {
			return n, fmt.Errorf("writing the filter: %w", err)
		}
		v.Set("filter", string(b))
	}
	for name, list := range map[string][]string{"ids": e.IDs, "columns": e.Columns} {
		if len(list) > 0 {
			v.Set(name, strings.Join(list, ","))
		}
	}
	if e.Zone != "" {
		v.Set("zone", e.Zone)
	}
	if e.BOM {
		v.Set("bom", "true")
	}
	if e.Limit > 0 {
		v.Set("limit", strconv.Itoa(e.Limit))
	}
	return c.exported(ctx, "/v1/export", v, w)
}

// exported writes what a path streams, and reads how much it was.
func (c *Client) exported(ctx context.Context, path string, v url.Values, w io.Writer) (n Exported, err error) {
	resp, err := c.do(ctx, http.MethodGet, path, v, nil)
	if err != nil {
		return n, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrIncomplete
		}
		return n, fmt.Errorf("writing the export: %w", err)
	}
	if n.Written, err = strconv.Atoi(resp.Trailer.Get(api.TrailerRows)); err != nil {
		return n, fmt.Errorf("writing the export: %w", ErrIncomplete)
	}
	n.Skipped, _ = strconv.Atoi(resp.Trailer.Get(api.TrailerSkipped)) // absent: none
	return n, nil
}
