package mail

import "testing"

func TestStatuses(t *testing.T) {
	live := map[Status]bool{StatusAccepted: true, StatusQueued: true, StatusQueueFrozen: true, StatusStalled: true, StatusQuarantined: true}
	due := map[Status]bool{StatusAccepted: true, StatusQueued: true}
	held := map[Status]bool{StatusStalled: true, StatusQuarantined: true}
	seen := map[Status]bool{}
	for _, s := range Statuses() {
		if seen[s] {
			t.Errorf("%s is listed twice", s)
		}
		seen[s] = true
		if s.Live() != live[s] || s.Due() != due[s] || s.Held() != held[s] {
			t.Errorf("%s: live %v due %v held %v", s, s.Live(), s.Due(), s.Held())
		}
		if (s.Due() || s.Held()) && !s.Live() {
			t.Errorf("%s is due or held but not live", s)
		}
	}
	if len(seen) != 19 {
		t.Errorf("%d statuses, want the 19 of B14–B30 and the additions", len(seen))
	}
	if unknown := Status("no-such"); unknown.Live() || unknown.Due() || unknown.Held() {
		t.Error("an unknown status is live, due or held")
	}
}

func TestActionSeverity(t *testing.T) {
	order := []Action{ActionDisconnect, ActionReject, ActionTempfail, ActionDiscard, ActionStall, ActionQuarantine, ActionRedirect, ActionAccept, ActionContinue}
	for i := 1; i < len(order); i++ {
		if order[i-1].Severity() <= order[i].Severity() {
			t.Errorf("%s is not more severe than %s", order[i-1], order[i])
		}
	}
	if Action("nonsense").Severity() != ActionTempfail.Severity() {
		t.Error("an unknown action must count as a temporary failure, never let mail pass")
	}
}
