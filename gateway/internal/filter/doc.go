// Package filter is the plugin host: it loads Wasm guests of ABI weir1, calls
// their hooks and checks their verdicts.
//
// A guest is hostile until proven otherwise, and never proven. It sees only the
// host functions it was granted; its memory and its time are bounded; it is
// metered at load (package meter), so that a loop or a recursion ends at the
// deadline and never stops the process; what it answers is checked before
// anyone acts on it. Whatever goes wrong becomes a *Failure that carries the
// policy's on_error: nothing fails open.
//
// A load goes: size, digest, manifest, grants, shape and metering (package
// meter), machine code made in a process of its own (package compile), imports
// and exports, one instance with all that runs at its start, a conformance
// call; then generations are swapped. A broken plugin fails there.
//
// What bounds a guest: linear memory by its limit; tables by the meter; its
// stack, and its time, by tick, which metering makes it call; the host's work
// for it by the deadline, and by the bounds of each host function. The modules
// of testdata/hostile try each of them; what they take of the process and how
// long others wait is printed, and asserted on an otherwise idle machine, by
//
//	WEIR_STRICT=1 go test -run TestHostileModules -v ./gateway/internal/filter
//
// One generation is one (module, grants, limits) of a plugin with a Wasm
// runtime of its own and a pool of instances. Configuration is not part of it:
// events carry a config ID and guests read values by ID, so that a thousand
// tenants share one pool and a changed setting reloads nothing.
//
// The package decides nothing about mail, keeps nothing durable, and knows
// neither policy nor store: it declares the interfaces it needs (KV, Lists).
package filter
