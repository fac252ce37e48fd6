package iam

import (
	"net/url"
	"strings"

	"emulator/policy"
)

// checkDocument returns AWS's error if a document can't be written in a partition. Callers have seen to its size: within
// AWS's quotas it is a matter of a transaction.
func (s *Service) checkDocument(kind policy.Kind, partition, text string) error {
	return s.authz.CheckPolicy("MalformedPolicyDocument", kind, partition, text)
}

// encodeDocument encodes a document as AWS answers it: percent-encoded (RFC 3986), with
// spaces as %20.
func encodeDocument(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
