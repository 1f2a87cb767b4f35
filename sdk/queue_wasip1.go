package sdk

import "unsafe"

//go:wasmimport weir1 schedule
func schedule(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 message_get
func messageGet(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 message_release
func messageRelease(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 message_reject
func messageReject(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 message_delete
func messageDelete(p unsafe.Pointer, n uint32) int32

//go:wasmimport weir1 message_submit
func messageSubmit(p unsafe.Pointer, n uint32) int32

func changed(n int32) (int, error) { return int(max(n, 0)), why(n) }

func hostSchedule(_ host, req []byte) error                { return why(schedule(ptr(req))) }
func hostMessageGet(_ host, req []byte) ([]byte, error)    { return reply(messageGet(ptr(req))) }
func hostMessageRelease(_ host, req []byte) (int, error)   { return changed(messageRelease(ptr(req))) }
func hostMessageReject(_ host, req []byte) (int, error)    { return changed(messageReject(ptr(req))) }
func hostMessageDelete(_ host, req []byte) (int, error)    { return changed(messageDelete(ptr(req))) }
func hostMessageSubmit(_ host, req []byte) ([]byte, error) { return reply(messageSubmit(ptr(req))) }
