// Command gen writes the HCL reference to the file it is given.
package main

import (
	"fmt"
	"os"

	"github.com/mailweir/weir/policy"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen FILE")
		os.Exit(64)
	}
	if err := os.WriteFile(os.Args[1], policy.Reference(), 0o644); err != nil { //nolint:gosec // documentation is for everyone
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
