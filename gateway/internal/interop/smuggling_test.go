package interop_test

import (
	"fmt"
	"regexp"
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

// attack is one way to smuggle. For the honest recipient it says LLLLL, for the
// smuggled one VVVVV, and D for the domain, so that putting in the real ones
// changes no chunk's size.
type attack struct {
	name   string
	hasty  bool // on a listener that gives DATA one second
	writes []write
	// how many honest messages arrive, by what bare_lf says
	refuse, normalise int
	content           string // of a message that is taken by both; "": not looked at
}

const (
	greeting = "EHLO client.test\r\n"
	mailRcpt = "MAIL FROM:<sender@client.test>\r\nRCPT TO:<LLLLL@D.test>\r\n"
	envelope = greeting + mailRcpt
	head     = "Subject: honest\r\n\r\nbody"
	// What a server that is taken in reads as commands; to every other it is
	// the rest of the body.
	smuggled = "MAIL FROM:<admin@client.test>\r\nRCPT TO:<VVVVV@D.test>\r\nDATA\r\nFrom: admin@client.test\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n"
	// The same by BDAT, with an end of data for the honest message behind it.
	smuggledBDAT = "MAIL FROM:<admin@client.test>\r\nRCPT TO:<VVVVV@D.test>\r\nBDAT 34 LAST\r\nFrom: admin@client.test\r\n\r\nhello\r\n\r\n.\r\nQUIT\r\n"
)

// honest is what becomes of content, by the standard alone: a CR that no LF
// follows and a NUL are refused always, an LF without CR where it is not
// normalised.
func honest(content string) (refuse, normalise int) {
	rest := strings.ReplaceAll(content, "\r\n", "")
	switch {
	case strings.ContainsAny(rest, "\r\x00"):
		return 0, 0
	case strings.Contains(rest, "\n"):
		return 0, 1
	}
	return 1, 1
}

// ends are false ends of data: line end, dot, line end.
func ends() []string {
	list := []string{
		// lines ended by what others take for a line end
		"\r\n.\x85", "\r\n.\xc2\x85", "\xc2\x85.\xc2\x85", "\xe2\x80\xa8.\xe2\x80\xa8", "\r\n.\x0b\r\n", "\x0b.\x0b", "\x0c.\x0c", "\r\n.\x0c\r\n",
		"\r\n\xef\xbc\x8e\r\n", "\r\n\xae\r\n", // a wide dot; a dot with the eighth bit set
		"\r\n\t.\r\n", "\r\n .\r\n", "\r\n.\t\r\n", "\r\n.\x7f\r\n", "\r\n.\xff\r\n", "\r\n.\x1a\r\n",
		"\r\n.\rX\r\n", "\r\n.\r\rX\n", "\r\n.\r.\r\n", "\n.\n.\n", "\r\n...\r\n", "\r\n.\r\n\x00"[:4] + "\x00\n",
		"\n\n.\n\n", "\r\r.\r\r", "\r\n.\n\n", "\n\r.\n\r", "\r\n..\n.\n", "\r\n.\r\x00\n", "\r\n.\x00\r\x00\n",
	}
	lines := []string{"\n", "\r", "\r\n", "\r\r\n", "\n\r", "\x00\r\n", "\r\x00\n", "\r\n\x00"}
	for _, before := range lines {
		for _, dot := range []string{".", "..", ". ", ".\x00"} {
			for _, behind := range lines {
				list = append(list, before+dot+behind)
			}
		}
	}
	return list
}

// dataAttacks are all that come by DATA and wait for nothing.
func dataAttacks() []attack {
	var all []attack
	for _, e := range ends() {
		content := head + e
		if i := strings.Index(content+smuggled, "\r\n.\r\n"); i < len(content) {
			// It ends the message, by the standard. What is before the end has
			// to be at fault, or this were no smuggling.
			if r, n := honest(content[:i]); r+n > 0 {
				continue
			}
		}
		name := strings.Trim(fmt.Sprintf("%+q", e), `"`)
		all = append(all, data("at once "+name, content, smuggled, write{bytes: envelope + "DATA\r\n" + content + smuggled}))
		// Not all of them in all ways: the table is long.
		if !strings.ContainsAny(e, "\x00 ") && len(e) <= 5 {
			split := []write{{bytes: envelope + "DATA\r\n"}, {after: 2 * time.Millisecond, bytes: head}}
			for i := range len(e) {
				split = append(split, write{after: time.Millisecond, bytes: e[i : i+1]})
			}
			split = append(split, write{after: time.Millisecond, bytes: smuggled})
			all = append(all,
				data("in pieces "+name, content, smuggled, split...),
				data("BDAT behind "+name, content, smuggledBDAT, write{bytes: envelope + "DATA\r\n" + content + smuggledBDAT}),
				data("no head "+name, e, smuggled, write{bytes: envelope + "DATA\r\n" + e + smuggled}),
			)
		}
	}
	// A line as long as a reader's buffer, so that the end straddles two reads.
	for _, n := range []int{509, 510, 511, 1023, 2047, 4093, 4094, 4095, 8189, 65533} {
		content := head + "\r\n" + strings.Repeat("x", n) + "\n.\r\n"
		all = append(all, data(fmt.Sprintf("long line %d", n), content, smuggled, write{bytes: envelope + "DATA\r\n" + content + smuggled}))
	}
	return all
}

// data is an attack by DATA: what follows the command is up to behind, which
// is smuggled, and has the honest end of data in it.
func data(name, upTo, behind string, writes ...write) attack {
	a := attack{name: "DATA " + name, writes: writes}
	wire := upTo + behind
	wire = wire[:strings.Index(wire, "\r\n.\r\n")+2]
	a.refuse, a.normalise = honest(wire)
	a.content = strings.ReplaceAll(wire, "\r\n.", "\r\n")
	return a
}

// body is the part of a message behind its header, with lines ended by LF as
// smtp-sink ends them.
func body(message string) string {
	_, b, _ := strings.Cut(strings.ReplaceAll(message, "\r\n", "\n"), "\n\n")
	if !strings.HasSuffix(b, "\n") {
		b += "\n" // the gateway adds it to what came by BDAT
	}
	return b
}

// brokenAttacks come by DATA that was cut off, stalled or never granted.
func brokenAttacks() []attack {
	const begun = envelope + "DATA\r\n" + head
	all := []attack{
		{name: "pipelined behind STARTTLS", writes: []write{{bytes: greeting + "STARTTLS\r\n" + mailRcpt + "DATA\r\n" + head + "\r\n.\r\n" + smuggled}}},
		{name: "behind a handshake that fails", writes: []write{{bytes: greeting + "STARTTLS\r\n"}, {after: 20 * time.Millisecond, bytes: mailRcpt + "DATA\r\n" + head + "\r\n.\r\n" + smuggled}}},
		{name: "behind a DATA that was not granted", writes: []write{{bytes: greeting + "MAIL FROM:<sender@client.test>\r\nRCPT TO:<x@elsewhere.test>\r\nDATA\r\n" + smuggled}}},
		{name: "behind a DATA out of order", writes: []write{{bytes: greeting + "DATA\r\n" + head + "\r\n" + smuggled}}},
		{name: "behind a DATA with a tab", writes: []write{{bytes: envelope + "DATA\t\r\n" + head + "\r\n" + smuggled}}},
		{name: "behind a DATA with a NUL", writes: []write{{bytes: envelope + "DATA\x00\r\n" + smuggled}}},
		{name: "behind a DATA with an argument", writes: []write{{bytes: envelope + "DATA now\r\n" + smuggled}}},
		{name: "DATA ended by LF", writes: []write{{bytes: envelope + "DATA\n" + head + "\n.\r\n" + smuggled}}, normalise: 1},
		{name: "commands ended by LF", writes: []write{{bytes: "EHLO client.test\nMAIL FROM:<sender@client.test>\nRCPT TO:<LLLLL@D.test>\nDATA\n" + head + "\n.\n" + smuggled}}, normalise: 1},
	}
	for _, e := range []end{closes, resets} {
		for _, cut := range []string{"", "\r", "\r\n", "\r\n.", "\r\n.\r", "\n.\r\n", "\r\n.\n"} {
			all = append(all, attack{
				name:   fmt.Sprintf("DATA cut off by %d behind %q", e, cut),
				writes: []write{{bytes: begun + cut}, {after: 50 * time.Millisecond, end: e}},
			})
		}
	}
	for _, stall := range []string{"", "\r\n", "\r\n.", "\r\n.\r", "\n.\n", "\n.\r\n"} {
		all = append(all, attack{
			name: fmt.Sprintf("DATA stalled behind %q", stall), hasty: true,
			writes: []write{{bytes: begun + stall}, {after: 1500 * time.Millisecond, bytes: "\r\n" + smuggled}},
		})
	}
	return append(all, attack{
		name: "DATA stalled in the end of data", hasty: true,
		writes: []write{{bytes: begun + "\r\n.\r"}, {after: 1500 * time.Millisecond, bytes: "\n" + smuggled}},
	})
}

// chunk is a BDAT command with its octets.
func chunk(content string, last bool) string {
	if last {
		return fmt.Sprintf("BDAT %d LAST\r\n%s", len(content), content)
	}
	return fmt.Sprintf("BDAT %d\r\n%s", len(content), content)
}

// bdatAttacks come by BDAT (RFC 3030).
func bdatAttacks() []attack {
	var all []attack
	add := func(name, content string, writes ...write) {
		r, n := honest(content)
		all = append(all, attack{name: "BDAT " + name, writes: writes, refuse: r, normalise: n, content: content})
	}
	never := func(name string, writes ...write) {
		all = append(all, attack{name: "BDAT " + name, writes: writes})
	}
	const bye = "QUIT\r\n"
	whole := head + "\r\n.\r\n" + smuggled // all of it is content
	add("one chunk with an end of data inside", whole, write{bytes: envelope + chunk(whole, true) + bye})
	for _, e := range ends() {
		if len(e) > 4 || strings.ContainsAny(e, "\x00 ") {
			continue
		}
		content := head + e + smuggled
		add("content with "+strings.Trim(fmt.Sprintf("%+q", e), `"`), content, write{bytes: envelope + chunk(content, true) + bye})
	}
	at := strings.Index(whole, "\r\n.\r\n")
	for i := at; i <= at+5; i++ {
		one, two := chunk(whole[:i], false), chunk(whole[i:], true)
		add(fmt.Sprintf("border at %d of the end of data", i-at), whole, write{bytes: envelope + one + two + bye})
		add(fmt.Sprintf("border at %d, in two writes", i-at), whole, write{bytes: envelope + one}, write{after: 2 * time.Millisecond, bytes: two + bye})
	}
	var octets strings.Builder // a chunk for each octet
	for i := at - 1; i < at+6; i++ {
		octets.WriteString(chunk(whole[i:i+1], false))
	}
	add("a chunk for each octet", whole, write{bytes: envelope + chunk(whole[:at-1], false) + octets.String() + chunk(whole[at+6:], true) + bye})
	for _, last := range []string{"", "\r\n", "\r\n.", ".", "\r\n..", "\r\n.\r\n", "\r\n.\r\n.", "\r\n.\r\n.\r\n"} {
		content := head + last
		add(fmt.Sprintf("content that ends with %q", last), content, write{bytes: envelope + chunk(content, true) + bye})
		add(fmt.Sprintf("empty LAST behind %q", last), content, write{bytes: envelope + chunk(content, false) + chunk("", true) + bye})
	}
	add("ends with CR", head+"\r", write{bytes: envelope + chunk(head+"\r", true) + bye})
	add("ends with CR and LAST is empty", head+"\r", write{bytes: envelope + chunk(head+"\r", false) + chunk("", true) + bye})
	add("RSET between two messages", head, write{bytes: envelope + chunk("Subject: dropped\r\n\r\n"+smuggled, false) + "RSET\r\n" + mailRcpt + chunk(head, true) + bye})
	all = append(all, attack{name: "BDAT line ended by LF", normalise: 1, writes: []write{{bytes: envelope + strings.Replace(chunk(head+"\r\n"+smuggled, true), "\r\n", "\n", 1) + bye}}})

	for _, e := range []end{closes, resets} {
		cut := write{after: 50 * time.Millisecond, end: e}
		never(fmt.Sprintf("LAST cut off by %d", e), write{bytes: envelope + "BDAT 1000 LAST\r\n" + head}, cut)
		never(fmt.Sprintf("LAST cut off by %d with an end of data", e), write{bytes: envelope + "BDAT 1000 LAST\r\n" + whole}, cut)
		never(fmt.Sprintf("chunk cut off by %d", e), write{bytes: envelope + "BDAT 1000\r\n" + whole}, cut)
		never(fmt.Sprintf("no LAST, cut off by %d", e), write{bytes: envelope + chunk(whole, false)}, cut)
		never(fmt.Sprintf("size over the limit, cut off by %d", e), write{bytes: envelope + "BDAT 200000000 LAST\r\n" + smuggled}, cut)
	}
	never("no LAST, then QUIT", write{bytes: envelope + chunk(whole, false) + bye})
	never("no recipient", write{bytes: greeting + "MAIL FROM:<sender@client.test>\r\n" + chunk(smuggled, true) + bye})
	never("no transaction", write{bytes: greeting + chunk(smuggled, true) + bye})
	never("recipient refused", write{bytes: greeting + "MAIL FROM:<sender@client.test>\r\nRCPT TO:<x@elsewhere.test>\r\n" + chunk(smuggled, true) + bye})
	never("then DATA", write{bytes: envelope + chunk(head, false) + "DATA\r\n" + smuggled})
	for _, arg := range []string{
		"", " LAST", " -5 LAST", " +5 LAST", " 0x20 LAST", " 5.0 LAST", " 5,LAST", " 5LAST", " 5 LAST LAST", " 5 FIRST", " 5\tLAST",
		" 5000000000 LAST", " 9223372036854775807 LAST", " 9223372036854775808 LAST", " 18446744073709551616 LAST", " 18446744073709551621 LAST",
		" 99999999999999999999999999999999 LAST", " 4294967296 LAST", " 4294967301 LAST", " 00000000000000000000000000005 LAST", " \x005 LAST", " \xd9\xa5 LAST",
	} {
		never(fmt.Sprintf("size %+q", arg), write{bytes: envelope + "BDAT" + arg + "\r\n" + smuggled})
		never(fmt.Sprintf("size %+q in a later chunk", arg), write{bytes: envelope + chunk(head, false) + "BDAT" + arg + "\r\n" + smuggled})
	}
	stall := func(name string, writes ...write) {
		all = append(all, attack{name: "BDAT " + name, hasty: true, writes: writes})
	}
	stall("LAST stalled", write{bytes: envelope + "BDAT 100 LAST\r\n" + head}, write{after: 1500 * time.Millisecond, bytes: "\r\n" + smuggled})
	stall("chunk stalled", write{bytes: envelope + "BDAT 100\r\n" + head}, write{after: 1500 * time.Millisecond, bytes: "\r\n" + smuggled})
	stall("chunk stalled in an end of data", write{bytes: envelope + "BDAT 1000\r\n" + head + "\r\n."}, write{after: 1500 * time.Millisecond, bytes: "\r\n" + smuggled})
	return all
}

// sent is an attack that was carried out.
type sent struct {
	attack
	listener, peer string
	want           int
	replies        string
}

func TestNothingIsSmuggledThroughTheGateway(t *testing.T) {
	sink := startSink(t)
	behind := startPeers(t, sink.addr, func(p string) string { return p[:1] + ".test" })
	g := startGateway(t, fmt.Sprintf(smugglingPolicy, behind[0].Addr, behind[1].Addr))

	attacks := append(append(dataAttacks(), brokenAttacks()...), bdatAttacks()...)
	var (
		all  = map[string]*sent{}
		todo = make(chan string)
		mu   sync.Mutex
		want int
	)
	for _, a := range attacks {
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
	// One that is no attack: two messages, one behind the other as RFC 2920
	// allows. Were the second not found, smuggled ones were not found either.
	const pipelined = "9999"
	all[pipelined] = &sent{
		attack:   attack{name: "two honest messages", writes: []write{{bytes: envelope + "DATA\r\n" + head + "\r\n.\r\n" + smuggled}}},
		listener: "refuse", peer: "postfix", want: 1,
	}
	want += 2
	begun := time.Now()
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			for token := range todo {
				mu.Lock()
				s := all[token]
				mu.Unlock()
				s.replies = s.carryOut(t, g.listener(s.listener), token)
			}
		})
	}
	tokens := make([]string, 0, len(all))
	mu.Lock()
	for token, s := range all {
		// Those that stall first: they take longest.
		if tokens = append(tokens, token); s.hasty {
			tokens[0], tokens[len(tokens)-1] = token, tokens[0]
		}
	}
	mu.Unlock()
	for _, token := range tokens {
		todo <- token
	}
	close(todo)
	wg.Wait()
	for deadline := time.Now().Add(patience); sink.count(t) < want && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
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
	sink := startSink(t)
	postfix := startPeers(t, sink.addr, func(p string) string { return p[:1] + ".test" })[0]
	s := &sent{attack: attack{writes: []write{{bytes: envelope + "DATA\r\n" + head + "\n.\r\n" + smuggled}}}, peer: "postfix"}
	replies := s.carryOut(t, postfix.Addr, "0000")
	await(t, patience, "two messages arrive; Postfix said\n"+replies, func() bool { return sink.count(t) == 2 && postfix.waiting() == 0 })
}
