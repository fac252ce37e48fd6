package kms

import (
	"errors"

	"emulator/api"
	"emulator/store"
)

func limitOr(limit *int32, defaultLimit int) int {
	if limit != nil {
		return int(*limit)
	}
	return defaultLimit
}

// markerError is err, or AWS's for a marker that is none of the list's.
func markerError(err error) error {
	if errors.Is(err, store.ErrMarker) {
		return api.Errorf("InvalidMarkerException", "The marker is not valid.")
	}
	return err
}

// newPage is store.NewPage with AWS's error.
func newPage(list []byte, marker *string, limit *int32, defaultLimit int) (*store.Page, error) {
	p, err := store.NewPage(list, marker, limitOr(limit, defaultLimit))
	return p, markerError(err)
}

// pageOf is store.PageOf with AWS's error.
func pageOf[T any](items []T, list []byte, marker *string, limit *int32, defaultLimit int) ([]T, *string, error) {
	page, next, err := store.PageOf(items, list, marker, limitOr(limit, defaultLimit))
	return page, next, markerError(err)
}
