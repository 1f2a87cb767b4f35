package api

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"
)

// The picture has exactly the dark modules of the code, within a quiet zone.
func TestQRPictureIsTheCode(t *testing.T) {
	const text = "otpauth://totp/Weir:anna@acme.test?issuer=Weir&secret=IFIF5ICCOWH2LZKLH3COZK7OKAQGWYUB"
	got, err := qrPicture(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	dark := map[[2]int]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(string(got), -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		if m[3] != m[4] {
			t.Errorf("%s does not close", m[0])
		}
		for i := range n {
			dark[[2]int{x + i - 4, y - 4}] = true
		}
	}
	n := 0
	for y := range c.Size {
		for x := range c.Size {
			if c.Black(x, y) {
				n++
			}
			if dark[[2]int{x, y}] != c.Black(x, y) {
				t.Errorf("module %d,%d", x, y)
			}
		}
	}
	if n != len(dark) || !strings.Contains(string(got), `viewBox="0 0 `+strconv.Itoa(c.Size+8)+" ") {
		t.Errorf("%d dark modules, want %d", len(dark), n)
	}
}
