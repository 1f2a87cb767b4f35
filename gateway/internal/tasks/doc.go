// Package tasks is what plugins do outside of the mail flow: calls of stage
// schedule, which they plan for themselves, calls of stage action, which
// policy ("run") and operators ask for, and the orders that the grant "queue"
// allows them (it implements filter.Queue).
//
// What is planned is durable in the store's documents before anybody is told
// that it will happen, and is done at least once: a crash between a call and
// the note that it was made makes it twice. A call that fails is tried again
// with growing pauses, some five hours long, and is then given up, with an
// event in the message's journal. Counts and octets that wait are bounded for
// each plugin and tenant, so that none of them can fill the store.
//
// No call holds a lock of this package or a transaction of the store, so a
// plugin may order from within any hook. The one thing it cannot have then is
// a recipient that the caller itself holds under a lease (stages of a message
// that is filtered again from the queue): such an order is refused, and works
// from a schedule a second later.
//
// The package decides nothing about mail: a verdict of stage action or
// schedule adds its findings to the record and changes no status. What a
// plugin wants done, it orders, and package actions asks the lifecycle table.
package tasks
