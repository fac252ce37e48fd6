package store

import (
	"bytes"
	"encoding/base64"
	"errors"
	"iter"
	"strconv"
)

// ErrMarker is the error of a marker that no page of the list returned.
var ErrMarker = errors.New("no marker of this list")

// Page is what a list operation returns at once. The keys of the list's items begin alike, and so do its markers, which are the key
// of the last item made opaque: those of one list are none of another's.
type Page struct {
	list  []byte
	after []byte // the key of the last item of the page before
	left  int
	last  []byte
	more  bool
}

// NewPage returns the page behind a marker, nil for the first, of the list of items whose keys begin with list. It has room for
// limit items. The error is ErrMarker.
func NewPage(list []byte, marker *string, limit int) (*Page, error) {
	p := &Page{list: list, left: limit}
	if marker == nil {
		return p, nil
	}
	after, err := base64.RawURLEncoding.DecodeString(*marker)
	if err != nil || len(after) == len(list) || !bytes.HasPrefix(after, list) {
		return nil, ErrMarker
	}
	p.after = after
	return p, nil
}

// Scan yields the records behind the page before.
func (p *Page) Scan(r Reader) iter.Seq2[[]byte, []byte] { return r.Scan(p.list, p.after) }

// Take counts an item in, and reports whether the page has room for it.
func (p *Page) Take(key []byte) bool {
	if p.left == 0 {
		p.more = true
		return false
	}
	p.left--
	p.last = append(p.last[:0], key...)
	return true
}

// Next returns the marker of the next page, or nil if this was the last.
func (p *Page) Next() *string {
	if !p.more {
		return nil
	}
	marker := base64.RawURLEncoding.EncodeToString(p.last)
	return &marker
}

// PageOf returns the page of a list that is at hand whole, which is never nil, and the marker of the next. What list
// names it by need not be in the store. The error is ErrMarker.
func PageOf[T any](items []T, list []byte, marker *string, limit int) (page []T, next *string, err error) {
	p, err := NewPage(list, marker, limit)
	if err != nil {
		return nil, nil, err
	}
	start := 0
	if p.after != nil {
		if start, err = strconv.Atoi(string(p.after[len(list):])); err != nil || start < 0 {
			return nil, nil, ErrMarker
		}
	}
	page = []T{}
	for i := start; i < len(items) && p.Take(strconv.AppendInt(bytes.Clone(list), int64(i+1), 10)); i++ {
		page = append(page, items[i])
	}
	return page, p.Next(), nil
}
