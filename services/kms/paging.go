package kms

import (
	"encoding/base64"
	"iter"
	"strconv"

	"emulator/api"
	"emulator/store"
)

// page is what a list operation returns at once.
type page struct {
	after []byte // the rest of the key of the last item of the page before
	left  int
	last  []byte
	more  bool
}

func newPage(marker *string, limit *int32, defaultLimit int) (*page, error) {
	p := &page{left: defaultLimit}
	if limit != nil {
		p.left = int(*limit)
	}
	if marker == nil {
		return p, nil
	}
	after, err := base64.RawURLEncoding.DecodeString(*marker)
	if err != nil || len(after) == 0 {
		return nil, invalidMarker()
	}
	p.after = after
	return p, nil
}

func invalidMarker() error {
	return api.Errorf("InvalidMarkerException", "The marker is not valid.")
}

// scan yields the records behind the page before.
func (p *page) scan(r store.Reader, prefix []byte) iter.Seq2[[]byte, []byte] {
	if p.after == nil {
		return r.Scan(prefix, nil)
	}
	return r.Scan(prefix, append(append([]byte(nil), prefix...), p.after...))
}

// take counts an item in, and reports whether the page has room for it.
func (p *page) take(key []byte) bool {
	if p.left == 0 {
		p.more = true
		return false
	}
	p.left--
	p.last = append(p.last[:0], key...)
	return true
}

// next returns the marker of the next page, or nil if this was the last.
func (p *page) next(prefix []byte) *string {
	if !p.more {
		return nil
	}
	marker := base64.RawURLEncoding.EncodeToString(p.last[len(prefix):])
	return &marker
}

// pageOf returns the page of a list that is at hand whole, and the marker of the next.
func pageOf[T any](items []T, marker *string, limit *int32, defaultLimit int) ([]T, *string, error) {
	p, err := newPage(marker, limit, defaultLimit)
	if err != nil {
		return nil, nil, err
	}
	start := 0
	if p.after != nil {
		if start, err = strconv.Atoi(string(p.after)); err != nil || start < 0 {
			return nil, nil, invalidMarker()
		}
	}
	some := []T{}
	for i := start; i < len(items) && p.take([]byte(strconv.Itoa(i+1))); i++ {
		some = append(some, items[i])
	}
	return some, p.next(nil), nil
}
