package badgerstore

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// Records are JSON, and most of what stands in one stands in the next: packed
// with a dictionary of what records look like they take about half the room, in
// the write-ahead log, in memory tables, at every compaction, and in the pages
// that are mapped. It costs about a microsecond each way. (Badger's own
// compression works on blocks, after most of that, and needs memory for them.)

// dictionary1 is what records of packedBy1 refer to. It may never change: a
// better one is another, with a mark of its own.
//
//go:embed dictionary1.txt
var dictionary1 []byte

var dict1 = s2.MakeDict(dictionary1, nil)

const (
	// packedBy1 is the first octet of a packed record; that of one which is not
	// packed is '{'.
	packedBy1 = 1
	// packFrom is the length, in octets, from which packing is worth it.
	packFrom = 48
	// maxUnpacked bounds what a packed record may say it unpacks to.
	maxUnpacked = 2 * maxRecord
)

// encodeJSON is the record of v. One that is over the limit of a record stays
// as it is, so that its length is seen.
func encodeJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil || len(b) < packFrom || len(b) > maxRecord {
		return b, err
	}
	out := make([]byte, 1+s2.MaxEncodedLen(len(b)))
	out[0] = packedBy1
	n := len(dict1.Encode(out[1:], b))
	if 1+n >= len(b) {
		return b, nil
	}
	return append(make([]byte, 0, 1+n), out[:1+n]...), nil
}

// decodeJSON reads a record.
func decodeJSON(b []byte, v any) error {
	if len(b) == 0 || b[0] != packedBy1 {
		return json.Unmarshal(b, v)
	}
	n, err := s2.DecodedLen(b[1:])
	if err != nil {
		return fmt.Errorf("unpack a record: %w", err)
	}
	if n > maxUnpacked {
		return errors.New("unpack a record: it says it is larger than a record may be")
	}
	plain, err := dict1.Decode(make([]byte, n), b[1:])
	if err != nil {
		return fmt.Errorf("unpack a record: %w", err)
	}
	return json.Unmarshal(plain, v)
}
