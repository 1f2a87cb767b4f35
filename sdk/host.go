package sdk

import (
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// Host is what a native build talks to in place of a gateway. Package sdktest
// has one; plugins never call it. Records travel encoded, as they do in Wasm,
// and errors are the constants of this package or *HostError.
type Host interface {
	ConfigRead(id uint64) ([]byte, error)
	Log(l abi.LogLevel, line string)
	LogLevel() abi.LogLevel
	MetricAdd(name string, delta int64) error
	HeadersRead() ([]byte, error)
	HeaderGet(name string, nth int) ([]byte, error)
	PartsRead() ([]byte, error)
	BodyRead(part int32, off int64, p []byte) (int, error)
	PartHash(part int32, alg abi.Hash) ([]byte, error)
	MatchDefine(id uint64, set uint32, def []byte) error
	Match(id uint64, set uint32, part int32, hits []uint32) (int, error)
	MatchText(id uint64, set uint32, text string, hits []uint32) (int, error)
	ListLookup(req []byte) ([]byte, error)
	KVGet(key string) ([]byte, error)
	KVSet(key string, value []byte, ttlMS int64) error
	KVCompareAndSwap(key string, old, value []byte, ttlMS int64) (bool, error)
	KVDelete(key string) error
	KVAdd(key string, delta, ttlMS int64) (int64, error)
	KVBatch(req []byte) ([]byte, error)
	BodyWrite(part int32, b []byte) error
	DNSQuery(req []byte) ([]byte, error)
	HTTPFetch(req []byte) ([]byte, error)
	Dial(address string) (conn int32, err error)
	ConnWrite(conn int32, b []byte) error
	ConnSend(conn, part int32, off, n int64) (int64, error)
	ConnRead(conn int32, p []byte) (int, error)
	ConnClose(conn int32) error
	Schedule(req []byte) error
	MessageGet(req []byte) ([]byte, error)
	MessageOrder(verb string, req []byte) (changed int, err error)
	MessageSubmit(req []byte) (id []byte, err error)
	Now() time.Time
}
