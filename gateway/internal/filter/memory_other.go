//go:build !unix

package filter

import "github.com/tetratelabs/wazero/experimental"

func mmapped(capacity, limit uint64) experimental.LinearMemory {
	return &heapMemory{b: make([]byte, 0, capacity), limit: limit}
}
