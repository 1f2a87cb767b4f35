// Package sink is a small mail destination for tours and tests: it takes mail
// over SMTP or LMTP into a maildir, and can be told, also while it runs, to
// defer, to refuse or to be down. It is built on go-smtp's server, which
// shares nothing with the gateway's own SMTP.
//
// It is not for production: it trusts whoever connects.
package sink
