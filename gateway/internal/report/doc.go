// Package report sums up what there is: the queue by destination, reason and
// age, as qshape does, and outgoing mail of late. It reads row by row and keeps
// only the sums.
//
// It shows no single message's whereabouts (package journal does) and changes
// nothing.
package report
