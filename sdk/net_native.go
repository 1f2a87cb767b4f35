//go:build !wasip1

package sdk

import "time"

func hostNow(h host) time.Time                               { return h.Now() }
func hostDNSQuery(h host, req []byte) ([]byte, error)        { return h.DNSQuery(req) }
func hostHTTPFetch(h host, req []byte) ([]byte, error)       { return h.HTTPFetch(req) }
func hostKVBatch(h host, req []byte) ([]byte, error)         { return h.KVBatch(req) }
func hostDial(h host, address string) (int32, error)         { return h.Dial(address) }
func hostConnWrite(h host, conn int32, b []byte) error       { return h.ConnWrite(conn, b) }
func hostConnRead(h host, conn int32, b []byte) (int, error) { return h.ConnRead(conn, b) }
func hostConnClose(h host, conn int32) error                 { return h.ConnClose(conn) }
func hostBodyWrite(h host, part int32, b []byte) error       { return h.BodyWrite(part, b) }
func hostSchedule(h host, req []byte) error                  { return h.Schedule(req) }
func hostMessageGet(h host, req []byte) ([]byte, error)      { return h.MessageGet(req) }
func hostMessageRelease(h host, req []byte) (int, error)     { return h.MessageOrder("release", req) }
func hostMessageReject(h host, req []byte) (int, error)      { return h.MessageOrder("reject", req) }
func hostMessageDelete(h host, req []byte) (int, error)      { return h.MessageOrder("delete", req) }
func hostMessageSubmit(h host, req []byte) ([]byte, error)   { return h.MessageSubmit(req) }

func hostConnSend(h host, conn, part int32, off, n int64) (int64, error) {
	return h.ConnSend(conn, part, off, n)
}
