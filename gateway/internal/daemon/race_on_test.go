//go:build race

package daemon_test

// raceDetector: the test binary has the race detector.
const raceDetector = true
