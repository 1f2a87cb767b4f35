package main

import (
	"bytes"
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
		if k, err = x.behindProgram(raw); err != nil {
			return err
		}
	}
	return x.inspect(raw, k, where, depth+1)
}

// behindProgram tells whether a program carries a ZIP, as self-extracting ones do.
func (x *inspection) behindProgram(s source) (kind, error) {
	if d, err := findDirectory(s); d == nil || err != nil {
		return kindOther, err
	}
	return kindHidden, nil
}

// deflated inflates only what is an archive, or a program that may carry one.
func (x *inspection) deflated(raw source, where string, depth int) error {
	r := flate.NewReader(io.NewSectionReader(raw.r, 0, raw.size))
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
	left := x.budget.inflate
	var b bytes.Buffer
	b.Write(head[:n])
	m, err := io.Copy(&b, io.LimitReader(r, left+1-int64(n)))
	x.budget.inflate -= m + int64(n)
	if x.budget.inflate < 0 {
		x.budget.inflate = 0
		x.unreadable(where, x.at(where)+" unpacks to more than can be inspected ("+strconv.Itoa(maxInflate>>20)+" MiB a message).")
		return nil
	}
	if err != nil {
		return inflateFault(err)
	}
	s := source{bytes.NewReader(b.Bytes()), int64(b.Len())}
	if k == kindProgram {
		if k, err = x.behindProgram(s); err != nil {
			return err
		}
	}
	return x.inspect(s, k, where, depth+1)
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
