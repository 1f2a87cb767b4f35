//go:build race

package main

// raceDetector: this binary, and so every process that scripts start, has the
// race detector, with which loading a plugin takes seconds.
const raceDetector = true
