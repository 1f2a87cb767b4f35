// Command bench loads the whole gateway and, where it is unpacked, Postfix
// doing plain relay, in turns within one run, and prints messages a second,
// CPU seconds per 1,000 messages and resident memory, with their ratios.
//
// It measures; it does not judge: machines are shared, so read ratios of one
// run, and medians. `make bench` runs it.
package main
