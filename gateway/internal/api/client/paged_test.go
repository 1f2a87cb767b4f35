package client

import (
	"errors"
	"strconv"
	"testing"
)

func TestListsAreTurnedToTheirEnd(t *testing.T) {
	for _, c := range []struct{ have, most, asked, want int }{
		{0, 0, 1, 0}, {1, 0, 1, 1}, {pageSize, 0, 1, pageSize}, {2*pageSize + 3, 0, 3, 2*pageSize + 3},
		{2*pageSize + 3, 7, 1, 7}, {2*pageSize + 3, pageSize + 1, 2, pageSize + 1}, {5, 7, 1, 5}, {7, 7, 1, 7},
	} {
		asked := 0
		got, err := turn([]AtMost{AtMost(c.most)}, func(cursor string, limit int) ([]int, string, error) {
			asked++
			from, _ := strconv.Atoi(cursor)
			to := min(from+limit, c.have)
			var page []int
			for i := from; i < to; i++ {
				page = append(page, i)
			}
			if to == c.have {
				return page, "", nil
			}
			return page, strconv.Itoa(to), nil
		})
		if err != nil || len(got) != c.want || asked != c.asked {
			t.Errorf("%d items, at most %d: %d in %d pages, %v; want %d in %d", c.have, c.most, len(got), asked, err, c.want, c.asked)
		}
		for i, v := range got {
			if v != i {
				t.Fatalf("item %d is %d", i, v)
			}
		}
	}
}

func TestListThatDoesNotEnd(t *testing.T) {
	_, err := turn(nil, func(string, int) ([]int, string, error) { return []int{1}, "again", nil })
	if !errors.Is(err, errTurning) {
		t.Errorf("got %v", err)
	}
	broken := errors.New("broken")
	if _, err := turn(nil, func(string, int) ([]int, string, error) { return nil, "", broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
