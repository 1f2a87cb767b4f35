package deliver

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// lighten drops what the envelope declares but the message does not need,
// where the host offers no such thing: many a client declares 8BITMIME for
// plain ASCII. What is needed in earnest stays, and smtpc refuses it.
func lighten(c *pooled, req *Request) (mail.MailParams, error) {
	p := req.Params
	_, takes8 := c.Ext("8BITMIME")
	_, takesUTF8 := c.Ext("SMTPUTF8")
	if (p.Body != "8BITMIME" || takes8) && (!p.SMTPUTF8 || takesUTF8) {
		return p, nil
	}
	body, err := req.Open()
	if err != nil {
		return p, err
	}
	defer body.Close()
	header, content, err := eightBit(body)
	if err != nil {
		return p, err
	}
	if !takes8 && !header && !content {
		p.Body = ""
	}
	if !takesUTF8 && !header {
		p.SMTPUTF8 = false
	}
	return p, nil
}

// eightBit reports octets above 127 in a message's header and in its content.
func eightBit(r io.Reader) (header, content bool, err error) {
	br := bufio.NewReaderSize(r, 32<<10)
	inHeader, lineStart := true, true
	for {
		chunk, err := br.ReadSlice('\n')
		for _, b := range chunk {
			if b >= 0x80 && inHeader {
				header = true
			} else if b >= 0x80 {
				content = true
				break
			}
		}
		if inHeader && lineStart && (bytes.Equal(chunk, []byte("\r\n")) || bytes.Equal(chunk, []byte("\n"))) {
			inHeader = false
		}
		lineStart = err == nil
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return header, content, nil
		case err != nil:
			return header, content, err
		}
	}
}
