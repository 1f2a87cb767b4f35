// Package rust carries the Rust SDK, so that weir plugin new can lay it beside a
// new project. It is no code for the gateway to run.
package rust

import "embed"

// Files are the crate: Cargo.toml, README.md and src.
//
//go:embed Cargo.toml README.md src
var Files embed.FS
