// Package journal loads a store with a made-up history and measures what
// searches of it cost: "weir bench journal". It goes the way that the gateway
// goes, store and search index alike; only the mail is not there.
//
// It measures; it does not judge.
package journal
