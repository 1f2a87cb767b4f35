//go:build race

package main

import "time"

// raceDetector: this binary, and so every process that scripts start, has the
// race detector, with which loading a plugin takes seconds.
const raceDetector = true

// slowness is what loading plugins takes then, with others on the machine.
const slowness = 4 * time.Minute
