package stall

import (
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/plugins/internal/archive"
	"github.com/mailweir/weir/plugins/internal/document"
	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// Causes, the sub classes of main class unscannable.
const (
	causeArchive     = archive.Encrypted
	causeDocument    = document.CauseEncryptedDocument
	causeMessage     = document.CauseEncryptedMessage
	causeMacro       = document.CauseMacro
	causeTracking    = document.CauseTracking
	causeUnreadable  = archive.Unreadable
	causeUnsupported = archive.Unsupported
	causeLimit       = archive.Limit
)

var causes = []string{causeArchive, causeDocument, causeMessage, causeMacro, causeTracking, causeUnreadable, causeUnsupported, causeLimit}

// settings is a compiled config block.
type settings struct {
	wanted [2][]string // by direction
	limits archive.Limits
	allows []allow
	marks  *sdk.Patterns // what a part that holds something hidden has in it
}

// markUU is the number of the pattern behind those of package archive that
// uuencoded files begin with. Those of armoured messages and of what is no text
// follow.
var (
	markUU    = uint32(len(archive.Marks))
	markArmor = markUU + 1
)

func build(v abi.Value) (*settings, error) {
	s := &settings{}
	all, err := causesOf(v, causes)
	if err != nil {
		return nil, err
	}
	s.wanted = [2][]string{abi.DirectionInbound: all, abi.DirectionOutbound: all}
	for _, b := range v.Get("inbound").Items {
		if s.wanted[abi.DirectionInbound], err = causesOf(b, all); err != nil {
			return nil, err
		}
	}
	for _, b := range v.Get("outbound").Items {
		if s.wanted[abi.DirectionOutbound], err = causesOf(b, all); err != nil {
			return nil, err
		}
	}
	for _, b := range v.Get("limits").Items {
		s.limits = limitsOf(b)
	}
	for _, b := range v.Get("allow").Items {
		a, err := allowOf(b)
		if err != nil {
			return nil, err
		}
		s.allows = append(s.allows, a)
	}
	var ps []abi.Pattern
	for _, m := range archive.Marks {
		ps = append(ps, abi.Pattern{Text: m})
	}
	ps = append(ps, abi.Pattern{Text: "begin 6"}, abi.Pattern{Text: "-----BEGIN"}, abi.Pattern{Text: "\x00"})
	s.marks = sdk.NewPatterns(1, ps...)
	return s, nil
}

func causesOf(v abi.Value, def []string) ([]string, error) {
	c := v.Get("causes")
	if c.IsNull() {
		return def, nil
	}
	for _, k := range c.StringList() {
		if !slices.Contains(causes, k) {
			return nil, sdk.Error("causes: there is no cause " + k + "; they are " + strings.Join(causes, ", "))
		}
	}
	return c.StringList(), nil
}

func limitsOf(v abi.Value) archive.Limits {
	n := func(name string) int64 { return int64(v.Get(name).Number) }
	return archive.Limits{
		Depth: int(n("depth")), Entries: int(n("entries")), Bytes: n("bytes"), Ratio: n("ratio"), Memory: n("memory"), Verify: n("verify"),
		Time: time.Duration(n("time")) * time.Millisecond,
	}
}

func (s *settings) wants(d abi.Direction, cause string) bool {
	return slices.Contains(s.wanted[min(d, abi.DirectionOutbound)], cause)
}

// allow lets findings pass for other parties (B143): the sender of what comes
// in, every recipient of what goes out.
type allow struct {
	name    string
	exact   map[string]bool // addresses and domains
	below   []string        // ".example.org": a domain with all below it
	lists   []string
	classes []string
}

func allowOf(v abi.Value) (allow, error) {
	a := allow{exact: map[string]bool{}}
	if l := v.Get("_labels").StringList(); len(l) > 0 {
		a.name = l[0]
	}
	for _, p := range v.Get("parties").StringList() {
		p = strings.ToLower(p)
		if strings.HasPrefix(p, ".") {
			a.below = append(a.below, p)
			p = p[1:]
		}
		if p == "" {
			return a, sdk.Error("allow " + a.name + ": an empty party would be everybody")
		}
		a.exact[p] = true
	}
	a.lists = v.Get("lists").StringList()
	if len(a.exact) == 0 && len(a.lists) == 0 {
		return a, sdk.Error("allow " + a.name + ": it needs parties or lists")
	}
	of, err := causesOf(v, causes)
	for _, c := range of {
		a.classes = append(a.classes, "unscannable/"+c)
	}
	return a, err
}

// covers: every other party is on the list.
func (a *allow) covers(c *sdk.Call) (bool, error) {
	others := []string{c.Sender}
	if c.Direction == abi.DirectionOutbound {
		others = c.Recipients
	}
	for _, o := range others {
		ok, err := a.has(c, strings.ToLower(o))
		if !ok || err != nil {
			return false, err
		}
	}
	return len(others) > 0, nil
}

func (a *allow) has(c *sdk.Call, addr string) (bool, error) {
	i := strings.LastIndexByte(addr, '@')
	if i < 0 { // the null sender is nobody
		return false, nil
	}
	domain := addr[i+1:]
	if a.exact[addr] || a.exact[domain] {
		return true, nil
	}
	for _, b := range a.below {
		if strings.HasSuffix(domain, b) {
			return true, nil
		}
	}
	for _, l := range a.lists {
		r, err := c.Lookup(l, addr, domain)
		if err == sdk.ErrNotFound {
			continue
		}
		if err != nil || r.Found {
			return r.Found, err
		}
	}
	return false, nil
}
