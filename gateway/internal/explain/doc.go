// Package explain puts the answers of mail servers in plain words: what one
// means, who has to act, and what there is to do (B124–B129, B154). It is a
// catalogue, data in causes.go and the rules_ files, and one pure function
// over it.
//
// It is not for deciding anything: whether an answer is temporary is derived
// from its code alone (package mail), and what becomes of mail is decided in
// package queue. It knows neither store nor network.
package explain
