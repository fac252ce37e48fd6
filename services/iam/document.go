package iam

import (
	"errors"
	"net/url"
	"strings"

	"emulator/api"
	"emulator/policy"
)

// checkDocument returns AWS's error if a document is not of the grammar of its kind. Callers have seen to its size: within
// AWS's quotas it is a matter of a transaction.
func checkDocument(kind policy.Kind, text string) error {
	parsed, err := policy.Parse(kind, text)
	syntax, _ := errors.AsType[*policy.SyntaxError](err)
	if err == nil && kind == policy.TrustPolicy {
		syntax = parsed.CheckProviders()
	}
	if syntax != nil {
		return api.Errorf("MalformedPolicyDocument", "%s", syntax.Message)
	}
	return err
}

// encodeDocument encodes a document as AWS answers it: percent-encoded (RFC 3986), with
// spaces as %20.
func encodeDocument(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
