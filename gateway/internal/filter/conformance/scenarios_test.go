package conformance

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

// scenarios are in order: they share the host, and so its KV.
func scenarios() []scenario {
	return slices.Concat(ofEvents(), ofConfiguration(), ofTheMessage(), ofMatching(), ofStores(), ofTheNetwork(), ofTheQueue(), ofVerdicts(), ofFailures())
}

func ofEvents() []scenario {
	var out []scenario
	for s := abi.StageConnect; s <= abi.StageAction; s++ {
		out = append(out, scenario{name: "echo at " + s.String(), op: "echo", stage: s, event: full, quiet: s < abi.StageHeaders,
			check: func(t *testing.T, h *host, ev *abi.Event, v *abi.Verdict) {
				got, _, _, _ := answer(h, v)
				same(t, got, ev)
			}})
	}
	large := strings.Repeat("0123456789abcdef", 3000)
	return append(out,
		scenario{name: "fields by name", op: "describe", event: full, check: func(t *testing.T, h *host, ev *abi.Event, v *abi.Verdict) {
			got, _, _, _ := answer(h, v)
			d := described(ev)
			same(t, got, &d)
		}},
		scenario{name: "empty event", op: "echo", event: func(e *abi.Event) { *e = abi.Event{Stage: e.Stage, Name: e.Name, Tenant: "acme"} },
			check: func(t *testing.T, h *host, ev *abi.Event, v *abi.Verdict) {
				got, _, _, _ := answer(h, v)
				same(t, got, ev)
			}},
		scenario{name: "large event", op: "echo", args: object("filler", large), check: func(t *testing.T, h *host, ev *abi.Event, v *abi.Verdict) {
			got, _, _, _ := answer(h, v)
			same(t, got, ev)
		}},
		scenario{name: "init", op: "init", check: func(t *testing.T, h *host, _ *abi.Event, v *abi.Verdict) {
			got, _, _, _ := answer(h, v)
			var in abi.Init
			if err := in.Decode([]byte(got)); err != nil {
				t.Fatal(err)
			}
			slices.Sort(in.Features)
			if in.HostMinor != abi.Minor || in.MemoryLimit != filter.DefaultMemory || in.DeadlineMs != 30_000 || len(in.Features) != len(grants) || in.Features[0] != "accept" || in.Plugin != "conformance" {
				t.Errorf("%+v", in)
			}
		}},
		scenario{name: "params", op: "params", args: config(), check: encoded(ptr(config()))},
		scenario{name: "no params", op: "params", check: encoded(&abi.Value{})},
		scenario{name: "note", op: "note of", args: object("key", "b"), want: "two\xff", event: func(e *abi.Event) {
			e.Notes = []abi.Pair{{Key: "a", Value: "one"}, {Key: "b", Value: "two\xff"}}
		}},
		scenario{name: "no note", op: "note of", args: object("key", "b"), none: true},
	)
}

func ptr(v abi.Value) *abi.Value { return &v }

func ofConfiguration() []scenario {
	other := func(e *abi.Event) { e.ConfigID = 8 }
	return []scenario{
		{name: "config", op: "config", check: encoded(ptr(config()))},
		{name: "other config", op: "config", event: other, check: encoded(ptr(object("limit", 8)))},
		{name: "no config", op: "config", event: func(e *abi.Event) { e.ConfigID = 99 }, code: "-1", text: "no configuration of this plugin"},
		{name: "built", op: "config built", want: "42:1"},
		{name: "built once", op: "config built", want: "42:1"},
		{name: "built for another", op: "config built", event: other, want: "8:2"},
		{name: "both are kept", op: "config built", want: "42:1"},
		{name: "build fails", op: "config built", event: func(e *abi.Event) { e.ConfigID = 1<<64 - 1 }, fails: filter.KindResult, text: "a limit below 0"},
		{name: "build failed", op: "config built", event: func(e *abi.Event) { e.ConfigID = 1<<64 - 1 }, fails: filter.KindResult, text: "a limit below 0"},
		{name: "no config to build", op: "config built", event: func(e *abi.Event) { e.ConfigID = 99 }, fails: filter.KindResult, text: "no configuration|not found"},
	}
}

func ofTheMessage() []scenario {
	m := message()
	digest := func(b []byte) string { d := sha256.Sum256(b); return string(d[:]) }
	one, five := sha1.Sum(m.bodies[1]), md5.Sum(m.bodies[1])
	broken := &mailed{err: errors.New("a scenario's disk error"), parts: m.parts}
	ranges := func(pairs ...int) []any {
		var out []any
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, []any{pairs[i], pairs[i+1]})
		}
		return out
	}
	cut := func(b []byte, pairs ...int) string {
		var out []byte
		for i := 0; i < len(pairs); i += 2 {
			from := min(pairs[i], len(b))
			out = append(out, b[from:min(from+pairs[i+1], len(b))]...)
		}
		return string(out)
	}
	// Small ones, across windows, backwards, over a window's size, over the end.
	reads := []int{0, 5, 3, 5, 8190, 10, 4095, 2, 16383, 3, 1, 1, 20000, 9000, 50000, 8192, 99_990, 20, 99_999, 1, 100_000, 5, 1 << 40, 5}
	return []scenario{
		{name: "headers", op: "headers", check: encoded(&abi.HeaderList{Headers: m.headers})},
		{name: "no headers at rcpt", op: "headers", stage: abi.StageRcptTo, quiet: true, code: "-6", text: "there is no message"},
		{name: "header", op: "header", args: object("name", "SUBJECT"), want: "prize 42 \xc3"},
		{name: "second header", op: "header", args: object("name", "x-19", "nth", 1), want: strings.Repeat("v", 39*20) + "\xff é"},
		{name: "third header", op: "header", args: object("name", "x-19", "nth", 2), none: true},
		{name: "no header", op: "header", args: object("name", "Absent"), none: true},
		{name: "header that cannot be read", op: "header", args: object("name", "Subject"), stage: abi.StageRcptTo, quiet: true, fails: filter.KindResult, text: "there is no message|unavailable"},
		{name: "parts", op: "parts", check: encoded(&m.parts)},
		{name: "ranges of a part", op: "read", args: object("part", 2, "ranges", ranges(reads...)), want: cut(m.bodies[2], reads...)},
		{name: "ranges of the raw message", op: "read", args: object("part", -1, "ranges", ranges(reads[:14]...)), want: cut(m.raw, reads[:14]...)},
		{name: "an empty part", op: "read", args: object("part", 4, "ranges", ranges(0, 10)), want: ""},
		{name: "a part that is not there", op: "read", args: object("part", 9, "ranges", ranges(0, 10)), code: "-5", text: "no such part"},
		{name: "a part that cannot be read", op: "read", args: object("part", 1, "ranges", ranges(0, 10)), view: broken, code: "-6", text: "a scenario's disk error"},
		{name: "sha256", op: "hash", args: object("part", 2, "alg", 1), want: digest(m.bodies[2])},
		{name: "sha1", op: "hash", args: object("part", 1, "alg", 2), want: string(one[:])},
		{name: "md5", op: "hash", args: object("part", 1, "alg", 3), want: string(five[:])},
		{name: "sha256 of the raw message", op: "hash", args: object("part", -1, "alg", 1), want: digest(m.raw)},
		{name: "unknown hash", op: "hash", args: object("part", 1, "alg", 9), code: "-5", text: "unknown hash"},
	}
}

func ofMatching() []scenario {
	set := []any{[]any{0, "prize", true}, []any{1, "^h.llo", false}, []any{0, "absent", false}, []any{1, `\x80|2`, false}}
	wild := []any{[]any{2, "prize*", false}, []any{2, "p?ize 7", false}, []any{2, "*42", false}}
	return []scenario{
		{name: "match part", op: "match part", args: object("set", 1, "part", 1, "patterns", set), want: "0,1,"},
		{name: "match part again", op: "match part", args: object("set", 1, "part", 1, "patterns", set), want: "0,1,"},
		{name: "match text", op: "match text", args: object("set", 1, "text", "42 PRIZES", "patterns", set), want: "0,3,"},
		{name: "match wildcards", op: "match text", args: object("set", 2, "text", "prize 42", "patterns", wild), want: "0,2,"},
		{name: "match nothing", op: "match text", args: object("set", 1, "text", "nothing", "patterns", set), want: ""},
		{name: "match without patterns", op: "match text", args: object("set", 3, "text", "nothing", "patterns", []any{}), want: ""},
		{name: "broken pattern", op: "match text", args: object("set", 4, "text", "x", "patterns", []any{[]any{1, "(", false}}), code: "-5", text: "("},
		{name: "match without config", op: "match part", args: object("set", 1, "part", 1, "patterns", set), event: func(e *abi.Event) { e.ConfigID = 99 }, code: "-1", text: "no configuration"},
	}
}

func ofStores() []scenario {
	ops := []abi.KVRequest{
		{Op: abi.KVOpSet, Key: "b1", Value: []byte("one\xff"), TTLMs: 5}, {Op: abi.KVOpGet, Key: "b1"}, {Op: abi.KVOpAdd, Key: "b2", Delta: -1 << 62},
		{Op: abi.KVOpDelete, Key: "b1"}, {Op: abi.KVOpGet, Key: "b1"}, {Op: abi.KVOpSet, Key: "b3", Value: make([]byte, 60_000)}, {Op: abi.KVOpGet, Key: "b3"},
	}
	results := []abi.KVResult{{}, {Found: true, Value: []byte("one\xff")}, {Number: -1 << 62}, {}, {}, {}, {Found: true, Value: make([]byte, 60_000)}}
	big := strings.Repeat("x", 40_000)
	ttl := func(want int64) func(*testing.T, *host, *abi.Event, *abi.Verdict) {
		return func(t *testing.T, h *host, _ *abi.Event, v *abi.Verdict) {
			if _, _, code, text := answer(h, v); code != "" || h.kv.ttl.Milliseconds() != want {
				t.Error(code, text, h.kv.ttl)
			}
		}
	}
	return []scenario{
		{name: "lookup", op: "lookup", args: object("list", "block", "keys", []string{"good@x", "bad@x", "bad@y"}), check: encoded(&abi.LookupResult{Found: true, Key: "bad@x", Value: "by hand\xff"})},
		{name: "lookup of what is not there", op: "lookup", args: object("list", "empty", "keys", []string{"bad"}), check: encoded(&abi.LookupResult{})},
		{name: "lookup without keys", op: "lookup", args: object("list", "block", "keys", []string{}), check: encoded(&abi.LookupResult{})},
		{name: "lookup of many keys", op: "lookup", args: object("list", "block", "keys", strings.Fields(strings.Repeat("good@example.test ", 2000)+"bad"+big)), check: encoded(&abi.LookupResult{Found: true, Key: "bad" + big, Value: "by hand\xff"})},
		{name: "no such list", op: "lookup", args: object("list", "gone", "keys", []string{"x"}), code: "-1", text: "no such list"},
		{name: "list not granted", op: "lookup", args: object("list", "other", "keys", []string{"x"}), code: "-2", text: "does not name this list"},
		{name: "kv: nothing yet", op: "kv get", args: object("key", "k"), none: true},
		{name: "kv: set", op: "kv set", args: object("key", "k", "value", "one\x00\xff", "ttl", 60_000), check: ttl(60_000)},
		{name: "kv: get", op: "kv get", args: object("key", "k"), want: "one\x00\xff"},
		{name: "kv: cas of what is not absent", op: "kv cas", args: object("key", "k", "value", "two"), want: "0"},
		{name: "kv: cas of what it is not", op: "kv cas", args: object("key", "k", "old", "two", "value", "three"), want: "0"},
		{name: "kv: cas", op: "kv cas", args: object("key", "k", "old", "one\x00\xff", "value", "two", "ttl", 7), check: ttl(7)},
		{name: "kv: cas happened", op: "kv get", args: object("key", "k"), want: "two"},
		{name: "kv: delete", op: "kv delete", args: object("key", "k"), want: ""},
		{name: "kv: deleted", op: "kv get", args: object("key", "k"), none: true},
		{name: "kv: cas of what is absent", op: "kv cas", args: object("key", "k", "value", ""), want: "1"},
		{name: "kv: an empty value", op: "kv get", args: object("key", "k"), want: ""},
		{name: "kv: cas of an empty value", op: "kv cas", args: object("key", "k", "old", "", "value", big), want: "1"},
		{name: "kv: a large value", op: "kv get", args: object("key", "k"), want: big},
		{name: "kv: add", op: "kv add", args: object("key", "n", "delta", 5), want: "5"},
		{name: "kv: subtract", op: "kv add", args: object("key", "n", "delta", -12, "ttl", 9), want: "-7"},
		{name: "kv: key of octets", op: "kv set", args: object("key", "\xff\xfe", "value", "v"), check: func(t *testing.T, h *host, _ *abi.Event, _ *abi.Verdict) {
			if string(h.kv.m[h.kv.id("guest", "acme", "\xff\xfe")]) != "v" {
				t.Error("not there")
			}
		}},
		{name: "kv: no key", op: "kv get", args: object("key", ""), code: "-5", text: "1 to 512 octets"},
		{name: "kv: value too large", op: "kv set", args: object("key", "k", "value", strings.Repeat("x", 65<<10)), code: "-3", text: "64 KiB"},
		{name: "kv: broken store", op: "kv get", args: object("key", "broken"), code: "-6", text: "the disk is gone"},
		{name: "kv: before a tenant is known", op: "kv add", args: object("key", "n", "delta", 1), stage: abi.StageConnect, quiet: true, event: func(e *abi.Event) { e.Tenant, e.PartCount = "", 0 }, want: "1"},
		{name: "kv: batch", op: "kv batch", args: object("data", (&abi.KVBatch{Ops: ops}).Append(nil)), check: func(t *testing.T, h *host, _ *abi.Event, v *abi.Verdict) {
			got, _, code, text := answer(h, v)
			want := abi.KVBatchResult{Results: results}
			if code != "" {
				t.Fatal(code, text)
			}
			same(t, got, &want)
		}},
		{name: "kv: broken batch", op: "kv batch", args: object("data", (&abi.KVBatch{Ops: []abi.KVRequest{{Op: 9, Key: "k"}}}).Append(nil)), code: "-5", text: "operation 0"},
		{name: "count", op: "count", args: object("name", "seen", "delta", 3), check: func(t *testing.T, h *host, _ *abi.Event, _ *abi.Verdict) {
			if h.count["guest.seen"] != 3 {
				t.Error(h.count)
			}
		}},
		{name: "count badly", op: "count", args: object("name", "Seen", "delta", 3), code: "-5", text: "a counter's name"},
	}
}

func ofTheNetwork() []scenario {
	questions := []abi.DNSQuestion{{Name: "a.test", Type: "A"}, {Name: "b.test", Type: "MX"}, {Name: "c.test", Type: "TXT"}, {Name: "d.test", Type: "TLSA"}, {Name: "192.0.2.1", Type: "PTR"}}
	seen := slices.Clone(questions)
	seen[4].Name = "1.2.0.192.in-addr.arpa"
	m := message()
	request := &abi.HTTPRequest{Method: "POST", URL: "https://hooks.test/weir/a?b=c", Headers: []abi.Header{{Name: "X-A", Value: "1"}}, Body: []byte("body\x00\xff")}
	upload := &abi.HTTPRequest{Method: "PUT", URL: "https://hooks.test/weir/", BodyPart: 3, TimeoutMs: 5000}
	large := &abi.HTTPRequest{Method: "POST", URL: "https://hooks.test/weir/", Body: make([]byte, 50_000)}
	fetch := func(r *abi.HTTPRequest) abi.Value { return object("data", r.Append(nil)) }
	return []scenario{
		{name: "dns", op: "dns", args: object("data", (&abi.DNSRequest{Questions: questions}).Append(nil)), check: encoded(&abi.DNSResponse{Answers: dns{}.Query(context.Background(), seen)})},
		{name: "dns not granted", op: "dns", args: object("data", (&abi.DNSRequest{Questions: []abi.DNSQuestion{{Name: "a.example", Type: "A"}}}).Append(nil)), code: "-2", text: "a.example"},
		{name: "dns of an unknown type", op: "dns", args: object("data", (&abi.DNSRequest{Questions: []abi.DNSQuestion{{Name: "a.test", Type: "ANY"}}}).Append(nil)), code: "-5", text: "types are"},
		{name: "fetch", op: "fetch", args: fetch(request), check: encoded(&abi.HTTPResponse{
			Status: 201, Truncated: true, Body: []byte("body\x00\xff\x00\xff"), Headers: []abi.Header{{Name: "X-A", Value: "1"}, {Name: "Seen", Value: "POST /weir/a?b=c"}}})},
		{name: "fetch with a part", op: "fetch", args: fetch(upload), check: encoded(&abi.HTTPResponse{
			Status: 200, Truncated: true, Body: []byte("part of 11: hello PRIZE\x00\xff"), Headers: []abi.Header{{Name: "Seen", Value: "PUT /weir/"}}})},
		{name: "fetch much", op: "fetch", args: fetch(large), check: encoded(&abi.HTTPResponse{
			Status: 200, Truncated: true, Body: append(make([]byte, 50_001), 0xff), Headers: []abi.Header{{Name: "Seen", Value: "POST /weir/"}}})},
		{name: "fetch not granted", op: "fetch", args: fetch(&abi.HTTPRequest{URL: "https://hooks.test/other"}), code: "-2", text: "the grant http"},
		{name: "fetch refused", op: "fetch", args: fetch(&abi.HTTPRequest{URL: "https://hooks.test/weir/gone"}), code: "-5", text: "the scenario does not like it"},
		{name: "dial", op: "dial", args: object("address", "unix:/run/echo", "write", "hello ", "part", 1, "offset", 6, "length", 100), event: func(*abi.Event) {},
			view: &mailed{parts: m.parts, bodies: [][]byte{nil, []byte("hello prize END")}}, want: "9:HELLO PRIZE END"},
		{name: "dial sends a range", op: "dial", args: object("address", "unix:/run/echo", "write", strings.Repeat("w", 5000), "part", -1, "offset", 2, "length", 3),
			view: &mailed{parts: m.parts, raw: []byte("xxEND and more")}, want: "3:" + strings.Repeat("W", 5000) + "END"},
		{name: "dial sends a part that is not there", op: "dial", args: object("address", "unix:/run/echo", "write", "a", "part", 77, "length", 3), code: "-5", text: "no such part"},
		{name: "dial of what is not there", op: "dial", args: object("address", "scan.test:3310"), code: "-6", text: "connection refused by the scenario"},
		{name: "dial not granted", op: "dial", args: object("address", "127.0.0.1:25"), code: "-2", text: "the grant dial"},
	}
}

func ofTheQueue() []scenario {
	said := func(want string) func(*testing.T, *host, *abi.Event, *abi.Verdict) {
		return func(t *testing.T, h *host, _ *abi.Event, v *abi.Verdict) {
			_, _, code, text := answer(h, v)
			if code != "" || len(h.queue.said) == 0 || h.queue.said[len(h.queue.said)-1] != want {
				t.Errorf("%s %s: ordered %q, want %q", code, text, h.queue.said, want)
			}
		}
	}
	order := func(id string) abi.Value {
		return object("data", (&abi.MessageOrder{ID: id, Recipient: 2, Reason: "for a reason"}).Append(nil))
	}
	info := information()
	info.ID = "01other"
	notice := &abi.Submission{To: []string{"x@acme.test", "y@acme.test"}, Subject: "Süb", Text: "line\nline", Headers: []abi.Header{{Name: "X-A", Value: "1"}}, Parent: "01m"}
	return []scenario{
		{name: "schedule", op: "schedule", stage: abi.StageAction, args: object("data", (&abi.ScheduleRequest{AtUnixMs: 1_700_000_000_000, Name: "again", Key: "k", Payload: []byte{0, 255}, Message: "01m"}).Append(nil)),
			check: said("schedule guest acme 7 1700000000000 again k 00ff 01m")},
		{name: "schedule without a name", op: "schedule", args: object("data", (&abi.ScheduleRequest{}).Append(nil)), code: "-5", text: "a schedule has a name"},
		{name: "message", op: "message", args: object("id", "01other"), check: encoded(&info)},
		{name: "no such message", op: "message", args: object("id", "gone"), code: "-1", text: "no such message"},
		{name: "release", op: "release", args: order("01m"), want: "2"},
		{name: "released", op: "release", args: order("02m"), check: said("release guest acme 02m 2 for a reason")},
		{name: "reject", op: "reject", args: order("01m"), check: said("reject guest acme 01m 2 for a reason")},
		{name: "delete", op: "delete", args: order("01m"), check: said("delete guest acme 01m 2 for a reason")},
		{name: "delete of what is not there", op: "delete", args: order("gone"), code: "-1", text: "no such message"},
		{name: "submit", op: "submit", args: object("data", notice.Append(nil)), want: "01notice"},
		{name: "submitted", op: "submit", args: object("data", notice.Append(nil)), check: said("submit guest acme [x@acme.test y@acme.test] Süb \"line\\nline\" [{X-A 1}] 01m")},
		{name: "submit to nobody", op: "submit", args: object("data", (&abi.Submission{Subject: "s"}).Append(nil)), code: "-5", text: "goes to somebody"},
		{name: "no queue before a tenant is known", op: "message", args: object("id", "01m"), stage: abi.StageConnect, quiet: true, event: func(e *abi.Event) { e.Tenant, e.PartCount = "", 0 }, code: "-6", text: "tenant is not known"},
	}
}

func ofVerdicts() []scenario {
	whole := abi.Verdict{
		Action: abi.ActionReject, Code: 550, Enhanced: "5.7.1", Text: "no, ünd",
		Findings: []abi.Finding{{Main: "spam", Sub: "a", Extra: "b", Score: -1.25, Explanation: "because\xff", Part: 5, Path: "x/y", Action: abi.ActionTempfail, Code: 451, Enhanced: "4.7.1", Text: "t"}, {Main: "other"}},
		Tags:     []string{"a", "b\xfe"}, Edits: []abi.HeaderEdit{{Op: abi.HeaderOpReplace, Name: "Subject", Index: -1, Value: "v"}, {Name: "X-New", Value: "n"}},
		Recipients: []abi.RecipientAction{{Recipient: "y@acme.test", Action: abi.ActionRedirect, Redirect: "z@acme.test"}, {Recipient: "x@acme.test", Action: abi.ActionReject, Code: 551, Enhanced: "5.1.1", Text: "gone"}},
		Redirect:   []string{"r@acme.test"}, Hold: abi.Hold{UntilUnixMs: 1 << 45, Reason: "h", Key: "k"}, Route: "slow", DelayMs: 1 << 33,
		Notes: []abi.Pair{{Key: "n", Value: "\x00\xff"}}, Waivers: []abi.Waiver{{Classes: []string{"spam", "*"}, Reason: "w"}},
		PartEdits: []abi.PartEdit{{Op: abi.PartOpReplace, Part: 1, Type: "text/html; charset=utf-8", Filename: "f.html", Text: []byte("<p>\xc3\xbc")}, {Op: abi.PartOpRemove, Part: 2}}, KeepOriginal: true,
	}
	results := abi.Verdict{Text: "done", Results: []abi.Pair{{Key: "a", Value: "1\n2"}, {Key: "b"}}}
	many := abi.Verdict{}
	for i := range 1000 {
		many.Findings = append(many.Findings, abi.Finding{Main: "spam", Sub: fmt.Sprint(i), Explanation: strings.Repeat("e", 150), Score: float64(i) / 8})
	}
	verdict := func(want *abi.Verdict) func(*testing.T, *host, *abi.Event, *abi.Verdict) {
		return func(t *testing.T, _ *host, _ *abi.Event, v *abi.Verdict) {
			t.Helper()
			same(t, string(v.Append(nil)), want)
		}
	}
	staged := strings.Repeat("0123456789", 3000)
	return []scenario{
		{name: "verdict with every field", op: "verdict", args: object("data", whole.Append(nil)), check: verdict(&whole)},
		{name: "verdict of an action", op: "verdict", stage: abi.StageAction, args: object("data", results.Append(nil)), check: verdict(&results)},
		{name: "verdict with accept", op: "verdict", args: object("data", (&abi.Verdict{Action: abi.ActionAccept}).Append(nil)), check: verdict(&abi.Verdict{Action: abi.ActionAccept})},
		{name: "verdict with a thousand findings", op: "verdict", args: object("data", many.Append(nil)), check: verdict(&many)},
		{name: "verdict too large", op: "large", fails: filter.KindResult, text: "256 KiB|too large"},
		{name: "verdict made by functions", op: "verdict built", check: verdict(&abi.Verdict{
			Action: abi.ActionReject, Code: 550, Enhanced: "5.7.1", Text: "no", Redirect: []string{"other@acme.test"},
			Findings: []abi.Finding{{Main: "spam", Sub: "subject", Score: 1.5, Explanation: "a word", Part: 1}}, Tags: []string{"one", "two"},
			Edits: []abi.HeaderEdit{{Name: "X-Added", Value: "value"}, {Op: abi.HeaderOpReplace, Name: "Subject", Value: "other"}, {Op: abi.HeaderOpRemove, Name: "X-Gone", Index: -1}},
			PartEdits: []abi.PartEdit{{Part: 1, Type: "text/plain", Filename: "note.txt", Text: []byte("new")}, {Op: abi.PartOpPrepend, Part: 2, Text: []byte("before")},
				{Op: abi.PartOpAppend, Part: 2, Text: []byte("after")}, {Op: abi.PartOpRemove, Part: 3}},
			Notes: []abi.Pair{{Key: "key", Value: "value"}}, Waivers: []abi.Waiver{{Classes: []string{"spam", "list/sender"}, Reason: "known"}},
			KeepOriginal: true, Hold: abi.Hold{UntilUnixMs: 1 << 40, Reason: "wait", Key: "k"}, Route: "slow", DelayMs: 250,
		})},
		{name: "staged content", op: "stage", args: object("part", 1, "content", []string{staged, "\x00\xff", staged}, "text", "first "),
			check: func(t *testing.T, _ *host, _ *abi.Event, v *abi.Verdict) {
				if len(v.PartEdits) != 1 || v.PartEdits[0].Op != abi.PartOpAppend || string(v.PartEdits[0].Text) != "first "+staged+"\x00\xff"+staged {
					t.Errorf("%+v", v.PartEdits)
				}
			}},
	}
}

func ofFailures() []scenario {
	logged := func(level, line, kept string) func(*testing.T, *host, *abi.Event, *abi.Verdict) {
		return func(t *testing.T, h *host, _ *abi.Event, v *abi.Verdict) {
			t.Helper()
			got, _, _, _ := answer(h, v)
			want := "level=" + level + ` msg="plugin: ` + line
			if got != kept || strings.Contains(h.log.String(), want) != (level != "DEBUG") {
				t.Errorf("kept %s; %s is not in\n%s", got, want, &h.log)
			}
		}
	}
	return []scenario{
		{name: "log debug", op: "log", args: object("level", 0, "line", "a line"), check: logged("DEBUG", "a line", "0111")},
		{name: "log info", op: "log", args: object("level", 1, "line", "a line"), check: logged("INFO", "a line", "0111")},
		{name: "log warn", op: "log", args: object("level", 2, "line", "a line"), check: logged("WARN", "a line", "0111")},
		{name: "log error", op: "log", args: object("level", 3, "line", "ümlaut"), check: logged("ERROR", "ümlaut", "0111")},
		{name: "staging a part that is not there", op: "stage", args: object("part", 50, "content", []string{"x"}), code: "-5", text: "no such part"},
		{name: "failure", op: "fail", args: object("why", "cannot judge this"), fails: filter.KindResult, text: "cannot judge this"},
		{name: "trap", op: "trap", args: object("why", "the end of it"), fails: filter.KindTrap, text: "the end of it"},
		{name: "after the trap", op: "header", args: object("name", "SUBJECT"), want: "prize 42 \xc3"},
	}
}
