// Package interop holds tests alone: the whole gateway between other people's
// mail servers and clients (package peers). What one room can show by itself
// is tested in that room.
package interop
