package filter

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/pattern"
)

// Bounds of the pattern sets of one generation, of all configurations together.
const (
	maxSetsSize = 64 << 20 // octets of memory, about
	leastSet    = 3 << 10  // octets that a set counts for at least
	maxDefine   = 2 << 20  // octets of a definition
)

type setKey struct {
	config uint64
	set    uint32
}

type patternSet struct {
	digest [32]byte // of its definition
	set    *pattern.Set
}

func (p patternSet) size() int { return max(p.set.Size(), leastSet) }

func matchDefine(in *instance, c *call, mem guestMemory, st []uint64) {
	key, def := setKey{st[0], uint32(st[1])}, mem.at(st[2], st[3])
	if _, ok := c.configs[key.config]; !ok {
		result(st, c.fail(abi.ErrNotFound, "no configuration of this plugin has that ID"))
		return
	}
	if len(def) > maxDefine {
		result(st, c.fail(abi.ErrTooLarge, "a pattern set has at most 2 MiB"))
		return
	}
	result(st, in.gen.define(c, key, def))
}

func (g *generation) define(c *call, key setKey, def []byte) int32 {
	p := patternSet{digest: sha256.Sum256(def)}
	g.mu.Lock()
	old, have := g.sets[key]
	g.mu.Unlock()
	if have && old.digest == p.digest {
		return 0
	}
	var ps abi.PatternSet
	err := ps.Decode(def)
	if err == nil {
		p.set, err = pattern.Compile(&ps)
	}
	c.must()
	if err != nil {
		return c.fail(abi.ErrBadArgument, err.Error())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dropSet(key)
	if !g.makeRoom(key.config, p.size()) {
		return c.fail(abi.ErrTooLarge, "the plugin's pattern sets take too much memory, and this configuration has most of it")
	}
	g.sets[key] = p
	g.setsSize += p.size()
	return 0
}

// makeRoom drops pattern sets until there is room for one more, of whichever
// configuration has most: one tenant's patterns do not keep out another's.
// False if that would be the one that asks. Guests define a set that is gone anew.
func (g *generation) makeRoom(config uint64, size int) bool {
	if g.setsSize+size <= maxSetsSize {
		return true
	}
	of := map[uint64]int{config: size}
	for k, p := range g.sets {
		of[k.config] += p.size()
	}
	for g.setsSize+size > maxSetsSize {
		most := config
		for c, n := range of {
			if n > of[most] {
				most = c
			}
		}
		if most == config {
			return false
		}
		for k := range g.sets {
			if k.config == most {
				g.dropSet(k)
			}
		}
		delete(of, most)
	}
	return true
}

func (g *generation) dropSet(k setKey) {
	if p, ok := g.sets[k]; ok {
		g.setsSize -= p.size()
		delete(g.sets, k)
	}
}

// forgetSets drops the pattern sets of configurations that are gone.
func (g *generation) forgetSets(configs map[uint64][]byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k := range g.sets {
		if _, ok := configs[k.config]; !ok {
			g.dropSet(k)
		}
	}
}

func matchPart(in *instance, c *call, mem guestMemory, st []uint64) {
	key, part, to := setKey{st[0], uint32(st[1])}, int32(st[2]), mem.at(st[3], st[4])
	result(st, in.gen.match(c, key, to, func(s *pattern.Set) ([]uint32, error) {
		r, err := c.open(part)
		if err != nil {
			return nil, err
		}
		return s.Reader(r, c.check)
	}))
}

func matchText(in *instance, c *call, mem guestMemory, st []uint64) {
	key, text, to := setKey{st[0], uint32(st[1])}, mem.at(st[2], st[3]), mem.at(st[4], st[5])
	if len(text) > pattern.MaxText {
		result(st, c.fail(abi.ErrTooLarge, "a text to match has at most 256 KiB"))
		return
	}
	result(st, in.gen.match(c, key, to, func(s *pattern.Set) ([]uint32, error) {
		return s.Text(string(text), c.check)
	}))
}

func (g *generation) match(c *call, key setKey, to []byte, do func(*pattern.Set) ([]uint32, error)) int32 {
	g.mu.Lock()
	p, ok := g.sets[key]
	g.mu.Unlock()
	if !ok {
		return c.fail(abi.ErrNotFound, "no such pattern set; match_define makes one")
	}
	hits, err := do(p.set)
	if err == pattern.ErrWildcard {
		return c.fail(abi.ErrBadArgument, err.Error())
	}
	if err != nil {
		return c.failRead(err)
	}
	for i, h := range hits {
		if 4*i+4 > len(to) {
			break
		}
		binary.LittleEndian.PutUint32(to[4*i:], h)
	}
	return int32(len(hits))
}
