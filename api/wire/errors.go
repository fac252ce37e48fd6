package wire

import (
	"errors"
	"strings"

	"emulator/api"
	"emulator/api/model"
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
	ContentTypeXML       = "text/xml"
	ContentTypeQueryJSON = "application/json"
)

// EncodeError makes the answer to a call that failed. The operation is nil if the call did not get that
// far. An error that is no *api.Error, or whose code neither the operation declares nor
// every operation may return, becomes InternalFailure.
func (c *Codec) EncodeError(o *Operation, err error, requestID string, queryJSON bool) Response {
	isJSON := c.model.Protocol == "json"
	r := Response{}
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		r.Unexpected = err
		e = api.Errorf("InternalFailure", "The request processing has failed because of an unknown error, exception or failure.")
	}
	code, status, member, ok := c.lookUp(o, e.Code, isJSON)
	if !ok {
		r.Unexpected = err
		e = api.Errorf("InternalFailure", "The request processing has failed because of an unknown error, exception or failure.")
		code, status, member, _ = c.lookUp(o, e.Code, isJSON)
	}
	r.Status = status
	kind := "Sender"
	if status >= 500 {
		kind = "Receiver"
	}
	switch {
	case isJSON:
		r.ContentType, r.ErrorType = ContentTypeJSON, code
		b := appendQuoted([]byte(`{"__type":`), code)
		if e.Message != "" { // KMS leaves out an empty message
			b = append(b, `,"`+member+`":`...)
			b = appendQuoted(b, e.Message)
		}
		r.Body = append(b, '}')
	case queryJSON:
		r.ContentType = ContentTypeQueryJSON
		b := appendQuoted([]byte(`{"Error":{"Code":`), code)
		b = append(b, `,"Message":`...)
		b = appendQuoted(b, e.Message)
		r.Body = append(b, `,"Type":"`+kind+`"},"RequestId":"`+requestID+`"}`...)
	default:
		r.ContentType = ContentTypeXML
		b := []byte(`<ErrorResponse xmlns="` + c.model.XMLNamespace + `"><Error><Type>` + kind + `</Type><Code>`)
		b = appendText(b, code)
		b = append(b, "</Code><Message>"...)
		b = appendText(b, e.Message)
		r.Body = append(b, "</Message></Error><RequestId>"+requestID+"</RequestId></ErrorResponse>"...)
	}
	return r
}

// lookUp finds the code on the wire, the status and the name of the message's member.
func (c *Codec) lookUp(o *Operation, code string, isJSON bool) (wireCode string, status int, member string, ok bool) {
	if o != nil {
		for _, s := range o.model.Errors {
			if s.Error != nil && (s.Error.Code == code || s.Name == code) {
				return s.Error.Code, s.Error.Status, messageMember(s), true
			}
		}
	}
	common, ok := api.Common[code]
	if !ok {
		return "", 0, "", false
	}
	if isJSON {
		return common.JSONCode, common.JSONStatus, "message", true
	}
	return common.QueryCode, common.QueryStatus, "", true
}

func messageMember(s *model.Shape) string {
	for _, m := range s.Members {
		if strings.EqualFold(m.Name, "message") {
			return m.Name
		}
	}
	return "message"
}
