package iam

import (
	"slices"
	"strconv"
	"strings"

	"emulator/api"
)

const (
	defaultItems = 100
	// maxSkipped bounds the work for a page of which a filter leaves little: AWS may
	// return fewer items than asked for, and a marker.
	maxSkipped = 2000
)

// page is what a list operation returns at once.
type page struct {
	list api.List
	// after is the position of the last item of the page before, or "".
	after string

	left, skipped int
	last          string // position of the last item looked at
	more          bool

	whole string // after of the whole list, if it has parts
	part  string // the letter of the part at hand, or ""
}

func newPage(list api.List) (*page, error) {
	after, ok := list.After()
	if !ok {
		return nil, invalidMarker()
	}
	return &page{list: list, after: after, whole: after, left: list.Max(defaultItems)}, nil
}

// enter goes on to a part of a list of several, which are in the order of their letters, and reports whether the page is
// to have anything of it. Positions are those within the part.
func (p *page) enter(part string) bool {
	if p.more || p.whole != "" && part < p.whole[:1] {
		return false
	}
	p.part, p.after = part, ""
	if strings.HasPrefix(p.whole, part) {
		p.after = p.whole[1:]
	}
	return true
}

func invalidMarker() error { return api.Errorf("ValidationError", "Invalid Marker.") }

// startBelow returns the key after which a scan goes on, if positions are what follows
// root in the keys; nil for the first page.
func (p *page) startBelow(root []byte) []byte {
	if p.after == "" {
		return nil
	}
	return append(slices.Clone(root), p.after...)
}

// index returns where in a list that is at hand whole the page begins: its positions are numbers.
func (p *page) index() (int, error) {
	if p.after == "" {
		return 0, nil
	}
	start, err := strconv.Atoi(p.after)
	if err != nil || start < 0 {
		return 0, invalidMarker()
	}
	return start, nil
}

// take counts an item in, and reports whether the page has room for it.
func (p *page) take(position string) bool {
	if p.left == 0 {
		p.more = true
		return false
	}
	p.left--
	p.last = p.part + position
	return true
}

// skip passes over an item that a filter leaves out, and reports whether to go on.
func (p *page) skip(position string) bool {
	p.skipped++
	p.last = p.part + position
	p.more = p.skipped >= maxSkipped
	return !p.more
}

// next returns the marker of the next page, or nil if this was the last.
func (p *page) next() *string {
	if p == nil || !p.more {
		return nil
	}
	marker := p.list.Marker(p.last)
	return &marker
}

// pageOf returns the page of a list that is at hand whole, and the marker of the next.
// The page is never nil: AWS sends empty lists.
func pageOf[T any](items []T, list api.List) (page []T, next *string, err error) {
	p, err := newPage(list)
	if err != nil {
		return nil, nil, err
	}
	start, err := p.index()
	if err != nil {
		return nil, nil, err
	}
	page = []T{}
	for i := start; i < len(items) && p.take(strconv.Itoa(i+1)); i++ {
		page = append(page, items[i])
	}
	return page, p.next(), nil
}
