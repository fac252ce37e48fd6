package kms

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/uuid"

	"emulator/api"
	"emulator/services/kms/keystore"
	"emulator/store"
)

// awsManaged is one of the keys that AWS services keep in an account
// (https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-key).
type awsManaged struct {
	// name is that of its alias, behind "alias/aws/".
	name string
	// protects is what its description says.
	protects string
	policyID string
	// statements of its policy, with {account}, {region} and {partition} for those of the key.
	statements []statement
}

const awsAliasPrefix = "alias/aws/"

// statement is one of a key policy.
type statement struct {
	Sid       string
	Effect    string
	Principal map[string]string
	Action    []string
	Resource  string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// predefined returns the AWS managed key that a request names by its predefined alias, and whether it is one of the caller's account.
func predefined(c api.Caller, given string) (awsManaged, bool) {
	id, err := parseKeyID(c, given)
	if err != nil || id.account != c.Account {
		return awsManaged{}, false
	}
	at, ok := slices.BinarySearchFunc(awsManagedKeys, id.alias, func(m awsManaged, alias string) int { return strings.Compare(m.alias(), alias) })
	if !ok {
		return awsManaged{}, false
	}
	return awsManagedKeys[at], true
}

func (m awsManaged) alias() string { return awsAliasPrefix + m.name }

// key returns the key, new, of the caller's account and Region.
func (m awsManaged) key(s *Service, c api.Caller) *Key {
	now := s.now()
	k := &Key{
		Account: c.Account, Region: c.Region, Partition: c.Partition, ID: uuid.NewString(), Created: now, AWSManaged: true,
		Description: "Default key that protects my " + m.protects + " when no other key is defined",
		Spec:        types.KeySpecSymmetricDefault, Usage: types.KeyUsageTypeEncryptDecrypt, Origin: types.OriginTypeAwsKms, Enabled: true,
		MaterialID: newMaterialID(), RotationPeriod: defaultRotationPeriod, NextRotation: now.AddDate(0, 0, defaultRotationPeriod),
	}
	k.Policy = m.policy(k)
	return k
}

func (m awsManaged) policy(k *Key) string {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	e.Encode(struct { // strings only, which can be encoded
		Version, Id string
		Statement   []statement
	}{"2012-10-17", m.policyID, m.statements})
	return strings.NewReplacer("{account}", k.Account, "{region}", k.Region, "{partition}", k.Partition).Replace(strings.TrimSpace(text.String()))
}

// makeAWSManaged makes an AWS managed key at its first use, which is to be described
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html).
func (s *Service) makeAWSManaged(ctx context.Context, c api.Caller, m awsManaged) error {
	var k *Key
	return store.Make(ctx, s.store, func(r store.Reader) error {
		k = nil
		if _, made, err := loadAlias(r, c.Account, c.Region, m.alias()); made || err != nil {
			return err
		}
		a := access{action: "kms:DescribeKey"}
		a.request.Context = map[string][]string{"kms:RequestAlias": {m.alias()}}
		a.request.Unnamed = true
		k = m.key(s, c)
		return s.authorize(r, c, k, a)
	}, func() ([]byte, error) {
		if k == nil {
			return nil, nil
		}
		return keystore.Generate(k.Spec, c.Partition)
	}, func(tx store.Tx, material []byte) error {
		if k == nil {
			return nil
		}
		defer clear(material)
		if err := s.material.Save(tx, k.ref(), material); err != nil {
			return err
		}
		if err := saveAlias(tx, k, Alias{Name: m.alias(), Target: k.ID, Created: k.Created, Updated: k.Created}); err != nil {
			return err
		}
		return saveKey(tx, k)
	})
}

// checkManaged returns AWS's error if nobody but AWS may do that with the key. No policy of such a key allows it anybody; where
// policies are not enforced, it still can't be done.
func checkManaged(c api.Caller, k *Key, action string) error {
	if !k.AWSManaged || slices.ContainsFunc(manageableByAccount, func(begin string) bool { return strings.HasPrefix(action, "kms:"+begin) }) {
		return nil
	}
	return api.Errorf("AccessDenied", "User: %s is not authorized to perform: %s on resource: %s because no resource-based policy allows the %[2]s action", c.ARN, action, k.ARN())
}

// manageableByAccount begins the actions that some policy of an AWS managed key allows.
var manageableByAccount = []string{"Describe", "Get", "List", "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "CreateGrant", "RevokeGrant", "RetireGrant"}
