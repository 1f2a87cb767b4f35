package client

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strconv"
)

// AtMost bounds how many items of a list are given; 0 is no bound, as is its
// absence.
type AtMost int

// errTurning: a gateway that gives the same cursor twice would be asked for ever.
var errTurning = errors.New("the gateway gives the same page again and again")

// every gives the items of a list, page by page to its end.
func every[T any](ctx context.Context, c *Client, path string, params url.Values, most []AtMost) ([]T, error) {
	return turn(most, func(cursor string, limit int) ([]T, string, error) {
		p, err := fetch[items[T]](ctx, c, path, pageParams(params, cursor, limit))
		if err != nil {
			return nil, "", err
		}
		return p.Items, p.Next, nil
	})
}

// turn turns pages until there is none, or there are enough items.
func turn[T any](most []AtMost, next func(cursor string, limit int) ([]T, string, error)) ([]T, error) {
	all, bound := []T{}, 0
	for _, m := range most {
		bound = int(m)
	}
	for cursor := ""; ; {
		limit := pageSize
		if bound > 0 {
			limit = min(limit, bound-len(all))
		}
		its, following, err := next(cursor, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, its...)
		switch {
		case following == "":
			return all, nil
		case bound > 0 && len(all) >= bound:
			return all[:bound], nil
		case following == cursor:
			return nil, &Error{Err: errTurning}
		}
		cursor = following
	}
}

func pageParams(params url.Values, cursor string, limit int) url.Values {
	v := maps.Clone(params)
	if v == nil {
		v = url.Values{}
	}
	if cursor != "" {
		v.Set("cursor", cursor)
	}
	v.Set("limit", strconv.Itoa(limit))
	return v
}
