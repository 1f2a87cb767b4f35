package notify

import (
	"bytes"
	"testing"
)

func TestB104_AutomaticMail(t *testing.T) {
	for head, want := range map[string]bool{
		"": false, "Subject: x\r\n": false, "Auto-Submitted: no\r\n": false, "Auto-Submitted: NO; x=y\r\n": false,
		"Auto-Submitted: auto-generated\r\n": true, "auto-submitted:\r\n auto-replied (vacation)\r\n": true,
		"Precedence: bulk\r\n": true, "Precedence: first-class\r\n": false, "List-Id: <x.y>\r\n": true, "List-Post: NO\r\n": true,
		"Subject: x\r\n\r\nPrecedence: bulk\r\n": false, "no header at all\r\nPrecedence: bulk\r\n": false,
	} {
		got, err := Automatic(original(t), body(head+"\r\nbody\r\n"))
		if err != nil || got != want {
			t.Errorf("%q: %v %v", head, got, err)
		}
	}
	if got, err := Automatic(original(t), nil); got || err != nil {
		t.Errorf("without a body: %v %v", got, err)
	}
	if _, err := Automatic(original(t), brokenBody{memBody{bytes.NewReader([]byte("x"))}}); err == nil {
		t.Error("an unreadable body is no error")
	}
}
