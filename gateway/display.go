package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// view is how values are written: in which zone, seen from which instant.
type view struct {
	now time.Time
	loc *time.Location
}

func (g *Globals) view() view {
	v := view{now: time.Now(), loc: time.Local}
	if g.UTC {
		v.loc = time.UTC
	}
	return v
}

// short is a time for a table: the clock for today, else the day too.
func (v view) short(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t, now := t.In(v.loc), v.now.In(v.loc)
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04")
	case now.Sub(t).Abs() < 300*24*time.Hour:
		return t.Format("Jan 02 15:04")
	}
	return t.Format("2006-01-02")
}

// long is a time to the second with its zone.
func (v view) long(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(v.loc).Format("2006-01-02 15:04:05 MST")
}

// until is how far off a time is: "in 12m", "due", "3h ago".
func (v view) until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := t.Sub(v.now)
	switch {
	case d >= time.Second:
		return "in " + distance(d)
	case d <= -time.Minute:
		return distance(-d) + " ago"
	}
	return "now"
}

// distance is a duration in its one most telling unit, rounded.
func distance(d time.Duration) string {
	switch {
	case d < time.Minute-time.Second/2:
		return fmt.Sprintf("%ds", int(d.Round(time.Second)/time.Second))
	case d < time.Hour-time.Minute/2:
		return fmt.Sprintf("%dm", int(d.Round(time.Minute)/time.Minute))
	case d < 48*time.Hour-time.Hour/2:
		return fmt.Sprintf("%dh", int(d.Round(time.Hour)/time.Hour))
	}
	return fmt.Sprintf("%dd", int(d.Round(24*time.Hour)/(24*time.Hour)))
}

// octets is a size in binary units.
func octets(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return count(int(n), "octet")
	}
	f, u := float64(n)/1024, 0
	for math.Round(f*10)/10 >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	if f >= 100 {
		return fmt.Sprintf("%.0f %s", f, units[u])
	}
	return fmt.Sprintf("%.1f %s", f, units[u])
}

// shortID is the least part of an ID that is shown: ten characters are the
// millisecond, one the version, and what follows tells apart some thousand
// messages of the same millisecond.
const shortID = 13

// shortIDs shortens the message IDs of a list as far as they stay different
// from one another; a ".n" behind an ID stays.
func shortIDs(ids []string) []string {
	seen := map[string]bool{}
	for _, id := range ids {
		m, _, _ := strings.Cut(id, ".")
		seen[m] = true
	}
	n := shortID
	for ; n < 26; n++ {
		heads := map[string]bool{}
		for id := range seen {
			heads[id[:min(n, len(id))]] = true
		}
		if len(heads) == len(seen) {
			break
		}
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		m, rest, dotted := strings.Cut(id, ".")
		out[i] = m[:min(n, len(m))]
		if dotted {
			out[i] += "." + rest
		}
	}
	return out
}

// sender shows the null reverse-path as SMTP writes it.
func sender(s string) string {
	if s == "" {
		return "<>"
	}
	return s
}

func statusStyle(status string) terminal.Style {
	switch mail.Status(status) {
	case mail.StatusDelivered, mail.StatusSecureDelivered, mail.StatusReleased, mail.StatusAutoReleased:
		return terminal.Green
	case mail.StatusAccepted, mail.StatusQueued:
		return terminal.Yellow
	case mail.StatusQueueRemoved, mail.StatusQuarantineRemoved, mail.StatusQuarantineExpired, mail.StatusBlackholed:
		return terminal.Dim
	}
	return terminal.Red // B109, B146: what stands out
}

// statusMeaning says a status in plain words (B14–B30).
func statusMeaning(status string) string {
	switch mail.Status(status) {
	case mail.StatusAccepted:
		return "taken over; filters or a first attempt still to run"
	case mail.StatusQueued:
		return "waits for its destination; tried again by itself"
	case mail.StatusQueueFrozen:
		return "not tried by itself any more; waits for an operator"
	case mail.StatusStalled:
		return "could not be inspected; waits for an operator"
	case mail.StatusQuarantined:
		return "held by policy"
	case mail.StatusDelivered:
		return "the destination took it"
	case mail.StatusSecureDelivered:
		return "the destination took it over verified TLS that policy asked for"
	case mail.StatusReleased:
		return "an operator let it pass, and the destination took it"
	case mail.StatusAutoReleased:
		return "let pass by a timer or a later scan, and the destination took it"
	case mail.StatusDeliveryFailed:
		return "the destination refused it for good; the sender was not told"
	case mail.StatusBounced:
		return "the destination refused it for good; the sender was told"
	case mail.StatusQueueBounced:
		return "given up; the sender was told"
	case mail.StatusQueueExpired:
		return "given up after its lifetime; there was nobody to tell"
	case mail.StatusQueueRemoved:
		return "an operator removed it from the queue"
	case mail.StatusBlackholed:
		return "taken and dropped by policy"
	case mail.StatusQuarantineRemoved:
		return "an operator removed it from quarantine"
	case mail.StatusQuarantineExpired:
		return "held until its time was over, then removed"
	case mail.StatusRejected:
		return "refused with a permanent answer (5xx)"
	case mail.StatusNotAccepted:
		return "deferred by us (4xx), or the client left"
	}
	return ""
}

// printJSON writes one value as one line.
func printJSON(v any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
