package iam

import (
	"errors"
	"net/url"
	"strings"

	"emulator/api"
	"emulator/policy"
)

// checkDocument returns AWS's error if a document is not of the grammar of its kind.
func checkDocument(kind policy.Kind, text string) error {
	_, err := policy.Parse(kind, text)
	if syntax, ok := errors.AsType[*policy.SyntaxError](err); ok {
		return api.Errorf("MalformedPolicyDocument", "%s", syntax.Message)
	}
	return err
}

// encodeDocument encodes a document as AWS answers it: percent-encoded (RFC 3986), with
// spaces as %20.
func encodeDocument(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
