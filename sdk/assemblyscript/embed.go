// Package assemblyscript carries the AssemblyScript SDK, so that weir plugin new
// can lay it beside a new project. It is no code for the gateway to run.
package assemblyscript

import "embed"

// Files are the npm package: package.json, its lock file, README.md and assembly.
//
//go:embed package.json package-lock.json README.md assembly
var Files embed.FS
