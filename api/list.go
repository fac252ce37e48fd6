package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
)

// List is what a list operation was asked for: a page of a list. Which list it is, says the rest of the input. A marker
// is good for the list that it comes from.
type List struct {
	caller *Caller
	in     any // without what asks for a page
	marker *string
	max    *int32
}

// ListOf reads the input of a list operation, a pointer to an SDK's struct.
func ListOf(c Caller, in any) List {
	l := List{caller: &c}
	rest := reflect.New(reflect.TypeOf(in).Elem()).Elem()
	rest.Set(reflect.ValueOf(in).Elem())
	for name, value := range map[string]any{"Marker": &l.marker, "NextToken": &l.marker, "PaginationToken": &l.marker, "MaxItems": &l.max, "MaxResults": &l.max, "Limit": &l.max, "ResourcesPerPage": &l.max} {
		if f := rest.FieldByName(name); f.IsValid() {
			reflect.ValueOf(value).Elem().Set(f)
			f.SetZero()
		}
	}
	l.in = rest.Interface()
	return l
}

// Max returns how many items the page may have.
func (l List) Max(otherwise int) int {
	if l.max == nil {
		return otherwise
	}
	return int(*l.max)
}

// tagSize is how many bytes tell that a marker is of a list. They are a check, not a proof: what a caller may list is
// not up to a marker.
const tagSize = 8

// After returns the position of the last item of the page before, "" for the first page. It is not ok if the
// marker is not one of this list.
func (l List) After() (position string, ok bool) {
	if l.marker == nil {
		return "", true
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(*l.marker)
	if err != nil || len(b) <= tagSize || l.Marker(string(b[tagSize:])) != *l.marker {
		return "", false
	}
	return string(b[tagSize:]), true
}

// Marker returns what the next call gives to get the items behind a position.
func (l List) Marker(position string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %s %T ", l.caller.Partition, l.caller.Region, l.caller.Account, l.in)
	if err := json.NewEncoder(h).Encode(l.in); err != nil {
		panic(err) // what was decoded from a request can be encoded
	}
	h.Write([]byte(position))
	return base64.RawURLEncoding.EncodeToString(append(h.Sum(nil)[:tagSize], position...))
}
