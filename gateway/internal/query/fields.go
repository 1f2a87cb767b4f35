package query

import (
	"slices"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Type says how a field's values compare and which text a value may have.
type Type string

// The types of fields.
const (
	TypeID     Type = "id"     // message ID, a prefix of one, or a recipient's ID.n
	TypeStatus Type = "status" // one of mail.Statuses
	TypeEnum   Type = "enum"   // one of Field.Values
	TypeText   Type = "text"   // compares whole
	TypeWords  Type = "words"  // running text: compares by substring unless told otherwise
	TypeClass  Type = "class"  // main/sub/extra: "list" covers "list/sender"
	TypeIP     Type = "ip"     // address or CIDR
	TypeNumber Type = "number"
	TypeSize   Type = "size" // octets: 500, 10k, 10MiB
	TypeTime   Type = "time" // see ParseTime
	TypeBool   Type = "bool" // yes or no
)

// Ops are the comparisons a type allows; the first is the default of the text form.
func (t Type) Ops() []Op {
	switch t {
	case TypeID, TypeStatus, TypeEnum, TypeBool:
		return []Op{Is, IsNot}
	case TypeText, TypeClass:
		return []Op{Is, IsNot, Like, Contains}
	case TypeWords:
		return []Op{Contains, Is, IsNot, Like}
	case TypeIP:
		return []Op{Is, IsNot, Like}
	case TypeNumber, TypeSize:
		return []Op{Is, IsNot, Before, After, AtLeast, AtMost}
	case TypeTime:
		return []Op{Is, Before, After}
	}
	return nil
}

// Field is something a filter can ask about.
type Field struct {
	Name   string
	Type   Type
	Doc    string   // one line for help texts
	Values []string // of TypeEnum
}

// Allows reports whether the field may be compared with op.
func (f Field) Allows(op Op) bool { return slices.Contains(f.Type.Ops(), op) }

var fields = []Field{
	{"id", TypeID, "message ID, the start of one, or a recipient's ID.n", nil},
	{"n", TypeNumber, "number of the recipient within its message, from 1", nil},
	{"status", TypeStatus, "what has become of the recipient", nil},
	{"state", TypeEnum, "how far a queued recipient has come", states()},
	{"origin", TypeStatus, "released or auto-released, for mail on its way after a release", nil},
	{"tenant", TypeText, "tenant's name", nil},
	{"direction", TypeEnum, "inbound or outbound", []string{string(mail.Inbound), string(mail.Outbound)}},
	{"kind", TypeEnum, "ordinary mail, or mail the gateway made", []string{"ordinary", "dsn", "notice"}},
	{"sender", TypeText, "envelope sender; \"\" for the null sender", nil},
	{"sender_domain", TypeText, "domain of the envelope sender", nil},
	{"recipient", TypeText, "envelope recipient, also as it was before a redirect", nil},
	{"recipient_domain", TypeText, "domain of the recipient, also before a redirect", nil},
	{"owner", TypeText, "whose mail it is: of incoming mail the recipient's, as addressed, of outgoing the sender's", nil},
	{"owner_domain", TypeText, "domain of whose mail it is", nil},
	{"client", TypeIP, "address of the client, or a network such as 192.0.2.0/24", nil},
	{"client_name", TypeText, "confirmed reverse DNS name of the client", nil},
	{"helo", TypeText, "name the client gave in EHLO", nil},
	{"user", TypeText, "authenticated user", nil},
	{"listener", TypeText, "listener that took the mail", nil},
	{"tls", TypeText, "TLS version of the client's channel, such as TLS1.3; \"\" for plaintext", nil},
	{"subject", TypeWords, "Subject", nil},
	{"from", TypeWords, "From header", nil},
	{"to", TypeWords, "To header", nil},
	{"cc", TypeWords, "Cc header", nil},
	{"message_id", TypeText, "Message-ID header", nil},
	{"attachment", TypeWords, "name of an attachment", nil},
	{"attachments", TypeNumber, "how many attachments there are", nil},
	{"class", TypeClass, "class of the deciding finding: main/sub/extra", nil},
	{"main", TypeText, "main class", nil},
	{"sub", TypeText, "sub class", nil},
	{"extra", TypeText, "extra class", nil},
	{"score", TypeNumber, "sum of the findings' scores", nil},
	{"filter", TypeText, "filter that found something", nil},
	{"plugin", TypeText, "plugin that ran on it, whether it found something or not", nil},
	{"plugin_digest", TypeText, "digest of a plugin that ran on it, 16 hexadecimal digits", nil},
	{"filter_time", TypeNumber, "milliseconds that all filters took", nil},
	{"tag", TypeText, "tag set by policy or a filter", nil},
	{"rule", TypeText, "HCL file:line that decided", nil},
	{"reason", TypeWords, "why it is held, frozen or refused", nil},
	{"explanation", TypeWords, "what a filter said of its finding", nil},
	{"reply", TypeWords, "last reply of the destination", nil},
	{"code", TypeNumber, "code of the last reply", nil},
	{"enhanced", TypeText, "enhanced code of the last reply, such as 5.1.1", nil},
	{"size", TypeSize, "octets as received", nil},
	{"received", TypeTime, "when the message came in", nil},
	{"changed", TypeTime, "when the status last changed", nil},
	{"delay", TypeNumber, "seconds from reception to the final status", nil},
	{"next", TypeTime, "when the next attempt is due", nil},
	{"expires", TypeTime, "end of lifetime or of quarantine", nil},
	{"route", TypeText, "name of the route", nil},
	{"next_hop", TypeText, "where it goes next, such as 192.0.2.1:25", nil},
	{"host", TypeText, "host of the last attempt", nil},
	{"address", TypeText, "address and port of the last attempt, such as 192.0.2.1:25", nil},
	{"schedule", TypeText, "name of the retry schedule", nil},
	{"attempts", TypeNumber, "attempts made", nil},
	{"failures", TypeNumber, "automatic attempts that failed", nil},
	{"policy", TypeText, "digest of the policy that judged it", nil},
	{"has_body", TypeBool, "the body is still kept", nil},
	{"archived", TypeBool, "a copy is in the archive", nil},
	{"identity", TypeText, "identity that sent it (outgoing mail)", nil},
	{"parent", TypeID, "message that this DSN or notice reports on", nil},
	{"text", TypeWords, "any of id, sender, recipient, from, to, subject, message_id, client, attachment", nil},
}

func states() []string {
	var out []string
	for _, s := range mail.QueueStates() {
		out = append(out, string(s))
	}
	return out
}

// textFields are what "text" looks into.
var textFields = []string{"id", "sender", "recipient", "from", "to", "subject", "message_id", "client", "attachment"}

// aliases are other names of fields. The text form of a filter takes them, and
// so does whoever names columns.
var aliases = map[string]string{
	"rcpt": "recipient", "ip": "client", "filename": "attachment", "mail_from": "sender",
	"domain": "recipient_domain", "date": "received", "ehlo": "helo", "msgid": "message_id",
	"last_host": "host", "last_address": "address", "last": "reply", "tags": "tag", // once columns of lists
}

// Name is a field's own name for one of its names; others come back as they are.
func Name(name string) string {
	if own, ok := aliases[name]; ok {
		return own
	}
	return name
}

// Aliases are the other names of a field, sorted.
func (f Field) Aliases() []string {
	out := []string{}
	for alias, name := range aliases {
		if name == f.Name {
			out = append(out, alias)
		}
	}
	slices.Sort(out)
	return out
}

// SearchOnly reports a field that is not one thing of a row, but several at
// once: it can be asked for, and not shown.
func (f Field) SearchOnly() bool { return f.Name == "text" }

// Facetable reports a field that matches can be summed up by.
func (f Field) Facetable() bool { return f.Type != TypeTime && f.Name != "text" && f.Name != "n" }

// Sortable reports a field that a search can be ordered by.
func (f Field) Sortable() bool { return slices.Contains(Sortable(), f.Name) }

var byName = func() map[string]*Field {
	m := make(map[string]*Field, len(fields)+len(attemptFields))
	for i := range fields {
		m[fields[i].Name] = &fields[i]
	}
	for i := range attemptFields {
		m[attemptFields[i].Name] = &attemptFields[i]
	}
	return m
}()

// Fields lists every field in the order help texts show them.
func Fields() []Field { return slices.Clone(fields) }

// Lookup finds a field by its name.
func Lookup(name string) (Field, bool) {
	if _, ok := OfAttempt(name); ok {
		return Field{}, false
	}
	return anyField(name)
}

// Sortable lists the fields that a search can be ordered by.
func Sortable() []string {
	return []string{"received", "changed", "delay", "next", "expires", "size", "score", "filter_time", "attempts", "failures", "status", "tenant", "sender", "sender_domain",
		"recipient", "recipient_domain", "subject", "class", "client", "next_hop", "host", "code"}
}
