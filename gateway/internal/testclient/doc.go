// Package testclient sends one message from a file to a server and shows the
// dialogue, or sends it many times and sums up. "weir send" is its face.
//
// It is not for delivery: nothing is retried or kept.
package testclient
