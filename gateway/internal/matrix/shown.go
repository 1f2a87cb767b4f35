package matrix

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// shown goes where a verb that shows something says.
func (h *House) shown(token, verb string, m *Message, level string, before Case, out Outcome) error {
	get := func() ([]byte, error) {
		if out.Item.See == "" {
			return nil, fmt.Errorf("it does not say where: %+v", out)
		}
		code, b := h.Call(token, http.MethodGet, out.Item.See, nil)
		if code != http.StatusOK {
			return nil, fmt.Errorf("%s: %d %s", out.Item.See, code, b)
		}
		return b, nil
	}
	has := func(text string) error {
		b, err := get()
		if err == nil && !bytes.Contains(b, []byte(text)) {
			err = fmt.Errorf("%s has no %q: %.300s", out.Item.See, text, b)
		}
		return err
	}
	switch verb {
	case "view", "download-queued", "download-quarantined", "download-archived":
		return has("Subject: " + m.Subject + "\r\n")
	case "export-archived":
		b, err := get()
		if err != nil {
			return err
		}
		return zipped(b, "Subject: "+m.Subject+"\r\n")
	case "compose-reply":
		to := m.Sender
		if m.Null {
			to = "postmaster@" + m.Tenant + ".test"
		}
		if err := has(`"Re: ` + m.Subject + `"`); err != nil {
			return err
		}
		return has(`"` + to + `"`)
	case "audit-log":
		if m.For != level || !slices.Contains([]string{"queued", "delivered", "stalled", "accepted"}, before.Status) {
			return nil // it reads the whole log: some of each kind will do
		}
		return has(`"items"`)
	case "export-csv":
		return has(m.Recipient)
	case "delivery-log":
		b, err := get()
		if err != nil || !before.Attempt {
			return err
		}
		var page struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(b, &page); err != nil || len(page.Items) == 0 {
			return fmt.Errorf("no attempts: %.200s, %v", b, err)
		}
	case "recipient-callout", "sender-callout", "smtp-test":
		code, b := h.Call(token, http.MethodPost, out.Item.See, map[string]any{"message": m.ID})
		if code == http.StatusForbidden && verb == "sender-callout" && level == "domain" && m.fromHosted() {
			return nil // of another tenant's people only an administrator asks
		}
		if code != http.StatusOK && code != http.StatusTooManyRequests { // they are rationed
			return fmt.Errorf("%s: %d %s", out.Item.See, code, b)
		}
	case "delete-archived":
		if h.Row(m).Archived {
			return fmt.Errorf("the archived copy is still there")
		}
	case "redeliver-archived":
		return h.happened(m, "Archive")
	}
	return nil
}

// zipped looks for a text in the one file of a zip.
func zipped(b []byte, text string) error {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(z.File) != 1 {
		return fmt.Errorf("%.60q is no zip with one file: %w", b, err)
	}
	f, err := z.File[0].Open()
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := io.ReadAll(f)
	if err == nil && !bytes.Contains(all, []byte(text)) {
		err = fmt.Errorf("%s has no %q", z.File[0].Name, text)
	}
	return err
}
