package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

func TestParseEnhanced(t *testing.T) {
	for s, want := range map[string]Enhanced{"5.7.1": {5, 7, 1}, "2.0.0": {2, 0, 0}, "4.999.999": {4, 999, 999}} {
		if e, ok := ParseEnhanced(s); !ok || e != want || e.String() != s {
			t.Errorf("ParseEnhanced(%q) = %v, %v", s, e, ok)
		}
	}
	for _, s := range []string{"", "5", "5.7", "5.7.1.1", "3.0.0", "1.0.0", "0.0.0", "5.07.1", "5.1000.1", "5.-1.1", "5.+1.1", "5.7.1 ", "a.b.c", "5..1"} {
		if e, ok := ParseEnhanced(s); ok {
			t.Errorf("ParseEnhanced(%q) = %v, want refusal", s, e)
		}
	}
}

func TestReplyKindIsDerivedFromCode(t *testing.T) {
	for _, c := range []struct {
		code             int
		ok, temp, perman bool
	}{{0, false, false, false}, {250, true, false, false}, {354, false, false, false}, {421, false, true, false}, {451, false, true, false}, {550, false, false, true}} {
		// The enhanced code contradicts on purpose: servers pair them wrongly.
		r := Reply{Code: c.code, Enhanced: Enhanced{5, 0, 0}}
		if r.Success() != c.ok || r.Temporary() != c.temp || r.Permanent() != c.perman || r.IsZero() != (c.code == 0) {
			t.Errorf("%d: success %v temporary %v permanent %v", c.code, r.Success(), r.Temporary(), r.Permanent())
		}
	}
}

func TestReplyIsFoundInAnErrorChain(t *testing.T) {
	r := NewReply(550, "5.1.1", "no such user")
	err := fmt.Errorf("rcpt: %w", errors.Join(errors.New("x"), r))
	if got, ok := AsReply(err); !ok || got != r {
		t.Errorf("AsReply = %v, %v", got, ok)
	}
	if got, ok := AsReply(errors.New("550 5.1.1 no such user")); ok {
		t.Errorf("AsReply made %v of a plain error", got)
	}
}

func TestReplyOnOneLine(t *testing.T) {
	for want, r := range map[string]*Reply{
		"550 5.1.1 no such user":          NewReply(550, "5.1.1", "no such user"),
		"250 ok":                          NewReply(250, "", "ok"),
		"421":                             NewReply(421, "", ""),
		"554 5.7.1 one / two":             NewReply(554, "5.7.1", "one\ntwo"),
		"connection refused by 192.0.2.1": {Text: "connection refused by 192.0.2.1"},
	} {
		if r.Error() != want {
			t.Errorf("got %q, want %q", r.Error(), want)
		}
	}
}

func TestReplyJSON(t *testing.T) {
	in := *NewReply(452, "4.3.1", "full\nlater")
	j, err := json.Marshal(in)
	if err != nil || string(j) != `{"code":452,"enhanced":"4.3.1","text":"full\nlater"}` {
		t.Errorf("got %s, %v", j, err)
	}
	var out Reply
	if err := json.Unmarshal(j, &out); err != nil || out != in {
		t.Errorf("got %v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"enhanced":"9.9.9"}`), &out); err == nil {
		t.Error("9.9.9 reads as an enhanced status code")
	}
	// omitempty never leaves out an array: the empty form must read back.
	if err := json.Unmarshal([]byte(`{"code":250,"enhanced":""}`), &out); err != nil || out.Enhanced != (Enhanced{}) {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestNewReplyPanicsOnAProgrammersMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic for 3.0.0")
		}
	}()
	NewReply(354, "3.0.0", "")
}
