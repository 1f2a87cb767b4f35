package query

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Limits of a filter: one that is larger is a mistake or an attack.
const (
	maxDepth = 32   // nested groups
	maxNodes = 2000 // groups and comparisons
	maxValue = 1000 // bytes of one value
	maxText  = 64 << 10
)

// ErrInvalid is what every error about a filter wraps.
var ErrInvalid = errors.New("invalid filter")

// Validate reports everything that is wrong with the filter, in words for
// the operator who wrote it; the error wraps ErrInvalid.
func (f Filter) Validate() error { return f.validate(false) }

func (f Filter) validate(deliveries bool) error {
	v := validator{deliveries: deliveries}
	v.walk(f, 0)
	if len(v.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrInvalid, errors.Join(v.errs...))
}

type validator struct {
	errs  []error
	nodes int
	over  bool

	deliveries bool // of the delivery log
}

func (v *validator) add(format string, args ...any) {
	if len(v.errs) < 20 {
		v.errs = append(v.errs, fmt.Errorf(format, args...))
	}
}

func (v *validator) walk(f Filter, depth int) {
	v.nodes++
	if v.over {
		return
	}
	if depth > maxDepth || v.nodes > maxNodes {
		v.over = true
		v.add("more than %d nested groups or %d comparisons; make it simpler", maxDepth, maxNodes)
		return
	}
	set := 0
	for _, b := range []bool{len(f.All) > 0, len(f.Any) > 0, f.Not != nil, f.Field != ""} {
		if b {
			set++
		}
	}
	switch {
	case set > 1:
		v.add("a filter has only one of all, any, not and field")
		return
	case set == 0 && (f.Op != "" || f.Value != ""):
		v.add("comparison %q %q names no field", clip(string(f.Op)), clip(f.Value))
		return
	case f.Field != "":
		if _, ok := OfAttempt(f.Field); ok && !v.deliveries {
			v.add("%s is asked of the delivery log alone: weir deliveries, GET /v1/deliveries", f.Field)
		} else if err := validateLeaf(f); err != nil {
			v.add("%w", err)
		}
		return
	}
	for _, c := range f.All {
		v.walk(c, depth+1)
	}
	for _, c := range f.Any {
		v.walk(c, depth+1)
	}
	if f.Not != nil {
		v.walk(*f.Not, depth+1)
	}
}

func validateLeaf(f Filter) error {
	field, ok := anyField(f.Field)
	if !ok {
		return unknownField(f.Field)
	}
	if !field.Allows(f.Op) {
		ops := make([]string, 0, 6)
		for _, o := range field.Type.Ops() {
			ops = append(ops, string(o))
		}
		return fmt.Errorf("%s cannot be compared with %q; it takes %s", f.Field, clip(string(f.Op)), strings.Join(ops, ", "))
	}
	if len(f.Value) > maxValue {
		return fmt.Errorf("the value of %s is longer than %d bytes", f.Field, maxValue)
	}
	// Compiling is the proof; the instant does not matter to it.
	if _, err := compileLeaf(field, f, time.Unix(0, 0).UTC()); err != nil {
		return fmt.Errorf("%s: %w", f.Field, err)
	}
	return nil
}

func unknownField(name string) error {
	names := make([]string, 0, len(fields)+2)
	for _, f := range fields {
		names = append(names, f.Name)
	}
	names = append(names, "after", "before")
	return fmt.Errorf("no field %q%s", clip(name), didYouMean(name, names))
}

// didYouMean is `; did you mean "x"?` for the nearest of names, or "".
func didYouMean(got string, names []string) string {
	got = strings.ReplaceAll(strings.ToLower(clip(got)), "-", "_")
	best, at := "", 3
	for _, n := range names {
		plain := strings.ReplaceAll(n, "-", "_")
		d := distance(got, plain)
		if len(got) >= 3 && strings.HasPrefix(plain, got) && d > 2 {
			d = 2
		}
		if d < at && d < len(got) {
			best, at = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
