package organizations

import (
	"errors"

	"emulator/api"
	"emulator/store"
)

// items is how many a page has, unless told otherwise; the API allows 20.
func items(limit *int32) int {
	if limit != nil {
		return int(*limit)
	}
	return 20
}

// tokenError is err, or AWS's for a token that is none of the list's.
func tokenError(err error) error {
	if errors.Is(err, store.ErrMarker) {
		return api.Errorf("InvalidInputException", "You provided an invalid NextToken.")
	}
	return err
}

// pageOf is store.PageOf with AWS's error.
func pageOf[T any](all []T, list []byte, token *string, limit *int32) ([]T, *string, error) {
	page, next, err := store.PageOf(all, list, token, items(limit))
	return page, next, tokenError(err)
}
