package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// state is the small, often rewritten part of a message: enough for the due
// index to be rebuilt without decoding any JSON.
type state struct {
	rev      uint64
	hasBody  bool
	attempts int
	rcpts    []rcptState
}

type rcptState struct {
	n      int
	status mail.Status
	next   int64 // UnixNano; 0 at once
	hop    string
	tenant string
	fresh  bool // never failed; not stored: after a restart nothing is
	manual bool // an operator wants it tried now; not stored: after a restart nobody is skipped
	// throttled: our own limits put it off; not stored: after a restart its time is waited for.
	throttled bool
}

const stateVersion = 1

var errState = errors.New("state record is damaged")

// stateOf derives the state from the message.
func stateOf(m *store.Message) state {
	st := state{rev: m.Rev, hasBody: m.HasBody, attempts: m.Attempts, rcpts: make([]rcptState, len(m.Recipients))}
	for i := range m.Recipients {
		r := &m.Recipients[i]
		rs := rcptState{n: r.N, status: r.Status, next: unixNano(r.Next), hop: r.NextHop, tenant: r.Tenant, fresh: r.FirstFailure.IsZero() && !r.Throttled, manual: r.Manual, throttled: r.Throttled}
		if r.Unjudged {
			rs.hop = "" // filters come first: where it goes is not known yet
		}
		st.rcpts[i] = rs
	}
	return st
}

func (s *state) live() bool {
	for i := range s.rcpts {
		if s.rcpts[i].status.Live() {
			return true
		}
	}
	return false
}

func (s *state) encode() []byte {
	b := make([]byte, 0, 16+48*len(s.rcpts))
	b = append(b, stateVersion)
	b = binary.AppendUvarint(b, s.rev)
	flags := byte(0)
	if s.hasBody {
		flags |= 1
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(s.attempts))
	b = binary.AppendUvarint(b, uint64(len(s.rcpts)))
	str := func(v string) {
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	for _, r := range s.rcpts {
		b = binary.AppendUvarint(b, uint64(r.n))
		b = binary.AppendVarint(b, r.next)
		str(string(r.status))
		str(r.hop)
		str(r.tenant)
	}
	return b
}

// reader walks an encoded record; the first fault sticks.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) str() string {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return ""
	}
	v := string(r.b[:n])
	r.b = r.b[n:]
	return v
}

// decodeRev reads only the revision.
func decodeRev(b []byte) (uint64, error) {
	r := reader{b: b}
	if v := r.byte(); v != stateVersion {
		return 0, errState
	}
	rev := r.uvarint()
	if r.bad {
		return 0, errState
	}
	return rev, nil
}

func decodeState(b []byte) (state, error) {
	var s state
	r := reader{b: b}
	if v := r.byte(); v != stateVersion {
		return s, errState
	}
	s.rev = r.uvarint()
	s.hasBody = r.byte()&1 != 0
	s.attempts = int(r.uvarint())
	n := r.uvarint()
	if r.bad || n > uint64(len(b)) {
		return s, errState
	}
	s.rcpts = make([]rcptState, n)
	for i := range s.rcpts {
		rc := &s.rcpts[i]
		rc.n = int(r.uvarint())
		rc.next = r.varint()
		rc.status = mail.Status(r.str())
		rc.hop = r.str()
		rc.tenant = r.str()
	}
	if r.bad {
		return s, errState
	}
	return s, nil
}

// encodeMessage is the part of a message that seldom changes.
func encodeMessage(m *store.Message) ([]byte, error) {
	c := *m
	c.Rev, c.HasBody, c.Attempts, c.Recipients = 0, false, 0, nil
	b, err := encodeJSON(&c)
	if err != nil {
		return nil, fmt.Errorf("encode message %s: %w", m.ID, err)
	}
	return b, nil
}

func encodeRecipient(id mail.ID, r *store.Recipient) ([]byte, error) {
	b, err := encodeJSON(r)
	if err != nil {
		return nil, fmt.Errorf("encode recipient %s.%d: %w", id, r.N, err)
	}
	return b, nil
}

// records are a message's own records, as they are stored.
type records struct {
	state, msg []byte
	rcpts      [][]byte // in the order of those in the state
}

func (r *records) size() int {
	n := len(r.state) + len(r.msg)
	for _, b := range r.rcpts {
		n += len(b)
	}
	return n
}

// stored is a message with the bytes it was read from, so that a commit
// writes only what changed.
type stored struct {
	msg     *store.Message
	rawMsg  []byte
	rawRcpt map[int][]byte
}

// load reads a message with its recipients. store.ErrNotFound.
func (s *Store) load(txn *badger.Txn, id mail.ID) (*stored, error) {
	if r := s.com.recent.records(id); r != nil {
		return r.decode(id)
	}
	return load(txn, id)
}

// load reads a message with its recipients as they are in the database, by a
// transaction that sees it as it was at some time. store.ErrNotFound.
func load(txn *badger.Txn, id mail.ID) (*stored, error) {
	get := func(key []byte) ([]byte, error) {
		it, err := txn.Get(key)
		if err != nil {
			return nil, err
		}
		return it.ValueCopy(nil)
	}
	var r records
	var err error
	r.state, err = get(stateKey(id))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, fmt.Errorf("message %s: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read message %s: %w", id, err)
	}
	st, err := decodeState(r.state)
	if err != nil {
		return nil, fmt.Errorf("read message %s: %w", id, err)
	}
	if r.msg, err = get(messageKey(id)); err != nil {
		return nil, fmt.Errorf("read message %s: %w", id, err)
	}
	r.rcpts = make([][]byte, len(st.rcpts))
	for i, rc := range st.rcpts {
		if r.rcpts[i], err = get(recipientKey(id, rc.n)); err != nil {
			return nil, fmt.Errorf("read recipient %s.%d: %w", id, rc.n, err)
		}
	}
	return r.decode(id)
}

// decode is the message of its records.
func (r *records) decode(id mail.ID) (*stored, error) {
	st, err := decodeState(r.state)
	if err == nil && len(st.rcpts) != len(r.rcpts) {
		err = errState
	}
	if err != nil {
		return nil, fmt.Errorf("read message %s: %w", id, err)
	}
	s := &stored{msg: new(store.Message), rawMsg: r.msg, rawRcpt: make(map[int][]byte, len(st.rcpts))}
	m := s.msg
	if err := decodeJSON(r.msg, m); err != nil {
		return nil, fmt.Errorf("decode message %s: %w", id, err)
	}
	m.Rev, m.HasBody, m.Attempts = st.rev, st.hasBody, st.attempts
	m.Recipients = make([]store.Recipient, len(st.rcpts))
	for i, rc := range st.rcpts {
		if err := decodeJSON(r.rcpts[i], &m.Recipients[i]); err != nil {
			return nil, fmt.Errorf("decode recipient %s.%d: %w", id, rc.n, err)
		}
		s.rawRcpt[rc.n] = r.rcpts[i]
	}
	return s, nil
}

// unixNano is t for the index: 0 for the zero time.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
