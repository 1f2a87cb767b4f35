package saved

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mailweir/weir/gateway/internal/query"
)

// Search is a search under a name.
type Search struct {
	Name    string    `json:"name"`
	Owner   string    `json:"owner,omitempty"` // "": built in
	Title   string    `json:"title,omitempty"`
	Help    string    `json:"help,omitempty"`
	Query   string    `json:"query"` // in the text form; "" everything
	Columns []string  `json:"columns,omitempty"`
	Sort    string    `json:"sort,omitempty"` // a field, "-" in front: descending; "" newest first
	Source  string    `json:"source,omitempty"`
	Share   string    `json:"share,omitempty"` // the tenant whose operators see it; Everyone
	Changed time.Time `json:"changed,omitzero"`
	BuiltIn bool      `json:"-"`
	Mine    bool      `json:"-"`
}

// Everyone, as Share, is all who sign in; only an administrator of everything
// may give a search to them.
const Everyone = "*"

// ErrInvalid: the search, or what is to be remembered, cannot be kept as it is.
var ErrInvalid = errors.New("cannot be saved")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

const (
	maxName    = 64
	maxQuery   = 4096
	maxColumns = 60
)

// check says what is wrong with a search.
func (s *Search) check() error {
	if err := checkName(s.Name); err != nil {
		return err
	}
	if _, ok := view(s.Name); ok {
		return invalid("%q is a view that everybody has; take another name", s.Name)
	}
	if len(s.Query) > maxQuery {
		return invalid("the query is longer than %d octets", maxQuery)
	}
	if s.Source != Messages && s.Source != Deliveries {
		return invalid("source is %s or %s", Messages, Deliveries)
	}
	parse := query.Parse
	if s.Source == Deliveries {
		parse = query.ParseDeliveries
	}
	if _, err := parse(s.Query); err != nil {
		return invalid("the query does not read: %v", err)
	}
	if err := s.checkSort(); err != nil {
		return err
	}
	if len(s.Title) > 2*maxName || len(s.Help) > 500 || !oneLine(s.Title) || !oneLine(s.Help) {
		return invalid("title and help are one line each, of at most %d and 500 octets", 2*maxName)
	}
	return checkColumns(s.Columns)
}

// checkSort takes what searches can be sorted by.
func (s *Search) checkSort() error {
	switch {
	case s.Sort == "":
	case s.Source == Deliveries:
		return invalid("the delivery log is in the order of its attempts, latest first: leave out the sort")
	case !slices.Contains(query.Sortable(), strings.TrimPrefix(s.Sort, "-")):
		return invalid("a search cannot be sorted by %.40q; the fields to sort by are %s, with - in front for the largest first", s.Sort, strings.Join(query.Sortable(), ", "))
	}
	return nil
}

// checkName takes what can stand in a command line and a URL, of any script.
func checkName(name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || !oneLine(name) || strings.ContainsAny(name, "/\\") || name != strings.TrimSpace(name) || strings.HasPrefix(name, "-") {
		return invalid("a name has 1 to %d octets, no slash, and neither a hyphen nor a space in front", maxName)
	}
	return nil
}

func oneLine(s string) bool { return !strings.ContainsFunc(s, unicode.IsControl) }

func checkColumns(cols []string) error {
	if len(cols) > maxColumns {
		return invalid("more than %d columns", maxColumns)
	}
	for _, c := range cols {
		if c == "" || len(c) > maxName || !oneLine(c) {
			return invalid("%.40q is no column", c)
		}
	}
	return nil
}
