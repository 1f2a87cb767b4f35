package badgerstore

import (
	"encoding/binary"
	"errors"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// The keys. A message's own keys share its prefix, so that one reverse scan
// reads whole messages, newest first:
//
//	M ID 0        the message without its recipients, JSON
//	M ID 1        its state: revision, flags, and what the due index needs
//	M ID 2 N      one recipient, JSON
//	M ID 3 K      one attempt, JSON
//	M ID 4 SEQ    event SEQ is about the message
//	c name        counters
//	d T K key     one document (lengths before tenant and kind)
//	f SEQ         the messages that commit SEQ changed, 16 octets each: the
//	              feed of the search index, which trims it
//	l ID          the message is live or has a body: looked at on open
//	z ^SEQ        one event, JSON, the last first
//
// What is new is side by side in this order, and what is old at both ends: of the
// messages the oldest are the first, of the events the last. A table of the database
// goes from one key to another, and where kinds meet it covers all that is between.
// Were that old, each compaction would write all of it again.
//
// The kinds a, e, m and x were those of version 2 (layOut): what has them is removed
// on opening, and they may not be used again.
const (
	keyMessage = 'M'
	keyCounter = 'c'
	keyDoc     = 'd'
	keyFeed    = 'f'
	keyLive    = 'l'
	keyEvent   = 'z'

	partMessage   = 0
	partState     = 1
	partRecipient = 2
	partAttempt   = 3
	partEvent     = 4
)

var (
	counterEpoch = []byte("cepoch")
	counterSeq   = []byte("cseq")
	counterDoc   = []byte("cdoc")
	counterFeed  = []byte("cfeed") // see feedEpoch
)

func idKey(kind byte, id mail.ID) []byte {
	k := make([]byte, 0, 32)
	k = append(k, kind)
	return append(k, id[:]...)
}

func messageKey(id mail.ID) []byte { return append(idKey(keyMessage, id), partMessage) }

func stateKey(id mail.ID) []byte { return append(idKey(keyMessage, id), partState) }

func recipientKey(id mail.ID, n int) []byte {
	return binary.BigEndian.AppendUint32(append(idKey(keyMessage, id), partRecipient), uint32(n))
}

// attemptsOf is what the keys of a message's attempts begin with, and eventsOf that
// of what its events are.
func attemptsOf(id mail.ID) []byte { return append(idKey(keyMessage, id), partAttempt) }
func eventsOf(id mail.ID) []byte   { return append(idKey(keyMessage, id), partEvent) }

func attemptKey(id mail.ID, k int) []byte {
	return binary.BigEndian.AppendUint32(attemptsOf(id), uint32(k))
}

func eventOfKey(id mail.ID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(eventsOf(id), seq)
}

// eventOfSeq reads SEQ from what follows the ID in the key of a message's event.
func eventOfSeq(rest []byte) (seq uint64, ok bool) {
	if len(rest) != 9 || rest[0] != partEvent {
		return 0, false
	}
	return binary.BigEndian.Uint64(rest[1:]), true
}

func eventKey(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{keyEvent}, ^seq) }

// eventSeq reads SEQ from an event's key.
func eventSeq(k []byte) (seq uint64, err error) {
	if len(k) != 9 {
		return 0, errors.New("read an event: its key is damaged")
	}
	return ^binary.BigEndian.Uint64(k[1:]), nil
}

func feedKey(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{keyFeed}, seq) }

func liveKey(id mail.ID) []byte { return idKey(keyLive, id) }

// keyID reads the ID behind a key's first byte.
func keyID(k []byte) (id mail.ID, rest []byte, ok bool) {
	if len(k) < 1+len(id) {
		return id, nil, false
	}
	copy(id[:], k[1:])
	return id, k[1+len(id):], true
}

func docPrefix(tenant, kind string) []byte {
	k := []byte{keyDoc}
	k = binary.AppendUvarint(k, uint64(len(tenant)))
	k = append(k, tenant...)
	k = binary.AppendUvarint(k, uint64(len(kind)))
	return append(k, kind...)
}

func docKey(tenant, kind, key string) []byte { return append(docPrefix(tenant, kind), key...) }
