package wire

import (
	"errors"
	"strings"

	"emulator/api"
)

// Response is an answer on its way to HTTP.
type Response struct {
	Status      int
	ContentType string
	// ErrorType is the X-Amzn-ErrorType of JSON services' errors.
	ErrorType string
	Body      []byte
	// Unexpected is an error that is a bug of ours: the client sees InternalFailure,
	// the log this.
	Unexpected error
}

// Content types of the protocols.
const (
	ContentTypeJSON      = "application/x-amz-json-1.1"
	ContentTypeCBOR      = "application/cbor"
	ContentTypeXML       = "text/xml"
	ContentTypeQueryJSON = "application/json"
)

// EncodeError makes the answer to a call that failed. The operation is nil if the call did not get that
// far. An error that is no *api.Error, whose code neither the operation declares nor
// every operation may return, or that has a member that the model has not, becomes InternalFailure.
func (c *Codec) EncodeError(o *Operation, err error, requestID string, queryJSON bool) Response {
	isJSON := c.model.Protocol == "json"
	e, known, unexpected := c.resolve(o, err, isJSON)
	code, status := known.code, known.status
	r := Response{Status: status, Unexpected: unexpected}
	kind := "Sender"
	if status >= 500 {
		kind = "Receiver"
	}
	switch {
	case isJSON:
		r.ContentType, r.ErrorType = ContentTypeJSON, code
		b := appendQuoted([]byte(`{"__type":`), code)
		if e.Message != "" { // KMS leaves out an empty message
			b = append(b, `,"`+known.message+`":`...)
			b = appendQuoted(b, e.Message)
		}
		b = known.appendMembers(b, e)
		r.Body = append(b, '}')
	case queryJSON:
		r.ContentType = ContentTypeQueryJSON
		b := appendQuoted([]byte(`{"Error":{"Code":`), code)
		b = append(b, `,"Message":`...)
		b = appendQuoted(b, e.Message)
		b = known.appendMembers(b, e)
		r.Body = append(b, `,"Type":"`+kind+`"},"RequestId":"`+requestID+`"}`...)
	default:
		r.ContentType = ContentTypeXML
		b := []byte(`<ErrorResponse xmlns="` + c.model.XMLNamespace + `"><Error><Type>` + kind + `</Type><Code>`)
		b = appendText(b, code)
		b = append(b, "</Code><Message>"...)
		b = appendText(b, e.Message)
		b = append(b, "</Message>"...)
		for _, name := range known.members {
			b = append(b, "<"+name+">"...)
			b = appendText(b, e.Members[name])
			b = append(b, "</"+name+">"...)
		}
		r.Body = append(b, "</Error><RequestId>"+requestID+"</RequestId></ErrorResponse>"...)
	}
	return r
}

// resolve returns what a client is told of an error, how that looks, and the error itself if it is a bug of ours.
func (c *Codec) resolve(o *Operation, err error, isJSON bool) (e *api.Error, known found, unexpected error) {
	e, ok := errors.AsType[*api.Error](err)
	if ok {
		known, ok = c.lookUp(o, e, isJSON)
	}
	if !ok {
		unexpected = err
		e = api.Errorf("InternalFailure", "The request processing has failed because of an unknown error, exception or failure.")
		known, _ = c.lookUp(o, e, isJSON)
	}
	return e, known, unexpected
}

// found is how an error looks on the wire.
type found struct {
	code    string
	status  int
	message string   // the name of the message's member
	members []string // those that the error has besides, in the model's order
}

// appendMembers appends the members besides the message as JSON.
func (f *found) appendMembers(dst []byte, e *api.Error) []byte {
	for _, name := range f.members {
		dst = appendQuoted(append(dst, `,"`+name+`":`...), e.Members[name])
	}
	return dst
}

// lookUp reports whether the operation may fail with e, and how that looks.
func (c *Codec) lookUp(o *Operation, e *api.Error, isJSON bool) (f found, ok bool) {
	if o != nil {
		for _, s := range o.model.Errors {
			if s.Error == nil || s.Error.Code != e.Code && s.Name != e.Code {
				continue
			}
			f = found{code: s.Error.Code, status: s.Error.Status, message: "message"}
			for _, m := range s.Members {
				if strings.EqualFold(m.Name, "message") {
					f.message = m.Name
				} else if _, given := e.Members[m.Name]; given {
					f.members = append(f.members, m.Name)
				}
			}
			return f, len(f.members) == len(e.Members)
		}
	}
	common, ok := api.Common[e.Code]
	if isJSON {
		return found{code: common.JSONCode, status: common.JSONStatus, message: "message"}, ok && len(e.Members) == 0
	}
	return found{code: common.QueryCode, status: common.QueryStatus}, ok && len(e.Members) == 0
}
