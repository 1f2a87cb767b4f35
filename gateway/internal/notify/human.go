package notify

import (
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// explain is the part for people.
func explain(m *store.Message, results []result, o Options, action string) string {
	var b strings.Builder
	paragraph(&b, "", "This is the mail system at "+o.Hostname+".")
	b.WriteByte('\n')
	if action == "delayed" {
		paragraph(&b, "", "Your message could not be delivered yet. It is being tried further; YOU DO NOT NEED TO SEND IT AGAIN.")
	} else {
		paragraph(&b, "", "I'm sorry to say that your message could not be delivered to the recipients below, and will not be tried again. Its header is returned with this notice.")
	}
	b.WriteByte('\n')
	if s := oneLine(m.Summary.Subject, 200); s != "" {
		paragraph(&b, "", "Subject: "+s)
	}
	paragraph(&b, "", "Received: "+date(m.Received))
	for _, r := range results {
		b.WriteString("\n<" + r.address.String() + ">\n")
		paragraph(&b, "    ", sentence(r))
		if r.reply != nil && r.reply.String() != "" {
			who := "Our finding was: "
			if r.remote {
				who = "Its words were: "
			}
			paragraph(&b, "    ", who+oneLine(r.reply.String(), 800))
		}
		if action == "delayed" && !r.expires.IsZero() {
			paragraph(&b, "    ", "It is tried until "+r.expires.UTC().Format(time.RFC1123)+".")
		}
	}
	b.WriteByte('\n')
	paragraph(&b, "", "If you ask your postmaster for help, name this message: "+m.ID.String())
	return b.String()
}

func sentence(r result) string {
	host := oneLine(r.host, 255)
	if host == "" {
		host = "the destination"
	}
	switch r.cause {
	case CauseRefused:
		if r.remote {
			return host + " refuses this recipient for good."
		}
		return "This recipient cannot be reached."
	case CauseExpired:
		if r.remote {
			return "The time for delivery is over; " + host + " kept refusing for the moment."
		}
		return "The time for delivery is over; no host of the destination took the message."
	case CauseRemoved:
		return "An administrator took the message out of the queue."
	case CauseHeld:
		return "The message was held for inspection, and nobody released it in time."
	}
	if r.remote {
		return host + " did not take the message yet."
	}
	return "No host of the destination could be reached yet."
}
