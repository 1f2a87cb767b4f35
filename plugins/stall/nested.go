package main

import (
	"compress/flate"
	"io"
	"strconv"
)

// nested looks into the entries that are archives themselves.
func (x *inspection) nested(s source, es []entry, path string, depth int) error {
	for i := range es {
		e := &es[i]
		if e.encrypted() || e.end <= e.data || e.end > s.size {
			continue
		}
		raw := s.section(e.data, e.end-e.data)
		where := join(path, e.name)
		var err error
		switch e.method {
		case methodStored:
			err = x.stored(raw, where, depth)
		case methodDeflated:
			err = x.deflated(raw, where, depth)
		default:
			x.unreadable(where, x.at(where)+" is compressed in a way (method "+strconv.FormatInt(e.method, 10)+") that cannot be inspected.")
		}
		if err := x.fault(where, err); err != nil {
			return err
		}
	}
	return nil
}

func (x *inspection) stored(raw source, where string, depth int) error {
	head, err := raw.at(0, min(sniffLen, raw.size))
	if err != nil {
		return err
	}
	k := sniff(head)
	if k == kindProgram {
		return x.behindProgram(raw, where, depth+1)
	}
	return x.inspect(raw, k, where, depth+1)
}

// behindProgram looks for the archive that a self-extracting program carries.
func (x *inspection) behindProgram(s source, where string, depth int) error {
	if depth > maxDepth {
		return x.inspect(s, kindZIP, where, depth)
	}
	if err := x.embedded(s, where); err != nil {
		return err
	}
	if d, err := findDirectory(s); d == nil || err != nil {
		return err
	}
	return x.inspect(s, kindHidden, where, depth)
}

// deflated inflates only what is an archive, or a program that may carry one.
func (x *inspection) deflated(raw source, where string, depth int) error {
	r := x.inflater
	if err := r.(flate.Resetter).Reset(io.NewSectionReader(raw.r, 0, raw.size), nil); err != nil {
		return err
	}
	head := make([]byte, sniffLen)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return inflateFault(err)
	}
	k := sniff(head[:n])
	if k == kindOther {
		return nil
	}
	if depth+1 > maxDepth {
		return x.inspect(source{}, k, where, depth+1)
	}
	var b chunks
	b.add(copy(b.room(), head[:n]))
	for err = nil; err != io.EOF; {
		var m int
		m, err = r.Read(b.room())
		if b.add(m); b.size > x.budget.inflate {
			x.budget.inflate = 0
			x.unreadable(where, x.at(where)+" unpacks to more than can be inspected ("+strconv.Itoa(maxInflate>>20)+" MiB a message).")
			return nil
		}
		if err != nil && err != io.EOF {
			return inflateFault(err)
		}
	}
	x.budget.inflate -= b.size
	s := source{&b, b.size}
	if k == kindProgram {
		return x.behindProgram(s, where, depth+1)
	}
	return x.inspect(s, k, where, depth+1)
}

const chunkSize = 256 << 10

// chunks is content in pieces of chunkSize: one slice that grows would need
// three times its size while it does, and the guest's memory is bounded.
type chunks struct {
	list [][]byte
	size int64
}

// room is where the next octets go; add says how many did.
func (c *chunks) room() []byte {
	at := c.size % chunkSize
	if at == 0 && c.size == chunkSize*int64(len(c.list)) {
		c.list = append(c.list, make([]byte, chunkSize))
	}
	return c.list[len(c.list)-1][at:]
}

func (c *chunks) add(n int) { c.size += int64(n) }

// ReadAt implements io.ReaderAt.
func (c *chunks) ReadAt(p []byte, off int64) (int, error) {
	n, want := 0, int(min(int64(len(p)), max(c.size-off, 0)))
	for n < want {
		k := copy(p[n:want], c.list[off/chunkSize][off%chunkSize:])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// inflateFault tells broken data from a source that could not be read.
func inflateFault(err error) error {
	switch err.(type) {
	case flate.CorruptInputError:
		return damaged("its data cannot be inflated")
	}
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		return damaged("its data ends too early")
	}
	return err
}
