package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/gateway/internal/matrix"
)

// TestB11toB13_B2toB5_actions_by_command_line is the action matrix through the
// command line: each action that the behaviour list offers, for every direction,
// status and level, is carried out by "weir do" with a token of that level and
// judged by what it did, and each that it does not offer is refused with a
// reason and changes nothing.
func TestB11toB13_B2toB5_actions_by_command_line(t *testing.T) {
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
	levels, some := []string{"admin", "domain", "mailbox"}, 1
	if raceDetector { // it takes ten times as long, and one command runs at a time
		levels, some = levels[:1], 4
	}
	cells := matrix.Cells(rows, levels, []string{""}, !raceDetector)
	h.Make(matrix.Messages(cells))
	m := &byMatrix{t: t, h: h, hand: newHand(t), files: map[string]string{}}
	cases := make([]matrix.Case, len(cells))
	for i, c := range cells {
		cases[i] = h.Case(c.M, c.Level, c.Role)
	}
	done, refused := map[string]int{}, map[string]int{}
	for _, r := range rows {
		offered := 0
		for i, c := range cells {
			should := r.Offered(cases[i])
			if c.Verb != "" && c.Verb != r.Verb || c.Verb == "" && should && slices.Contains(matrix.Consumes, r.Verb) {
				continue // another message is for that
			}
			if should {
				offered++
				done[c.Level]++
				m.carriedOut(r.Verb, c, cases[i])
			} else if (i+len(r.Verb))%some == 0 {
				refused[c.Level]++
				m.refused(r.Verb, c, cases[i])
			}
		}
		if offered == 0 {
			t.Errorf("%s was offered nowhere", r.Verb)
		}
	}
	for i, c := range cells {
		if c.Verb != "" {
			continue
		}
		// What was only refused, or changes nothing, has left it as it was.
		if got := h.Row(c.M).Status; got != cases[i].Status {
			t.Errorf("%s: it is %s now", m.name("", c, cases[i]), got)
		}
	}
	t.Logf("carried out: %v; refused: %v", done, refused)
}

// byMatrix tries actions by the command line.
type byMatrix struct {
	t     *testing.T
	h     *matrix.House
	hand  *hand
	files map[string]string // of tokens
}

func (m *byMatrix) name(verb string, c matrix.Cell, is matrix.Case) string {
	return fmt.Sprintf("%s of %s %s at level %s (%s)", verb, c.M.Direction(), is.Status, c.Level, c.M.For)
}

// tokenFile is a file with the token of whoever tries.
func (m *byMatrix) tokenFile(c matrix.Cell) string {
	token := m.h.TokenOf(c.M, c.Level, c.Role)
	if m.files[token] == "" {
		name := filepath.Join(m.hand.dir, fmt.Sprintf("token%d", len(m.files)))
		if err := os.WriteFile(name, []byte(token+"\n"), 0o600); err != nil {
			m.t.Fatal(err)
		}
		m.files[token] = name
	}
	return m.files[token]
}

// do runs "weir do"; whole: from the whole command line on.
func (m *byMatrix) do(verb string, c matrix.Cell, whole bool) (code int, item api.ActionItem, said string) {
	args := []string{"do", verb, c.M.ID, "--yes", "--json", "--url", m.h.URL, "--token-file", m.tokenFile(c)}
	for k, v := range matrix.Args(verb, c.M) {
		switch k {
		case "confirmed": // --yes says so
		case "reason":
			args = append(args, "--reason", v)
		default:
			args = append(args, "--arg", k+"="+v)
		}
	}
	for range 50 {
		var out, errs string
		code, out, errs = m.hand.run(whole, args...)
		item = api.ActionItem{}
		if out != "" {
			if err := json.Unmarshal([]byte(out), &item); err != nil {
				m.t.Errorf("%s: %v: %s", strings.Join(args[:3], " "), err, out)
			}
		}
		said = item.Error + errs
		if !strings.Contains(said, "attempt is under way") { // of a retry before
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return code, item, said
}

func (m *byMatrix) carriedOut(verb string, c matrix.Cell, is matrix.Case) {
	name := m.name(verb, c, is)
	code, item, said := m.do(verb, c, true)
	if code != exitOK || item.Error != "" {
		m.t.Errorf("%s is offered, and refused: exit %d, %q", name, code, said)
		return
	}
	var o matrix.Outcome
	o.Item.ID, o.Item.Status, o.Item.Note, o.Item.See = item.ID, item.Status, item.Note, item.See
	m.read(name, verb, c)
	if err := m.h.Effect(m.h.TokenOf(c.M, c.Level, c.Role), verb, c.M, c.Level, is, o); err != nil {
		m.t.Errorf("%s: %v", name, err)
	}
}

// read has "weir do" show what there is to see, where that is all that the verb
// does.
func (m *byMatrix) read(name, verb string, c matrix.Cell) {
	want := ""
	switch verb {
	case "view", "download-queued", "download-quarantined", "download-archived":
		want = "Subject: " + c.M.Subject
	case "export-csv":
		want = c.M.Recipient
	case "compose-reply":
		want = "Re: " + c.M.Subject
	default:
		return
	}
	args := []string{"do", verb, c.M.ID, "--url", m.h.URL, "--token-file", m.tokenFile(c)}
	if code, out, errs := m.hand.run(true, args...); code != exitOK || !strings.Contains(out, want) {
		m.t.Errorf("%s: exit %d, %.300q has no %q; %s", name, code, out, want, errs)
	}
}

func (m *byMatrix) refused(verb string, c matrix.Cell, is matrix.Case) {
	code, item, said := m.do(verb, c, false)
	if code != exitError || len(said) < 20 || item.See != "" {
		m.t.Errorf("%s is not refused with a reason: exit %d, %q, %+v", m.name(verb, c, is), code, said, item)
	}
}

// hand runs weir within this process, one command after another.
type hand struct {
	t        *testing.T
	dir      string
	out, err *os.File
}

func newHand(t *testing.T) *hand {
	t.Helper()
	x := &hand{t: t, dir: t.TempDir()}
	for name, f := range map[string]**os.File{"stdout": &x.out, "stderr": &x.err} {
		var err error
		if *f, err = os.Create(filepath.Join(x.dir, name)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*f).Close() })
	}
	return x
}

// run runs a command line. To read all commands there are takes most of the time
// that a short one takes; without whole, "do" is the only one.
func (x *hand) run(whole bool, args ...string) (code int, out, errs string) {
	for _, f := range []*os.File{x.out, x.err} {
		if err := f.Truncate(0); err != nil {
			x.t.Fatal(err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			x.t.Fatal(err)
		}
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = x.out, x.err
	if whole {
		code = run(context.Background(), args)
	} else {
		code = runDo(args)
	}
	os.Stdout, os.Stderr = stdout, stderr
	var text [2]string
	for i, f := range []*os.File{x.out, x.err} {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			x.t.Fatal(err)
		}
		text[i] = strings.TrimSpace(string(b))
	}
	return code, text[0], text[1]
}

// runDo is run for a program that has the command "do" alone.
func runDo(args []string) int {
	var cli struct {
		Globals
		Do DoCmd `cmd:""`
	}
	p, err := kong.New(&cli, kong.Vars{"config": defaultConfig})
	if err != nil {
		return report(err)
	}
	k, err := p.Parse(args)
	if err != nil {
		return report(usageError{err.Error(), ""})
	}
	k.BindTo(context.Background(), (*context.Context)(nil))
	return report(errors.Join(k.Run(&cli.Globals), cli.Globals.close()))
}
