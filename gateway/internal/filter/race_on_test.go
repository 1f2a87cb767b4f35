//go:build race

package filter

// underRace: the race detector multiplies memory and time.
const underRace = true
