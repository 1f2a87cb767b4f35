package policy

import (
	"math"
	"testing"
	"time"
)

// vector is B74–B78 in hours from the first failure.
var vector = []float64{
	0, .25, .5, .75, 1, 1.25, 1.5, 1.75, 2,
	2.25, 2.625, 3.188, 4.031, 5.297, 7.195, 10.043, 14.314, 20.722,
	26.722, 32.722, 38.722, 44.722, 50.722, 56.722, 62.722, 68.722, 74.722, 80.722, 86.722, 92.722,
	96,
}

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// attempts plays a schedule: every attempt takes took and fails.
func attempts(t *testing.T, s *Schedule, lifetime, took time.Duration, jitter func() float64) []time.Time {
	t.Helper()
	at := []time.Time{start}
	for now := start; ; {
		next, expired := s.Next(start, now, len(at), lifetime, jitter)
		if expired {
			return at
		}
		if !next.After(now) {
			t.Fatalf("attempt %d: next %v is not after %v", len(at), next, now)
		}
		at = append(at, next)
		now = next.Add(took)
		if len(at) > 1000 {
			t.Fatal("the schedule does not end")
		}
	}
}

func TestStandardScheduleVector(t *testing.T) {
	got := attempts(t, standardSchedule(), 0, 0, nil)
	if len(got) != 31 || len(vector) != 31 {
		t.Fatalf("%d attempts, want 31", len(got))
	}
	for i, at := range got {
		if h := at.Sub(start).Hours(); math.Abs(h-vector[i]) > 0.0006 {
			t.Errorf("attempt %d at %.4f h, want %.3f h", i+1, h, vector[i])
		}
	}
}

func TestScheduleJitterOnlyDelays(t *testing.T) {
	s := standardSchedule()
	for _, j := range []float64{-1, 0, .5, .999, 7, math.NaN()} {
		plain, _ := s.Next(start, start.Add(3*time.Hour), 5, 0, nil)
		next, expired := s.Next(start, start.Add(3*time.Hour), 5, 0, func() float64 { return j })
		if d := next.Sub(plain); expired || d < 0 || d > time.Minute {
			t.Errorf("jitter %v: delayed by %v", j, d)
		}
	}
	got := attempts(t, s, 0, 20*time.Second, func() float64 { return .99 })
	if n := len(got); n < 29 || n > 31 {
		t.Errorf("%d attempts with jitter, want about 31", n)
	}
	for i := 1; i < 30 && i < len(got); i++ {
		if late := got[i].Sub(start) - time.Duration(vector[i]*float64(time.Hour)); late < -4*time.Second || late > time.Hour {
			t.Errorf("attempt %d is %v late", i+1, late)
		}
	}
}

func TestScheduleLifetime(t *testing.T) {
	for _, c := range []struct {
		lifetime time.Duration
		last     time.Duration
		n        int
	}{
		{24 * time.Hour, 24 * time.Hour, 19},
		{time.Hour, time.Hour, 5},
		{10 * time.Minute, 10 * time.Minute, 2},
		{1000 * time.Hour, 96 * time.Hour, 31}, // it never lengthens
	} {
		got := attempts(t, standardSchedule(), c.lifetime, 0, nil)
		if last := got[len(got)-1].Sub(start); last != c.last || len(got) != c.n {
			t.Errorf("lifetime %v: %d attempts, the last at %v; want %d, %v", c.lifetime, len(got), last, c.n, c.last)
		}
	}
}

func TestScheduleAfterAnOutage(t *testing.T) {
	s := standardSchedule()
	for _, c := range []struct {
		name     string
		since    time.Duration
		failures int
		want     time.Duration
	}{
		{"down_for_ten_hours_starts_the_phase_anew", 11 * time.Hour, 3, 15 * time.Minute},
		{"manual_retries_leave_the_index", 2*time.Hour + 20*time.Minute, 10, 22*time.Minute + 30*time.Second},
		{"phase_three_is_constant", 50 * time.Hour, 40, 6 * time.Hour},
		{"no_failure_counts_as_one", 0, 0, 15 * time.Minute},
		{"clock_went_backwards", -5 * time.Minute, 4, 15 * time.Minute},
		{"failed_many_times_in_phase_one", time.Hour, 500, 15 * time.Minute},
	} {
		now := start.Add(c.since)
		next, expired := s.Next(start, now, c.failures, 0, nil)
		if expired || next.Sub(now) != c.want {
			t.Errorf("%s: after %v (expired %v), want %v", c.name, next.Sub(now), expired, c.want)
		}
	}
	if _, expired := s.Next(start, start.Add(96*time.Hour), 4, 0, nil); !expired {
		t.Error("not expired after 96 h")
	}
}
