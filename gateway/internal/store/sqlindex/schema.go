package sqlindex

import "strings"

// version grows with every change of the tables; an index of another version is
// made anew.
const version = 5

// A row's key is the time of the message's ID in milliseconds, shifted, and a
// counter that tells the rows of one millisecond apart. Searches go down the
// keys, and put the rows of one millisecond into the order of IDs.
const (
	counterBits = 20
	counters    = 1 << counterBits
)

// low is what is much asked about and has few values, packed into one column
// that every index carries, so that it is known without the row:
//
//	bit 0       direction
//	bits 1–5    status
//	bits 6–25   number of the main class
//	bits 26–45  number of the tenant
//
// Numbers are those of the table names, from 1; 0 is "".
const (
	lowStatus, lowMain, lowTenant = 1, 6, 26
	lowNumbers                    = 1 << 20
)

const tables = `
CREATE TABLE meta (k TEXT PRIMARY KEY, v TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (
	at INTEGER PRIMARY KEY,
	id TEXT NOT NULL, n INTEGER NOT NULL,
	status TEXT NOT NULL, state TEXT NOT NULL, origin TEXT NOT NULL, tenant TEXT NOT NULL, direction TEXT NOT NULL, kind TEXT NOT NULL,
	sender TEXT NOT NULL, sender_domain TEXT NOT NULL,
	recipient TEXT NOT NULL, recipient2 TEXT NOT NULL, recipient_domain TEXT NOT NULL, recipient_domain2 TEXT NOT NULL, owner TEXT NOT NULL, owner_domain TEXT NOT NULL,
	client TEXT NOT NULL, client_octets BLOB, client_name TEXT NOT NULL, helo TEXT NOT NULL, user TEXT NOT NULL, listener TEXT NOT NULL, tls TEXT NOT NULL,
	subject TEXT NOT NULL, "from" TEXT NOT NULL, "to" TEXT NOT NULL, cc TEXT NOT NULL, message_id TEXT NOT NULL, attachment TEXT NOT NULL, attachments INTEGER,
	class TEXT NOT NULL, main TEXT NOT NULL, sub TEXT NOT NULL, extra TEXT NOT NULL, score REAL,
	filter TEXT NOT NULL, plugin TEXT NOT NULL, plugin_digest TEXT NOT NULL, filter_time REAL, tag TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, explanation TEXT NOT NULL,
	reply TEXT NOT NULL, code INTEGER, enhanced TEXT NOT NULL,
	size INTEGER, received INTEGER, changed INTEGER, delay REAL, next INTEGER, expires INTEGER,
	route TEXT NOT NULL, next_hop TEXT NOT NULL, host TEXT NOT NULL, address TEXT NOT NULL, schedule TEXT NOT NULL,
	attempts INTEGER, failures INTEGER, policy TEXT NOT NULL, has_body INTEGER, archived INTEGER, identity TEXT NOT NULL, parent TEXT NOT NULL,
	low INTEGER NOT NULL
);
CREATE TABLE names (no INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name));
` + wordsTable + `
`

// indexes are those of the table rows. What is asked for by equality has one
// with the key behind it, so that its rows are in order, and low, so that
// much is known of them without the row. Where new mail has its place anywhere, an
// index is a page written for each message: there is none by owner, who is the sender
// or a recipient.
var indexes = strings.Split(strings.TrimSpace(`
CREATE UNIQUE INDEX by_id ON rows (id, n);
CREATE INDEX by_at ON rows (at, low);
CREATE INDEX by_tenant ON rows (tenant, at, low);
CREATE INDEX by_status ON rows (status, at, low);
CREATE INDEX by_direction ON rows (direction, at, low);
CREATE INDEX by_low ON rows (low, at);
CREATE INDEX by_main ON rows (main, at, low);
CREATE INDEX by_sender ON rows (sender, at, low);
CREATE INDEX by_sender_domain ON rows (sender_domain, at, low);
CREATE INDEX by_recipient ON rows (recipient, at, low);
CREATE INDEX by_recipient2 ON rows (recipient2, at, low) WHERE recipient2 <> '';
CREATE INDEX by_recipient_domain ON rows (recipient_domain, at, low);
CREATE INDEX by_recipient_domain2 ON rows (recipient_domain2, at, low) WHERE recipient_domain2 <> '';
CREATE INDEX by_owner_domain ON rows (owner_domain, at, low);
CREATE INDEX by_client ON rows (client_octets, at, low);
CREATE INDEX by_message_id ON rows (message_id, at, low);
CREATE INDEX by_body ON rows (at, low) WHERE has_body <> 0;
CREATE INDEX by_changed ON rows (changed, at, low) WHERE attempts > 0;
`), "\n")

// The table of words keeps where in a subject each trigram is (detail=full): what
// contains a text has them side by side, which is seen without the row. With the
// rows alone, a rare number of frequent trigrams took 0.8 s among ten million.
//
// Parts of it are merged when there are eight of a size, and not FTS5's four: what is
// there is rewritten less often, and a search goes through some more lists.
const wordsTable = `CREATE VIRTUAL TABLE words USING fts5 (subject, content='', contentless_delete=1, detail=full, tokenize='trigram case_sensitive 1');
INSERT INTO words (words, rank) VALUES ('automerge', 8)`

// lowsTable is counted by all rows once there is an index of them.
const lowsTable = `CREATE TABLE lows (low INTEGER PRIMARY KEY, n INTEGER NOT NULL)`
