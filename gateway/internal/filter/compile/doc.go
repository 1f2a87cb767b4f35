// Package compile makes machine code of WebAssembly modules that nobody
// trusts, in a process of its own, and keeps the result in a folder.
//
// A compiler is the largest piece of code that a stranger's module meets before
// anything bounds it: a module of 65 KB has been seen to take it a minute and
// 1.2 GB, whatever the context said, and a mistake in it is a panic of whoever
// called it. Here that is a child: this very program started again, with an
// empty environment, no descriptors but its input and its errors, limits of
// processor time, memory, file size and descriptors that the kernel holds it
// to, and a deadline after which it is killed. Whatever becomes of it is an
// error of the load; the gateway goes on.
//
// The child writes into a folder of the cache, one for each module. What is in
// it is executable code, so the cache has mode 0700, its owner is checked, and
// each entry carries the SHA-256 of its files: a damaged entry is made anew. It
// does not help against somebody who can write there as this user, who could
// change the program itself.
//
// Every program that links this package can be its own compiler: an init
// function looks for the name that the child is started under, before any main
// runs. So no program can lack it, and a test binary cannot start its tests
// again instead.
//
// The package does not decide which modules are acceptable (package meter
// does) and does not run any.
package compile
