package api

import (
	"errors"
	"fmt"
	"strings"
)

// Error is what a client sees of a failed call: an AWS error code and message.
// The HTTP status follows from the code: the API model has it for the errors
// that an operation declares, Common for those that every operation may return.
// Any other error is a bug and reaches the client as InternalFailure.
type Error struct {
	// Code as on the wire: "NoSuchEntity", "NotFoundException".
	Code string
	// Message is AWS's text.
	Message string
	// Members are what the model gives the error besides its message: the Reason of Organizations' errors.
	Members map[string]string
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf returns an Error with a formatted message.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// With gives e a member besides its message, and returns it. The model has the member's name, and what its value may be.
func (e *Error) With(member, value string) *Error {
	if e.Members == nil {
		e.Members = make(map[string]string, 1)
	}
	e.Members[member] = value
	return e
}

// Because adds why, for whoever runs the emulator: the log and explain have it, the client is not told.
func (e *Error) Because(format string, args ...any) error {
	return fmt.Errorf("%w (%s)", e, fmt.Sprintf(format, args...))
}

// Cause returns what an error has besides its *Error: what Because added. It is "" if there is no more, and of an error
// that is none of ours its text.
func Cause(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err.Error()
	}
	_, cause, _ := strings.Cut(err.Error(), e.Error())
	return strings.TrimSuffix(strings.TrimPrefix(cause, " ("), ")")
}

// ErrorCode returns the code of the *Error in err's chain, or "".
func ErrorCode(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// LogText returns what a log may have of an error: the code and the first sentence, without long values that
// the caller sent, of which a signature or a token may be one. What an Error is wrapped with is ours, as is
// an error that is none. The text is short in any case.
func LogText(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return clip(err.Error(), 4<<10)
	}
	text := clip(e.Message, 1<<10)
	for _, end := range []string{"\n", ". ", "Authorization header: '", "Authorization="} {
		text, _, _ = strings.Cut(text, end)
	}
	parts := strings.Split(text, "'")
	for i := 1; i < len(parts); i += 2 { // between quotes
		if len(parts[i]) > 40 && !strings.HasPrefix(parts[i], "arn:") {
			parts[i] = "…"
		}
	}
	_, cause, _ := strings.Cut(err.Error(), e.Error())
	return e.Code + ": " + clip(strings.Join(parts, "'"), 500) + clip(cause, 500)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// CommonError is an error that any operation may return, declared or not. The
// query and the JSON protocols give it different codes and statuses.
type CommonError struct {
	QueryCode   string
	QueryStatus int
	JSONCode    string
	JSONStatus  int
}

// Common maps the codes that our code uses to AWS's common errors
// (https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and
// https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html).
var Common = map[string]CommonError{
	"AccessDenied":                {"AccessDenied", 403, "AccessDeniedException", 400},
	"ExpiredToken":                {"ExpiredToken", 403, "ExpiredTokenException", 400},
	"IncompleteSignature":         {"IncompleteSignature", 400, "IncompleteSignatureException", 400},
	"InternalFailure":             {"InternalFailure", 500, "InternalFailure", 500},
	"InvalidAction":               {"InvalidAction", 400, "UnknownOperationException", 400},
	"InvalidClientTokenId":        {"InvalidClientTokenId", 403, "UnrecognizedClientException", 400},
	"InvalidParameterCombination": {"InvalidParameterCombination", 400, "ValidationException", 400},
	"InvalidParameterValue":       {"InvalidParameterValue", 400, "ValidationException", 400},
	"MalformedInput":              {"MalformedInput", 400, "SerializationException", 400},
	"MalformedQueryString":        {"MalformedQueryString", 404, "SerializationException", 400},
	"MissingAction":               {"MissingAction", 400, "UnknownOperationException", 400},
	"MissingAuthenticationToken":  {"MissingAuthenticationToken", 403, "MissingAuthenticationTokenException", 400},
	"NotAuthorized":               {"NotAuthorized", 400, "NotAuthorizedException", 400},
	"NotImplemented":              {"NotImplemented", 501, "UnsupportedOperationException", 400},
	"OptInRequired":               {"OptInRequired", 403, "OptInRequired", 400},
	"RequestEntityTooLarge":       {"RequestEntityTooLarge", 413, "RequestEntityTooLargeException", 413},
	"RequestExpired":              {"RequestExpired", 400, "RequestExpired", 400},
	"ServiceUnavailable":          {"ServiceUnavailable", 503, "ServiceUnavailableException", 503},
	"SignatureDoesNotMatch":       {"SignatureDoesNotMatch", 403, "InvalidSignatureException", 400},
	"Throttling":                  {"Throttling", 400, "ThrottlingException", 400},
	"ValidationError":             {"ValidationError", 400, "ValidationException", 400},
}
