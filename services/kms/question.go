package kms

import (
	"slices"
	"strings"

	"emulator/api"
	"emulator/authz"
	"emulator/store"
)

// Actions that are not asked of a key, and those that AWS lets be asked of another account's.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html
var (
	keyless = []string{
		"kms:ConnectCustomKeyStore", "kms:CreateCustomKeyStore", "kms:CreateKey", "kms:DeleteCustomKeyStore", "kms:DescribeCustomKeyStores",
		"kms:DisconnectCustomKeyStore", "kms:GenerateRandom", "kms:ListAliases", "kms:ListKeys", "kms:ListRetirableGrants", "kms:UpdateCustomKeyStore",
	}
	acrossAccounts = []string{
		"kms:CreateGrant", "kms:Decapsulate", "kms:Decrypt", "kms:DeriveSharedSecret", "kms:DescribeKey", "kms:Encapsulate", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyPair",
		"kms:GenerateDataKeyPairWithoutPlaintext", "kms:GenerateDataKeyWithoutPlaintext", "kms:GenerateMac", "kms:GetKeyRotationStatus", "kms:GetPublicKey",
		"kms:ListGrants", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:RetireGrant", "kms:RevokeGrant", "kms:Sign", "kms:Verify", "kms:VerifyMac",
	}
)

// Ask asks for permission as an operation does, of what it takes for a key: an ID, an alias or the ARN of either. The error is
// that of the operation.
func (s *Service) Ask(r store.Reader, c api.Caller, action, resource string, assumed map[string][]string) error {
	if slices.Contains(keyless, action) {
		return s.authz.Authorize(r, c, authz.Request{Action: action, Resource: "*", Assumed: assumed})
	}
	if resource == "*" {
		return api.Errorf("ValidationError", "%s is asked of a key: name it by its ID, its alias or the ARN of either.", action)
	}
	id, err := parseKeyID(c, resource)
	if err != nil {
		return err
	}
	if id.alias != "" && strings.HasSuffix(action, "Alias") { // which is asked of both
		if err := s.authz.Authorize(r, c, authz.Request{Action: action, Resource: arn(c.Partition, c.Region, id.account, id.alias), Assumed: assumed}); err != nil {
			return err
		}
	}
	a := access{action: action, anyAccount: slices.Contains(acrossAccounts, action)}
	a.request.Assumed = assumed
	_, err = s.findKey(r, c, resource, a)
	return err
}
