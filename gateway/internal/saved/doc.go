// Package saved keeps searches under a name, with columns and order, and what
// a user's screens remember (B9). The logs that everybody knows, Mail In,
// Pending, Delivery, Queue and the others, are such searches, too, and nothing
// more (B6, B133–B139).
//
// It does not search: whoever runs a saved search does so in their own scope,
// so that sharing one shows a text and never mail.
package saved
