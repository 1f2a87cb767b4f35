package main

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// class is what a message was learned as.
type class byte

const (
	asNothing class = 0
	asSpam    class = 's'
	asHam     class = 'h'
)

// remember is how long it is known what a message was learned as, ms.
const remember = 180 * 24 * 3600 * 1000

// count is how many messages of each kind had a word. Both stand in one
// counter, so that learning is one addition and needs no lock.
type count struct{ spam, ham uint32 }

func unpack(n int64) count { return count{spam: uint32(uint64(n) >> 32), ham: uint32(n)} }

// delta is the addition that learns (by 1) or takes back (by -1) a class.
func delta(k class, by int64) int64 {
	switch k {
	case asSpam:
		return by << 32
	case asHam:
		return by
	}
	return 0
}

func read(kv sdk.KV, key string) (count, error) {
	b, ok, err := kv.Get(key)
	if err != nil || !ok || len(b) != 8 {
		return count{}, err
	}
	return unpack(int64(binary.LittleEndian.Uint64(b))), nil
}

// batch is how many operations go in one call.
const batch = 500

func inBatches(kv sdk.KV, ops []abi.KVRequest, each func(i int, r *abi.KVResult)) error {
	for at := 0; at < len(ops); at += batch {
		rs, err := kv.Batch(ops[at:min(at+batch, len(ops))])
		if err != nil {
			return err
		}
		for i := range rs {
			if each != nil {
				each(at+i, &rs[i])
			}
		}
	}
	return nil
}

// learn makes words those of a message of class k. A message is learned once;
// what was learned of it as another class is taken back.
func learn(kv sdk.KV, id string, words []string, k class) (said string, err error) {
	was, there, err := kv.Get(id)
	if err != nil {
		return "", err
	}
	before := asNothing
	if there && len(was) == 1 {
		before = class(was[0])
	}
	if before == k {
		if k == asNothing {
			return "nothing was learned of it", nil
		}
		return "learned before", nil
	}
	// Who claims the message learns it: of two at one time, one.
	next := []byte{byte(k)}
	var old []byte
	if there {
		old = was
	}
	if claimed, err := kv.CompareAndSwap(id, old, next, remember); err != nil || !claimed {
		if err == nil {
			err = sdk.Error("it is being learned already")
		}
		return "", err
	}
	add := delta(k, 1) + delta(before, -1)
	ops := make([]abi.KVRequest, 0, len(words)+1)
	ops = append(ops, abi.KVRequest{Op: abi.KVOpAdd, Key: "n", Delta: add})
	for _, w := range words {
		ops = append(ops, abi.KVRequest{Op: abi.KVOpAdd, Key: "w:" + w, Delta: add})
	}
	if err := inBatches(kv, ops, nil); err != nil {
		return "", err
	}
	switch {
	case k == asNothing:
		return "forgotten", nil
	case before != asNothing:
		return "learned, and what was learned before taken back", nil
	}
	return "learned", nil
}

// weight is a word and the probability of spam that it speaks for.
type weight struct {
	word string
	p    float64
}

// judged is how many words decide: those that say most.
const judged = 150

// judge combines the words by Fisher's method, as Robinson adapted it: the
// product of the probabilities against chi-square, once for spam and once for
// ham. Words that were seen rarely count little.
func judge(kv sdk.KV, m count, words []string) (p float64, weigh []weight, err error) {
	ops := make([]abi.KVRequest, len(words))
	for i, w := range words {
		ops[i] = abi.KVRequest{Op: abi.KVOpGet, Key: "w:" + w}
	}
	err = inBatches(kv, ops, func(i int, r *abi.KVResult) {
		if !r.Found || len(r.Value) != 8 {
			return
		}
		n := unpack(int64(binary.LittleEndian.Uint64(r.Value)))
		if w := chance(n, m); math.Abs(w-0.5) >= 0.1 {
			weigh = append(weigh, weight{words[i], w})
		}
	})
	if err != nil {
		return 0.5, nil, err
	}
	slices.SortStableFunc(weigh, func(a, b weight) int {
		switch x, y := math.Abs(a.p-0.5), math.Abs(b.p-0.5); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	weigh = weigh[:min(len(weigh), judged)]
	if len(weigh) == 0 {
		return 0.5, nil, nil
	}
	var ham, spam float64
	for _, w := range weigh {
		spam += math.Log(1 - w.p)
		ham += math.Log(w.p)
	}
	s := 1 - chiSquare(-2*spam, 2*len(weigh))
	h := 1 - chiSquare(-2*ham, 2*len(weigh))
	return (1 + s - h) / 2, weigh, nil
}

// chance is the probability that a message with this word is spam, drawn to
// one half where the word was seen rarely (Robinson's f(w), strength 0.45).
func chance(n, m count) float64 {
	if m.spam == 0 || m.ham == 0 || n.spam+n.ham == 0 {
		return 0.5
	}
	s := min(1, float64(n.spam)/float64(m.spam))
	h := min(1, float64(n.ham)/float64(m.ham))
	const strength, prior = 0.45, 0.5
	seen := float64(n.spam) + float64(n.ham)
	p := (strength*prior + seen*s/(s+h)) / (strength + seen)
	return min(0.9999, max(0.0001, p))
}

// chiSquare is the probability that a chi-square of v degrees of freedom (even)
// is at least x.
func chiSquare(x float64, v int) float64 {
	m := x / 2
	if m > 700 { // exp would be 0, and the sum infinite
		return 0
	}
	term := math.Exp(-m)
	sum := term
	for i := 1; i < v/2; i++ {
		term *= m / float64(i)
		sum += term
	}
	return min(1, sum)
}
