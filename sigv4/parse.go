// Package sigv4 verifies AWS Signature Version 4: requests signed in the
// Authorization header or in the query string.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
package sigv4

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"emulator/api"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	algorithmA = "AWS4-ECDSA-P256-SHA256" // of SigV4A, which is not verified here
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"
	terminator = "aws4_request"

	// A presigned request that does not say how long it is good for is so for
	// defaultExpires, and one to STS whatever it says; none is for more than maxExpires.
	defaultExpires = 15 * time.Minute
	maxExpires     = 7 * 24 * time.Hour
)

// Signature is what a request says about how it was signed. Nothing of it is
// verified yet.
type Signature struct {
	AccessKeyID, Date, Region, Service string
	// SessionToken is that of temporary credentials, or "".
	SessionToken string
	// SignedHeaders are names in lower case, sorted, each once.
	SignedHeaders []string
	// Time is when the request was signed.
	Time time.Time
	// Presigned is set if the signature is in the query string; the request is then good
	// for Expires from Time.
	Presigned bool
	Expires   time.Duration

	signature   [32]byte
	timestamp   string // Time as the string to sign has it
	scope       string // date/region/service/aws4_request
	contentHash string // x-amz-content-sha256 as it was sent
}

// parameters are those of a signature, as they were sent in header or query.
type parameters struct {
	algorithm, credential, signedHeaders, signature, timestamp, expires string
}

func incomplete(format string, args ...any) error {
	return api.Errorf("IncompleteSignature", format, args...)
}

func mismatch(format string, args ...any) error {
	return api.Errorf("SignatureDoesNotMatch", format, args...)
}

// Parse reads how a request was signed. A request that is not signed, or whose
// Authorization header is empty, is MissingAuthenticationToken; one whose signature
// makes no sense is IncompleteSignature, or SignatureDoesNotMatch where AWS has it so.
func Parse(r *http.Request) (*Signature, error) {
	header := r.Header["Authorization"]
	if len(header) > 1 {
		return nil, incomplete("The request has more than one Authorization header.")
	}
	signed := len(header) == 1 && header[0] != ""
	name := signatureParameter(r.URL.RawQuery)
	switch {
	case signed && name != "":
		return nil, mismatch("Found both '%s' as a query-string param and 'Authorization' as HTTP header.", name)
	case signed:
		return parseHeader(r, header[0])
	case name != "":
		return parseQuery(r)
	default:
		return nil, api.Errorf("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
}

// parseHeader reads an Authorization header
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html).
func parseHeader(r *http.Request, header string) (*Signature, error) {
	var p parameters
	var list string
	p.algorithm, list, _ = strings.Cut(header, " ")
	if err := checkAlgorithm(p.algorithm); err != nil {
		return nil, err
	}
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, incomplete("'%s' not a valid key=value pair (missing equal-sign) in Authorization header: '%s'.", part, header)
		}
		var field *string
		switch name {
		case "Credential":
			field = &p.credential
		case "SignedHeaders":
			field = &p.signedHeaders
		case "Signature":
			field = &p.signature
		default:
			continue
		}
		if *field != "" {
			return nil, incomplete("Authorization header has more than one '%s' parameter. Authorization=%s", name, header)
		}
		*field = value
	}
	p.timestamp = r.Header.Get("X-Amz-Date")
	if p.timestamp == "" {
		p.timestamp = r.Header.Get("Date")
		if t, err := http.ParseTime(p.timestamp); err == nil {
			p.timestamp = t.UTC().Format(timeFormat)
		}
	}
	missing := p.missing("Authorization header requires '%s' parameter. ")
	if p.timestamp == "" {
		missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
	}
	if missing != "" {
		return nil, incomplete("%sAuthorization=%s", missing, header)
	}
	s := &Signature{SessionToken: r.Header.Get("X-Amz-Security-Token")}
	if err := s.fill(r, &p); err != nil {
		return nil, err
	}
	return s, nil
}

// signatureParameter returns a parameter of the query that only a presigned request has,
// or "".
func signatureParameter(query string) string {
	if !strings.Contains(query, "Amz") { // most requests have no query at all
		return ""
	}
	for name := range pairs(query) {
		switch name {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature":
			return name
		}
	}
	return ""
}

// parseQuery reads the parameters of a presigned request
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
func parseQuery(r *http.Request) (*Signature, error) {
	var p parameters
	s := &Signature{Presigned: true, Expires: defaultExpires}
	for name, value := range pairs(r.URL.RawQuery) {
		var field *string
		switch name {
		case "X-Amz-Algorithm":
			field = &p.algorithm
		case "X-Amz-Credential":
			field = &p.credential
		case "X-Amz-SignedHeaders":
			field = &p.signedHeaders
		case "X-Amz-Signature":
			field = &p.signature
		case "X-Amz-Date":
			field = &p.timestamp
		case "X-Amz-Expires":
			field = &p.expires
		case "X-Amz-Security-Token":
			field = &s.SessionToken
		default:
			continue
		}
		if *field != "" {
			return nil, incomplete("AWS query-string parameter '%s' is given more than once. Re-examine the query-string parameters.", name)
		}
		*field = value
	}
	const sentence = "AWS query-string parameters must include 'X-Amz-%s'. "
	var missing string
	if p.algorithm == "" {
		missing = fmt.Sprintf(sentence, "Algorithm")
	} else if err := checkAlgorithm(p.algorithm); err != nil {
		return nil, err
	}
	missing += p.missing(sentence)
	if p.timestamp == "" {
		missing += fmt.Sprintf(sentence, "Date")
	}
	if missing != "" {
		return nil, incomplete("%sRe-examine the query-string parameters.", missing)
	}
	if s.SessionToken == "" {
		s.SessionToken = r.Header.Get("X-Amz-Security-Token")
	}
	if err := s.fill(r, &p); err != nil {
		return nil, err
	}
	// STS does not heed it: aws-iam-authenticator's tokens say 0 or 60 seconds, and are used for 14 minutes.
	if p.expires != "" && s.Service != "sts" {
		seconds, err := strconv.Atoi(p.expires)
		if limit := int(maxExpires / time.Second); err != nil || seconds < 1 || seconds > limit {
			return nil, incomplete("X-Amz-Expires must be a number of seconds from 1 to %d. Got '%s'.", limit, p.expires)
		}
		s.Expires = time.Duration(seconds) * time.Second
	}
	return s, nil
}

// checkAlgorithm refuses what is not verified here, SigV4A among it, by name.
func checkAlgorithm(name string) error {
	switch name {
	case algorithm:
		return nil
	case algorithmA:
		return incomplete("Signature Version 4A (%s) is not supported here: sign with %s.", name, algorithm)
	}
	return incomplete("Unsupported AWS 'algorithm': '%s' (only %s for now). ", name, algorithm)
}

// missing returns a sentence for each of the parameters that are not given and that both
// forms name alike.
func (p *parameters) missing(sentence string) string {
	var missing string
	for _, required := range [...]struct{ name, value string }{{"Credential", p.credential}, {"Signature", p.signature}, {"SignedHeaders", p.signedHeaders}} {
		if required.value == "" {
			missing += fmt.Sprintf(sentence, required.name)
		}
	}
	return missing
}

// fill parses what both forms have.
func (s *Signature) fill(r *http.Request, p *parameters) error {
	var err error
	if s.Time, err = time.Parse(timeFormat, p.timestamp); err != nil || len(p.timestamp) != len(timeFormat) {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", p.timestamp)
	}
	s.timestamp = p.timestamp
	if err := s.parseCredential(p.credential); err != nil {
		return err
	}
	if len(p.signature) != hex.EncodedLen(len(s.signature)) {
		err = hex.ErrLength
	} else {
		_, err = hex.Decode(s.signature[:], []byte(p.signature))
	}
	if err != nil {
		return incomplete("The signature must be 64 hexadecimal digits. Got '%s'.", p.signature)
	}
	// AWS asks for sorted names. A name given twice would only make the canonical request
	// longer than the request, without bounds.
	s.SignedHeaders = strings.Split(p.signedHeaders, ";")
	for i, name := range s.SignedHeaders {
		if i > 0 && name <= s.SignedHeaders[i-1] || strings.ToLower(name) != name {
			return incomplete("SignedHeaders must be in lower case, sorted, and each once. Got '%s'.", p.signedHeaders)
		}
	}
	s.contentHash = r.Header.Get("X-Amz-Content-Sha256")
	return s.checkSigned(r)
}

func (s *Signature) parseCredential(credential string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'.", credential)
	}
	s.AccessKeyID, s.Date, s.Region, s.Service = parts[0], parts[1], parts[2], parts[3]
	s.scope = credential[len(s.AccessKeyID)+1:]
	var wrong []string
	if parts[4] != terminator {
		wrong = append(wrong, fmt.Sprintf("Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, parts[4]))
	}
	if day := s.timestamp[:len(dateFormat)]; s.Date != day {
		wrong = append(wrong, fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			s.Date, day, s.timestamp))
	}
	if wrong != nil {
		return mismatch("%s", strings.Join(wrong, " "))
	}
	return nil
}

// checkSigned demands that what changes the meaning of a request is signed: the
// host and AWS's own headers
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request).
func (s *Signature) checkSigned(r *http.Request) error {
	if !s.covers("host") {
		return mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	missing := "" // the first by name
	for name := range r.Header {
		switch {
		case !strings.HasPrefix(name, "X-Amz-"):
		case name == "X-Amz-Content-Sha256": // compared with the body
		case name == "X-Amz-Security-Token": // good for one access key only; some signers add it after signing
		case !s.covers(strings.ToLower(name)) && (missing == "" || name < missing):
			missing = name
		}
	}
	if missing != "" {
		return mismatch("'%s' must be a 'SignedHeader' in the AWS Authorization.", missing)
	}
	return nil
}

func (s *Signature) covers(header string) bool {
	_, ok := slices.BinarySearch(s.SignedHeaders, header)
	return ok
}
