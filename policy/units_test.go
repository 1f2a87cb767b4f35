package policy

import (
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"15m": 15 * time.Minute, "4d": 96 * time.Hour, "1w": 168 * time.Hour, "1h30m": 90 * time.Minute,
		"0s": 0, "250ms": 250 * time.Millisecond, "1.5h": 90 * time.Minute, "1d12h": 36 * time.Hour} {
		if got, err := parseDuration(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "15", "m", "15 m", "-1h", "1y", "1h30", "..s", "99999999999w", "1h\x00", "h1"} {
		if got, err := parseDuration(in); err == nil {
			t.Errorf("%q: %v", in, got)
		}
	}
	for _, s := range []string{"15m", "4d", "36h", "30s", "0s", "1m30s"} {
		d, err := parseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseDuration(formatDuration(d)); err != nil || back != d {
			t.Errorf("%s is written %s", s, formatDuration(d))
		}
	}
}

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]int64{"50MiB": 50 << 20, "1024": 1024, "1.5KiB": 1536, "2 GB": 2e9, "1TiB": 1 << 40, "7B": 7, "3kB": 3000} {
		if got, err := parseBytes(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "MiB", "-5MiB", "5mib", "1e99", "99999999999TiB", "5 MiB x"} {
		if got, err := parseBytes(in); err == nil {
			t.Errorf("%q: %v", in, got)
		}
	}
	for n, want := range map[int64]string{50 << 20: "50MiB", 1025: "1025B", 1 << 30: "1GiB"} {
		if got := formatBytes(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestParseDomain(t *testing.T) {
	for in, want := range map[string]string{"ACME.test": "acme.test", "acme.test.": "acme.test", "bücher.example": "xn--bcher-kva.example", "localhost": "localhost", "a-b.c1": "a-b.c1"} {
		if got, err := parseDomain(in); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", ".", "a..b", "-a.test", "a-.test", "a_b.test", "1.2.3.4", "a b.test", "*.test", "a.test\n", strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 130) + "test", "\xff.test", "a@b.test"} {
		if got, err := parseDomain(in); err == nil {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for in, want := range map[string]string{"Sales@ACME.test": "Sales@acme.test", "a+b.c@x.test": "a+b.c@x.test", "ü@bücher.example": "ü@xn--bcher-kva.example"} {
		if got, err := parseAddress(in); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "a", "@x.test", "a@", "a b@x.test", "<a@x.test>", ".a@x.test", "a.@x.test", "a..b@x.test", "a@b@c.test", `"a b"@x.test`, "a@x.test\r\nRCPT", strings.Repeat("a", 65) + "@x.test"} {
		if got, err := parseAddress(in); err == nil {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestParties(t *testing.T) {
	for _, c := range []struct {
		party, addr string
		want        bool
	}{
		{"bank.test", "a@Bank.test", true}, {"bank.test", "a@x.bank.test", false}, {"@bank.test", "a@bank.test", true},
		{"A@bank.test", "a@bank.test", true}, {"a@bank.test", "b@bank.test", false},
		{"*@bank.test", "a@bank.test", true}, {"*@*.bank.test", "a@x.bank.test", true}, {"*.bank.test", "a@x.bank.test", true}, {"*.bank.test", "a@bank.test", false},
		{"board-?@x.test", "board-1@x.test", true}, {"board-?@x.test", "board-12@x.test", false}, {"*", "a@b.test", true},
		{"bank.test", "", false}, {"*", "", false}, {"bank.test", "bank.test", false}, {"bank.test", `"a@evil.test"@bank.test`, true},
	} {
		p, err := parseParty(c.party)
		if err != nil {
			t.Errorf("%s: %v", c.party, err)
		}
		if got := isParty(p, c.addr); got != c.want {
			t.Errorf("%s names %s: %v", c.party, c.addr, got)
		}
	}
	if wildcard(strings.Repeat("*a", 2000), strings.Repeat("a", 1999)+"b") {
		t.Error("a wildcard that should not match")
	}
	for _, in := range []string{"", "a b", "a@b@*", "<*@x.test>", "a_b"} {
		if p, err := parseParty(in); err == nil {
			t.Errorf("%q: %s", in, p)
		}
	}
}

func TestParseHost(t *testing.T) {
	for in, want := range map[string]string{"127.0.0.1": "127.0.0.1:25", "127.0.0.1:2526": "127.0.0.1:2526", "Mail.acme.test": "mail.acme.test:25", "::1": "[::1]:25",
		"[::1]": "[::1]:25", "[::1]:24": "[::1]:24", "mail:587": "mail:587"} {
		h, err := parseHost(in)
		if got := withPort(h, "25"); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", ":25", "a:0", "a:65536", "a:", "[::1", "[::1]25", "[::1]:", "[a]:25", "[1.2.3.4]:25", "a b", "a:b:25", "http://a"} {
		if got, err := parseHost(in); err == nil {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestParseListen(t *testing.T) {
	for _, in := range []string{":25", "127.0.0.1:0", "[::1]:8080", "localhost:1"} {
		if got, err := parseListen(in); err != nil || got != in {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "25", "::1:25", "[127.0.0.1]:25", "mx.test:25", "127.0.0.1:smtp", "127.0.0.1:-1"} {
		if got, err := parseListen(in); err == nil {
			t.Errorf("%q: %s", in, got)
		}
	}
	for in, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, ":1": false, "0.0.0.0:1": false, "192.0.2.1:1": false} {
		if isLoopback(in) != want {
			t.Errorf("%s is loopback: %v", in, !want)
		}
	}
}
