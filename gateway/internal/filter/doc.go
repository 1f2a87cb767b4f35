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
// One generation is one (module, grants, limits) of a plugin with a Wasm
// runtime of its own and a pool of instances. Configuration is not part of it:
// events carry a config ID and guests read values by ID, so that a thousand
// tenants share one pool and a changed setting reloads nothing.
//
// The package decides nothing about mail, keeps nothing durable, and knows
// neither policy nor store: it declares the interfaces it needs (KV, Lists).
package filter
