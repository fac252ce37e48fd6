package organizations

import (
	"cmp"
	"slices"
	"strconv"

	"emulator/api"
	"emulator/store"
)

const (
	// listed is how many items a page has, unless told otherwise; the API allows 20.
	listed = 20
	// looked is how many items are looked at for a page of those that a filter lets through. As AWS says of each list, there can
	// be pages with fewer, or none, before the last.
	looked = 1000
)

func invalidToken() error {
	return api.Errorf("InvalidInputException", "You provided an invalid NextToken.").With("Reason", "INVALID_NEXT_TOKEN")
}

// pageOf returns the page of a list that is at hand whole, which is never nil, and the token of the next.
func pageOf[T any](all []T, list api.List, most int) (page []T, next *string, err error) {
	after, ok := list.After()
	if !ok {
		return nil, nil, invalidToken()
	}
	start := 0
	if after != "" {
		if start, err = strconv.Atoi(after); err != nil || start < 0 {
			return nil, nil, invalidToken()
		}
	}
	start = min(start, len(all))
	end := min(start+list.Max(most), len(all))
	if end < len(all) {
		token := list.Marker(strconv.Itoa(end))
		next = &token
	}
	return append([]T{}, all[start:end]...), next, nil
}

// scanPage returns the page of a list that is an index, which is never nil, and the token of the next. taken is how much of the page
// others have already. item makes an item of what an entry of the index names, nil if the list has it not.
func scanPage[T any](r store.Reader, list api.List, prefix []byte, taken int, item func(name string) (*T, error)) (page []T, next *string, err error) {
	after, ok := list.After()
	if !ok {
		return nil, nil, invalidToken()
	}
	var start []byte
	if after != "" {
		start = slices.Concat(prefix, []byte(after))
	}
	page = []T{}
	seen := 0
	for key := range r.Scan(prefix, start) {
		if taken+len(page) >= list.Max(listed) || seen == looked {
			token := list.Marker(cmp.Or(after, "\x00")) // before all, if others have the page
			return page, &token, nil
		}
		seen++
		after = string(key[len(prefix):])
		parts := store.Parts([]byte(after))
		made, err := item(parts[len(parts)-1])
		if err != nil {
			return nil, nil, err
		}
		if made != nil {
			page = append(page, *made)
		}
	}
	return page, nil, nil
}
