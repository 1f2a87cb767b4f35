package interop_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// odd are bodies that servers have been known to change on the way. Lines end
// with LF here.
func odd() map[string]string {
	octets := make([]byte, 600<<10)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(octets) // never fails
	big := base64.StdEncoding.EncodeToString(octets)
	var lines strings.Builder
	for l := range slices.Chunk([]byte(big), 76) {
		lines.Write(l)
		lines.WriteByte('\n')
	}
	var latin strings.Builder
	for c := 0x80; c <= 0xff; c++ {
		latin.WriteByte(byte(c))
	}
	return map[string]string{
		"dots":            ".\n..\n...\n.x\n. \n.\t\n\n.\n\n..\n",
		"long":            strings.Repeat("a", 998) + "\n" + strings.Repeat("b", 997) + "\n" + strings.Repeat(".", 998) + "\n." + strings.Repeat("c", 997) + "\n",
		"latin":           latin.String() + "\n\xff\xfe\xfd\n",
		"utf-8":           "na\u00efve \u20ac \u65e5\u672c\u8a9e \U0001f600\n\u2028\u0085\n",
		"white":           "  in front\nbehind  \n\ttabs\t\n \n\t\n  \n",
		"control":         "\x01\x02\x03\x07\x08\x0b\x0c\x0e\x1b\x7f\n",
		"from":            "From here on\n>From there\nFrom sender@client.test Sat Nov 21 00:00:00 2026\n",
		"blank":           "\n\n\n\nlast\n\n\n",
		"empty":           "",
		"commands":        "MAIL FROM:<admin@client.test>\nRCPT TO:<victim@dest.test>\nDATA\nQUIT\nBDAT 5 LAST\n",
		"short":           strings.Repeat("x\n", 20000),
		"big":             lines.String(),
		"many-recipients": "to many\n",
	}
}

func TestOtherServersRelayThroughTheGateway(t *testing.T) {
	t.Parallel()
	sink := startSink(t)
	g := startGateway(t, relayPolicy(sink.addr, "30s", takeAll))
	clients := startPeers(t, g.listener("mx"), func(string) string { return "dest.test" })
	bodies := odd()
	const many = 120 // Postfix sends 50 at a time
	recipients := 0
	for _, c := range clients {
		for name, text := range bodies {
			to := []string{c.name + "+" + name + "@dest.test"}
			for i := 1; i < many && name == "many-recipients"; i++ {
				to = append(to, fmt.Sprintf("%s+%s+%d@dest.test", c.name, name, i))
			}
			recipients += len(to)
			content := "Subject: odd\nX-Name: " + name + "\nX-Client: " + c.name + "\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\n" + text
			content = strings.ReplaceAll(strings.ReplaceAll(content, "\n.", "\n.."), "\n", "\r\n")
			if r := send(t, c.Addr, to, content); !strings.HasPrefix(r, "250") {
				t.Fatalf("%s does not take %s: %s", c.name, name, r)
			}
		}
	}
	arrived := func() (n int) {
		for _, m := range sink.messages(t) {
			n += len(m.to)
		}
		return n
	}
	await(t, patience, "the peers' queues are empty", func() bool { return clients[0].waiting()+clients[1].waiting() == 0 })
	g.idle(t)
	if n := arrived(); n != recipients {
		t.Errorf("%d recipients got it, want %d", n, recipients)
	}
	seen := map[string]int{}
	for _, m := range sink.messages(t) {
		header, _, _ := strings.Cut(m.text, "\n\n")
		field := func(name string) string {
			_, rest, _ := strings.Cut(header+"\n", "\n"+name+": ")
			value, _, _ := strings.Cut(rest, "\n")
			return value
		}
		name, from := field("X-Name"), field("X-Client")
		_, got, _ := strings.Cut(m.text, "\n\n")
		if want, ok := bodies[name]; !ok || got != want {
			i := 0
			for i < min(len(got), len(want)) && got[i] == want[i] {
				i++
			}
			t.Errorf("%s by %s: %d octets arrived, %d were sent, from %d on they differ: %.60q, want %.60q", name, from, len(got), len(want), i, got[i:], want[i:])
		}
		for _, r := range m.to {
			address, _, _ := strings.Cut(strings.TrimPrefix(r, "<"), ">")
			if !strings.HasPrefix(address, from+"+"+name) {
				t.Errorf("%s by %s arrived for %s", name, from, r)
			}
			seen[address]++
		}
	}
	for r, n := range seen {
		if n != 1 {
			t.Errorf("%s got it %d times", r, n)
		}
	}
	// Exim came by BDAT: K in its log stands for CHUNKING.
	log, err := os.ReadFile(filepath.Join(clients[1].Dir, "log", "mainlog"))
	if err != nil || !strings.Contains(string(log), " K ") {
		t.Errorf("Exim did not use BDAT: %v\n%s", err, tail(string(log), 1000))
	}
}
