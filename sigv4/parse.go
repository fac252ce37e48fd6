// Package sigv4 verifies AWS Signature Version 4: requests signed in the
// Authorization header or in the query string.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
package sigv4

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"emulator/api"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"
	terminator = "aws4_request"

	// maxExpires is the longest life of a presigned request: seven days.
	maxExpires = 604800
)

// Signature is what a request says about how it was signed. Nothing of it is
// verified yet.
type Signature struct {
	AccessKeyID, Date, Region, Service string
	// SessionToken is that of temporary credentials, or "".
	SessionToken string
	// SignedHeaders are names in lower case, sorted.
	SignedHeaders []string
	// Time is when the request was signed.
	Time time.Time
	// Presigned is set if the signature is in the query string; the request is then good
	// for Expires from Time.
	Presigned bool
	Expires   time.Duration

	signature   []byte
	timestamp   string // Time as it was sent
	contentHash string // x-amz-content-sha256 as it was sent
}

func (s *Signature) scope() string {
	return s.Date + "/" + s.Region + "/" + s.Service + "/" + terminator
}

// Parse reads how a request was signed. A request that is not signed, or whose
// Authorization header is empty, is MissingAuthenticationToken; one whose signature
// makes no sense is IncompleteSignature.
func Parse(r *http.Request) (*Signature, error) {
	header := r.Header.Get("Authorization")
	inQuery := strings.Contains(r.URL.RawQuery, "X-Amz-")
	var query url.Values
	if inQuery {
		query = r.URL.Query()
		inQuery = query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Signature") || query.Has("X-Amz-Credential")
	}
	switch {
	case header == "" && !inQuery:
		return nil, api.Errorf("MissingAuthenticationToken", "Request is missing Authentication Token")
	case header != "" && inQuery:
		return nil, api.Errorf("IncompleteSignature", "The request is signed both in the Authorization header and in the query string.")
	case len(r.Header.Values("Authorization")) > 1:
		return nil, api.Errorf("IncompleteSignature", "The request has more than one Authorization header.")
	case inQuery:
		return parseQuery(r, query)
	default:
		return parseHeader(r, header)
	}
}

func parseHeader(r *http.Request, header string) (*Signature, error) {
	name, rest, _ := strings.Cut(header, " ")
	if err := checkAlgorithm(name); err != nil {
		return nil, err
	}
	var credential, signedHeaders, signature string
	for part := range strings.SplitSeq(rest, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, api.Errorf("IncompleteSignature", "'%s' not a valid key=value pair (missing equal-sign) in Authorization header: '%s'.", strings.TrimSpace(part), header)
		}
		switch key {
		case "Credential":
			credential = value
		case "SignedHeaders":
			signedHeaders = value
		case "Signature":
			signature = value
		}
	}
	timestamp := r.Header.Get("X-Amz-Date")
	signedAt, dated := parseTime(timestamp)
	if timestamp == "" {
		if t, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			signedAt, dated = t.UTC(), true
			timestamp = signedAt.Format(timeFormat)
		}
	}
	var missing strings.Builder
	for _, m := range []struct{ name, value string }{{"Credential", credential}, {"Signature", signature}, {"SignedHeaders", signedHeaders}} {
		if m.value == "" {
			missing.WriteString("Authorization header requires '" + m.name + "' parameter. ")
		}
	}
	if timestamp == "" && !dated {
		missing.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if missing.Len() > 0 {
		return nil, api.Errorf("IncompleteSignature", "%sAuthorization=%s", missing.String(), header)
	}
	if !dated {
		return nil, api.Errorf("IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", timestamp)
	}
	s := &Signature{Time: signedAt, timestamp: timestamp, SessionToken: r.Header.Get("X-Amz-Security-Token")}
	s.contentHash = r.Header.Get("X-Amz-Content-Sha256")
	return s.fill(r, credential, signedHeaders, signature)
}

func parseQuery(r *http.Request, query url.Values) (*Signature, error) {
	for name, values := range query {
		if strings.HasPrefix(name, "X-Amz-") && len(values) > 1 {
			return nil, api.Errorf("IncompleteSignature", "AWS query-string parameter '%s' is given more than once.", name)
		}
	}
	if query.Has("X-Amz-Algorithm") {
		if err := checkAlgorithm(query.Get("X-Amz-Algorithm")); err != nil {
			return nil, err
		}
	}
	var missing strings.Builder
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires"} {
		if query.Get(name) == "" {
			missing.WriteString("AWS query-string parameters must include '" + name + "'. ")
		}
	}
	if missing.Len() > 0 {
		return nil, api.Errorf("IncompleteSignature", "%sRe-examine the query-string parameters.", missing.String())
	}
	timestamp := query.Get("X-Amz-Date")
	signedAt, ok := parseTime(timestamp)
	if !ok {
		return nil, api.Errorf("IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", timestamp)
	}
	expires, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err != nil || expires < 1 || expires > maxExpires {
		return nil, api.Errorf("IncompleteSignature", "X-Amz-Expires must be a number of seconds from 1 to %d. Got '%s'.", maxExpires, query.Get("X-Amz-Expires"))
	}
	s := &Signature{
		Time: signedAt, timestamp: timestamp, Presigned: true, Expires: time.Duration(expires) * time.Second,
		SessionToken: query.Get("X-Amz-Security-Token"), contentHash: r.Header.Get("X-Amz-Content-Sha256"),
	}
	return s.fill(r, query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Signature"))
}

// checkAlgorithm refuses what is not verified here, SigV4A among it, by name.
func checkAlgorithm(name string) error {
	if name == algorithm {
		return nil
	}
	if name == "AWS4-ECDSA-P256-SHA256" {
		return api.Errorf("IncompleteSignature", "Signature Version 4A (%s) is not supported here: sign with %s.", name, algorithm)
	}
	return api.Errorf("IncompleteSignature", "Unsupported AWS 'algorithm': '%s'.", name)
}

func parseTime(timestamp string) (time.Time, bool) {
	t, err := time.Parse(timeFormat, timestamp)
	return t, err == nil
}

// fill parses the parts that both forms have, and returns s.
func (s *Signature) fill(r *http.Request, credential, signedHeaders, signature string) (*Signature, error) {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return nil, api.Errorf("IncompleteSignature", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'.", credential)
	}
	if parts[4] != terminator {
		return nil, api.Errorf("SignatureDoesNotMatch", "Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, parts[4])
	}
	s.AccessKeyID, s.Date, s.Region, s.Service = parts[0], parts[1], parts[2], parts[3]
	if s.Date != s.Time.Format(dateFormat) {
		return nil, api.Errorf("SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			s.Date, s.Time.Format(dateFormat), s.timestamp)
	}
	var err error
	if s.signature, err = hex.DecodeString(signature); err != nil || len(s.signature) != 32 {
		return nil, api.Errorf("IncompleteSignature", "The signature must be 64 hexadecimal digits. Got '%s'.", signature)
	}
	s.SignedHeaders = strings.Split(signedHeaders, ";")
	if !slices.IsSorted(s.SignedHeaders) || signedHeaders != strings.ToLower(signedHeaders) {
		return nil, api.Errorf("IncompleteSignature", "SignedHeaders must be in lower case and sorted. Got '%s'.", signedHeaders)
	}
	if err := s.checkSigned(r); err != nil {
		return nil, err
	}
	return s, nil
}

// checkSigned demands that what changes the meaning of a request is signed: the
// host and AWS's own headers.
func (s *Signature) checkSigned(r *http.Request) error {
	if !slices.Contains(s.SignedHeaders, "host") {
		return api.Errorf("SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		if !strings.HasPrefix(name, "X-Amz-") || name == "X-Amz-Content-Sha256" {
			continue // the hash is compared with the body
		}
		if lower := strings.ToLower(name); !slices.Contains(s.SignedHeaders, lower) {
			return api.Errorf("SignatureDoesNotMatch", "'%s' must be a 'SignedHeader' in the AWS Authorization.", lower)
		}
	}
	return nil
}
