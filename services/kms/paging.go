package kms

import (
	"iter"
	"strconv"

	"emulator/api"
	"emulator/store"
)

// page is what a list operation returns at once.
type page struct {
	list  api.List
	after string // the rest of the key of the last item of the page before
	left  int
	last  []byte
	more  bool
}

func newPage(list api.List, defaultLimit int) (*page, error) {
	after, ok := list.After()
	if !ok {
		return nil, invalidMarker()
	}
	return &page{list: list, after: after, left: list.Max(defaultLimit)}, nil
}

func invalidMarker() error {
	return api.Errorf("InvalidMarkerException", "The marker is not valid.")
}

// scan yields the records behind the page before.
func (p *page) scan(r store.Reader, prefix []byte) iter.Seq2[[]byte, []byte] {
	if p.after == "" {
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
	marker := p.list.Marker(string(p.last[len(prefix):]))
	return &marker
}

// pageOf returns the page of a list that is at hand whole, and the marker of the next.
func pageOf[T any](items []T, list api.List, defaultLimit int) ([]T, *string, error) {
	p, err := newPage(list, defaultLimit)
	if err != nil {
		return nil, nil, err
	}
	start := 0
	if p.after != "" {
		if start, err = strconv.Atoi(p.after); err != nil || start < 0 {
			return nil, nil, invalidMarker()
		}
	}
	some := []T{}
	for i := start; i < len(items) && p.take([]byte(strconv.Itoa(i+1))); i++ {
		some = append(some, items[i])
	}
	return some, p.next(nil), nil
}
