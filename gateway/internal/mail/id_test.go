package mail

import (
	"encoding/json"
	"sort"
	"strings"
	"testing"
	"time"
)

func TestIDStringSortsByTimeAndReadsBack(t *testing.T) {
	now := time.Date(2026, 11, 21, 22, 0, 0, 123e6, time.UTC)
	var ids []string
	for i := range 50 {
		id := NewID(now.Add(time.Duration(i) * time.Millisecond))
		s := id.String()
		if len(s) != 26 || s != strings.ToLower(s) {
			t.Fatalf("String is %q", s)
		}
		if v := id[6] >> 4; v != 7 {
			t.Fatalf("version %d, want 7 (RFC 9562)", v)
		}
		if id[8]>>6 != 2 {
			t.Fatalf("variant %b, want 10", id[8]>>6)
		}
		if got := id.Time(); !got.Equal(now.Add(time.Duration(i) * time.Millisecond)) {
			t.Fatalf("Time is %v", got)
		}
		for _, form := range []string{s, strings.ToUpper(s)} {
			back, err := ParseID(form)
			if err != nil || back != id {
				t.Fatalf("ParseID(%q) = %v, %v", form, back, err)
			}
		}
		ids = append(ids, s)
	}
	if !sort.StringsAreSorted(ids) {
		t.Errorf("strings of successive milliseconds do not sort: %v", ids)
	}
}

func TestNewIDIsUnique(t *testing.T) {
	now, seen := time.Now(), map[ID]bool{}
	for range 10000 {
		id := NewID(now)
		if seen[id] {
			t.Fatalf("ID %v made twice", id)
		}
		seen[id] = true
	}
}

func TestDeriveID(t *testing.T) {
	parent := NewID(time.Now())
	at := time.UnixMilli(1763762400123)
	a := DeriveID(parent, at, "dsn", "1,2")
	if b := DeriveID(parent, at, "dsn", "1,2"); a != b {
		t.Errorf("same cause, different IDs: %v, %v", a, b)
	}
	for name, b := range map[string]ID{
		"parts_joined_differently": DeriveID(parent, at, "dsn1", ",2"),
		"other_parts":              DeriveID(parent, at, "dsn", "1,3"),
		"other_parent":             DeriveID(NewID(time.Now()), at, "dsn", "1,2"),
		"other_time":               DeriveID(parent, at.Add(time.Millisecond), "dsn", "1,2"),
	} {
		if a == b {
			t.Errorf("%s: the ID is the same", name)
		}
	}
	if !a.Time().Equal(at) {
		t.Errorf("Time is %v, want %v", a.Time(), at)
	}
}

func TestParseIDRefuses(t *testing.T) {
	good := NewID(time.Now()).String()
	for name, s := range map[string]string{
		"empty":         "",
		"short":         good[1:],
		"long":          good + "0",
		"overflow":      "8" + good[1:],
		"not_crockford": good[:25] + "u",
		"space":         good[:25] + " ",
	} {
		if id, err := ParseID(s); err == nil {
			t.Errorf("%s: ParseID(%q) = %v", name, s, id)
		}
	}
}

func TestZeroIDIsNone(t *testing.T) {
	var v struct {
		A ID `json:"a,omitzero"`
		B ID `json:"b"`
	}
	j, err := json.Marshal(v)
	if err != nil || string(j) != `{"b":""}` {
		t.Errorf("zero IDs marshal as %s, %v", j, err)
	}
	v.B = NewID(time.Now())
	if err := json.Unmarshal([]byte(`{"b":""}`), &v); err != nil || !v.B.IsZero() {
		t.Errorf("the empty text reads as %v, %v", v.B, err)
	}
	if err := json.Unmarshal([]byte(`{"b":"xyz"}`), &v); err == nil {
		t.Error("nonsense reads as an ID")
	}
}
