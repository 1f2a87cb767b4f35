package deliver

import (
	"math/rand/v2"
	"sort"
)

// ranked is the order in which n hosts are tried: as they stand without
// weights, else by priority, and within one by chance in proportion to weight
// (RFC 2782). A weight of 0 has a very small chance beside others.
func ranked(n int, weights []Weight) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	if len(weights) != n {
		return order
	}
	sort.SliceStable(order, func(i, j int) bool { return weights[order[i]].Priority < weights[order[j]].Priority })
	for from := 0; from < n; {
		to := from
		for to < n && weights[order[to]].Priority == weights[order[from]].Priority {
			to++
		}
		draw(order[from:to], weights)
		from = to
	}
	return order
}

// draw puts hosts of one priority in an order by chance.
func draw(order []int, weights []Weight) {
	const grain = 1000 // what a weight of 1 counts, so that one of 0 counts something
	share := func(i int) int { return max(weights[i].Weight, 0)*grain + 1 }
	for len(order) > 1 {
		sum := 0
		for _, i := range order {
			sum += share(i)
		}
		at, x := 0, rand.IntN(sum)
		for x -= share(order[at]); x >= 0; x -= share(order[at]) {
			at++
		}
		chosen := order[at]
		copy(order[1:at+1], order[:at])
		order[0] = chosen
		order = order[1:]
	}
}
