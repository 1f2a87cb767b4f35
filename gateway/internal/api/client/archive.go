package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
)

// Archived opens an archived message for download, as "eml" or "zip" (B58). The
// caller closes it; a download that breaks off ends in an error other than io.EOF.
func (c *Client) Archived(ctx context.Context, id, format string) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, messagePath(id, "/archived"), url.Values{"format": {format}}, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// ExportArchive writes archived messages to w, as "zip" or "mbox" (B59). An error
// means that what w has got is not whole.
func (c *Client) ExportArchive(ctx context.Context, e Export, w io.Writer) (Exported, error) {
	v, err := Search{Filter: e.Filter}.params()
	if err != nil {
		return Exported{}, err
	}
	v.Set("format", e.Format)
	if len(e.IDs) > 0 {
		v.Set("ids", strings.Join(e.IDs, ","))
	}
	if e.Limit > 0 {
		v.Set("limit", strconv.Itoa(e.Limit))
	}
	return c.exported(ctx, "/v1/archive/export", v, w)
}

// StorageUse gives what each tenant's mail takes on the disk.
func (c *Client) StorageUse(ctx context.Context, most ...AtMost) ([]api.StorageUse, error) {
	return every[api.StorageUse](ctx, c, "/v1/archive/usage", nil, most)
}

// Holds gives the legal holds.
func (c *Client) Holds(ctx context.Context, most ...AtMost) ([]api.LegalHold, error) {
	return every[api.LegalHold](ctx, c, "/v1/archive/holds", nil, most)
}

// AddHold places a legal hold.
func (c *Client) AddHold(ctx context.Context, h api.LegalHold) (*api.LegalHold, error) {
	out := new(api.LegalHold)
	if err := c.call(ctx, http.MethodPost, "/v1/archive/holds", nil, h, out); err != nil {
		return nil, err
	}
	return out, nil
}

// LiftHold lifts a legal hold.
func (c *Client) LiftHold(ctx context.Context, id string) error {
	resp, err := c.do(ctx, http.MethodDelete, "/v1/archive/holds/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// DestroyArchiveKey makes what a tenant has archived unreadable for good.
func (c *Client) DestroyArchiveKey(ctx context.Context, tenant string) (*api.ArchiveShredded, error) {
	out := new(api.ArchiveShredded)
	in := map[string]any{"tenant": tenant, "confirmed": true}
	if err := c.call(ctx, http.MethodPost, "/v1/archive/destroy-key", nil, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// RotateArchiveKey changes the archives' master key.
func (c *Client) RotateArchiveKey(ctx context.Context) (*api.ArchiveRotated, error) {
	out := new(api.ArchiveRotated)
	if err := c.call(ctx, http.MethodPost, "/v1/archive/rotate-key", nil, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// CheckArchive compares copies and records.
func (c *Client) CheckArchive(ctx context.Context, deep, repair bool) (*api.ArchiveReport, error) {
	out := new(api.ArchiveReport)
	in := map[string]any{"deep": deep, "repair": repair}
	if err := c.call(ctx, http.MethodPost, "/v1/archive/check", nil, in, out); err != nil {
		return nil, err
	}
	return out, nil
}
