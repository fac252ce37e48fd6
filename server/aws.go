package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"emulator/api"
	"emulator/api/wire"
	"emulator/audit"
	"emulator/identity"
	"emulator/sigv4"
	"emulator/store"
)

// call is one AWS request on its way.
type call struct {
	http      *http.Request
	requestID string
	start     time.Time

	raw  []byte    // the body as it was signed
	body []byte    // the same, decompressed
	form wire.Form // of a query service

	signature *sigv4.Signature // nil if the request is not signed
	service   *service
	elsewhere *elsewhere // nil if the call is for a service answered here
	cbor      bool       // the call is in CBOR, and so is the answer
	operation *wire.Operation
	caller    api.Caller
	in        any // decoded
	notes     audit.Notes
}

// serveAWS answers a request to an AWS service: dispatch, authenticate, decode
// and validate, call the operation, encode.
func (s *Server) serveAWS(w http.ResponseWriter, r *http.Request) {
	c := &call{http: r, requestID: uuid.NewString(), start: time.Now(), service: s.services[0]}
	out, err := s.answer(c)
	var response wire.Response
	if e, ok := errors.AsType[*api.Error](err); ok && c.elsewhere != nil {
		response = wire.EncodeElsewhere(c.elsewhere.protocol, e, r.Header.Get("Content-Type"), c.requestID)
	} else if err != nil && c.cbor {
		response = c.service.codec.EncodeErrorCBOR(c.operation, err)
	} else if err != nil {
		response = c.service.codec.EncodeError(c.operation, err, c.requestID, c.wantsJSON())
	} else {
		buffer := answers.Get().(*[]byte)
		defer answers.Put(buffer)
		response = c.encode((*buffer)[:0], out)
		if cap(response.Body) <= maxKept {
			*buffer = response.Body
		}
	}
	s.record(c, out, err) // so that who has the answer finds the event, and the use of a key
	s.logCall(c, response, err)
	c.write(w, response)
}

func (c *call) write(w http.ResponseWriter, response wire.Response) {
	h := w.Header()
	h.Set("X-Amzn-Requestid", c.requestID)
	h.Set("Content-Type", response.ContentType)
	if response.ContentType == wire.ContentTypeCBOR {
		h.Set("Smithy-Protocol", wire.SmithyCBOR)
	}
	if response.ErrorType != "" {
		h.Set("X-Amzn-Errortype", response.ErrorType)
	}
	h.Set("Content-Length", strconv.Itoa(len(response.Body)))
	w.WriteHeader(response.Status)
	w.Write(response.Body)
}

// answers holds the memory of answers that were sent. A large one is left to the
// garbage collector.
var answers = sync.Pool{New: func() any { return new([]byte) }}

const maxKept = 128 << 10

func (s *Server) answer(c *call) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if err := s.dispatch(c); err != nil {
		return nil, err
	}
	ctx := c.http.Context()
	if err := s.authenticate(ctx, c); err != nil {
		return nil, err
	}
	if c.in, err = c.decode(); err != nil {
		return nil, err
	}
	return c.operation.Call(ctx, c.caller, c.in)
}

// dispatch reads the request and finds its service and operation: by its path if it is in CBOR, else by
// X-Amz-Target, or by Action and Version.
func (s *Server) dispatch(c *call) error {
	for _, name := range [...]string{"User-Agent", "Referer"} {
		if len(c.http.Header.Get(name)) > maxConditionHeader {
			return api.Errorf("RequestEntityTooLarge", "The header %s is longer than %d bytes.", name, maxConditionHeader)
		}
	}
	signature, signatureErr := sigv4.Parse(c.http)
	c.signature = signature
	target := c.http.Header.Get("X-Amz-Target")
	name := target[strings.LastIndexByte(target, '.')+1:]
	if svc, operation := s.byCBORPath(c.http); svc != nil {
		c.service, c.cbor, name = svc, true, operation
		if target != "" { // clients must not send it, nor servers take it
			return api.Errorf("MalformedInput", "A request in CBOR has no header X-Amz-Target.")
		}
	} else if target != "" {
		c.service = s.byTarget(target)
		if c.service == nil {
			c.service = s.services[0]
			service, _, _ := strings.Cut(target, ".")
			if signature != nil && s.bySigningName(signature.Service) == nil {
				service = signature.Service
			}
			return c.refuseElsewhere(service)
		}
	} else if signature != nil {
		if named := s.bySigningName(signature.Service); named != nil {
			c.service = named
		} else {
			return c.refuseElsewhere(signature.Service)
		}
	}
	inBody := target == "" && !c.cbor
	if inBody {
		if c.service.model.Protocol == "json" {
			return api.Errorf("InvalidAction", "")
		}
		if err := c.read(); err != nil {
			return err
		}
		action, version := c.form.Get("Action"), c.form.Get("Version")
		if action == "" {
			return api.Errorf("MissingAction", "Missing Action")
		}
		if c.service = s.byVersion(version, c.service); c.service == nil {
			c.service = s.services[0]
			return api.Errorf("InvalidAction", "Could not find operation %.128s for version %.32s", action, orNoValue(version))
		}
		name = action[:min(len(action), 128)] // more than any operation's name has, and short to repeat
	}
	operation, ok := c.service.codec.Operation(name)
	if !ok {
		return c.service.unknownOperation(name)
	}
	c.operation = operation
	if signature == nil && !(operation.Anonymous && api.ErrorCode(signatureErr) == "MissingAuthenticationToken") {
		return signatureErr
	}
	if !inBody {
		return c.read()
	}
	return nil
}

func orNoValue(version string) string {
	if version == "" {
		return "NO_VERSION_SPECIFIED"
	}
	return version
}

// unknownOperation tells an operation that AWS has and we have not from one that
// nobody has.
func (svc *service) unknownOperation(name string) error {
	if _, ok := svc.model.Operations[name]; ok {
		return api.Errorf("NotImplemented", "The operation %s is not supported by this emulator.", name)
	}
	if svc.model.Protocol == "json" {
		return api.Errorf("InvalidAction", "")
	}
	return api.Errorf("InvalidAction", "Could not find operation %s for version %s", name, svc.model.APIVersion)
}

// byCBORPath returns the service and the operation of a request in CBOR, nil if it is none.
//
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
func (s *Server) byCBORPath(r *http.Request) (svc *service, operation string) {
	path, ok := strings.CutPrefix(r.URL.Path, "/service/")
	if !ok || r.Method != http.MethodPost || r.Header.Get("Smithy-Protocol") != wire.SmithyCBOR {
		return nil, ""
	}
	name, operation, ok := strings.Cut(path, "/operation/")
	if !ok {
		return nil, ""
	}
	return s.find(func(svc *service) bool { return svc.model.CBOR && svc.model.TargetPrefix == name }), operation
}

func (s *Server) byTarget(target string) *service {
	prefix, _, _ := strings.Cut(target, ".")
	return s.find(func(svc *service) bool { return prefix != "" && svc.model.TargetPrefix == prefix })
}

func (s *Server) bySigningName(name string) *service {
	return s.find(func(svc *service) bool { return svc.model.SigningName == name })
}

func (s *Server) byName(name string) *service {
	return s.find(func(svc *service) bool { return svc.name == name })
}

// byVersion finds a query service by its API version. A request without one is for
// the service it was signed for.
func (s *Server) byVersion(version string, signedFor *service) *service {
	if version == "" {
		return nil
	}
	if signedFor.model.APIVersion == version {
		return signedFor
	}
	return s.find(func(svc *service) bool { return svc.model.Protocol == "query" && svc.model.APIVersion == version })
}

func (s *Server) find(match func(*service) bool) *service {
	for _, svc := range s.services {
		if match(svc) {
			return svc
		}
	}
	return nil
}

// What a request without a signature may send: an assertion or a token, and a few parameters. Nothing is
// known yet of who sends it.
const (
	maxUnsignedBody       = 256 << 10
	maxUnsignedParameters = 200
)

// read reads the body and decompresses it. Of a form nothing is built yet.
func (c *call) read() error {
	limit, parameters := MaxBody, wire.MaxParameters
	if c.signature == nil {
		limit, parameters = maxUnsignedBody, maxUnsignedParameters
	}
	raw, err := readAll(c.http.Body, c.http.ContentLength, limit)
	if err != nil {
		return err
	}
	c.raw, c.body = raw, raw
	switch encoding := c.http.Header.Get("Content-Encoding"); {
	case encoding == "", encoding == "identity":
	case encoding == "gzip" && c.signature != nil: // a stranger's is not made larger than it came
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return api.Errorf("MalformedInput", "The body is not gzip: %v", err)
		}
		if c.body, err = readAll(z, -1, limit); err != nil {
			return err
		}
	default:
		return api.Errorf("MalformedInput", "Content-Encoding %.32s is not supported.", encoding)
	}
	if t := c.http.Header.Get("Content-Type"); c.cbor && len(c.body) > 0 && t != wire.ContentTypeCBOR {
		return api.Errorf("MalformedInput", "The content type of a request in CBOR is %s.", wire.ContentTypeCBOR)
	}
	c.form.Query = []byte(c.http.URL.RawQuery)
	if c.service.model.Protocol != "json" {
		c.form.Body = c.body
		if t, _, _ := strings.Cut(c.http.Header.Get("Content-Type"), ";"); len(c.body) > 0 && !strings.EqualFold(strings.TrimSpace(t), "application/x-www-form-urlencoded") {
			return api.Errorf("MalformedInput", "The content type of a request to this service is application/x-www-form-urlencoded.")
		}
	}
	if c.form.Len() > parameters {
		return api.Errorf("MalformedInput", "The request has more than %d parameters.", parameters)
	}
	return nil
}

// readAll reads at most limit bytes; length is -1 if it is not known. Memory is taken as bytes arrive,
// not as they are announced.
func readAll(r io.Reader, length int64, limit int) ([]byte, error) {
	tooLarge := api.Errorf("RequestEntityTooLarge", "The request is larger than %d bytes.", limit)
	if length > int64(limit) {
		return nil, tooLarge
	}
	end := limit + 1 // so that the end is read, too
	if length >= 0 {
		end = int(length) + 1
	}
	b := make([]byte, 0, min(end, 4<<10))
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, min(len(b), end-len(b)))
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > limit:
			return nil, tooLarge
		case err == io.EOF:
			return b, nil
		case errors.Is(err, errBodies):
			return nil, api.Errorf("ServiceUnavailable", "The emulator is busy: %v.", err)
		case err != nil:
			return nil, api.Errorf("MalformedInput", "The body can't be read: %v", err)
		}
	}
}

// authenticate verifies the signature and fills the caller.
func (s *Server) authenticate(ctx context.Context, c *call) error {
	r := c.http
	c.caller = api.Caller{
		Region:    "us-east-1",
		Partition: "aws",
		RequestID: c.requestID,
		SourceIP:  sourceIP(r),
		UserAgent: r.UserAgent(),
		Referer:   r.Referer(),
		Secure:    r.TLS != nil,
		Host:      r.Host,
		Received:  s.clock.Now(),
		Notes:     &c.notes,
	}
	sig := c.signature
	if sig == nil {
		return nil
	}
	if !s.regions[sig.Region] || !c.regionFitsHost() {
		return api.Errorf("SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
	}
	if sig.Service != c.service.model.SigningName {
		return api.Errorf("SignatureDoesNotMatch", "Credential should be scoped to correct service: '%s'.", c.service.model.SigningName)
	}
	c.caller.Region = sig.Region
	c.caller.Partition = identity.Partition(sig.Region)
	if c.service.global() {
		c.caller.Region = identity.HomeRegion(c.caller.Partition)
	}
	var credential identity.Credential
	err := s.store.View(ctx, func(tx store.Reader) (err error) {
		credential, err = s.directory.Find(tx, c.caller.Received, c.caller.Partition, sig.AccessKeyID, sig.SessionToken)
		return err
	})
	switch {
	case errors.Is(err, identity.ErrUnknownKey):
		return errInvalidToken.Because("there is no active access key %s, or its user is gone", sig.AccessKeyID)
	case errors.Is(err, identity.ErrToken):
		return errInvalidToken.Because("the session token is not of this access key, or was not made here, or whom it is of is gone")
	case errors.Is(err, identity.ErrUnusable):
		return errInvalidToken.Because("the account of access key %s is suspended or closed", sig.AccessKeyID)
	case err != nil && !errors.Is(err, identity.ErrExpired):
		return err
	}
	if errors.Is(err, identity.ErrExpired) {
		return api.Errorf("ExpiredToken", "The security token included in the request is expired").Because("it is %s", c.caller.Received.UTC().Format(time.RFC3339))
	}
	if err := s.verifier.Verify(r, c.raw, sig, credential.Secret); err != nil {
		return err
	}
	if credential.Unfinished && c.service.name != "organizations" {
		return api.Errorf("OptInRequired", "The AWS Access Key Id needs a subscription for the service").Because("nobody has completed the sign-up of account %s", credential.Principal.Account)
	}
	if c.service.model.SigningName == "iam" && !credential.Principal.MayCallIAM() {
		return errInvalidToken.Because("IAM takes no credentials of GetFederationToken, and of GetSessionToken only those made with an MFA code")
	}
	if session := credential.Principal.Session; session != nil && session.DefaultRegions && !identity.DefaultRegion(c.caller.Region) {
		return errInvalidToken.Because("a token of version 1 of the global endpoint is not good in %s, which accounts have to enable", c.caller.Region)
	}
	s.noteCaller(c, &credential.Principal)
	if !c.operation.Anonymous {
		c.caller.Principal = credential.Principal
	}
	return nil
}

var errInvalidToken = api.Errorf("InvalidClientTokenId", "The security token included in the request is invalid.")

// global reports whether the service has one endpoint per partition.
func (svc *service) global() bool { return svc.name == "iam" || svc.name == "organizations" }

// regionFitsHost checks the scope's region where the client named an endpoint of
// AWS that resolves to us: sts.eu-west-1.amazonaws.com, or the global
// sts.amazonaws.com. Any other host serves every region.
func (c *call) regionFitsHost() bool {
	host := c.http.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host, ok := strings.CutSuffix(strings.TrimSuffix(host, ".cn"), ".amazonaws.com")
	if !ok {
		return true
	}
	_, region, regional := strings.Cut(host, ".")
	if regional {
		return c.signature.Region == region
	}
	return c.signature.Region == identity.HomeRegion(identity.Partition(c.signature.Region))
}

func sourceIP(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

func (c *call) decode() (any, error) {
	if c.cbor {
		return c.operation.DecodeCBOR(c.body)
	}
	if c.service.model.Protocol == "json" {
		return c.operation.DecodeJSON(c.body)
	}
	return c.operation.DecodeQuery(c.form)
}

// wantsJSON reports whether a client of a query service asks for AWS's JSON form
// of the answer, as Kubernetes does with presigned GetCallerIdentity.
func (c *call) wantsJSON() bool {
	return strings.HasPrefix(c.http.Header.Get("Accept"), "application/json")
}

func (c *call) encode(dst []byte, out any) wire.Response {
	switch {
	case c.cbor:
		return c.operation.EncodeCBOR(out)
	case c.service.model.Protocol == "json":
		return wire.Response{Status: http.StatusOK, ContentType: wire.ContentTypeJSON, Body: c.operation.AppendJSON(dst, out)}
	case c.wantsJSON():
		return wire.Response{Status: http.StatusOK, ContentType: wire.ContentTypeQueryJSON, Body: c.operation.AppendQueryJSON(dst, out, c.requestID)}
	default:
		return wire.Response{Status: http.StatusOK, ContentType: wire.ContentTypeXML, Body: c.operation.AppendXML(dst, out, c.requestID)}
	}
}

// logCall logs refusals, and at debug level every call. What a client sent in
// parameters is not logged.
func (s *Server) logCall(c *call, response wire.Response, err error) {
	level := slog.LevelDebug
	switch {
	case response.Unexpected != nil:
		level = slog.LevelError
	case err != nil:
		level = slog.LevelInfo
	}
	ctx := c.http.Context()
	if !s.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("service", c.serviceName()),
	}
	if c.operation != nil {
		attrs = append(attrs, slog.String("operation", c.operation.Name))
	}
	attrs = append(attrs, slog.String("request", c.requestID), slog.Int("status", response.Status), slog.Duration("took", time.Since(c.start)))
	if c.caller.ARN != "" {
		attrs = append(attrs, slog.String("caller", c.caller.ARN))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", api.LogText(err)))
	}
	s.log.LogAttrs(ctx, level, "call", attrs...)
}
