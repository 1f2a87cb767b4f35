package sdk

import (
	"unsafe"

	"github.com/mailweir/weir/sdk/abi"
)

// Each host call is a function of its own, not a method behind an interface,
// so that the linker drops the imports a plugin does not use: an import that
// is there needs its grant.

type host = struct{}

//go:wasmimport weir1 event_read
func eventRead(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 config_read
func configRead(id uint64, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 result_write
func resultWrite(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 log
func logLine(level uint32, p unsafe.Pointer, n uint32)

//go:wasmimport weir1 log_level
func logLevel() uint32

//go:wasmimport weir1 metric_add
func metricAdd(p unsafe.Pointer, n uint32, delta int64) int32

//go:wasmimport weir1 headers_read
func headersRead(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 header_get
func headerGet(name unsafe.Pointer, nameLen, nth uint32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 parts_read
func partsRead(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 body_read
func bodyRead(part int32, off int64, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 part_hash
func partHash(part int32, alg uint32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 match_define
func matchDefine(id uint64, set uint32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 match
func match(id uint64, set uint32, part int32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 match_text
func matchText(id uint64, set uint32, text unsafe.Pointer, textLen uint32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 list_lookup
func listLookup(req unsafe.Pointer, reqLen uint32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 kv_get
func kvGet(key unsafe.Pointer, keyLen uint32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 kv_set
func kvSet(key unsafe.Pointer, keyLen uint32, p unsafe.Pointer, n uint32, ttl int64) int32

//go:wasmimport weir1 kv_cas
func kvCas(key unsafe.Pointer, keyLen uint32, old unsafe.Pointer, oldLen int32, p unsafe.Pointer, n uint32, ttl int64) int32

//go:wasmimport weir1 kv_delete
func kvDelete(key unsafe.Pointer, keyLen uint32) int32

//go:wasmimport weir1 kv_add
func kvAdd(key unsafe.Pointer, keyLen uint32, delta, ttl int64, out unsafe.Pointer) int32

func ptr(b []byte) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b))
}

func sptr(s string) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))
}

// scratch is where answers of the host arrive; what must outlive the next host
// call is copied out (the decoders and string conversions do).
var scratch = make([]byte, 4<<10)

// fetch runs a host call that writes to (ptr, cap), with more room if need be.
func fetch(call func(p unsafe.Pointer, n uint32) int32) ([]byte, error) {
	for {
		n := call(ptr(scratch))
		if n < 0 {
			return nil, errorOf(n)
		}
		if int(n) <= len(scratch) {
			return scratch[:n], nil
		}
		scratch = make([]byte, int(n)+int(n)/4)
	}
}

func check(n int32) error {
	if n < 0 {
		return errorOf(n)
	}
	return nil
}

func hostConfigRead(_ host, id uint64) ([]byte, error) {
	return fetch(func(p unsafe.Pointer, n uint32) int32 { return configRead(id, p, n) })
}

func hostLog(_ host, l abi.LogLevel, line string) {
	p, n := sptr(line)
	logLine(uint32(l), p, n)
}

func hostLogLevel(_ host) abi.LogLevel { return abi.LogLevel(logLevel()) }

func hostMetricAdd(_ host, name string, delta int64) error {
	p, n := sptr(name)
	return check(metricAdd(p, n, delta))
}

func hostHeadersRead(_ host) ([]byte, error) { return fetch(headersRead) }
func hostPartsRead(_ host) ([]byte, error)   { return fetch(partsRead) }

func hostHeaderGet(_ host, name string, nth int) ([]byte, error) {
	np, nn := sptr(name)
	return fetch(func(p unsafe.Pointer, n uint32) int32 { return headerGet(np, nn, uint32(nth), p, n) })
}

func hostBodyRead(_ host, part int32, off int64, b []byte) (int, error) {
	p, n := ptr(b)
	got := bodyRead(part, off, p, n)
	return int(max(got, 0)), check(got)
}

func hostPartHash(_ host, part int32, alg abi.Hash) ([]byte, error) {
	b := make([]byte, 32)
	p, n := ptr(b)
	got := partHash(part, uint32(alg), p, n)
	if got < 0 {
		return nil, errorOf(got)
	}
	return b[:got], nil
}

func hostMatchDefine(_ host, id uint64, set uint32, def []byte) error {
	p, n := ptr(def)
	return check(matchDefine(id, set, p, n))
}

func hostMatch(_ host, id uint64, set uint32, part int32, hits []uint32) (int, error) {
	got := match(id, set, part, unsafe.Pointer(unsafe.SliceData(hits)), uint32(4*len(hits)))
	return int(max(got, 0)), check(got)
}

func hostMatchText(_ host, id uint64, set uint32, text string, hits []uint32) (int, error) {
	p, n := sptr(text)
	got := matchText(id, set, p, n, unsafe.Pointer(unsafe.SliceData(hits)), uint32(4*len(hits)))
	return int(max(got, 0)), check(got)
}

func hostListLookup(_ host, req []byte) ([]byte, error) {
	rp, rn := ptr(req)
	return fetch(func(p unsafe.Pointer, n uint32) int32 { return listLookup(rp, rn, p, n) })
}

func hostKVGet(_ host, key string) ([]byte, error) {
	kp, kn := sptr(key)
	b, err := fetch(func(p unsafe.Pointer, n uint32) int32 { return kvGet(kp, kn, p, n) })
	return append([]byte(nil), b...), err
}

func hostKVSet(_ host, key string, value []byte, ttl int64) error {
	kp, kn := sptr(key)
	p, n := ptr(value)
	return check(kvSet(kp, kn, p, n, ttl))
}

func hostKVCas(_ host, key string, old, value []byte, ttl int64) (bool, error) {
	kp, kn := sptr(key)
	op, on := ptr(old)
	p, n := ptr(value)
	oldLen := int32(on)
	if old == nil {
		oldLen = -1
	}
	got := kvCas(kp, kn, op, oldLen, p, n, ttl)
	return got == 1, check(got)
}

func hostKVDelete(_ host, key string) error {
	kp, kn := sptr(key)
	return check(kvDelete(kp, kn))
}

func hostKVAdd(_ host, key string, delta, ttl int64) (int64, error) {
	kp, kn := sptr(key)
	var out int64
	err := check(kvAdd(kp, kn, delta, ttl, unsafe.Pointer(&out)))
	return out, err
}

// The exports.

var (
	configs configCache
	event   = make([]byte, 8<<10)
	result  = make([]byte, 0, 1<<10)
)

//go:wasmexport weir_abi_1
func weirABI1() {}

func readEvent(n uint32) []byte {
	if int(n) > len(event) {
		event = make([]byte, n)
	}
	got := eventRead(ptr(event))
	if got < 0 || int(got) > len(event) {
		return nil
	}
	return event[:got]
}

// running is the plugin that weir_init chose.
var running = &Plugin{}

//go:wasmexport weir_init
func weirInit(n uint32) int32 {
	var in abi.Init
	err := in.Decode(readEvent(n))
	if err == nil {
		var p *Plugin
		if p, err = choose(in.Plugin); err == nil {
			running = p
			if p.Init != nil {
				err = p.Init(in)
			}
		}
	}
	return outcome(err)
}

//go:wasmexport weir_hook
func weirHook(stage, n uint32) int32 {
	var err error
	result, err = running.run(host{}, &configs, readEvent(n), result[:0])
	if err == nil {
		err = check(resultWrite(ptr(result)))
	}
	if cap(result) > 64<<10 {
		result = nil
	}
	return outcome(err)
}

// outcome tells the host why by a log line, the last of level error.
func outcome(err error) int32 {
	if err == nil {
		return 0
	}
	hostLog(host{}, abi.LogLevelError, err.Error())
	return -1
}

// errorOf is the error a host call's negative result means.
func errorOf(code int32) Error {
	switch code {
	case abi.ErrNotFound:
		return ErrNotFound
	case abi.ErrDenied:
		return ErrDenied
	case abi.ErrTooLarge:
		return ErrTooLarge
	case abi.ErrTimeout:
		return ErrTimeout
	case abi.ErrBadArgument:
		return ErrBadArgument
	}
	return ErrUnavailable
}
