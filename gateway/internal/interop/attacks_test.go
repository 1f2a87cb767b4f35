package interop_test

import (
	"fmt"
	"strings"
	"time"
)

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
