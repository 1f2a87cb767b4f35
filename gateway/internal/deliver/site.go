package deliver

import (
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/policy"
)

// site is a destination as it is treated (B89): a named one of the policy, or
// the next hops that the same hosts serve. Its fields are guarded by sites.mu.
type site struct {
	key  string
	dest policy.Destination

	fails   int        // episodes of trouble in a row
	until   time.Time  // back-off: nothing is tried before it
	since   time.Time  // of the last trouble; what began before it tells nothing new
	window  int        // connections at a time while it is new or recovers; 0 as many as dest allows
	trying  bool       // one attempt tests whether the trouble is over
	last    mail.Reply // as others may hear it
	lastAt  time.Time
	refused int       // attempts in a row in which everybody was refused
	senders two       // whom they refused
	hops    two       // and where
	seen    two       // next hops that the site serves
	stopped time.Time // suspended until

	tat     time.Time // of the rate: the theoretical arrival time of GCRA
	running int       // attempts let in
	used    time.Time
}

// Why our own limits keep an attempt back.
const (
	WhyConnections = "connections" // all connections are in use
	WhyRate        = "rate"
	WhyBackoff     = "back-off"
	WhySuspended   = "suspended" // it refused everybody
	WhyManual      = "operator"  // an operator has suspended it
	WhyTrial       = "trial"     // one attempt finds out whether the destination is well again
)

// hold is why nothing goes to a site now.
type hold struct {
	why  string
	for_ time.Duration
	text string     // for the reply; it is asked for far more rarely than what keeps us
	code string     // enhanced; "" 4.4.5
	last mail.Reply // what keeps us, for the words; zero none
}

// reply is what recipients hear that are kept back.
func (h *hold) reply() mail.Reply {
	text, code := "waiting: "+h.text, h.code
	if code == "" {
		code = "4.4.5"
	}
	if h.last.Code != 0 {
		text += fmt.Sprintf(" (%s)", h.last)
	}
	return *mail.NewReply(451, code, text)
}

// trialPoll is how soon an attempt asks again that another one's trial keeps back.
const trialPoll = 5 * time.Second

// alone begins the words of what back-off and suspension keep back.
const alone = "the destination is left alone for a while, because "

// troubled reports that the site has not been well since its last trouble.
func (s *site) troubled() bool { return !s.until.IsZero() || !s.stopped.IsZero() }

// held says whether back-off or suspension keeps attempts back.
func (s *site) held(now time.Time) *hold {
	switch {
	case now.Before(s.stopped):
		return s.holding(WhySuspended, s.stopped.Sub(now), alone+"it refused everybody")
	case now.Before(s.until):
		return s.holding(WhyBackoff, s.until.Sub(now), alone+"it could not be used")
	case s.troubled() && s.trying:
		return s.holding(WhyTrial, trialPoll, alone+"another message finds out whether it is well again")
	}
	return nil
}

func (s *site) holding(why string, d time.Duration, text string) *hold {
	h := &hold{why: why, for_: d, text: text}
	if why != WhyTrial {
		h.last = s.last
	}
	return h
}

// limit is how many connections may be open, of most.
func (s *site) limit(most int) int {
	if s.window > 0 {
		return min(s.window, most)
	}
	return most
}

// take asks for one message within the rate. It is granted when it may go
// within patience, which is then waited for; otherwise the time that would be.
func (s *site) take(now time.Time, patience time.Duration) (wait time.Duration, ok bool) {
	d := s.dest
	if d.Rate <= 0 || d.RatePer <= 0 {
		return 0, true
	}
	every, burst := d.RatePer/time.Duration(d.Rate), burstOf(d.Rate)
	tat := s.tat
	if tat.Before(now) {
		tat = now
	}
	wait = max(tat.Add(-every*time.Duration(burst-1)).Sub(now), 0)
	if wait > patience {
		return wait, false
	}
	s.tat = tat.Add(every)
	return wait, true
}

// burstOf is how many messages of a rate may go at once: a tenth.
func burstOf(rate int) int { return max(1, (rate+9)/10) }

// left is how many messages the rate lets go at once now; -1 any number.
func (s *site) left(now time.Time) int {
	d := s.dest
	if d.Rate <= 0 || d.RatePer <= 0 {
		return -1
	}
	every, burst := d.RatePer/time.Duration(d.Rate), burstOf(d.Rate)
	if s.tat.Before(now) {
		return burst
	}
	return max(0, burst-int((s.tat.Sub(now)+every-1)/every))
}

// health is what an attempt found out about a site.
type health int

const (
	unknown     health = iota // nothing: stopped, DNS, our own failure
	unreachable               // no host could be talked to
	slow                      // it asked us to come later: 421, or 4yz before any recipient
	shut                      // 5yz before any recipient: it does not talk to us
	refusing                  // it talks, and refuses everybody for reasons of policy
	well
)

// two are the first two of several values: enough to know more than one.
type two [2]string

func (t *two) add(s string) {
	if t[0] == "" || t[0] == s {
		t[0] = s
	} else {
		t[1] = s
	}
}

func (t *two) several() bool { return t[1] != "" }

// finding is what an attempt found out, where and about whom.
type finding struct {
	health
	reply       mail.Reply
	sender, hop string
	start       time.Time // of the attempt
}

// heard is what others may hear of it: codes, and our own words where no host said
// anything. What a host says is about the message it was given.
func (f *finding) heard() mail.Reply {
	r := mail.Reply{Code: f.reply.Code, Enhanced: f.reply.Enhanced}
	if f.health == unreachable && !quotes(false, f.reply) {
		r.Text = f.reply.Text
	}
	return r
}

// report takes in what an attempt found out. It returns what there is to log,
// "" nothing.
func (s *site) report(f finding, now time.Time) string {
	s.seen.add(f.hop)
	switch f.health {
	case unknown:
		return ""
	case well:
		was := s.troubled()
		s.fails, s.until, s.stopped, s.refused, s.senders, s.hops = 0, time.Time{}, time.Time{}, 0, two{}, two{}
		if s.window > 0 {
			if s.window++; s.window >= s.dest.Connections {
				s.window, s.since = 0, time.Time{}
			}
		}
		if was {
			return "the destination is well again"
		}
		return ""
	}
	s.last, s.lastAt = f.heard(), now
	if (f.health == shut || f.health == refusing) && s.everybody(f) {
		// Never for less than it would be left alone as one that is in trouble.
		s.stopped = now.Add(max(s.dest.SuspendFor, backoff(s.dest, s.fails)))
		s.until = time.Time{}
		s.window, s.since = 1, now
		return "the destination refuses everybody and is suspended"
	}
	if f.health == refusing || s.dest.Backoff <= 0 || f.start.Before(s.since) || now.Before(s.until) {
		return "" // what began before the last trouble was known is no further trouble
	}
	s.fails++
	s.since, s.window = now, 1
	s.until = now.Add(backoff(s.dest, s.fails))
	return "the destination is in trouble and left alone for a while"
}

// everybody counts refusals in a row. Those after the greeting count for all
// only once two senders met them, and at two of the next hops where it serves
// several: one of them may be refused for its own sake.
func (s *site) everybody(f finding) bool {
	if s.dest.SuspendAfter <= 0 {
		return false
	}
	s.refused++
	s.senders.add(f.sender)
	s.hops.add(f.hop)
	return s.refused >= s.dest.SuspendAfter &&
		(f.health == shut || s.senders.several() && (s.hops.several() || !s.seen.several()))
}

// backoff is the pause after so many episodes: it doubles.
func backoff(d policy.Destination, fails int) time.Duration {
	pause := d.Backoff
	for range min(fails-1, 30) {
		if pause >= d.MaxBackoff {
			break
		}
		pause *= 2
	}
	return min(pause, max(d.MaxBackoff, d.Backoff))
}
