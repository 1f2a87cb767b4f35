package sdk

import (
	"time"
	"unsafe"
)

//go:wasmimport weir1 error_read
func errorRead(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 reply_read
func replyRead(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 dns_query
func dnsQuery(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 http_fetch
func httpFetch(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 dial
func dial(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 conn_write
func connWrite(conn int32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 conn_send
func connSend(conn, part int32, off, n int64) int64

//go:wasmimport weir1 conn_read
func connRead(conn int32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 conn_close
func connClose(conn int32) int32

//go:wasmimport weir1 body_write
func bodyWrite(part int32, p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 kv_batch
func kvBatch(p unsafe.Pointer, n uint32) int32

// why is the error of a negative result with the host's words.
func why(n int32) error {
	if n >= 0 {
		return nil
	}
	e := &HostError{Code: errorOf(n)}
	if b, err := fetch(errorRead); err == nil {
		e.Text = string(b)
	}
	return e
}

// reply reads what a call left, whose length it gave.
func reply(n int32) ([]byte, error) {
	if n < 0 {
		return nil, why(n)
	}
	if int(n) > len(scratch) {
		scratch = make([]byte, n)
	}
	return fetch(replyRead)
}

func hostNow(host) time.Time { return time.Now() }

func hostDNSQuery(_ host, req []byte) ([]byte, error)  { return reply(dnsQuery(ptr(req))) }
func hostHTTPFetch(_ host, req []byte) ([]byte, error) { return reply(httpFetch(ptr(req))) }
func hostKVBatch(_ host, req []byte) ([]byte, error)   { return reply(kvBatch(ptr(req))) }

func hostDial(_ host, address string) (int32, error) {
	n := dial(sptr(address))
	return n, why(n)
}

func hostConnWrite(_ host, conn int32, b []byte) error {
	p, n := ptr(b)
	return why(connWrite(conn, p, n))
}

func hostConnSend(_ host, conn, part int32, off, n int64) (int64, error) {
	got := connSend(conn, part, off, n)
	if got < 0 {
		return 0, why(int32(got))
	}
	return got, nil
}

func hostConnRead(_ host, conn int32, b []byte) (int, error) {
	p, n := ptr(b)
	got := connRead(conn, p, n)
	return int(max(got, 0)), why(got)
}

func hostConnClose(_ host, conn int32) error { return why(connClose(conn)) }

func hostBodyWrite(_ host, part int32, b []byte) error {
	p, n := ptr(b)
	return why(bodyWrite(part, p, n))
}
