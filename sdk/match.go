package sdk

import "github.com/mailweir/weir/sdk/abi"

// Patterns is a set of patterns that the host compiles once for the filter's
// configuration and matches natively, many times faster than a guest could.
// Make one in Config's build function.
type Patterns struct {
	set      uint32
	patterns []abi.Pattern
}

// NewPatterns makes a set. number tells the plugin's sets of one configuration
// apart.
func NewPatterns(number uint32, patterns ...abi.Pattern) *Patterns {
	return &Patterns{set: number, patterns: patterns}
}

// Len is the number of patterns.
func (p *Patterns) Len() int { return len(p.patterns) }

// MatchPart gives the numbers of the patterns that a part's decoded content
// (or abi.PartRaw) matches, ascending.
func (p *Patterns) MatchPart(c *Call, part int32) ([]uint32, error) {
	return p.match(c, func(hits []uint32) (int, error) { return hostMatch(c.h, c.ConfigID, p.set, part, hits) })
}

// MatchText gives the numbers of the patterns that a text of at most 256 KiB
// matches, ascending.
func (p *Patterns) MatchText(c *Call, text string) ([]uint32, error) {
	return p.match(c, func(hits []uint32) (int, error) { return hostMatchText(c.h, c.ConfigID, p.set, text, hits) })
}

func (p *Patterns) match(c *Call, ask func([]uint32) (int, error)) ([]uint32, error) {
	if len(p.patterns) == 0 {
		return nil, nil
	}
	hits := make([]uint32, len(p.patterns))
	n, err := ask(hits)
	if err == ErrNotFound { // the host does not have the set (any more)
		def := abi.PatternSet{Patterns: p.patterns}
		if err := hostMatchDefine(c.h, c.ConfigID, p.set, def.Append(nil)); err != nil {
			return nil, err
		}
		n, err = ask(hits)
	}
	if err != nil {
		return nil, err
	}
	return hits[:min(n, len(hits))], nil
}
