package sigv4

import (
	"bytes"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// appendCanonicalRequest appends the canonical request
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request).
// The path comes as it was sent, escaped, and is escaped once more: all services but S3
// do.
func (s *Signature) appendCanonicalRequest(dst []byte, r *http.Request, path, payloadHash string) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	dst = appendEscaped(dst, path, true)
	dst = append(dst, '\n')
	dst = appendCanonicalQuery(dst, r.URL.RawQuery)
	dst = append(dst, '\n')
	for _, name := range s.SignedHeaders {
		dst = append(dst, name...)
		dst = append(dst, ':')
		dst = appendHeader(dst, r, name)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	for i, name := range s.SignedHeaders {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, name...)
	}
	dst = append(dst, '\n')
	return append(dst, payloadHash...)
}

// sentPath returns the path as it was sent. (URL.EscapedPath would escape what a client
// left unescaped.)
func sentPath(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	if path := u.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

// normalPath removes empty, "." and ".." segments. AWS does, and so do most signers, but
// not the one for Go. Vault sends to // what was signed for /.
func normalPath(path string) string {
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	normal := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		normal += "/"
	}
	return normal
}

// appendHeader appends a header's values, trimmed, with runs of spaces as one.
func appendHeader(dst []byte, r *http.Request, name string) []byte {
	if name == "host" { // net/http takes it out of the headers
		return append(dst, r.Host...)
	}
	values := r.Header[http.CanonicalHeaderKey(name)]
	if values == nil && name == "content-length" && r.ContentLength >= 0 { // and this one out of those it sends
		return strconv.AppendInt(dst, r.ContentLength, 10)
	}
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		value = strings.TrimSpace(value)
		for {
			run := strings.Index(value, "  ")
			if run < 0 {
				break
			}
			dst = append(dst, value[:run+1]...)
			value = strings.TrimLeft(value[run:], " ")
		}
		dst = append(dst, value...)
	}
	return dst
}

// appendCanonicalQuery appends the parameters but the signature, escaped anew, sorted
// by name and value.
func appendCanonicalQuery(dst []byte, query string) []byte {
	if query == "" {
		return dst
	}
	type parameter struct{ name, value []byte }
	var parameters []parameter
	for name, value := range pairs(query) {
		if name != "X-Amz-Signature" {
			parameters = append(parameters, parameter{appendEscaped(nil, name, false), appendEscaped(nil, value, false)})
		}
	}
	slices.SortFunc(parameters, func(a, b parameter) int {
		if c := bytes.Compare(a.name, b.name); c != 0 {
			return c
		}
		return bytes.Compare(a.value, b.value)
	})
	for i, p := range parameters {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, p.name...)
		dst = append(dst, '=')
		dst = append(dst, p.value...)
	}
	return dst
}

// pairs yields the names and values of a query, unescaped. Unlike url.ParseQuery it
// drops nothing: whatever was sent is part of what was signed.
func pairs(query string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for part := range strings.SplitSeq(query, "&") {
			if part == "" {
				continue
			}
			name, value, _ := strings.Cut(part, "=")
			if !yield(unescape(name), unescape(value)) {
				return
			}
		}
	}
}

// unescape undoes percent-encoding, and leaves what is no escape as it is. A plus sign
// is a space.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b.WriteByte(' ')
		case s[i] == '%' && i+2 < len(s) && hexDigit(s[i+1]) >= 0 && hexDigit(s[i+2]) >= 0:
			b.WriteByte(byte(hexDigit(s[i+1])<<4 | hexDigit(s[i+2])))
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// appendEscaped percent-encodes all but the unreserved characters of RFC 3986, and
// slashes if they are kept.
func appendEscaped(dst []byte, s string, keepSlash bool) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9',
			c == '-', c == '_', c == '.', c == '~', c == '/' && keepSlash:
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}
