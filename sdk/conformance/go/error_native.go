//go:build !wasip1

package main

// lastError: natively there is no host.
func lastError() string { return "" }
