package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Every list is given in pages, in the order of keys that an item keeps as long
// as it is there. The cursor of the next page names the key of the last item of
// this one, not how many there were: what comes or goes meanwhile makes no other
// item come twice or be left out.

// PageInput are the parameters of a page. It is exported because huma leaves
// out what it cannot set.
type PageInput struct {
	Cursor string `query:"cursor" maxLength:"8192" doc:"Where to go on: the next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Items at most"`
}

// listItems is one page of anything.
type listItems[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent at the end"`
}

func page[T any](items []T, next string) *output[listItems[T]] {
	if items == nil {
		items = []T{}
	}
	return &output[listItems[T]]{listItems[T]{items, next}}
}

// cut gives one page of all that is in a list. name is the list's, with whatever
// else chooses what is in it, such as the tenant; a cursor is good for it alone.
// key is an item's place; items of one key stay in the order in which they come.
func cut[T any](in PageInput, name string, all []T, key func(*T) string) (items []T, next string, err error) {
	type placed struct {
		key string
		i   int
	}
	order := make([]placed, len(all))
	for i := range all {
		order[i] = placed{key(&all[i]), i}
	}
	slices.SortStableFunc(order, func(a, b placed) int { return strings.Compare(a.key, b.key) })
	last, same, ok := readCursor(in.Cursor, name)
	if !ok {
		return nil, "", problem(http.StatusUnprocessableEntity, "cursor: that is none of this list's", "begin without one")
	}
	items = []T{}
	given := 0 // of the key at hand, on this page and before
	for i, p := range order {
		if i == 0 || p.key != order[i-1].key {
			given = 0
		}
		given++
		if in.Cursor != "" && (p.key < last || p.key == last && given <= same) {
			continue
		}
		if len(items) == in.Limit {
			return items, next, nil
		}
		items = append(items, all[p.i])
		next = writeCursor(name, p.key, given)
	}
	return items, "", nil
}

// paged is cut as an answer.
func paged[T any](in PageInput, name string, all []T, key func(*T) string) (*output[listItems[T]], error) {
	items, next, err := cut(in, name, all, key)
	if err != nil {
		return nil, err
	}
	return page(items, next), nil
}

// writeCursor names a place: behind the n-th item of a key.
func writeCursor(name, key string, n int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(name + "\x00" + strconv.Itoa(n) + "\x00" + key))
}

func readCursor(cursor, name string) (key string, n int, ok bool) {
	if cursor == "" {
		return "", 0, true
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", 0, false
	}
	rest, ok := strings.CutPrefix(string(b), name+"\x00")
	if !ok {
		return "", 0, false
	}
	number, key, ok := strings.Cut(rest, "\x00")
	if !ok {
		return "", 0, false
	}
	n, err = strconv.Atoi(number)
	return key, n, err == nil && n > 0
}

// byName is a key of several parts, in their order.
func byName(parts ...string) string { return strings.Join(parts, "\x00") }

// oldestFirst is a key by time. Times a nanosecond apart differ.
func oldestFirst(t time.Time, id string) string {
	return fmt.Sprintf("%016x", uint64(t.UnixNano())^1<<63) + id
}

// newestFirst is a key by time, downwards.
func newestFirst(t time.Time, id string) string {
	return fmt.Sprintf("%016x", ^(uint64(t.UnixNano())^1<<63)) + id
}

// numbered is a key by number, from 0.
func numbered(n uint64) string { return fmt.Sprintf("%016x", n) }

// downwards is a key that sorts the other way round.
func downwards(id string) string {
	b := []byte(id)
	for i := range b {
		b[i] = ^b[i]
	}
	return string(append(b, 0xff))
}
