package cloudhsm

import (
	"maps"
	"slices"

	"emulator/api"
	"emulator/store"
)

// looked is how many items are looked at for a page of those that filters let through: there can be pages with fewer items, or
// none, before the last.
const looked = 1000

// scanPage returns the page of a list that is an index, which is never nil, and the token of the next. item makes an item of an entry, nil
// if the list has it not.
func scanPage[T any](r store.Reader, list api.List, prefix []byte, most int, item func(key []byte) (*T, error)) (page []T, next *string, err error) {
	after, ok := list.After()
	if !ok {
		return nil, nil, invalid("The NextToken is not valid.")
	}
	var start []byte
	if after != "" {
		start = slices.Concat(prefix, []byte(after))
	}
	page = []T{}
	seen := 0
	for key := range r.Scan(prefix, start) {
		if len(page) >= list.Max(most) || seen == looked {
			token := list.Marker(after)
			return page, &token, nil
		}
		seen++
		after = string(key[len(prefix):])
		made, err := item(key)
		if err != nil {
			return nil, nil, err
		}
		if made != nil {
			page = append(page, *made)
		}
	}
	return page, nil, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
