package document

import (
	"bytes"
	"compress/flate"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// Content types of CMS (RFC 5652 §14, RFC 5083, RFC 3274), as they are encoded.
const (
	oidPKCS7 = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"         // and one octet more
	oidSMIME = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01" // and one octet more

	cmsSigned             = oidPKCS7 + "\x02"
	cmsEnveloped          = oidPKCS7 + "\x03"
	cmsSignedAndEnveloped = oidPKCS7 + "\x04"
	cmsEncrypted          = oidPKCS7 + "\x06"
	cmsAuthEnveloped      = oidSMIME + "\x17"
	cmsCompressed         = oidSMIME + "\x09"
)

// isDER: a sequence that begins with a content type of CMS.
func isDER(b []byte) bool {
	if len(b) < 16 || b[0] != 0x30 {
		return false
	}
	i := bytes.Index(b[:min(len(b), 16)], []byte{0x06})
	return i >= 2 && (bytes.HasPrefix(b[i:], []byte(oidPKCS7)) || bytes.HasPrefix(b[i:], []byte(oidSMIME)))
}

// cms judges a CMS object (RFC 8551 §3): enveloped data needs a key; what is
// signed or compressed is looked into.
func (x *inspection) cms(s octets.Source, path string) bool {
	outer, ok := element(s, 0)
	if !ok {
		return false
	}
	oid, ok := element(s, outer.body)
	if !ok || oid.size < 0 || oid.size > 32 {
		return false
	}
	b, err := s.Range(outer.body, oid.next()-outer.body)
	if err != nil {
		return false
	}
	switch string(b) {
	case cmsEnveloped, cmsSignedAndEnveloped, cmsEncrypted, cmsAuthEnveloped:
		x.find(CauseEncryptedMessage, "smime", path, "it needs a key to be read")
	case cmsSigned, cmsCompressed:
		x.encapsulated(s, oid.next(), path, string(b) == cmsCompressed)
	default:
		return false
	}
	return true
}

// encapsulated looks into what a signed or compressed object holds (RFC 5652
// §5.1, RFC 3274 §1.1): version, algorithms, then the content.
func (x *inspection) encapsulated(s octets.Source, off int64, path string, packed bool) {
	damaged := func() { x.unreadable("smime", path, "its structure is damaged") }
	explicit, ok := element(s, off)
	if !ok {
		damaged()
		return
	}
	seq, ok := element(s, explicit.body)
	if !ok {
		damaged()
		return
	}
	at := seq.body
	for range 2 {
		if at, ok = after(s, at, 0); !ok {
			damaged()
			return
		}
	}
	info, ok := element(s, at)
	if !ok {
		damaged()
		return
	}
	oid, ok := element(s, info.body)
	if !ok || oid.size < 0 {
		damaged()
		return
	}
	if info.size >= 0 && oid.next() >= info.next() {
		return // a detached signature, or certificates
	}
	content, ok := element(s, oid.next())
	if !ok || content.tag != 0xa0 {
		return
	}
	data, ok := x.octetString(s, content.body, path, 0)
	if !ok {
		damaged()
		return
	}
	if packed {
		b, ok := x.unpack(flate.NewReader(data.Section(2, data.Size).Reader()), maxPart, path)
		if !ok {
			return
		}
		data = octets.Source{R: b, Size: b.size}
	}
	x.object(data, join(path, "content"), "content.eml")
}

// octetString gives an octet string, put together where it is in pieces.
func (x *inspection) octetString(s octets.Source, off int64, path string, depth int) (octets.Source, bool) {
	e, ok := element(s, off)
	if !ok || depth > 4 {
		return octets.Source{}, false
	}
	if e.tag == 0x04 && e.size >= 0 {
		return s.Section(e.body, e.size), true
	}
	if e.tag != 0x24 {
		return octets.Source{}, e.tag == 0x30 // not data: nothing to look into
	}
	all := &chunks{}
	if !x.pieces4(s, e, all, 0) {
		return octets.Source{}, false
	}
	return octets.Source{R: all, Size: all.size}, true
}

func (x *inspection) pieces4(s octets.Source, e tlv, all *chunks, depth int) bool {
	for at := e.body; (e.size < 0 || at < e.next()) && at < s.Size; {
		p, ok := element(s, at)
		if !ok || depth > 4 {
			return false
		}
		switch {
		case p.tag == 0:
			return e.size < 0
		case p.tag == 0x24:
			if !x.pieces4(s, p, all, depth+1) {
				return false
			}
		case p.tag != 0x04 || p.size < 0 || !x.lim.Budget.Unpack(p.size):
			return false
		default:
			for off := p.body; off < p.next(); {
				room := all.room()
				n := min(int64(len(room)), p.next()-off)
				if m, err := s.R.ReadAt(room[:n], off); err != nil && int64(m) < n {
					return false
				}
				all.add(int(n))
				off += n
			}
		}
		if at, ok = after(s, at, 0); !ok {
			return false
		}
	}
	return true
}

// tlv is one element of BER (X.690 §8.1).
type tlv struct {
	tag  byte
	body int64
	size int64 // -1 indefinite
}

func (t tlv) next() int64 { return t.body + t.size }

// element reads the head of an element with a tag of one octet.
func element(s octets.Source, off int64) (tlv, bool) {
	b, err := s.Range(off, 10)
	if err != nil || len(b) < 2 || b[0]&0x1f == 0x1f {
		return tlv{}, false
	}
	t := tlv{tag: b[0], body: off + 2, size: int64(b[1])}
	switch {
	case b[1] == 0x80:
		t.size = -1
		return t, t.tag&0x20 != 0
	case b[1] > 0x80:
		n := int(b[1] & 0x7f)
		if n > 7 || len(b) < 2+n {
			return tlv{}, false
		}
		t.size = 0
		for _, c := range b[2 : 2+n] {
			t.size = t.size<<8 | int64(c)
		}
		t.body += int64(n)
	}
	return t, t.body <= s.Size
}

// after gives where the element at off ends.
func after(s octets.Source, off int64, depth int) (int64, bool) {
	e, ok := element(s, off)
	if !ok || depth > 32 {
		return 0, false
	}
	if e.size >= 0 {
		return e.next(), e.next() <= s.Size
	}
	for at := e.body; ; {
		p, ok := element(s, at)
		if !ok {
			return 0, false
		}
		if p.tag == 0 && p.size == 0 {
			return p.body, true
		}
		if at, ok = after(s, at, depth+1); !ok {
			return 0, false
		}
	}
}
