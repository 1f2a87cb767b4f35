package archive

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/nwaples/rardecode/v2"
)

// maxRARCost is the largest KDF count of RAR 5 (a power of two) that is
// derived; its writer takes 15. Package rardecode cannot be stopped meanwhile.
const maxRARCost = 19

// rarUnlock visits the files of an archive by the budget's key. costs are the
// KDF counts of its keys.
func (w *walker) rarUnlock(s source, p place, costs []byte) (err error) {
	defer recovered(&err)
	o := w.b.key.opening(p.path)
	for _, c := range costs {
		if c > maxRARCost {
			o.Unsupported++
			return sealed{}
		}
	}
	if err := w.b.hash(16 << 20); err != nil {
		return err
	}
	if !w.b.hold(rarMemory) {
		return exceeded("there is no memory left to unpack it (" + mib(w.b.lim.Memory) + ")")
	}
	defer w.b.drop(rarMemory)
	in := bufio.NewReaderSize(s.stream(0, s.size), 16<<10)
	r, err := rardecode.NewReader(in, rardecode.MaxDictionarySize(rarMemory), rardecode.Password(w.b.key.password))
	for first := true; ; first = false {
		var h *rardecode.FileHeader
		if err == nil {
			h, err = r.Next()
		}
		switch {
		case err == io.EOF && !first:
			return nil
		case err == nil:
		case errors.Is(err, rardecode.ErrBadPassword), first: // RAR 4 tells a wrong password by headers that make no sense
			o.Wrong++
			return sealed{}
		default:
			return rarError(err)
		}
		if err := w.rarOpened(r, h, s, p, o); err != nil {
			return err
		}
	}
}

// rarOpened visits one file.
func (w *walker) rarOpened(r *rardecode.Reader, h *rardecode.FileHeader, s source, p place, o *Opening) error {
	if err := w.b.entry(); err != nil {
		return err
	}
	e := p.entry(strings.ReplaceAll(h.Name, "\\", "/"))
	if e.Dir = h.IsDir || h.LinkType != 0; e.Dir {
		e.Size = 0
		return w.opaque(e)
	}
	size := h.UnPackedSize
	if h.UnKnownSize {
		size = -1
	}
	if err := w.b.declared(size, s.size); err != nil {
		return err
	}
	if !h.Encrypted && !h.HeaderEncrypted {
		return w.rarFile(e, &rarReader{r: r}, size)
	}
	sp := newSpool(w.b, &rarReader{r: r}, size)
	defer sp.close()
	n, err := sp.finish()
	switch err.(type) {
	case nil:
	case exceeded, unsupported:
		return w.fault(place{e.Path, e.Name, e.Depth}, err)
	default: // RAR 4 has no check of a password but the checksum
		o.Wrong++
		e.Encrypted = true
		if err := w.sealedEntry(e); err != nil {
			return err
		}
		if err := w.opaque(e); err != nil {
			return err
		}
		return stopped{}
	}
	o.Opened++
	if e.Size = n; n == 0 {
		return w.opaque(e)
	}
	return w.visit(e, source{sp, n}, sp, 0, false)
}
