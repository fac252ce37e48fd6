package kms_test

import (
	"testing"

	"emulator/emulatortest/reached"
)

// unreachable are the errors of the API model that nothing can lead to.
var unreachable = []reached.Reason{
	{Why: "what fails inside is a bug, and answered as InternalFailure", Errors: []string{"* KMSInternalException"}},
	{Why: "nothing that an operation depends on is on another machine", Errors: []string{"* DependencyTimeoutException"}},
	{Why: "key stores that are out of reach for a moment are external ones, of which there are none", Errors: []string{"* KeyUnavailableException"}},
	{Why: "a name with a wrong character is a ValidationException (TestTexts)", Errors: []string{"CreateAlias InvalidAliasNameException"}},
	{Why: "an ARN in a policy that is no principal's is a MalformedPolicyDocumentException", Errors: []string{"CreateKey InvalidArnException"}},
	{Why: "it takes aliases, and what is no ARN is a NotFoundException (TestKeyIDs)", Errors: []string{"DescribeKey InvalidArnException", "GetPublicKey InvalidArnException", "ListAliases InvalidArnException"}},
	{Why: "AWS has no quota of keys that are enabled any more", Errors: []string{"EnableKey LimitExceededException"}},
	{Why: "it is that of external key stores, of which there are none", Errors: []string{"GenerateRandom UnsupportedOperationException"}},
	{Why: "a key without a public key is an UnsupportedOperationException", Errors: []string{"GetPublicKey InvalidKeyUsageException"}},
	{Why: "a principal that does not exist is an InvalidArnException", Errors: []string{"ListRetirableGrants NotFoundException"}},
	{Why: "of AWS managed keys it is an AccessDenied, as their policies let nobody put one (TestAWSManagedKeysCannotBeChanged)", Errors: []string{"PutKeyPolicy UnsupportedOperationException"}},
	{Why: "too many tags are a TagException", Errors: []string{"TagResource LimitExceededException"}},
	{Why: "it works in every state (https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html#key-state-table)", Errors: []string{
		"DeleteAlias KMSInvalidStateException", "GetKeyPolicy KMSInvalidStateException", "GetKeyRotationStatus KMSInvalidStateException",
		"ListGrants KMSInvalidStateException", "ListKeyPolicies KMSInvalidStateException", "ListKeyRotations KMSInvalidStateException",
		"PutKeyPolicy KMSInvalidStateException", "RetireGrant KMSInvalidStateException", "RevokeGrant KMSInvalidStateException",
	}},
	{Why: "they come with the clusters of custom key stores", Errors: []string{"* CloudHsm*"}},
	{Why: "external key stores are not there", Errors: []string{"* Xks*"}},
}

func TestMain(m *testing.M) {
	reached.Main(m, reached.Config{Service: "kms", Unreachable: unreachable, Table: "testdata/reached.md"})
}
