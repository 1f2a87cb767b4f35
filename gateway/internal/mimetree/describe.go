package mimetree

import (
	"strings"

	"github.com/mailweir/weir/sdk/abi"
)

// description is what an entity's header means, beyond what its Part says.
type description struct {
	enc      encoding
	boundary string
	digest   bool
	trouble  []string
}

// describe fills in a part from its header.
func describe(part *abi.Part, c *content) (d description) {
	if c.duplicate != "" {
		d.trouble = append(d.trouble, "two "+c.duplicate+" fields")
	}
	typ, ps, bad := structured(c.ctype)
	if c.hasType {
		if validType(typ) {
			part.Type = typ
		} else {
			bad = true
			part.Type = "text/plain" // RFC 2045 §5.2
		}
	}
	if bad {
		d.trouble = append(d.trouble, "a broken Content-Type")
	}
	var ok bool
	if part.Encoding, d.enc, ok = transfer(c.cte); !ok {
		d.trouble = append(d.trouble, "an unknown Content-Transfer-Encoding")
	}
	disp, dps, bad := structured(c.disposition)
	if bad {
		d.trouble = append(d.trouble, "a broken Content-Disposition")
	}
	part.Disposition = plainText(disp)
	part.ContentID = plainText(strings.Trim(c.id, "<> \t"))
	var names []string
	if len(ps)+len(dps) > 0 {
		names = d.names(dps, "filename", names)
		names = d.names(ps, "name", names)
		if names = readings(names); len(names) > 0 {
			part.Filename = names[0]
			if len(names) > 1 {
				part.Names = names
			}
			if differ(names) {
				d.trouble = append(d.trouble, "file names of different kinds")
			}
		}
		if v, _ := lookup(ps, "charset"); len(v) > 0 {
			part.Charset = strings.ToLower(plainText(v[0]))
		}
	}
	if strings.HasPrefix(part.Type, "multipart/") {
		d.digest = part.Type == "multipart/digest"
		vs, bad := lookup(ps, "boundary")
		if len(vs) > 0 {
			d.boundary = vs[0]
		}
		for _, p := range ps {
			if p.name == "boundary" {
				d.boundary = p.value // as written: encoded words mean nothing here
				break
			}
		}
		if bad || len(vs) > 1 {
			d.trouble = append(d.trouble, "several boundaries, or an encoded one")
		}
		return d
	}
	part.Attachment = part.Filename != "" || disp == "attachment" || !strings.HasPrefix(part.Type, "text/")
	return d
}

func (d *description) names(ps []param, name string, names []string) []string {
	vs, bad := lookup(ps, name)
	if bad {
		d.trouble = append(d.trouble, "a broken file name")
	}
	return append(names, vs...)
}

// validType: type/subtype, both tokens (RFC 2045 §5.1).
func validType(s string) bool {
	slash := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '/':
			slash++
		case c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"[]?=`, c) >= 0:
			return false
		}
	}
	return slash == 1 && s[0] != '/' && s[len(s)-1] != '/'
}
