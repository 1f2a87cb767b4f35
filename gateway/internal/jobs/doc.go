// Package jobs applies an operator's verb to everything a search finds, in the
// background (B96): with progress, the right to stop, and what became of each
// recipient. A job and its results are documents, so that they outlive the
// process. A job that the process's end cut short is not begun again by itself:
// what is left of it is found by the same search, and it is shown as stopped.
//
// It decides and changes nothing itself: package actions does, within the scope
// of who began the job.
package jobs
