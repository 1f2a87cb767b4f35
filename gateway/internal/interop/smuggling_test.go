package interop_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Two servers that disagree about where a message ends let its author put a
// second message behind it, with an envelope of their own (SMTP smuggling, SEC
// Consult 2023; CVE-2023-51764 to 51766). Every way to disagree that the
// literature has is sent through the gateway to a Postfix that takes LF . CR LF
// for an end of data, and to Exim. What arrives behind them is counted: the
// message or nothing, never the smuggled one.

const smugglingPolicy = `
gateway {
  hostname = "mx.weir.test"
  data_dir = "./data"
}
listener "refuse" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  bare_lf   = "refuse"
  tls { auto = "self-signed" }
  limits { per_client = 500 }
}
listener "normalise" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  bare_lf   = "normalise"
  tls { auto = "self-signed" }
  limits { per_client = 500 }
}
listener "hasty-refuse" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  bare_lf   = "refuse"
  limits {
    per_client   = 500
    data_timeout = "1s"
  }
}
listener "hasty-normalise" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  bare_lf   = "normalise"
  limits {
    per_client   = 500
    data_timeout = "1s"
  }
}
tenant "postfix" {
  domains = ["p.test"]
  route { hosts = ["%s"] }
  recipients { verify = "none" }
}
tenant "exim" {
  domains = ["e.test"]
  route { hosts = ["%s"] }
  recipients { verify = "none" }
}
`

// sent is an attack that was carried out.
type sent struct {
	attack
	listener, peer string
	want           int
	replies        string
}

// pipelined is the token of the one plan that is no attack: two messages, one
// behind the other as RFC 2920 allows. Were the second not found, smuggled
// ones were not found either.
const pipelined = "9999"

// plan is every attack on each peer by each listener, by token, and the number
// of messages that have to arrive.
func plan(behind []*peer) (all map[string]*sent, want int) {
	all = map[string]*sent{pipelined: {
		attack:   attack{name: "two honest messages", writes: []write{{bytes: envelope + "DATA\r\n" + head + "\r\n.\r\n" + smuggled}}},
		listener: "refuse", peer: "postfix", want: 1,
	}}
	want = 2
	for _, a := range slices.Concat(dataAttacks(), brokenAttacks(), bdatAttacks()) {
		for _, lf := range []string{"refuse", "normalise"} {
			for _, p := range behind {
				s := &sent{attack: a, listener: lf, peer: p.name, want: a.refuse}
				if lf == "normalise" {
					s.want = a.normalise
				}
				if a.hasty {
					s.listener = "hasty-" + lf
				}
				want += s.want
				all[fmt.Sprintf("%04d", len(all))] = s
			}
		}
	}
	return all, want
}

// carryOutAll carries out a plan, many attacks at a time, those that stall first.
func carryOutAll(t *testing.T, g *gateway, all map[string]*sent) {
	todo := make(chan string, len(all))
	for _, hasty := range []bool{true, false} {
		for token, s := range all {
			if s.hasty == hasty {
				todo <- token
			}
		}
	}
	close(todo)
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			for token := range todo {
				s := all[token]
				s.replies = s.carryOut(t, g.listener(s.listener), token)
			}
		})
	}
	wg.Wait()
}

func TestNothingIsSmuggledThroughTheGateway(t *testing.T) {
	t.Parallel()
	sink := startSink(t)
	behind := startPeers(t, sink.addr, func(p string) string { return p[:1] + ".test" })
	g := startGateway(t, fmt.Sprintf(smugglingPolicy, behind[0].Addr, behind[1].Addr))

	all, want := plan(behind)
	begun := time.Now()
	carryOutAll(t, g, all)
	for deadline := time.Now().Add(patience); sink.count(t) < want && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	g.idle(t)
	await(t, patience, "the peers' queues are empty", func() bool { return behind[0].waiting()+behind[1].waiting() == 0 })

	honestly, smuggledTo := map[string]int{}, map[string]int{}
	for _, m := range sink.messages(t) {
		for _, to := range m.to {
			switch r := regexp.MustCompile(`^<([lv])([0-9]{4})@[pe]\.test>`).FindStringSubmatch(to); {
			case r == nil:
				t.Errorf("a message arrived for %q", to)
			case r[1] == "l":
				honestly[r[2]]++
				if s := all[r[2]]; s != nil && s.refuse == 1 && strings.HasPrefix(s.content, head) {
					if want := body(s.names(r[2]).Replace(s.content)); body(m.text) != want {
						t.Errorf("%s, listener %s, into %s: arrived %q, want %q", s.name, s.listener, s.peer, body(m.text), want)
					}
				}
			default:
				smuggledTo[r[2]]++
			}
		}
	}
	for token, s := range all {
		n := 0
		if token == pipelined {
			n = 1
		}
		if honestly[token] != s.want || smuggledTo[token] != n {
			t.Errorf("%s, listener %s, into %s: %d honest, want %d; %d smuggled; the gateway said\n%s",
				s.name, s.listener, s.peer, honestly[token], s.want, smuggledTo[token], s.replies)
		}
	}
	t.Logf("%d attacks, %d honest messages, %s", len(all)-1, want-2, time.Since(begun).Round(time.Millisecond))
}

// names puts the recipients in.
func (s *sent) names(token string) *strings.Replacer {
	return strings.NewReplacer("LLLLL", "l"+token, "VVVVV", "v"+token, "@D.test", "@"+s.peer[:1]+".test")
}

// carryOut sends an attack and returns what the gateway answered.
func (s *sent) carryOut(t *testing.T, addr, token string) string {
	r := s.names(token)
	d := call(t, addr)
	defer d.c.Close()
	writes := make([]write, len(s.writes))
	for i, w := range s.writes {
		writes[i] = write{w.after, r.Replace(w.bytes), w.end}
	}
	return d.rest(writes...)
}

// The peers behind the gateway are easily taken in: without it, this Postfix
// takes the smuggled message. (A newer one does not, and then this shows nothing.)
func TestPostfixAloneIsTakenIn(t *testing.T) {
	t.Parallel()
	sink := startSink(t)
	postfix := startPeers(t, sink.addr, func(p string) string { return p[:1] + ".test" })[0]
	s := &sent{attack: attack{writes: []write{{bytes: envelope + "DATA\r\n" + head + "\n.\r\n" + smuggled}}}, peer: "postfix"}
	replies := s.carryOut(t, postfix.Addr, "0000")
	await(t, patience, "two messages arrive; Postfix said\n"+replies, func() bool { return sink.count(t) == 2 && postfix.waiting() == 0 })
}
