// Package nettools is what operators try a destination with: callouts of
// recipients and senders (B43, B44), an SMTP dialogue that stops before the
// message (B45), where mail would go and how, what a host's certificate is
// worth, what the DNS says, and whether the gateway's own names and addresses
// lead to one another (B88).
//
// Each tool asks a Scope first. Domain level tries the destinations of its own
// domains and of its own mail, on the hosts and ports that the policy names,
// and never one of its choice: the gateway is no scanner. Mailbox level has no
// tools. Everything that leaves the gateway is rationed, by operator and by
// destination.
//
// It is not for deliveries, and changes no mail: what it learns of recipients
// goes through package verify, and all else is forgotten.
package nettools
