package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// want is what has to become of an acknowledged recipient.
type want int

const (
	arrive want = iota // a copy at the destination
	bounce             // no copy, and a DSN that names it
	held               // no copy before an operator lets it pass, one after it
)

// parcel is one message to send.
type parcel struct {
	token    string
	outbound bool
	from     string
	to       []string
	data     string // with the final dot, without its CRLF
}

// newParcel makes a message of 1 to 200 KiB, most of them small; one inbound
// message in fifteen is one that the filters hold.
func newParcel(token string, outbound bool) parcel {
	p := parcel{token: token, outbound: outbound, from: "sender@client.test"}
	domain := hosted
	if outbound {
		p.from, domain = "s."+token+"@"+hosted, world
	}
	for i := range 1 + rand.IntN(3) {
		to := fmt.Sprintf("%c%d@%s", 'u'+i, rand.IntN(50), domain)
		if outbound {
			switch rand.IntN(4) {
			case 0:
				to = "no-" + to
			case 1:
				to = strings.Replace(to, world, neighbour, 1)
			}
		}
		p.to = append(p.to, to)
	}
	subject, body := token, filler()
	if !outbound {
		switch rand.IntN(30) {
		case 0:
			subject = "an offer " + token
		case 1:
			body = encrypted
		}
	}
	p.data = "X-Token: " + token + "\r\nFrom: <" + p.from + ">\r\nSubject: " + subject + "\r\n" + body + "."
	return p
}

// wants tells what has to become of a recipient once it is acknowledged.
func (p parcel) wants(to string) want {
	switch {
	case strings.HasPrefix(to, "no-"):
		return bounce
	case strings.Contains(p.data, "offer "), strings.HasSuffix(p.data, encrypted+"."):
		return held
	}
	return arrive
}

func filler() string {
	lines := 10 + rand.IntN(60)
	if rand.IntN(10) == 0 {
		lines = rand.IntN(2600)
	}
	return "\r\n" + strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123456789012\r\n", lines)
}

// encrypted is a message whose ZIP has a password, from its MIME headers on.
var encrypted = strings.ReplaceAll(`MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_e"

--=_e
Content-Type: text/plain

See the report.

--=_e
Content-Type: application/zip; name="report.zip"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="report.zip"

UEsDBBQACQAIAAa2dV2L7CIAJwAAABwAAAAKABwAcmVwb3J0LmNzdlVUCQADrB8Ca6wfAmt1eAsA
AQQAAAAABAAAAADosLO3XvjS8XvZTkxMz9jOIaFkD9Q4F3gOyOfa8gZmvneeONe+8YlQSwcIi+wi
ACcAAAAcAAAAUEsDBAoACQAAAAa2dV0nXaAJKgAAAB4AAAAIABwAbm90ZS50eHRVVAkAA6wfAmus
HwJrdXgLAAEEAAAAAAQAAAAAxLxtjXvLBa60PZ8wVeEbb8pGP+9Ea1AqyidJHMq4Vlxgw9dC0pjn
9c2CUEsHCCddoAkqAAAAHgAAAFBLAQIeAxQACQAIAAa2dV2L7CIAJwAAABwAAAAKABgAAAAAAAEA
AACkgQAAAAByZXBvcnQuY3N2VVQFAAOsHwJrdXgLAAEEAAAAAAQAAAAAUEsBAh4DCgAJAAAABrZ1
XSddoAkqAAAAHgAAAAgAGAAAAAAAAQAAAKSBewAAAG5vdGUudHh0VVQFAAOsHwJrdXgLAAEEAAAA
AAQAAAAAUEsFBgAAAAACAAIAngAAAPcAAAAAAA==
--=_e--
`, "\n", "\r\n")
