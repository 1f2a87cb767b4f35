package signed

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type says struct {
	ID string `json:"id"`
}

func TestTokens(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	key, err := LoadOrCreateKey(t.TempDir(), "k")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(key, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Token("release", says{"m.1"}, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var got says
	if err := s.Open("release", token, &got); err != nil || got.ID != "m.1" {
		t.Fatalf("%+v, %v", got, err)
	}
	other, _ := New([]byte(strings.Repeat("x", 32)), nil)
	for name, err := range map[string]error{
		"another purpose": s.Open("sign-in", token, &got),
		"another key":     other.Open("release", token, &got),
		"cut":             s.Open("release", token[:len(token)-2], &got),
		"changed":         s.Open("release", "A"+token[1:], &got),
		"empty":           s.Open("release", "", &got),
		"no signature":    s.Open("release", strings.Split(token, ".")[0]+".", &got),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	now = now.Add(time.Hour)
	if err := s.Open("release", token, &got); !errors.Is(err, ErrExpired) {
		t.Errorf("over: %v", err)
	}
}

func TestKeyIsKept(t *testing.T) {
	dir := t.TempDir()
	a, err := LoadOrCreateKey(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadOrCreateKey(dir, "k")
	if err != nil || string(a) != string(b) {
		t.Fatalf("another key the second time, %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "k"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "short"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(dir, "short"); err == nil {
		t.Error("a short key is taken")
	}
}

func TestKeyThatOthersMayReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadOrCreateKey(dir, "k"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "k")
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadOrCreateKey(dir, "k"); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: %v, want a refusal with its remedy", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(dir, "k"); err != nil {
		t.Errorf("ours alone: %v", err)
	}
}
