// Package audit is the record of what operators did and saw (B40): every
// action, every view of content, every sign-in and every change of accounts,
// each entry chained to the one before by its hash, so that one that was
// changed or taken out shows.
//
// It is not the journal, which says what became of mail, and decides nothing:
// who may do what is lifecycle's and the accounts'.
package audit
