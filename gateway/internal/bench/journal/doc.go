// Package journal loads a store with a made-up history, measures what searches
// of it cost, and says which of the limits that a gateway keeps to are
// exceeded: "weir bench journal". It goes the way that the gateway goes, store
// and search index alike; only the mail is not there.
//
// It is no test of what a search finds.
package journal
