package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a machine may have no table of zones
)

// Timetable says when something is made that comes again and again: at times
// of the day in a zone, each day or on some. It is a pure value; the zero
// Timetable never comes.
type Timetable struct {
	text  []string
	slots []slot
	zone  *time.Location
}

// slot is one time of the day, on the days it holds for.
type slot struct {
	days   [7]bool // by time.Weekday
	month  int     // day of the month, 1 to 28; 0: by days
	minute int     // of the day
}

// String is the timetable as HCL writes it.
func (t Timetable) String() string {
	if t.zone == nil {
		return "never"
	}
	return strings.Join(t.text, ", ") + " (" + t.zone.String() + ")"
}

// Zone is the zone whose clock counts.
func (t Timetable) Zone() *time.Location {
	if t.zone == nil {
		return time.UTC
	}
	return t.zone
}

// horizon is how many days lie at most between two times of a timetable.
const horizon = 32

// Last is the latest time that is not after now; zero if there is none. A time
// that the clock skips in spring comes when it has been moved, one that it shows
// twice in autumn comes once.
func (t Timetable) Last(now time.Time) time.Time {
	var best time.Time
	t.each(now, -horizon, 1, func(at time.Time) {
		if !at.After(now) && at.After(best) {
			best = at
		}
	})
	return best
}

// Next is the earliest time after now; zero if there is none.
func (t Timetable) Next(now time.Time) time.Time {
	var best time.Time
	t.each(now, -1, horizon, func(at time.Time) {
		if at.After(now) && (best.IsZero() || at.Before(best)) {
			best = at
		}
	})
	return best
}

// each calls f for every time of the days from and to around that of now.
func (t Timetable) each(now time.Time, from, to int, f func(time.Time)) {
	if t.zone == nil {
		return
	}
	y, m, d := now.In(t.zone).Date()
	for i := from; i <= to; i++ {
		day := time.Date(y, m, d+i, 12, 0, 0, 0, t.zone)
		for _, s := range t.slots {
			if s.month == day.Day() || s.month == 0 && s.days[day.Weekday()] {
				f(time.Date(day.Year(), day.Month(), day.Day(), s.minute/60, s.minute%60, 0, 0, t.zone))
			}
		}
	}
}

var slotForm = regexp.MustCompile(`^(?:([A-Za-z]{3})(?:-([A-Za-z]{3}))? |(\d{1,2})\. )?(\d{2}):(\d{2})$`)

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// slotRemedy says how a time is written.
const slotRemedy = `Write "07:00" for each day, "Mon 07:00", "Mon-Fri 07:00", or "1. 07:00" for a day of the month up to the 28th.`

// parseSlot reads one time of a timetable.
func parseSlot(text string) (slot, error) {
	m := slotForm.FindStringSubmatch(text)
	if m == nil {
		return slot{}, fmt.Errorf("%s is no time of a timetable. %s", clip(text), slotRemedy)
	}
	hour, _ := strconv.Atoi(m[4])
	minute, _ := strconv.Atoi(m[5])
	if hour > 23 || minute > 59 {
		return slot{}, fmt.Errorf("%s:%s is no time of the day. %s", m[4], m[5], slotRemedy)
	}
	s := slot{minute: hour*60 + minute}
	if m[3] != "" {
		if s.month, _ = strconv.Atoi(m[3]); s.month < 1 || s.month > 28 {
			return slot{}, fmt.Errorf("not every month has a day %s. %s", m[3], slotRemedy)
		}
		return s, nil
	}
	first, last := 0, 6
	if m[1] != "" {
		first = weekday(m[1])
		if last = first; m[2] != "" {
			last = weekday(m[2])
		}
		if first < 0 || last < 0 {
			return slot{}, fmt.Errorf("%s names no day of the week: they are Mon, Tue, Wed, Thu, Fri, Sat and Sun. %s", clip(text), slotRemedy)
		}
	}
	for d := first; ; d = (d + 1) % 7 {
		if s.days[d] = true; d == last {
			return s, nil
		}
	}
}

func weekday(name string) int {
	for i, w := range weekdays {
		if strings.EqualFold(name, w) {
			return i
		}
	}
	return -1
}

// timetable reads the attributes at and zone of a block.
func (l *loader) timetable(n *node, v *values) Timetable {
	t := Timetable{text: get[[]string](v, "at")}
	zone, err := time.LoadLocation(get[string](v, "zone"))
	if err != nil || strings.EqualFold(get[string](v, "zone"), "local") {
		l.fail("Unknown time zone", v.at("zone"), &n.head, "zone: there is no time zone %s. Write one as \"Europe/Vienna\", or \"UTC\".", clip(get[string](v, "zone")))
		return Timetable{}
	}
	if len(t.text) == 0 && !v.bad["at"] {
		l.fail("Invalid value", v.at("at"), &n.head, "at: there is no time in it. %s", slotRemedy)
	}
	for i, text := range t.text {
		s, err := parseSlot(text)
		if err != nil {
			l.fail("Invalid time", v.item("at", i), &n.head, "at: %s", err)
			continue
		}
		t.slots = append(t.slots, s)
	}
	t.zone = zone
	return t
}
