package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// ListFlags are those of every list.
type ListFlags struct {
	FilterFlags
	Limit int    `short:"n" default:"100" help:"Rows at most; 0 is all."`
	order string // of a saved search
}

// column is one column of a list of recipients.
type column struct {
	terminal.Column
	cell  func(v view, r *api.Row) terminal.Cell
	field string // that it shows, where the operator chose it
}

func plain(s string) terminal.Cell { return terminal.Cell{Text: s} }

var (
	colReceived = column{Column: terminal.Column{Title: "RECEIVED"}, cell: func(v view, r *api.Row) terminal.Cell { return plain(v.short(r.Received)) }}
	colAge      = column{Column: terminal.Column{Title: "AGE", Right: true}, cell: func(v view, r *api.Row) terminal.Cell { return plain(v.age(r.Received)) }}
	colStatus   = column{Column: terminal.Column{Title: "STATUS"}, cell: func(_ view, r *api.Row) terminal.Cell {
		return terminal.Cell{Text: r.Status, Style: statusStyle(r.Status)}
	}}
	// colState is the status, and of what is queued how far it has come (B97–B101).
	colState = column{Column: terminal.Column{Title: "STATE"}, cell: func(_ view, r *api.Row) terminal.Cell {
		if r.State != "" {
			return terminal.Cell{Text: r.State, Style: stateStyle(r.State)}
		}
		return terminal.Cell{Text: r.Status, Style: statusStyle(r.Status)}
	}}
	colKept = column{Column: terminal.Column{Title: "KEPT"}, cell: func(_ view, r *api.Row) terminal.Cell {
		if r.HasBody {
			return plain("yes")
		}
		return plain("no")
	}}
	colWay = column{Column: terminal.Column{Title: "WAY"}, cell: func(_ view, r *api.Row) terminal.Cell {
		return plain(strings.TrimSuffix(r.Direction, "bound"))
	}}
	colSender    = column{Column: terminal.Column{Title: "SENDER", Min: 10, Want: 18}, cell: func(_ view, r *api.Row) terminal.Cell { return plain(sender(r.Sender)) }}
	colRecipient = column{Column: terminal.Column{Title: "RECIPIENT", Min: 10, Want: 18}, cell: func(_ view, r *api.Row) terminal.Cell { return plain(r.Recipient) }}
	colTries     = column{Column: terminal.Column{Title: "TRIES", Right: true, Drop: 1}, cell: func(_ view, r *api.Row) terminal.Cell { return plain(fmt.Sprint(r.Attempts)) }}
	colNext      = column{Column: terminal.Column{Title: "NEXT"}, cell: func(v view, r *api.Row) terminal.Cell { return plain(v.until(r.Next)) }}
	colAnswer    = column{Column: terminal.Column{Title: "LAST ANSWER", Min: 24, Want: 30, End: true, Drop: 2}, cell: func(_ view, r *api.Row) terminal.Cell { return plain(lastAnswer(r)) }}
	colWhy       = column{Column: terminal.Column{Title: "WHY", Min: 16, Want: 22, End: true}, cell: func(_ view, r *api.Row) terminal.Cell { return plain(why(r)) }}
	colMark      = column{Column: terminal.Column{Title: "!"}, cell: func(_ view, r *api.Row) terminal.Cell { return markCell(r.Mark) }}
	colSubject   = column{Column: terminal.Column{Title: "SUBJECT", Min: 12, End: true, Drop: 1}, cell: func(_ view, r *api.Row) terminal.Cell { return plain(r.Subject) }}
	colExpires   = column{Column: terminal.Column{Title: "EXPIRES", Drop: 3}, cell: func(v view, r *api.Row) terminal.Cell { return plain(v.until(r.Expires)) }}
)

// The columns of the lists, of which 80 columns hold the most important.
var (
	queueColumns  = []column{colAge, colState, colSender, colRecipient, colTries, colNext, colAnswer}
	failedColumns = []column{colReceived, colStatus, colKept, colSender, colRecipient, colAnswer}
	heldColumns   = []column{colReceived, colSender, colRecipient, colWhy, colExpires}
	// previewColumns are those of a question about what cannot be undone.
	previewColumns = []column{colStatus, colSender, colRecipient, colSubject}
	logColumns     = []column{colMark, colReceived, colWay, colStatus, colSender, colRecipient, colSubject}
)

// markCell is the icon of a row that is not delivered (B109): "." waits,
// "~" deferring, "?" held for more filtering, "!" failed.
func markCell(mark string) terminal.Cell {
	switch mark {
	case "queued":
		return terminal.Cell{Text: ".", Style: terminal.Yellow}
	case "deferring":
		return terminal.Cell{Text: "~", Style: terminal.Yellow}
	case "filtering":
		return terminal.Cell{Text: "?", Style: terminal.Yellow}
	case "failed":
		return terminal.Cell{Text: "!", Style: terminal.Red}
	}
	return plain("")
}

// age is how long ago something was, in one unit.
func (v view) age(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return distance(max(v.now.Sub(t), 0))
}

// stateStyle lets what went wrong stand out among what is queued (B109).
func stateStyle(state string) terminal.Style {
	switch mail.QueueState(state) {
	case mail.StateUnrouted, mail.StateAttemptFailed, mail.StateDelayNoticed:
		return terminal.Red
	}
	return terminal.Yellow
}

// why is what a held row is about: its reason, else its class.
func why(r *api.Row) string {
	if r.Reason != "" {
		return r.Reason
	}
	return r.Class
}

// lastAnswer is the destination's answer, or why there is none to be had yet.
func lastAnswer(r *api.Row) string {
	if s := replyLine(r.Last); s != "" || r.Status != string(mail.StatusAccepted) {
		return s
	}
	return r.Reason
}

func replyLine(r *api.Reply) string {
	if r == nil {
		return ""
	}
	var words []string
	if r.Code != 0 {
		words = append(words, fmt.Sprint(r.Code))
	}
	if r.Enhanced != "" {
		words = append(words, r.Enhanced)
	}
	if r.Text != "" {
		words = append(words, r.Text)
	}
	return strings.Join(words, " ")
}

// list searches and prints one line for each recipient, newest message first.
// Exit code 3: there is none.
func (l *ListFlags) list(ctx context.Context, g *Globals, base query.Filter, empty string, cols []column) error {
	f, err := l.filter(base)
	if err != nil {
		return err
	}
	cl, err := g.client()
	if err != nil {
		return err
	}
	var rows []api.Row
	var back time.Time // a sorted search did not look at what came before
	told := func(p *api.SearchPage) { back = later(back, p.SearchedBackTo) }
	for row, err := range cl.All(ctx, client.Search{Filter: f, Sort: l.order, Fields: fieldsOf(cols), Told: told}, l.Limit) {
		if err != nil {
			return err
		}
		if g.JSON {
			if err := printJSON(row); err != nil {
				return err
			}
		}
		rows = append(rows, row)
		if g.JSON {
			rows = rows[:1] // only whether there was one
		}
	}
	if l.order != "" && !back.IsZero() {
		fmt.Fprintf(os.Stderr, "weir: the search looked back to %s only, for there are too many rows to sort; narrow it\n", g.view().short(back))
	}
	if len(rows) == 0 {
		if !g.JSON {
			fmt.Fprintln(os.Stderr, "weir: "+empty)
		}
		return quiet(exitNoMatch)
	}
	if g.JSON {
		return nil
	}
	if err := rowTable(g.view(), rows, cols, g.Wide).Write(g.screen()); err != nil {
		return err
	}
	if l.Limit > 0 && len(rows) == l.Limit {
		which := "newest"
		if l.order != "" {
			which = "first"
		}
		fmt.Fprintf(os.Stderr, "weir: only the %s %d are shown; --limit 0 shows all\n", which, l.Limit)
	}
	return nil
}

func rowTable(v view, rows []api.Row, cols []column, wholeIDs bool) *terminal.Table {
	heads := []terminal.Column{{Title: "ID"}}
	for _, c := range cols {
		heads = append(heads, c.Column)
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	if !wholeIDs {
		ids = shortIDs(ids)
	}
	t := terminal.NewTable(heads...)
	for i := range rows {
		cells := []terminal.Cell{plain(ids[i])}
		for _, c := range cols {
			cells = append(cells, c.cell(v, &rows[i]))
		}
		t.AddCells(cells...)
	}
	return t
}
