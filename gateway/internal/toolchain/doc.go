// Package toolchain is what a plugin's author works with: it makes projects
// (New), builds and packs them (Build, Pack), says what a module is and asks
// for (Check), runs scenarios against the packed module in the real host with
// the real limits (Test), with every host call failing in turn (Chaos), and
// measures it (Bench).
//
// It runs compilers and modules on the author's machine, for the author. The
// gateway never imports it: what operators run is loaded by package filter
// alone, and nothing here stands between a stranger's module and a mail.
package toolchain
