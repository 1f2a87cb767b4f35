package grant

import (
	"strings"
	"testing"
)

func TestURL_is_matched_by_its_parts(t *testing.T) {
	granted := []string{"https://a.example/x", "http://B.example:8080/hook/", "https://c.example", "http://[::1]:11334/", "http://127.0.0.1:11334/api"}
	for _, c := range []struct {
		url   string
		allow bool
	}{
		{"https://a.example/x", true},
		{"https://a.example/x/y?z=1", true},
		{"https://A.EXAMPLE:443/x", true},
		{"https://a.example./x", true},
		{"https://a.example/%78/y", true},
		{"https://a.example/x?../..", true},
		{"https://c.example", true},
		{"https://c.example/any/thing", true},
		{"http://b.example:8080/hook/1", true},
		{"http://b.example:08080/hook/1", true},
		{"http://[0:0::1]:11334/checkv2", true},
		{"http://127.0.0.1:11334/api", true},
		{"http://[::ffff:127.0.0.1]:11334/api", true},

		{"https://a.example/xy", false},
		{"https://a.example/X", false},
		{"https://a.example/", false},
		{"https://a.example//x", false},
		{"https://a.example.evil/x", false},
		{"https://evil.example/x", false},
		{"http://a.example/x", false},
		{"https://a.example:444/x", false},
		{"http://b.example:8080/hook", false},
		{"http://b.example/hook/", false},
		{"http://127.0.0.1:11335/api", false},
	} {
		u, err := ParseURL(c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if got := URL(granted, u); got != c.allow {
			t.Errorf("%s: %v", c.url, got)
		}
	}
	if u, _ := ParseURL("https://c.example/"); URL(nil, u) {
		t.Error("an empty grant must allow nothing")
	}
}

func TestURL_tricks_are_refused(t *testing.T) {
	for _, s := range []string{
		"", "a.example/x", "//a.example/x", "ftp://a.example/x", "HTTPS:a.example", "https:///x", "unix:/x",
		"https://user@a.example/x", "https://a.example@evil.test/x", "https://user:pw@a.example/x", "https://@a.example/x",
		"https://a.example/x/../y", "https://a.example/x/./y", "https://a.example/x/%2e%2e/y", "https://a.example/x/.%2E/y",
		"https://a.example/x/..;/y", "https://a.example/x/..;a=b/y", "https://a.example/x%2fy", "https://a.example/x%5c..%5cy",
		"https://a.example/x/%252e%252e/y", "https://a.example/x%252fy", `https://a.example/x\..\y`, `https://a.example\@evil.test/x`,
		"https://a.example/x#y", "https://a.example/x#", "https://a.example/x y", "https://a.example/x\r\nHost: evil.test", "https://a.example/x%00",
		"https://a.example:0/x", "https://a.example:65536/x", "https://a.example:/x", "https://a.example:+443/x", "https://a.example:443:443/x",
		"https://127.1/x", "https://0x7f000001/x", "https://2130706433/x", "https://0177.0.0.1/x", "https://127.0.0.1.0x1/x", "https://[fe80::1%25eth0]/x", "https://[127.0.0.1]/x",
		"https://a..example/x", "https://.a.example/x", "https://ä.example/x", "https://a.example%2eevil.test/x", "https://xn--" + strings.Repeat("a", 70) + "/",
		"https://a．example/x", "https://a.example\u3002evil/x",
	} {
		if u, err := ParseURL(s); err == nil {
			t.Errorf("%q was read as %s", s, u)
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("a password in %q", err)
		}
	}
}

func TestAddress(t *testing.T) {
	granted := []string{"unix:/run/clamd.ctl", "127.0.0.1:3310", "[::1]:11333", "Rspamd.internal:11334"}
	for s, allow := range map[string]bool{
		"unix:/run/clamd.ctl": true, "127.0.0.1:3310": true, "[0:0:0::1]:11333": true, "rspamd.INTERNAL.:11334": true, "[::ffff:127.0.0.1]:3310": true,
		"unix:/run/other": false, "127.0.0.1:3311": false, "127.0.0.2:3310": false, "rspamd.internal.evil:11334": false,
	} {
		a, err := ParseAddress(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if got := Address(granted, a); got != allow {
			t.Errorf("%s: %v", s, got)
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%s: %v, %v", a, again, err)
		}
	}
	for _, s := range []string{"", "unix:", "unix:run/x", "unix:/run/../etc/x", "unix:/", "unix:@abstract", "unix:/a\x00b", "host", "host:", ":80", "host:0", "host:99999", "host:http", "::1:80", "[::1%lo]:80", "[::1:80", "[a]:80", "a b:80", "127.1:80", "tcp://a:80"} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("%q was read as %s", s, a)
		}
	}
	if l := Literals("dial", granted); len(l) != 2 || l[0].Addr().String() != "127.0.0.1" || l[1].Addr().String() != "::1" || l[0].Port() == 0 {
		t.Error(l)
	}
	if l := Literals("http", []string{"http://10.1.2.3:8080/", "https://a.example/"}); len(l) != 1 || l[0].String() != "10.1.2.3:8080" {
		t.Error(l)
	}
}

func TestName(t *testing.T) {
	granted := []string{"one.example", ".zen.example."}
	for name, allow := range map[string]bool{
		"one.example": true, "ONE.example.": true, "zen.example": true, "2.0.0.127.zen.example": true,
		"x.one.example": false, "xzen.example": false, "example": false, "": false,
	} {
		if Name(granted, name) != allow {
			t.Error(name)
		}
	}
	if !Name(nil, "anything.example") {
		t.Error("a grant without entries is for every name")
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		kind, entry string
		ok          bool
	}{
		{"dns", "zen.spamhaus.org", true}, {"dns", ".zen.spamhaus.org", true}, {"dns", "_dmarc.example.org", true},
		{"dns", "", false}, {"dns", ".", false}, {"dns", "..a", false}, {"dns", "*.a", false}, {"dns", "https://a", false},
		{"http", "https://a.example/x/", true}, {"http", "http://10.0.0.1:80", true},
		{"http", "a.example", false}, {"http", "https://*.example/", false}, {"http", "https://a.example/?q=1", false}, {"http", "https://a.example/?", false},
		{"dial", "unix:/run/x", true}, {"dial", "a:1", true}, {"dial", "a", false}, {"dial", "https://a/", false},
		{"lists", "anything at all", true},
	} {
		if err := Check(c.kind, c.entry); (err == nil) != c.ok {
			t.Errorf("%s %q: %v", c.kind, c.entry, err)
		}
	}
}

func FuzzURL(f *testing.F) {
	f.Add("https://a.example/x/../y")
	f.Add("https://[::1]:80/%2e")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err != nil {
			return
		}
		again, err := ParseURL(u.String())
		if err != nil || again.Host != u.Host || again.Path != u.Path || again.Scheme != u.Scheme {
			t.Errorf("%q: %s, then %v, %v", s, u, again, err)
		}
	})
}
