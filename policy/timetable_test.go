package policy

import (
	"testing"
	"time"
)

func timetableOf(t *testing.T, zone string, at ...string) Timetable {
	t.Helper()
	z, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	tt := Timetable{text: at, zone: z}
	for _, text := range at {
		s, err := parseSlot(text)
		if err != nil {
			t.Fatal(err)
		}
		tt.slots = append(tt.slots, s)
	}
	return tt
}

func TestTimetable(t *testing.T) {
	cases := []struct {
		name, zone      string
		at              []string
		now, last, next string // RFC 3339
	}{
		{"daily", "UTC", []string{"07:00"}, "2026-11-22T08:00:00Z", "2026-11-22T07:00:00Z", "2026-11-23T07:00:00Z"},
		{"on_the_minute", "UTC", []string{"07:00"}, "2026-11-22T07:00:00Z", "2026-11-22T07:00:00Z", "2026-11-23T07:00:00Z"},
		{"just_before", "UTC", []string{"07:00"}, "2026-11-22T06:59:59Z", "2026-11-21T07:00:00Z", "2026-11-22T07:00:00Z"},
		{"zone", "Europe/Vienna", []string{"07:00"}, "2026-11-22T06:30:00Z", "2026-11-22T06:00:00Z", "2026-11-23T06:00:00Z"},
		{"another_day_there", "Pacific/Auckland", []string{"07:00"}, "2026-11-22T20:00:00Z", "2026-11-22T18:00:00Z", "2026-11-23T18:00:00Z"},
		{"twice_a_day", "UTC", []string{"07:00", "15:00"}, "2026-11-22T08:00:00Z", "2026-11-22T07:00:00Z", "2026-11-22T15:00:00Z"},
		{"weekly", "UTC", []string{"Mon 07:00"}, "2026-11-22T08:00:00Z", "2026-11-16T07:00:00Z", "2026-11-23T07:00:00Z"},
		{"working_days", "UTC", []string{"Mon-Fri 07:00"}, "2026-11-22T08:00:00Z", "2026-11-20T07:00:00Z", "2026-11-23T07:00:00Z"},
		{"over_the_weekend", "UTC", []string{"Sat-Mon 07:00"}, "2026-11-25T08:00:00Z", "2026-11-23T07:00:00Z", "2026-11-28T07:00:00Z"},
		{"monthly", "UTC", []string{"1. 07:00"}, "2026-02-28T08:00:00Z", "2026-02-01T07:00:00Z", "2026-03-01T07:00:00Z"},
		{"monthly_before", "UTC", []string{"28. 07:00"}, "2026-03-27T08:00:00Z", "2026-02-28T07:00:00Z", "2026-03-28T07:00:00Z"},
		// 2026-03-29: Vienna's clock goes from 02:00 to 03:00, and on 2026-10-25 from 03:00 back to 02:00.
		{"spring", "Europe/Vienna", []string{"02:30"}, "2026-03-29T12:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"},
		{"autumn_before", "Europe/Vienna", []string{"02:30"}, "2026-10-25T00:45:00Z", "2026-10-24T00:30:00Z", "2026-10-25T01:30:00Z"},
		{"autumn_after", "Europe/Vienna", []string{"02:30"}, "2026-10-25T01:45:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tt := timetableOf(t, c.zone, c.at...)
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.Last(now).UTC().Format(time.RFC3339); got != c.last {
				t.Errorf("last %s, want %s", got, c.last)
			}
			if got := tt.Next(now).UTC().Format(time.RFC3339); got != c.next {
				t.Errorf("next %s, want %s", got, c.next)
			}
		})
	}
	if !(Timetable{}).Last(time.Now()).IsZero() || !(Timetable{}).Next(time.Now()).IsZero() {
		t.Error("the zero timetable comes")
	}
}

// Walking from one time to the next meets each day's once, in years with and
// without leap days and over every change of the clock.
func TestTimetableMissesNothing(t *testing.T) {
	tt := timetableOf(t, "Europe/Vienna", "02:30")
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	end := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	n := 0
	for at = tt.Next(at); at.Before(end); at = tt.Next(at) {
		if !tt.Last(at).Equal(at) {
			t.Fatalf("%s is not the last at its own time", at)
		}
		n++
	}
	if n != 365+366 {
		t.Errorf("%d times in two years", n)
	}
}
