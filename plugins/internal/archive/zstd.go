package archive

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdWindow is the largest window that is decoded; that of zstd -19 is 8 MiB.
const zstdWindow = 8 << 20

// zstdReader unpacks Zstandard (RFC 8878).
type zstdReader struct {
	b *Budget
	d *zstd.Decoder
}

func newZstd(b *Budget, r io.Reader) (*zstdReader, error) {
	if !b.hold(zstdWindow) {
		return nil, exceeded("there is no memory left to unpack it (" + mib(b.lim.Memory) + ")")
	}
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(uint64(b.lim.Bytes)))
	if err != nil {
		b.drop(zstdWindow)
		return nil, err
	}
	return &zstdReader{b, d}, nil
}

func (z *zstdReader) Read(p []byte) (n int, err error) {
	defer recovered(&err)
	n, err = z.d.Read(p)
	switch err {
	case zstd.ErrWindowSizeExceeded, zstd.ErrDecoderSizeExceeded:
		err = exceeded("unpacking it needs a dictionary larger than can be held for inspection (" + mib(zstdWindow) + ")")
	case zstd.ErrMagicMismatch: // something else behind the last frame
		err = damaged("its data cannot be unpacked")
	}
	return n, err
}

// free gives memory back.
func (z *zstdReader) free() {
	z.d.Close()
	z.b.drop(zstdWindow)
}

// recovered turns a panic of a decoder that is not ours into an error.
func recovered(err *error) {
	if recover() != nil {
		*err = damaged("its data cannot be unpacked")
	}
}
