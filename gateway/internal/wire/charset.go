package wire

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// kind is how text can be added to content in a character set.
type kind int

const (
	isASCII   kind = iota // declared or taken for it: 8-bit octets are of no known set
	isUTF8                // as it is
	extends               // ASCII and more, without states: text is converted
	isForeign             // no extension of ASCII, or with states: the content is converted to UTF-8
	isUnknown             // of no set we know: ASCII alone can be added
)

// charset is a character set that a part declares.
type charset struct {
	kind kind
	enc  encoding.Encoding // of extends, isForeign; of isASCII what readers take 8-bit octets for
}

// charsetOf looks a declared name up.
func charsetOf(name string) charset {
	name = strings.ToLower(strings.TrimSpace(name))
	switch name {
	case "", "us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us":
		return charset{isASCII, charmap.Windows1252}
	case "iso-8859-1", "latin1", "iso_8859-1", "l1": // readers of the Web take them for Windows' sets, readers of mail need not
		return charset{extends, charmap.ISO8859_1}
	case "iso-8859-9", "latin5":
		return charset{extends, charmap.ISO8859_9}
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return charset{kind: isUnknown}
	}
	switch canonical, _ := htmlindex.Name(e); canonical {
	case "utf-8":
		return charset{kind: isUTF8}
	case "utf-16be", "utf-16le", "iso-2022-jp":
		return charset{isForeign, e}
	case "replacement", "x-user-defined":
		return charset{kind: isUnknown}
	}
	return charset{extends, e}
}

// stateful are sets in which the octets of ASCII may mean something else.
func stateful(name string) bool {
	name = strings.ToLower(name)
	for _, s := range []string{"utf-7", "utf7", "utf-16", "utf-32", "ucs-", "iso-2022", "csiso2022", "hz-", "ebcdic", "ibm037", "cp037", "x-user-defined", "unicode"} {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}

// fit is text as it is added to content of a character set.
type fit struct {
	pre, app string
	charset  string            // the part's new one, "" unchanged
	decode   encoding.Encoding // the content is converted from it to UTF-8; nil: left alone
}

// fits finds how two texts go with content. HTML takes what its character set
// has no octets for as numeric references, plain text is converted to UTF-8.
func fits(cs charset, name string, html bool, st stats, pre, app string) (fit, error) {
	plain := ascii(pre) && ascii(app)
	same := fit{pre: pre, app: app}
	switch {
	case cs.kind == isForeign:
		return fit{pre, app, "utf-8", cs.enc}, nil
	case cs.kind == isUnknown && stateful(name):
		return fit{}, fmt.Errorf("text cannot be added in the character set %.40q", name)
	case plain, cs.kind == isUTF8:
		return same, nil
	case cs.kind == isUnknown && !html && !st.high: // ASCII, whatever it is called
		return fit{pre: pre, app: app, charset: "utf-8"}, nil
	case cs.kind == isUnknown && !html:
		return fit{}, fmt.Errorf("the text cannot be written in the character set %.40q", name)
	case cs.kind == isUnknown, html && cs.kind == isASCII:
		return fit{pre: references(pre), app: references(app)}, nil
	case cs.kind == isASCII && (!st.high || st.utf8):
		return fit{pre: pre, app: app, charset: "utf-8"}, nil
	case cs.kind == isASCII:
		return fit{pre, app, "utf-8", cs.enc}, nil
	}
	e := cs.enc.NewEncoder()
	if html {
		e = encoding.HTMLEscapeUnsupported(e)
	}
	a, err1 := e.String(pre)
	b, err2 := e.String(app)
	if err1 == nil && err2 == nil {
		return fit{pre: a, app: b}, nil
	}
	return fit{pre, app, "utf-8", cs.enc}, nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// references writes what is not ASCII as HTML has it.
func references(s string) string {
	if ascii(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteByte(byte(r))
		} else {
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		}
	}
	return b.String()
}
