// Package pattern compiles and matches the pattern sets of the ABI (PatternSet)
// with the same meaning in the gateway and in sdk/sdktest. All matching is
// linear in the text. Guests do not import it: they ask their host.
package pattern

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/mailweir/weir/sdk/abi"
)

// Limits of a set. They bound what compiling and matching may cost.
const (
	MaxPatterns = 10_000
	MaxText     = 256 << 10 // octets that Text takes
	MaxLength   = 4 << 10   // octets of one pattern
	MaxBytes    = 1 << 20   // octets of all patterns
	MaxWeight   = 10_000    // states of one regular expression
	MaxWeights  = 400_000   // states of all
)

// ErrWildcard: a wildcard stands for a whole text, which a part is not.
var ErrWildcard = errors.New("wildcard patterns match texts, not parts")

// Set is a compiled set; safe in parallel.
type Set struct {
	literals  []literal
	folded    []literal // in lower case
	wildcards []literal // in lower case where fold is set
	exprs     []expr
	longest   int // octets of the longest literal
	size      int
}

type literal struct {
	n    uint32
	text string
	fold bool
}

type expr struct {
	n      uint32
	re     *regexp.Regexp
	weight int
}

// Size is about how many octets of memory the set takes.
func (s *Set) Size() int { return s.size }

// Compile checks and compiles a set. Its errors name the pattern by number.
func Compile(ps *abi.PatternSet) (*Set, error) {
	if len(ps.Patterns) > MaxPatterns {
		return nil, fmt.Errorf("%d patterns in a set; at most %d", len(ps.Patterns), MaxPatterns)
	}
	s := &Set{}
	total, weights := 0, 0
	for i := range ps.Patterns {
		p := &ps.Patterns[i]
		if total += len(p.Text); len(p.Text) > MaxLength || total > MaxBytes {
			return nil, fmt.Errorf("pattern %d: too long (at most %d octets, %d in all)", i, MaxLength, MaxBytes)
		}
		if err := s.add(uint32(i), p, &weights); err != nil {
			return nil, fmt.Errorf("pattern %d: %w", i, err)
		}
	}
	s.size = 2*total + 100*weights + 64*len(ps.Patterns)
	return s, nil
}

func (s *Set) add(n uint32, p *abi.Pattern, weights *int) error {
	l := literal{n: n, text: p.Text, fold: p.Fold}
	if p.Fold {
		l.text = strings.ToLower(p.Text)
	}
	switch p.Kind {
	case abi.PatternKindLiteral:
		if p.Text == "" {
			return errors.New("an empty literal")
		}
		s.longest = max(s.longest, len(l.text), len(p.Text))
		if p.Fold {
			s.folded = append(s.folded, l)
		} else {
			s.literals = append(s.literals, l)
		}
	case abi.PatternKindWildcard:
		s.wildcards = append(s.wildcards, l)
	case abi.PatternKindRegexp:
		text := p.Text
		if p.Fold {
			text = "(?i:" + text + ")"
		}
		tree, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			return err
		}
		w := weight(tree)
		if *weights += w; w > MaxWeight || *weights > MaxWeights {
			return fmt.Errorf("too complex (%d states; at most %d, %d in the set)", w, MaxWeight, MaxWeights)
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return err
		}
		s.exprs = append(s.exprs, expr{n, re, w})
	default:
		return fmt.Errorf("unknown kind %s", p.Kind)
	}
	return nil
}

// weight is about how many states an expression compiles to.
func weight(t *syntax.Regexp) int {
	w := 1 + len(t.Rune)/2
	if t.Op == syntax.OpLiteral {
		w = 1 + len(t.Rune)
	}
	for _, sub := range t.Sub {
		w += weight(sub)
		if w > MaxWeights {
			return w
		}
	}
	if t.Op == syntax.OpRepeat {
		w *= max(1, t.Min, t.Max)
	}
	return min(w, MaxWeights+1)
}

// Text gives the numbers of the patterns that match text, ascending. check is
// asked now and then; its error ends the search.
func (s *Set) Text(text string, check func() error) ([]uint32, error) {
	hits := make(hitSet, 0, 4)
	var lower string
	if len(s.folded)+len(s.wildcards) > 0 {
		lower = strings.ToLower(text)
	}
	contains := func(text, pattern string, _ func() error) (bool, error) { return strings.Contains(text, pattern), nil }
	for _, group := range []struct {
		ls []literal
		is func(text, pattern string, check func() error) (bool, error)
	}{{s.literals, contains}, {s.folded, contains}, {s.wildcards, wildcard}} {
		for i, l := range group.ls {
			t := text
			if l.fold {
				t = lower
			}
			is, err := group.is(t, l.text, check)
			if err != nil {
				return nil, err
			}
			if is {
				hits = append(hits, l.n)
			}
			if i%64 == 63 {
				if err := check(); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, e := range s.exprs {
		ok, err := e.text(text, check)
		if err != nil {
			return nil, err
		}
		if ok {
			hits = append(hits, e.n)
		}
	}
	return hits.sorted(), check()
}

func (e expr) text(text string, check func() error) (bool, error) {
	if e.weight*len(text) < 1<<20 {
		return e.re.MatchString(text), nil
	}
	return e.reader(strings.NewReader(text), check)
}

func (e expr) reader(r io.RuneReader, check func() error) (bool, error) {
	c := &checked{r: r, check: check}
	ok := e.re.MatchReader(c)
	return ok && c.err == nil, c.err
}

// checked ends a search when its check fails.
type checked struct {
	r     io.RuneReader
	n     int
	check func() error
	err   error
}

func (c *checked) ReadRune() (rune, int, error) {
	if c.n++; c.n%256 == 0 {
		if err := c.check(); err != nil {
			c.err = err
			return 0, 0, err
		}
	}
	r, n, err := c.r.ReadRune()
	if err != nil && err != io.EOF {
		c.err = err
	}
	return r, n, err
}

// Reader is Text over content read by ranges to its end. Literals fold ASCII
// only here.
func (s *Set) Reader(r io.ReaderAt, check func() error) ([]uint32, error) {
	if len(s.wildcards) > 0 {
		return nil, ErrWildcard
	}
	hits, err := s.windows(r, check)
	if err != nil {
		return nil, err
	}
	for _, e := range s.exprs {
		ok, err := e.reader(runes(io.NewSectionReader(r, 0, 1<<62)), check)
		if err != nil {
			return nil, err
		}
		if ok {
			hits = append(hits, e.n)
		}
	}
	return hits.sorted(), check()
}

// buffers are the windows' memory: most parts are far smaller than one, and
// making it anew would be most of what matching them costs.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// windows looks for the literals in overlapping windows.
func (s *Set) windows(r io.ReaderAt, check func() error) (hitSet, error) {
	var hits hitSet
	plain, folded := append([]literal(nil), s.literals...), append([]literal(nil), s.folded...)
	if len(plain)+len(folded) == 0 {
		return nil, nil
	}
	const step = 64 << 10
	room := buffers.Get().(*[]byte) // at most step+MaxLength, give or take a folding that is longer
	defer buffers.Put(room)
	if len(*room) < step+s.longest {
		*room = make([]byte, step+s.longest)
	}
	buf := (*room)[:step+s.longest]
	for off, more := int64(0), true; more && len(plain)+len(folded) > 0; off += step {
		n, err := r.ReadAt(buf, off)
		if err != nil && err != io.EOF {
			return nil, err
		}
		more = err == nil
		w := buf[:n]
		if plain, err = take(&hits, plain, w, check); err != nil {
			return nil, err
		}
		if len(folded) > 0 {
			lowerASCII(w)
			if folded, err = take(&hits, folded, w, check); err != nil {
				return nil, err
			}
		}
	}
	return hits, nil
}

// take moves the literals that w has to hits and returns the others.
func take(hits *hitSet, ls []literal, w []byte, check func() error) ([]literal, error) {
	rest := ls[:0]
	for i, l := range ls {
		if i%64 == 63 { // thousands of them take seconds for one window
			if err := check(); err != nil {
				return nil, err
			}
		}
		if bytes.Contains(w, []byte(l.text)) {
			*hits = append(*hits, l.n)
		} else {
			rest = append(rest, l)
		}
	}
	return rest, check()
}

func lowerASCII(b []byte) {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
}
