package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// MaxPartEdits is the most content that the part edits of one message may
// bring, octets.
const MaxPartEdits = 256 << 10

// PartEdit is one staged change of the body, applied when the message is sent
// (package wire). What is stored stays as it was received.
type PartEdit struct {
	Op       string `json:"op"`                 // "replace", "remove", "prepend", "append"
	Part     int    `json:"part"`               // index in the message's structure (mimetree)
	At       int64  `json:"at,omitempty"`       // where its content begins in the message, so that no edit lands in another part; 0 not known
	Type     string `json:"type,omitempty"`     // replace: media type, "" text/plain
	Filename string `json:"filename,omitempty"` // replace: "" none
	Text     []byte `json:"text,omitempty"`     // the content; UTF-8 for text
	Octets   int    `json:"octets,omitempty"`   // length of Text, also when Text went with the body
	Filter   string `json:"filter,omitempty"`   // who asked for it
	Name     string `json:"name,omitempty"`     // number and name of the part, for operators
}

// String tells an operator what is done: "remove part 2 invoice.zip".
func (e PartEdit) String() string {
	part := e.Name
	if part == "" {
		part = fmt.Sprint(e.Part)
	}
	s := e.Op + " part " + part
	switch e.Op {
	case "replace":
		t := e.Type
		if t == "" {
			t = "text/plain"
		}
		s += fmt.Sprintf(" by %d octets of %s", e.Octets, t)
		if e.Filename != "" {
			s += " " + e.Filename
		}
	case "prepend", "append":
		s += fmt.Sprintf(": %d octets", e.Octets)
	}
	return s
}

// PartEditsKey names a list of edits by its content; "" for none.
func PartEditsKey(es []PartEdit) string {
	if len(es) == 0 {
		return ""
	}
	b, err := json.Marshal(es)
	if err != nil { // strings, numbers and octets always can be
		panic(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}
