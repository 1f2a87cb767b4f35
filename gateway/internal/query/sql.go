package query

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// SQL is a filter as a condition of SQLite's SQL over a table of the alias r,
// whose columns are called like the fields and hold what Key, Joined, Moment and Octets make
// of a row's values:
//
//   - texts as Key, "" where there is none; recipient and recipient_domain have
//     a second column each, recipient2 and recipient_domain2, for what was
//     there before a redirect;
//   - attachment, filter, plugin, plugin_digest, tag and explanation as Joined;
//   - client as Key, and client_octets as Octets, NULL where there is none;
//   - id and parent as Key; numbers, sizes and bools as REAL or INTEGER, NULL
//     where unknown; times as Moment, NULL where there is none.
type SQL struct {
	Where string
	Args  []any
	// Exact: the condition is true for what the filter matches and for nothing
	// else. Otherwise it is true for more, never for less.
	Exact bool
	// Terms are what every match satisfies, for whoever chooses an index:
	// comparisons of the kind Is, Contains and Like, and alternatives. All is
	// true where the filter is nothing but them.
	Terms []Filter
	All   bool
	// Since and Until bound the time of reception of all matches, in
	// nanoseconds since 1970: [Since, Until).
	Since, Until int64
}

// ToSQL compiles a filter. Relative times count from now.
func ToSQL(f Filter, now time.Time) (SQL, error) {
	m, err := Compile(f, now)
	if err != nil {
		return SQL{}, err
	}
	c := sqlCompiler{now: now}
	e := c.node(f)
	if c.err != nil {
		return SQL{}, fmt.Errorf("%w: %w", ErrInvalid, c.err)
	}
	out := SQL{Where: e.text, Args: e.args, Exact: e.exact, All: true, Since: math.MinInt64, Until: math.MaxInt64}
	out.terms(f)
	if !m.Since().IsZero() {
		out.Since = Moment(m.Since())
	}
	if !m.Until().IsZero() {
		out.Until = Moment(m.Until())
	}
	return out, nil
}

// terms collects the parts that a conjunction consists of.
func (q *SQL) terms(f Filter) {
	switch {
	case len(f.All) > 0:
		for _, c := range f.All {
			q.terms(c)
		}
	case len(f.Any) > 0, f.Field != "" && (f.Op == Is || f.Op == Contains || f.Op == Like || f.Field == "received"):
		q.Terms = append(q.Terms, f)
	case !f.IsZero():
		q.All = false
	}
}

// Key is a text as it is compared: without regard to case, as strings.EqualFold.
func Key(s string) string {
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 || s[i] == 0 || 'A' <= s[i] && s[i] <= 'Z' {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch r = fold(r); {
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case r == 0: // SQL's functions take it for the end
			r = '\ufffd'
		}
		return r
	}, s)
}

// Joined is several texts in one column, as Key, each between line feeds; those
// within a text become blanks.
func Joined(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteByte('\n')
	for _, s := range texts {
		b.WriteString(strings.ReplaceAll(Key(s), "\n", " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// Moment is a time as a column holds it: nanoseconds since 1970.
func Moment(t time.Time) int64 { return t.UnixNano() }

// Octets is an address as 16 octets, IPv4 mapped into IPv6.
func Octets(a netip.Addr) []byte {
	b := a.As16()
	return b[:]
}

// sqlExpr is a condition. Where it is not exact it is true for more than the
// filter matches.
type sqlExpr struct {
	text  string
	args  []any
	exact bool
}

var (
	sqlTrue    = sqlExpr{"1", nil, true}
	sqlUnknown = sqlExpr{"1", nil, false}
)

func sqlOf(text string, args ...any) sqlExpr { return sqlExpr{text, args, true} }

func (e sqlExpr) not() sqlExpr {
	if !e.exact { // the complement of too much may be too little
		return sqlUnknown
	}
	return sqlExpr{"NOT (" + e.text + ")", e.args, true}
}

type sqlCompiler struct {
	now time.Time
	err error
}

func (c *sqlCompiler) node(f Filter) sqlExpr {
	switch {
	case len(f.All) > 0:
		return c.join(f.All, " AND ")
	case len(f.Any) > 0:
		return c.join(f.Any, " OR ")
	case f.Not != nil:
		return c.node(*f.Not).not()
	case f.Field != "":
		return c.leaf(f)
	}
	return sqlTrue
}

func (c *sqlCompiler) join(fs []Filter, op string) sqlExpr {
	out := sqlExpr{exact: true}
	var parts []string
	for _, f := range fs {
		e := c.node(f)
		parts = append(parts, "("+e.text+")")
		out.args = append(out.args, e.args...)
		out.exact = out.exact && e.exact
	}
	out.text = strings.Join(parts, op)
	return out
}

func (c *sqlCompiler) leaf(f Filter) sqlExpr {
	field, ok := Lookup(f.Field)
	if !ok {
		c.err = unknownField(f.Field)
		return sqlUnknown
	}
	switch field.Type {
	case TypeNumber, TypeSize, TypeBool:
		return c.number(field, f)
	case TypeTime:
		return c.time(field, f)
	}
	positive := f
	if f.Op == IsNot {
		positive.Op = Is
	}
	var e sqlExpr
	switch {
	case field.Name == "text":
		e = anywhere(positive)
	case field.Type == TypeID:
		e = c.id(field, positive)
	case field.Type == TypeIP:
		e = c.address(positive)
	default:
		e = c.text(field, positive)
	}
	if f.Op == IsNot {
		return e.not()
	}
	return e
}

func (c *sqlCompiler) number(field Field, f Filter) sqlExpr {
	n, err := compileNumber(field, Filter{Field: f.Field, Op: positiveOp(f.Op), Value: f.Value})
	if err != nil {
		c.err = err
		return sqlUnknown
	}
	want := n.(numberNode).want
	switch f.Op {
	case Before:
		return sqlOf("ifnull("+column(field.Name)+" < ?, 0)", want)
	case After:
		return sqlOf("ifnull("+column(field.Name)+" > ?, 0)", want)
	case AtLeast:
		return sqlOf("ifnull("+column(field.Name)+" >= ?, 0)", want)
	case AtMost:
		return sqlOf("ifnull("+column(field.Name)+" <= ?, 0)", want)
	case IsNot:
		return sqlOf("ifnull("+column(field.Name)+" <> ?, 1)", want)
	}
	return sqlOf("ifnull("+column(field.Name)+" = ?, 0)", want)
}

func positiveOp(op Op) Op {
	if op == IsNot {
		return Is
	}
	return op
}

func (c *sqlCompiler) time(field Field, f Filter) sqlExpr {
	n, err := compileTime(field, f, c.now)
	if err != nil {
		c.err = err
		return sqlUnknown
	}
	t := n.(timeNode)
	e := sqlOf(column(field.Name) + " IS NOT NULL")
	if !t.since.IsZero() {
		e.text, e.args = e.text+" AND "+column(field.Name)+" >= ?", append(e.args, Moment(t.since))
	}
	if !t.until.IsZero() {
		e.text, e.args = e.text+" AND "+column(field.Name)+" < ?", append(e.args, Moment(t.until))
	}
	return e
}

// id compares with the beginning of an ID, or with a recipient's ID.n.
func (c *sqlCompiler) id(field Field, f Filter) sqlExpr {
	v, err := parseID(f.Value)
	if err != nil {
		c.err = err
		return sqlUnknown
	}
	e := sqlOf(column(field.Name)+" >= ? AND "+column(field.Name)+" < ?", v.prefix, v.prefix+"{")
	if field.Name == "id" && strings.Contains(f.Value, ".") {
		e.text, e.args = "("+e.text+") AND r.n = ?", append(e.args, v.n)
	}
	return e
}

func (c *sqlCompiler) address(f Filter) sqlExpr {
	if f.Op == Like {
		return sqlOf("r.client GLOB ?", sqlGlob(f.Value))
	}
	lo, hi, ok := Network(f.Value)
	if !ok {
		_, c.err = parseNetwork(f.Value)
		return sqlUnknown
	}
	return sqlOf("ifnull(r.client_octets BETWEEN ? AND ?, 0)", lo, hi)
}

// Network is the first and the last address of a network, or one address
// twice, as Octets. false: it is neither.
func Network(s string) (lo, hi []byte, ok bool) {
	p, err := parseNetwork(s)
	if err != nil {
		return nil, nil, false
	}
	lo = Octets(p.Addr())
	hi = append([]byte(nil), lo...)
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	for i := bits; i < 128; i++ {
		hi[i/8] |= 0x80 >> (i % 8)
	}
	return lo, hi, true
}

// columns of a field that has more than one value.
func columns(field string) []string {
	if field == "recipient" || field == "recipient_domain" {
		return []string{column(field), column(field + "2")}
	}
	return []string{column(field)}
}

// column is a field's column; some are called like words of SQL.
func column(field string) string { return `r."` + field + `"` }

// Several reports fields whose values stand in one column, as Joined makes it.
func Several(field string) bool { return joined(field) }

func joined(field string) bool {
	switch field {
	case "attachment", "filter", "plugin", "plugin_digest", "tag", "explanation":
		return true
	}
	return false
}

func (c *sqlCompiler) text(field Field, f Filter) sqlExpr {
	value := f.Value
	switch {
	case field.Type == TypeStatus && f.Op == Is:
		s, err := parseStatus(value)
		if err != nil {
			c.err = err
			return sqlUnknown
		}
		value = string(s)
	case field.Type == TypeEnum && f.Op == Is:
		s, err := parseEnum(field, value)
		if err != nil {
			c.err = err
			return sqlUnknown
		}
		value = s
	case field.Name == "sender" && f.Op == Is && value == "<>":
		value = ""
	}
	if joined(field.Name) {
		return several(column(field.Name), f.Op, value)
	}
	var out sqlExpr
	for i, col := range columns(field.Name) {
		e := single(field, col, f.Op, value)
		if i > 0 && e.exact && f.Op != Contains { // the second is empty for nearly all: no match for "" there
			e = sqlExpr{col + " <> '' AND (" + e.text + ")", e.args, true}
		}
		if i == 0 {
			out = e
			continue
		}
		out = sqlExpr{"(" + out.text + ") OR (" + e.text + ")", append(out.args, e.args...), out.exact && e.exact}
	}
	return out
}

func single(field Field, col string, op Op, value string) sqlExpr {
	switch op {
	case Contains:
		return sqlOf("instr("+col+", ?) > 0", Key(value))
	case Like:
		return sqlOf(col+" GLOB ?", sqlGlob(value))
	}
	if field.Type == TypeClass {
		if value == "" {
			return sqlOf(col + " = ''")
		}
		k := Key(value)
		return sqlOf("("+col+" = ? OR ("+col+" > ? AND "+col+" < ?))", k, k+"/", k+"0") // '0' follows '/'
	}
	return sqlOf(col+" = ?", Key(value))
}

// several compares with each of the texts of a joined column.
func several(col string, op Op, value string) sqlExpr {
	k := strings.ReplaceAll(Key(value), "\n", " ")
	switch {
	case op == Contains:
		return sqlExpr{"instr(" + col + ", ?) > 0", []any{k}, !strings.Contains(value, "\n")}
	case op == Is && value == "":
		return sqlExpr{col + " = '' OR instr(" + col + ", char(10) || char(10)) > 0", nil, true}
	case op == Is:
		return sqlExpr{"instr(" + col + ", ?) > 0", []any{"\n" + k + "\n"}, !strings.Contains(value, "\n")}
	}
	return sqlUnknown // a pattern would reach over the ends of a text
}

// anywhere is the field "text".
func anywhere(f Filter) sqlExpr {
	if f.Op != Contains {
		return sqlUnknown
	}
	out := sqlExpr{exact: !strings.Contains(f.Value, "\n")}
	var parts []string
	for _, name := range textFields {
		for _, col := range columns(name) {
			parts = append(parts, "instr("+col+", ?) > 0")
			out.args = append(out.args, Key(f.Value))
		}
	}
	out.text = strings.Join(parts, " OR ")
	return out
}

// sqlGlob writes a Like pattern for GLOB, folded.
func sqlGlob(p string) string {
	var b strings.Builder
	for _, t := range compileGlob(p) {
		switch r := t.r; {
		case t.kind == '*' || t.kind == '?':
			b.WriteByte(t.kind)
		case r == '*' || r == '?' || r == '[':
			b.WriteString("[" + string(r) + "]")
		default:
			b.WriteString(Key(string(r)))
		}
	}
	return b.String()
}

// StatusNumber is a status as a small number, for an index.
func StatusNumber(s mail.Status) int {
	for i, x := range mail.Statuses() {
		if x == s {
			return i
		}
	}
	return -1
}
