package main

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/mailweir/weir/policy"
)

// TestEveryEventCanBeSentOut: the policy language stands alone, so that its list
// of event types is one of its own.
func TestEveryEventCanBeSentOut(t *testing.T) {
	src, err := os.ReadFile("internal/mail/event.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`EventType = "(\w+)"`).FindAllSubmatch(src, -1)
	if len(found) < 20 {
		t.Fatalf("%d types of events found", len(found))
	}
	for _, m := range found {
		if !slices.Contains(policy.EventTypes(), string(m[1])) {
			t.Errorf("an events block cannot ask for %s", m[1])
		}
	}
}
