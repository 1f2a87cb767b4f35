package mail

import (
	"encoding/json"
	"errors"
	stdmail "net/mail"
	"strings"
	"testing"
)

func TestParsePathAccepts(t *testing.T) {
	null := PathOptions{Null: true}
	utf8 := PathOptions{UTF8: true}
	pm := PathOptions{Postmaster: true}
	for _, c := range []struct {
		name, in string
		o        PathOptions
		local    string
		domain   string
		out      string // Path
		rest     string
	}{
		{"plain", "<a@b.test>", null, "a", "b.test", "<a@b.test>", ""},
		{"null_path", "<>", null, "", "", "<>", ""},
		{"null_path_with_parameters", "<> SIZE=1", null, "", "", "<>", "SIZE=1"},
		{"parameters", "<a@b.test>  SIZE=1 BODY=7BIT", null, "a", "b.test", "<a@b.test>", "SIZE=1 BODY=7BIT"},
		{"domain_to_lower_case_local_part_kept", "<Joe.Doe@MX.Test>", null, "Joe.Doe", "mx.test", "<Joe.Doe@mx.test>", ""},
		{"needless_quotes_dropped", `<"joe"@b.test>`, null, "joe", "b.test", "<joe@b.test>", ""},
		{"needless_escape_dropped", `<"j\oe"@b.test>`, null, "joe", "b.test", "<joe@b.test>", ""},
		{"space_stays_quoted", `<"a b"@b.test>`, null, "a b", "b.test", `<"a b"@b.test>`, ""},
		{"quote_and_backslash_stay_escaped", `<"a\"\\b"@b.test>`, null, `a"\b`, "b.test", `<"a\"\\b"@b.test>`, ""},
		{"at_in_local_part_stays_quoted", `<"victim@evil.org"@mx.test>`, null, "victim@evil.org", "mx.test", `<"victim@evil.org"@mx.test>`, ""},
		{"open_relay_string_stays_quoted", `<"victim@evil.org> NOTIFY=NEVER ORCPT=rfc822;x"@mx.test>`, null,
			"victim@evil.org> NOTIFY=NEVER ORCPT=rfc822;x", "mx.test", `<"victim@evil.org> NOTIFY=NEVER ORCPT=rfc822;x"@mx.test>`, ""},
		{"bracket_inside_quotes_ends_nothing", `<"victim@evil.org>"@mx.test> X`, null, "victim@evil.org>", "mx.test", `<"victim@evil.org>"@mx.test>`, "X"},
		{"dots_at_the_edge_stay_quoted", `<".a."@b.test>`, null, ".a.", "b.test", `<".a."@b.test>`, ""},
		{"double_dot_stays_quoted", `<"a..b"@b.test>`, null, "a..b", "b.test", `<"a..b"@b.test>`, ""},
		{"source_route_dropped", "<@relay.example:user@mx.test>", null, "user", "mx.test", "<user@mx.test>", ""},
		{"source_route_of_several", "<@a.test,@[127.0.0.1],@[IPv6:::1]:user@mx.test> X=1", null, "user", "mx.test", "<user@mx.test>", "X=1"},
		{"percent_is_ordinary", "<user%evil.org@mx.test>", null, "user%evil.org", "mx.test", "<user%evil.org@mx.test>", ""},
		{"bang_is_ordinary", "<evil.org!user@mx.test>", null, "evil.org!user", "mx.test", "<evil.org!user@mx.test>", ""},
		{"all_atext", "<!#$%&'*+-/=?^_`{|}~@b.test>", null, "!#$%&'*+-/=?^_`{|}~", "b.test", "<!#$%&'*+-/=?^_`{|}~@b.test>", ""},
		{"ipv4_literal", "<a@[127.0.0.1]>", null, "a", "[127.0.0.1]", "<a@[127.0.0.1]>", ""},
		{"ipv6_literal_canonical", "<a@[ipv6:2001:DB8:0::1]>", null, "a", "[IPv6:2001:db8::1]", "<a@[IPv6:2001:db8::1]>", ""},
		{"single_label_domain", "<a@localhost>", null, "a", "localhost", "<a@localhost>", ""},
		{"hyphens_at_3_and_4", "<a@r3---sn.test>", null, "a", "r3---sn.test", "<a@r3---sn.test>", ""},
		{"a_label", "<a@XN--BCHER-KVA.test>", null, "a", "xn--bcher-kva.test", "<a@xn--bcher-kva.test>", ""},
		{"u_label", "<a@Bücher.test>", utf8, "a", "xn--bcher-kva.test", "<a@xn--bcher-kva.test>", ""},
		{"utf8_local_part", "<jörg@b.test>", utf8, "jörg", "b.test", "<jörg@b.test>", ""},
		{"utf8_quoted", `<"jörg x"@b.test>`, utf8, "jörg x", "b.test", `<"jörg x"@b.test>`, ""},
		{"postmaster_without_domain", "<PostMaster>", pm, "postmaster", "", "<postmaster>", ""},
		{"postmaster_with_domain", "<Postmaster@b.test>", pm, "Postmaster", "b.test", "<Postmaster@b.test>", ""},
		{"longest_local_part", "<" + strings.Repeat("a", 64) + "@b.test>", null, strings.Repeat("a", 64), "b.test", "<" + strings.Repeat("a", 64) + "@b.test>", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, rest, err := ParsePath(c.in, c.o)
			if err != nil {
				t.Fatalf("ParsePath(%q): %v", c.in, err)
			}
			if a.Local() != c.local || a.Domain() != c.domain || a.Path() != c.out || rest != c.rest {
				t.Errorf("ParsePath(%q) = local %q domain %q path %q rest %q", c.in, a.Local(), a.Domain(), a.Path(), rest)
			}
			c.o.Postmaster = true
			if b, _, err := ParsePath(a.Path(), c.o); err != nil || b != a {
				t.Errorf("output %q reads back as %v, %v", a.Path(), b, err)
			}
			var back Address
			if j, err := json.Marshal(a); err != nil || json.Unmarshal(j, &back) != nil || back != a {
				t.Errorf("%q does not survive JSON: %s, %v, %v", a, j, back, err)
			}
		})
	}
}

func TestParsePathRefuses(t *testing.T) {
	long := strings.Repeat("a", 60)
	for _, c := range []struct {
		name, in string
		o        PathOptions
		want     error
	}{
		{"nothing", "", PathOptions{}, errBrackets},
		{"no_brackets", "a@b.test", PathOptions{}, errBrackets},
		{"space_before_bracket", " <a@b.test>", PathOptions{}, errBrackets},
		{"unclosed", "<a@b.test", PathOptions{}, errUnclosed},
		{"only_open", "<", PathOptions{Null: true}, errEmpty},
		{"null_path_as_recipient", "<>", PathOptions{}, ErrNullPath},
		{"null_path_behind_route", "<@a.test:>", PathOptions{Null: true}, errEmpty},
		{"trailing_junk", "<a@b.test>X", PathOptions{}, errTrailing},
		{"second_bracket", "<a@b.test>>", PathOptions{}, errTrailing},
		{"nested_bracket", "<<a@b.test>>", PathOptions{}, errLocal},
		{"two_ats", "<a@b@mx.test>", PathOptions{}, errDomain},
		{"text_after_quoted", `<"a"b@mx.test>`, PathOptions{}, errNoAt},
		{"quoted_dot_atom", `<"a".b@mx.test>`, PathOptions{}, errNoAt},
		{"unclosed_quote", `<"a@mx.test>`, PathOptions{}, errQuoted},
		{"quote_in_atom", `<a"b@mx.test>`, PathOptions{}, errLocal},
		{"empty_local_part", "<@b.test>", PathOptions{}, errRoute},
		{"empty_quoted_local_part", `<""@b.test>`, PathOptions{}, errEmpty},
		{"no_domain", "<a@>", PathOptions{}, errDomain},
		{"no_at", "<a>", PathOptions{}, errNoAt},
		{"postmaster_as_sender", "<postmaster>", PathOptions{Null: true}, errNoAt},
		{"leading_dot", "<.a@b.test>", PathOptions{}, errDots},
		{"trailing_dot", "<a.@b.test>", PathOptions{}, errDots},
		{"double_dot", "<a..b@b.test>", PathOptions{}, errDots},
		{"space", "<a b@b.test>", PathOptions{}, errLocal},
		{"space_before_close", "<a@b.test >", PathOptions{}, errDomain},
		{"comma", "<a,b@mx.test>", PathOptions{}, errLocal},
		{"backslash", `<a\@b@mx.test>`, PathOptions{}, errLocal},
		{"nul", "<a\x00b@mx.test>", PathOptions{}, errControl},
		{"cr", "<a\rb@mx.test>", PathOptions{}, errControl},
		{"lf", "<a\nb@mx.test>", PathOptions{}, errControl},
		{"tab", "<a\tb@mx.test>", PathOptions{}, errControl},
		{"del", "<a\x7fb@mx.test>", PathOptions{}, errControl},
		{"quoted_cr", "<\"a\rb\"@mx.test>", PathOptions{}, errControl},
		{"quoted_lf", "<\"a\nb\"@mx.test>", PathOptions{}, errControl},
		{"quoted_nul", "<\"a\x00b\"@mx.test>", PathOptions{}, errControl},
		{"escaped_cr", "<\"a\\\rb\"@mx.test>", PathOptions{}, errQuoted},
		{"cr_in_domain", "<user@mx.test\r>", PathOptions{}, errDomain},
		{"8bit_local_part", "<j\xc3\xb6@mx.test>", PathOptions{}, ErrNotASCII},
		{"8bit_quoted", "<\"j\xc3\xb6\"@mx.test>", PathOptions{}, ErrNotASCII},
		{"8bit_domain", "<a@b\xc3\xbccher.test>", PathOptions{}, ErrNotASCII},
		{"invalid_utf8", "<j\xff@mx.test>", PathOptions{UTF8: true}, errUTF8},
		{"overlong_utf8", "<j\xc0\xaf@mx.test>", PathOptions{UTF8: true}, errUTF8},
		{"c1_control", "<j\u0085@mx.test>", PathOptions{UTF8: true}, errControl},
		{"line_separator", "<j\u2028@mx.test>", PathOptions{UTF8: true}, errControl},
		{"trailing_dot_in_domain", "<user@mx.test.>", PathOptions{}, errDomain},
		{"empty_label", "<user@mx..test>", PathOptions{}, errDomain},
		{"leading_hyphen", "<user@-mx.test>", PathOptions{}, errDomain},
		{"trailing_hyphen", "<user@mx-.test>", PathOptions{}, errDomain},
		{"underscore", "<user@m_x.test>", PathOptions{}, errDomain},
		{"long_label", "<user@" + strings.Repeat("a", 64) + ".test>", PathOptions{}, errDomain},
		{"fake_a_label", "<user@xn--a.test>", PathOptions{}, errDomain},
		{"a_label_of_ascii", "<user@xn--abc-.test>", PathOptions{}, errDomain},
		{"bare_ipv4", "<user@127.0.0.1>", PathOptions{}, errNumeric},
		{"full_width_ipv4", "<user@１２７.０.０.１>", PathOptions{UTF8: true}, errNumeric},
		{"ipv4_leading_zero", "<user@[127.0.0.01]>", PathOptions{}, errLiteral},
		{"ipv6_without_tag", "<user@[::1]>", PathOptions{}, errLiteral},
		{"ipv6_zone", "<user@[IPv6:fe80::1%eth0]>", PathOptions{}, errLiteral},
		{"ipv4_with_ipv6_tag", "<user@[IPv6:127.0.0.1]>", PathOptions{}, errLiteral},
		{"general_literal", "<user@[x-tag:foo]>", PathOptions{}, errLiteral},
		{"open_literal", "<user@[127.0.0.1>", PathOptions{}, errLiteral},
		{"empty_literal", "<user@[]>", PathOptions{}, errLiteral},
		{"local_part_of_65", "<" + strings.Repeat("a", 65) + "@b.test>", PathOptions{}, errLocalLong},
		{"address_of_255", "<aaaaaaaaaa@" + long + "." + long + "." + long + "." + long + ".test>", PathOptions{}, errTooLong},
		{"domain_of_256", "<a@" + strings.Repeat("a.", 126) + "test>", PathOptions{}, errDomain},
		{"route_without_colon", "<@a.test,b@mx.test>", PathOptions{}, errRoute},
		{"route_with_bad_domain", "<@a_b:user@mx.test>", PathOptions{}, errDomain},
		{"route_with_open_literal", "<@[127.0.0.1:user@mx.test>", PathOptions{}, errRoute},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _, err := ParsePath(c.in, c.o)
			if !errors.Is(err, c.want) {
				t.Errorf("ParsePath(%q) = %v, %v; want error %v", c.in, a, err, c.want)
			}
			if err != nil && a != (Address{}) {
				t.Errorf("an error came with the address %q", a)
			}
		})
	}
}

func TestParseAddress(t *testing.T) {
	a, err := ParseAddress(`"a b"@B.test`)
	if err != nil || a.String() != `"a b"@b.test` || a.Key() != `"a b"@b.test` {
		t.Errorf("got %q, %v", a, err)
	}
	for _, in := range []string{"", "a", "@b.test", "a@b.test>", "a@b.test x", "<a@b.test>", "postmaster", strings.Repeat("a", 600) + "@b.test"} {
		if a, err := ParseAddress(in); err == nil {
			t.Errorf("ParseAddress(%q) = %q, want an error", in, a)
		}
	}
	if a, _ := ParseAddress("Jörg@B.test"); a.Key() != "jörg@b.test" || a.IsASCII() {
		t.Errorf("Key %q, IsASCII %v", a.Key(), a.IsASCII())
	}
	if !(Address{}).IsNull() || (Address{local: postmaster}).IsNull() {
		t.Error("IsNull is true of <> only")
	}
	b, err := ParseAddress("a@b.test")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.UnmarshalText([]byte("not an address")); err == nil || b.String() != "a@b.test" {
		t.Errorf("a failed UnmarshalText left %q, %v", b, err)
	}
}

// FuzzAddress: whatever is accepted reads back as itself, has no character
// that could end a command or a path, and means the same to the standard
// library, which shares no code with this parser.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@b.test", `"a b"@b.test`, `"victim@evil.org> NOTIFY=NEVER ORCPT=rfc822;x"@mx.test`, "a@[127.0.0.1]",
		"a@[IPv6:::1]", "jörg@bücher.test", "@r.test:a@b.test", `"\\\""@x`, "postmaster", "", "a@xn--bcher-kva.test", "a@ﬀ.test", "a@b。test"} {
		f.Add(s)
	}
	o := PathOptions{Null: true, Postmaster: true, UTF8: true}
	f.Fuzz(func(t *testing.T, s string) {
		a, rest, err := ParsePath("<"+s+">", o)
		if err != nil {
			return
		}
		b, r, err := ParsePath(a.Path(), o)
		if err != nil || a != b || r != "" {
			t.Fatalf("%q became %q, which reads as %q, %q, %v", s, a.Path(), b, r, err)
		}
		for _, c := range a.Path() {
			if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' {
				t.Fatalf("%q became %q with control %U", s, a.Path(), c)
			}
		}
		if len(a.String()) > maxAddress || strings.HasPrefix(rest, " ") {
			t.Fatalf("%q became %q, rest %q", s, a.Path(), rest)
		}
		if a.domain == "" {
			return
		}
		if c, err := ParseAddress(a.String()); err != nil || c != a {
			t.Fatalf("ParseAddress(%q) = %q, %v", a.String(), c, err)
		}
		if strings.HasPrefix(a.domain, "[") {
			return // the standard library reads literals as RFC 5322 does
		}
		m, err := stdmail.ParseAddress(a.Path())
		if err != nil || m.Address != a.local+"@"+a.domain {
			t.Fatalf("net/mail reads %q as %v, %v", a.Path(), m, err)
		}
	})
}
