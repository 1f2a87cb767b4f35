package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/gateway/internal/matrix"
)

// TestB11_actions_by_command_line is the action matrix through the command line:
// each action that the behaviour list offers an administrator, for every
// direction and status, is carried out by "weir do", and each it does not is
// refused with a reason.
func TestB11_actions_by_command_line(t *testing.T) {
	if _, err := builtin.Module("bayes"); err != nil {
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal(err)
		}
		t.Skip("build the plugins with: make plugins")
	}
	rows, err := matrix.Rows()
	if err != nil {
		t.Fatal(err)
	}
	h := matrix.Open(t)
	cells := matrix.Cells(rows, []string{"admin"}, []string{""}, false)
	h.Make(matrix.Messages(cells))
	token := h.Token("admin", "", "")
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := make([]matrix.Case, len(cells))
	for i, c := range cells {
		cases[i] = h.Case(c.M, "admin", "")
	}
	done, refused := 0, 0
	for _, r := range rows {
		for i, c := range cells {
			should := r.Offered(cases[i])
			if c.Verb != "" && c.Verb != r.Verb || c.Verb == "" && should && slices.Contains(matrix.Consumes, r.Verb) {
				continue
			}
			if !should && (i+len(r.Verb))%4 != 0 {
				continue // the API's test tries them all
			}
			name := fmt.Sprintf("%s of %s %s", r.Verb, c.M.Direction(), cases[i].Status)
			args := []string{"do", r.Verb, c.M.ID, "--yes", "--json", "--url", h.URL, "--token-file", file}
			for k, v := range matrix.Args(r.Verb, c.M) {
				if k == "reason" {
					args = append(args, "--reason", v)
				} else if k != "confirmed" {
					args = append(args, "--arg", k+"="+v)
				}
			}
			code, out, errs := byHand(t, args...)
			var item api.ActionItem
			if out != "" {
				if err := json.Unmarshal([]byte(out), &item); err != nil {
					t.Errorf("%s: %v: %s", name, err, out)
					continue
				}
			}
			if !should {
				refused++
				if code == exitOK || len(item.Error+errs) < 20 {
					t.Errorf("%s is not refused: exit %d, %q, %q", name, code, out, errs)
				}
				continue
			}
			done++
			if code != exitOK || item.Error != "" {
				t.Errorf("%s: exit %d, %q, %q", name, code, out, errs)
				continue
			}
			var o matrix.Outcome
			o.Item.ID, o.Item.Status, o.Item.Note, o.Item.See = item.ID, item.Status, item.Note, item.See
			if err := h.Effect(token, r.Verb, c.M, "admin", cases[i], o); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	t.Logf("%d actions carried out, %d refused", done, refused)
}

// byHand runs weir within this process.
func byHand(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(t.TempDir(), "out")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = files[0], files[1]
	code = run(context.Background(), args)
	os.Stdout, os.Stderr = stdout, stderr
	var text [2]string
	for i, f := range files {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		text[i] = strings.TrimSpace(string(b))
	}
	return code, text[0], text[1]
}
