package mail

import "testing"

func TestFingerprintNamesWhatWasFoundWhere(t *testing.T) {
	f := Finding{Filter: "base.stall", Plugin: "stall", Class: Class{"unscannable", "encrypted-archive", ""}, Part: "2 a.zip", Score: 1, Explanation: "x"}
	same := f
	same.Score, same.Explanation, same.Action = 2, "y", ActionStall
	if Fingerprint(f) != Fingerprint(same) {
		t.Error("score and wording count")
	}
	w := Waiver{Findings: []string{Fingerprint(f)}}
	for name, change := range map[string]func(*Finding){
		"filter": func(f *Finding) { f.Filter = "other" },
		"part":   func(f *Finding) { f.Part = "3 b.zip" },
		"path":   func(f *Finding) { f.Path = "in.zip" },
		"shift":  func(f *Finding) { f.Class.Main, f.Class.Sub = "unscannableencrypted-archive", "" },
	} {
		o := f
		change(&o)
		if w.Covers(o) {
			t.Errorf("another %s is covered", name)
		}
	}
	if !w.Covers(same) || (Waiver{Classes: []string{"*"}}).Covers(f) {
		t.Error("Covers is wrong")
	}
}
