// Command go is the conformance guest of the Go SDK: it does what the event
// asks for by name and says what came of it, as its twins in Rust,
// AssemblyScript and C do.
package main

func main() {}
