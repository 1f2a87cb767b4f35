//go:build wasip1

// Command goguest is a plain Go guest for the meter's tests: what it computes
// must be the same with and without metering.
package main

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"math"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

func main() {}

var word = regexp.MustCompile(`(?i)\b(inv[o0]ice|pa[sy]+ment)s?\b`)

//go:wasmexport work
func work(seed, n uint32) uint64 {
	x := seed | 1
	buf := make([]byte, n)
	for i := range buf {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		buf[i] = "invoice payment 0123456789\r\n"[x%28]
	}
	h := sha256.New()
	h.Write(buf)
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, 6)
	w.Write(buf)
	w.Close()
	back, _ := io.ReadAll(flate.NewReader(&z))
	h.Write([]byte(base64.StdEncoding.EncodeToString(back)))
	m := map[string]int{}
	for _, f := range strings.Fields(string(back)) {
		m[f]++
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k+strconv.Itoa(m[k]))
	}
	sort.Strings(keys)
	h.Write([]byte(strings.Join(keys, ",")))
	h.Write([]byte(strconv.FormatFloat(math.Sqrt(float64(x))*math.Pi, 'g', -1, 64)))
	h.Write([]byte(strconv.Itoa(len(word.FindAllIndex(back, -1)))))
	s := h.Sum(nil)
	var v uint64
	for i := range 8 {
		v = v<<8 | uint64(s[i])
	}
	return v
}

//go:wasmexport scan
func scan(n uint32) uint32 {
	buf := make([]byte, n)
	sum := uint32(0)
	for i := range buf {
		buf[i] = byte(i * 7)
	}
	for _, c := range buf {
		sum = sum*31 + uint32(c)
	}
	return sum
}

//go:wasmexport hash
func hash(n uint32) uint32 {
	s := sha256.Sum256(make([]byte, n))
	return uint32(s[0])
}

//go:wasmexport spin
func spin() {
	for {
	}
}

type node struct{ l, r *node }

func tree(d int) *node {
	if d == 0 {
		return &node{}
	}
	return &node{tree(d - 1), tree(d - 1)}
}

//go:wasmexport alloc
func alloc() uint32 {
	n := 0
	for t := tree(12); t != nil; t = t.l {
		n++
	}
	return uint32(n)
}
