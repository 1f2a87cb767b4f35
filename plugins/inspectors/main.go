// Command inspectors is the program of the first-party plugins stall,
// attachments and unlock. Most of each is what the others have as well: the
// readers of archives and documents. As one program, under three manifests, the
// gateway compiles it once and holds its machine code once; which of the three
// an instance is, it is told at its start. It has no manifest: it is no plugin.
//
// What one of the three imports, all do, so each manifest asks for the grants of
// all, as optional where the plugin has no use for it. A grant that is not
// given is denied to that plugin as ever.
package main

import (
	_ "github.com/mailweir/weir/plugins/attachments"
	_ "github.com/mailweir/weir/plugins/stall"
	_ "github.com/mailweir/weir/plugins/unlock"
)

func main() {}
