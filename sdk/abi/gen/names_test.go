package main

import (
	"strings"
	"testing"
)

func TestNamesInOtherLanguages(t *testing.T) {
	for name, want := range map[string]string{
		"DNSQuestion":      "dns_question DNS_QUESTION dnsQuestion DnsQuestion",
		"KVOp":             "kv_op KV_OP kvOp KvOp",
		"mail_from":        "mail_from MAIL_FROM mailFrom MailFrom",
		"received_unix_ms": "received_unix_ms RECEIVED_UNIX_MS receivedUnixMs ReceivedUnixMs",
		"sha256":           "sha256 SHA256 sha256 Sha256",
		"Event":            "event EVENT event Event",
		"id":               "id ID id Id",
	} {
		if got := strings.Join([]string{snake(name), screaming(name), camel(name), pascal(name)}, " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestEveryTypeInEveryLanguage: the schema of today has no list of numbers and
// no enum in a list; a later one may.
func TestEveryTypeInEveryLanguage(t *testing.T) {
	s, err := parse("enum E { a = 0 } record R { u list u32 i i32 l list i64 f list f64 b list bool s list string y list bytes e list E type string r list record R }")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(*schema) ([]byte, error)
		want []string
	}{
		"rust":           {rustCode, []string{"pub u: Vec<u32>", "put_u32(b, *x)", "put_bool(b, *x)", "put_bytes(b, x.as_bytes())", "put_u32(b, x.0)", "self.e.push(E(r.u32()))", "pub type_: Text"}},
		"assemblyscript": {asCode, []string{"u: u32[] = []", "e.u32(<u32>this.e[i])", "this.y.push(d.bytes())", `type: string = ""`}},
		"c": {func(s *schema) ([]byte, error) {
			w := &goWriter{}
			cTypes(w, s)
			cCodec(w, s)
			return w.Bytes(), nil
		}, []string{"typedef struct { uint32_t *items; uint32_t len, cap; } weir_u32_array;", "weir_u32_array e;", "weir_bool_array b;", "weir_str_array y;",
			"weir_r_array r;", "v->l.items[v->l.len++] = weir__get_i64(d);", "weir__put_bool(b, v->b.items[i]);", "weir__put_str(b, v->y.items[i]);"}},
	} {
		b, err := c.make(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, w := range c.want {
			if !strings.Contains(string(b), w) {
				t.Errorf("%s: %q is not in\n%s", name, w, b)
			}
		}
	}
}

func TestBetween(t *testing.T) {
	b, err := between([]byte("a\nBEGIN\nold\nEND\nz\n"), "BEGIN\n", "END\n", []byte("new\n"))
	if err != nil || string(b) != "a\nBEGIN\nnew\nEND\nz\n" {
		t.Errorf("%q, %v", b, err)
	}
	for _, s := range []string{"", "BEGIN\n", "END\nBEGIN\n"} {
		if _, err := between([]byte(s), "BEGIN\n", "END\n", nil); err == nil {
			t.Errorf("%q has both lines?", s)
		}
	}
}
