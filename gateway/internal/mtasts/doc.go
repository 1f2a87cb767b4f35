// Package mtasts finds out what a recipient's domain demands of TLS by its
// MTA-STS policy (RFC 8461): the TXT record that says there is one, the fetch
// over HTTPS, and a durable cache, so that nobody who can break the fetch can
// take away a policy that is known.
//
// Whoever writes mail chooses the domain, and with it the web server that is
// asked: a fetch goes to public addresses only, follows nothing, and takes
// little and not for long. Applying a policy to a connection is for packages
// deliver and smtpc.
package mtasts
