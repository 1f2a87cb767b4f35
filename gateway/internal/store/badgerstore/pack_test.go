package badgerstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// TestDictionaryNeverChanges: records in every store refer to it.
func TestDictionaryNeverChanges(t *testing.T) {
	const want = "d3e46bddbf3ead3f8e53e660f2f04a16dc6ac9ddfb6ebbea91f31135ca1d216a"
	sum := sha256.Sum256(dictionary1)
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("dictionary1.txt is another (%s): stores could not be read any more; add a second one instead", got)
	}
}

func TestRecordsArePacked(t *testing.T) {
	e := mail.Event{
		At: time.Now(), Type: mail.EventTransientFailure, Message: mail.NewID(time.Now()), N: 1, Tenant: "beta", Direction: mail.Inbound, Sender: "carol.12@far.test",
		Recipient: "dave@beta.test", Client: "198.51.100.7", Status: mail.StatusQueued, Host: "mx.beta.test", Attempt: 3, Reply: mail.NewReply(452, "4.2.2", "Mailbox full"), Next: time.Now().Add(time.Hour),
	}
	b, err := encodeJSON(&e)
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := json.Marshal(&e)
	if len(b)*3 > len(plain)*2 {
		t.Errorf("%d octets of %d", len(b), len(plain))
	}
	var got mail.Event
	if err := decodeJSON(b, &got); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(&got); !bytes.Equal(again, plain) {
		t.Errorf("%s\n%s", again, plain)
	}
	if err := decodeJSON(plain, &got); err != nil {
		t.Errorf("a record of an older program: %v", err)
	}
	small, err := encodeJSON(map[string]int{"a": 1})
	if err != nil || small[0] != '{' {
		t.Errorf("%q, %v", small, err)
	}
	if large, err := encodeJSON(strings.Repeat("x", maxRecord)); err != nil || len(large) <= maxRecord {
		t.Errorf("a record over the limit looks like one of %d octets, %v", len(large), err)
	}
	for i := range b { // damage is an error or other JSON, and no panic
		for _, x := range []byte{0x00, 0x01, 0x80, 0xff} {
			d := bytes.Clone(b)
			d[i] ^= x
			_ = decodeJSON(d, &got)
			_ = decodeJSON(d[:i], &got)
		}
	}
	if err := decodeJSON([]byte{packedBy1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, &got); err == nil {
		t.Error("four gigabytes are believed")
	}
}
