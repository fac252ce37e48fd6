package organizations

import (
	"strconv"

	"emulator/api"
)

// listed is how many items a page has, unless told otherwise; the API allows 20.
const listed = 20

func invalidToken() error {
	return api.Errorf("InvalidInputException", "You provided an invalid NextToken.").With("Reason", "INVALID_NEXT_TOKEN")
}

// pageOf returns the page of a list that is at hand whole, which is never nil, and the token of the next.
func pageOf[T any](all []T, list api.List) (page []T, next *string, err error) {
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
	end := min(start+list.Max(listed), len(all))
	if end < len(all) {
		token := list.Marker(strconv.Itoa(end))
		next = &token
	}
	return append([]T{}, all[start:end]...), next, nil
}
