package badgerstore

import (
	"encoding/binary"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// The keys. A message's own keys share its prefix, so that one reverse scan
// reads whole messages, newest first:
//
//	m ID 0        the message without its recipients, JSON
//	m ID 1        its state: revision, flags, and what the due index needs
//	m ID 2 N      one recipient, JSON
//	a ID K        one attempt, JSON
//	e SEQ         one event, JSON, in commit order
//	x ID SEQ      event SEQ is about message ID
//	l ID          the message is live or has a body: looked at on open
//	d T K key     one document (lengths before tenant and kind)
//	f SEQ         the messages that commit SEQ changed, 16 octets each: the
//	              feed of the search index, which trims it
//	c name        counters
const (
	keyMessage = 'm'
	keyAttempt = 'a'
	keyEvent   = 'e'
	keyEventOf = 'x'
	keyLive    = 'l'
	keyDoc     = 'd'
	keyFeed    = 'f'
	keyCounter = 'c'

	partMessage   = 0
	partState     = 1
	partRecipient = 2
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

func attemptKey(id mail.ID, k int) []byte {
	return binary.BigEndian.AppendUint32(idKey(keyAttempt, id), uint32(k))
}

func eventKey(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{keyEvent}, seq) }

func eventOfKey(id mail.ID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(idKey(keyEventOf, id), seq)
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
