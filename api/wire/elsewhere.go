package wire

import (
	"encoding/binary"

	"emulator/api"
)

// Protocol is one that services speak which are not answered here.
type Protocol int

// The protocols of AWS's services (https://smithy.io/2.0/aws/protocols/index.html), as far as their errors differ.
const (
	JSON      Protocol = iota // the operation is in X-Amz-Target
	RESTJSON                  // Lambda
	RPCv2CBOR                 // CloudWatch
	Query                     // SNS
	EC2
	RESTXML // Route 53, CloudFront
	S3
)

// contentTypeJSON10 is that of a protocol that no service here speaks.
const contentTypeJSON10 = "application/x-amz-json-1.0"

// EncodeElsewhere makes the answer to a call of a service that is not answered here, for which no codec is. e is one of the errors that
// every operation may return; contentType is the request's.
func EncodeElsewhere(p Protocol, e *api.Error, contentType, requestID string) Response {
	common := api.Common[e.Code]
	switch p {
	case JSON, RESTJSON:
		r := Response{Status: common.JSONStatus, ContentType: "application/json", ErrorType: common.JSONCode}
		if p == JSON {
			r.ContentType = ContentTypeJSON
			if contentType == contentTypeJSON10 {
				r.ContentType = contentTypeJSON10
			}
		}
		b := appendQuoted([]byte(`{"__type":`), common.JSONCode)
		b = appendQuoted(append(b, `,"message":`...), e.Message)
		r.Body = append(b, '}')
		return r
	case RPCv2CBOR:
		b := []byte{5<<5 | 2} // a map of two pairs
		for _, text := range [...]string{"__type", common.JSONCode, "message", e.Message} {
			b = append(b, 3<<5|25) // a text, and its length in two bytes
			b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
			b = append(b, text...)
		}
		return Response{Status: common.JSONStatus, ContentType: ContentTypeCBOR, ErrorType: common.JSONCode, Body: b}
	}
	before, after := "<ErrorResponse><Error><Type>Sender</Type>", "</Error><RequestId>"+requestID+"</RequestId></ErrorResponse>"
	switch p {
	case EC2:
		before, after = "<Response><Errors><Error>", "</Error></Errors><RequestID>"+requestID+"</RequestID></Response>"
	case S3:
		before, after = "<Error>", "<RequestId>"+requestID+"</RequestId></Error>"
	}
	b := appendText([]byte(before+"<Code>"), common.QueryCode)
	b = appendText(append(b, "</Code><Message>"...), e.Message)
	return Response{Status: common.QueryStatus, ContentType: ContentTypeXML, Body: append(b, "</Message>"+after...)}
}
