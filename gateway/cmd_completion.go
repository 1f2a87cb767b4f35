package main

import (
	"os"

	"github.com/alecthomas/kong"
)

// CompletionCmd prints a script that completes commands and flags.
type CompletionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run writes the script on standard output.
func (c *CompletionCmd) Run(k *kong.Context) error {
	nodes := completionTree(k.Model)
	switch c.Shell {
	case "zsh":
		return writeZshCompletion(os.Stdout, nodes)
	case "fish":
		return writeFishCompletion(os.Stdout, nodes)
	}
	return writeBashCompletion(os.Stdout, nodes)
}
