package query

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// span is what a value of TypeTime stands for: an instant (end equals start)
// or, for a date, the whole day up to end.
type span struct{ start, end time.Time }

func (s span) instant() bool { return s.start.Equal(s.end) }

var clockLayouts = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"}

// ParseTime reads a time as filters write it: "now", "today", "yesterday", a
// distance from now ("-2h", "-7d", "+30m", with the units s, m, h, d, w), RFC
// 3339, a date (2026-11-20) or a date with a time of day. What has no zone
// of its own is in now's location. A day stands for its first instant.
func ParseTime(s string, now time.Time) (time.Time, error) {
	sp, err := parseSpan(s, now)
	return sp.start, err
}

func parseSpan(s string, now time.Time) (span, error) {
	at := func(t time.Time) (span, error) { return span{t, t}, nil }
	day := func(t time.Time) (span, error) {
		y, m, d := t.Date()
		start := time.Date(y, m, d, 0, 0, 0, 0, t.Location())
		return span{start, time.Date(y, m, d+1, 0, 0, 0, 0, t.Location())}, nil
	}
	switch strings.ToLower(s) {
	case "":
		return span{}, errors.New(`empty time; write one such as "-2h", "today" or "2026-11-20"`)
	case "now":
		return at(now)
	case "today":
		return day(now)
	case "yesterday":
		return day(now.AddDate(0, 0, -1))
	}
	if s[0] == '-' || s[0] == '+' {
		d, err := ParseDistance(s[1:])
		if err != nil {
			return span{}, err
		}
		if s[0] == '-' {
			d = -d
		}
		return at(now.Add(d))
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return at(t)
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return day(t)
	}
	for _, l := range clockLayouts {
		if t, err := time.ParseInLocation(l, s, now.Location()); err == nil {
			return at(t)
		}
	}
	return span{}, fmt.Errorf(`%q is not a time; write one such as "-2h", "-7d", "today", "2026-11-20" or "2026-11-20T15:04:05Z"`, clip(s))
}

// maxDistance bounds relative times: a hundred years.
const maxDistance = 100 * 365 * 24 * time.Hour

// ParseDistance reads a length of time such as "90m", "2h30m", "7d" or "2w".
func ParseDistance(s string) (time.Duration, error) {
	bad := fmt.Errorf(`%q is not a length of time; write one such as "30m", "2h" or "7d"`, clip(s))
	if s == "" {
		return 0, bad
	}
	var total float64
	for rest := s; rest != ""; {
		i := 0
		for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == '.') {
			i++
		}
		if i == 0 || i == len(rest) {
			return 0, bad
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil {
			return 0, bad
		}
		unit, ok := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[rest[i]]
		if !ok {
			return 0, bad
		}
		total += n * float64(unit)
		rest = rest[i+1:]
	}
	if total > float64(maxDistance) {
		return 0, fmt.Errorf("%q is too long a time", clip(s))
	}
	return time.Duration(total), nil
}

// ParseSize reads octets: "500", "10k", "1.5MB", "10MiB". As in the policy
// language k, M and G are powers of 1024 with or without "iB", and powers of
// 1000 with "B".
func ParseSize(s string) (float64, error) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	n, err := strconv.ParseFloat(s[:i], 64)
	unit, ok := sizeUnits[strings.ToLower(s[i:])]
	if err != nil || !ok {
		return 0, fmt.Errorf(`%q is not a size; write one such as "500", "10k" or "10MiB"`, clip(s))
	}
	return n * unit, nil
}

var sizeUnits = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
	"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
	"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
}

func parseNumber(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%q is not a number", clip(s))
	}
	return n, nil
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "yes", "true", "1":
		return true, nil
	case "no", "false", "0":
		return false, nil
	}
	return false, fmt.Errorf(`%q is neither "yes" nor "no"`, clip(s))
}

func parseNetwork(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err == nil && p.Addr().Is4In6() {
			err = errors.New("mapped address")
		}
		if err != nil {
			return p, fmt.Errorf("%q is not a network; write one such as 192.0.2.0/24 or 2001:db8::/32", clip(s))
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a network such as 192.0.2.0/24", clip(s))
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// idValue is a message ID or a prefix of one, and perhaps a recipient.
type idValue struct {
	prefix string // lower case
	n      int    // 0: any
}

func parseID(s string) (idValue, error) {
	head, tail, dotted := strings.Cut(strings.ToLower(s), ".")
	v := idValue{prefix: head}
	if dotted {
		n, err := strconv.Atoi(tail)
		if err != nil || n < 1 || strconv.Itoa(n) != tail {
			return v, fmt.Errorf("%q: what follows the dot of a recipient's ID is its number, such as .1", clip(s))
		}
		v.n = n
	}
	if head == "" || len(head) > 26 || strings.Trim(head, "0123456789abcdefghjkmnpqrstvwxyz") != "" {
		return v, fmt.Errorf("%q is not a message ID nor the start of one", clip(s))
	}
	return v, nil
}

func parseStatus(s string) (mail.Status, error) {
	st := mail.Status(strings.ToLower(s))
	all := mail.Statuses()
	names := make([]string, len(all))
	for i, k := range all {
		if k == st {
			return st, nil
		}
		names[i] = string(k)
	}
	return "", fmt.Errorf("no status %q%s", clip(s), didYouMean(s, names))
}

func parseEnum(f Field, s string) (string, error) {
	for _, v := range f.Values {
		if strings.EqualFold(s, v) {
			return v, nil
		}
	}
	return "", fmt.Errorf("%s has no value %q; it is one of %s", f.Name, clip(s), strings.Join(f.Values, ", "))
}

// clip keeps what a message quotes short.
func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}
