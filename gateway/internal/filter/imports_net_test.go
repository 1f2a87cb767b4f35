package filter

import (
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/tetratelabs/wazero/api"
)

// flat is a guest's memory without a guest.
type flat struct {
	api.Memory
	b []byte
}

func (f flat) Read(at, n uint32) ([]byte, bool) { return f.b[at : at+n], true }

// TestFieldsAreCountedBeforeTheyAreDecoded: a request of 4 MiB could claim a
// million header fields.
func TestFieldsAreCountedBeforeTheyAreDecoded(t *testing.T) {
	for _, n := range []int{0, 1, 64, 65, 1_000_000} {
		r := abi.HTTPRequest{Method: "GET", URL: "https://a.example/", Headers: make([]abi.Header, n), Body: []byte("x")}
		b := r.Append(nil)
		if got := fieldsOf(b); got != uint32(n) {
			t.Errorf("%d of %d", got, n)
		}
		for cut := range min(len(b), 40) {
			fieldsOf(b[:cut])
		}
	}
	st := make([]uint64, 8)
	c := newCall(t.Context(), time.Minute, nil)
	b := (&abi.HTTPRequest{URL: "https://a.example/", Headers: make([]abi.Header, 300_000)}).Append(nil)
	if n := testing.AllocsPerRun(1, func() { httpFetch(nil, c, guestMemory{flat{b: b}, "http_fetch"}, append(st[:0], 0, uint64(len(b)))) }); n > 5 {
		t.Errorf("%.0f allocations", n)
	}
	if c.errText != tooManyFields {
		t.Error(c.errText)
	}
}
