package conformance

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand"
	"os"
	"testing"
)

// mutants are golden vectors with a few octets changed, the same on every run:
// lengths and counts most of all.
func mutants(t *testing.T, n int) (records []string, data [][]byte) {
	t.Helper()
	b, err := os.ReadFile("../../../../sdk/abi/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewSource(1))
	for len(records) < n {
		v := vectors[rnd.Intn(len(vectors))]
		raw, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + rnd.Intn(3) {
			switch at := rnd.Intn(len(raw) + 1); rnd.Intn(4) {
			case 0:
				if at < len(raw) {
					raw[at] = byte(rnd.Intn(256))
				}
			case 1:
				if at+4 <= len(raw) {
					binary.LittleEndian.PutUint32(raw[at:], uint32(rnd.Intn(40)))
				}
			case 2: // a shorter record, with its length made right
				if at >= 4 {
					raw = raw[:at]
					binary.LittleEndian.PutUint32(raw, uint32(at-4))
				}
			case 3:
				if at+4 <= len(raw) {
					v := binary.LittleEndian.Uint32(raw[at:]) + uint32(rnd.Intn(9)) - 4
					binary.LittleEndian.PutUint32(raw[at:], v)
				}
			}
			if len(raw) == 0 {
				break
			}
		}
		records, data = append(records, v.Record), append(data, raw)
	}
	return records, data
}

// TestCodecsAgree has every guest read octets that are broken here and there:
// each accepts and refuses what Go's codec does, and reads the same from it.
func TestCodecsAgree(t *testing.T) {
	records, data := mutants(t, 1000)
	type outcome struct{ code, octets string }
	var reference []outcome
	each(t, func(t *testing.T, g guest) {
		h := newHost(t, g)
		accepted := 0
		for i, record := range records {
			v, err := h.Call(context.Background(), "guest", event("recode", object("record", record, "data", data[i]), 0), message())
			if err != nil {
				t.Fatalf("%s %x: %v", record, data[i], err)
			}
			var o outcome
			o.octets, _, o.code, _ = answer(h, v)
			if o.code == "" {
				accepted++
			}
			if g.name == "go" {
				reference = append(reference, o)
			} else if len(reference) == len(records) && reference[i] != o {
				t.Errorf("%s %x:\n%q %x\nGo's\n%q %x", record, data[i], o.code, o.octets, reference[i].code, reference[i].octets)
			}
		}
		if accepted < len(records)/10 || accepted > len(records)*9/10 {
			t.Errorf("%d of %d are accepted: the mutants are too tame or too wild", accepted, len(records))
		}
	})
}
