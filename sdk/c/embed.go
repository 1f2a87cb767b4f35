// Package c carries the C SDK, one header, so that weir plugin new can lay it
// beside a new project. It is no code for the gateway to run.
package c

import "embed"

// Files are weir.h and README.md.
//
//go:embed weir.h README.md
var Files embed.FS
