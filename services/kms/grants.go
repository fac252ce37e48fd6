package kms

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

func (s *Service) grantOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateGrant", s.createGrant),
		api.Op("ListGrants", s.listGrants),
		api.Op("ListRetirableGrants", s.listRetirableGrants),
		api.Op("RetireGrant", s.retireGrant),
		api.Op("RevokeGrant", s.revokeGrant),
	}
}

// parsePrincipal returns the ARN of what may be a principal of a grant.
func parsePrincipal(c api.Caller, given string) (policy.ARN, error) {
	arn, ok := policy.ParseARN(given)
	if !ok || arn.Partition != c.Partition || arn.Service != "iam" && arn.Service != "sts" || arn.Region != "" || !identity.IsAccountID(arn.Account) {
		return arn, noPrincipal(given)
	}
	return arn, nil
}

func noPrincipal(given string) error {
	return api.Errorf("InvalidArnException", "ARN does not refer to a valid principal: %s", given)
}

// storedPrincipal returns how a principal that exists is stored in a grant.
func storedPrincipal(r store.Reader, c api.Caller, given string) (string, error) {
	if _, err := parsePrincipal(c, given); err != nil {
		return "", err
	}
	stored, known, err := authz.StoredPrincipal(r, c.Partition, given)
	if err == nil && !known {
		err = noPrincipal(given)
	}
	return stored, err
}

// principals puts the grantee and the retiring principal that a request names into a grant.
func (s *Service) principals(r store.Reader, c api.Caller, in *kms.CreateGrantInput, g *Grant) (err error) {
	switch {
	case (in.GranteePrincipal == nil) == (in.GranteeServicePrincipal == nil):
		return api.Errorf("ValidationError", "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.")
	case in.RetiringPrincipal != nil && in.RetiringServicePrincipal != nil:
		return api.Errorf("ValidationError", "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both.")
	case in.GranteeServicePrincipal != nil && g.Constraints.SourceARN == "":
		return api.Errorf("ValidationError", "When you specify a GranteeServicePrincipal, you must also specify a SourceArn grant constraint.")
	case in.GranteeServicePrincipal != nil && in.RetiringPrincipal == nil && in.RetiringServicePrincipal == nil:
		return api.Errorf("ValidationError", "When you specify a GranteeServicePrincipal, you must specify either a RetiringPrincipal or a RetiringServicePrincipal.")
	}
	for _, side := range []struct {
		principal, service *string
		stored             *string
	}{{in.GranteePrincipal, in.GranteeServicePrincipal, &g.Grantee}, {in.RetiringPrincipal, in.RetiringServicePrincipal, &g.Retiree}} {
		switch {
		case side.principal != nil:
			if *side.stored, err = storedPrincipal(r, c, *side.principal); err != nil {
				return err
			}
		case side.service != nil:
			if err := s.authz.Services.Check(*side.service); err != nil {
				return api.Errorf("ValidationError", "%s is not a valid service principal.", *side.service).Because("%v", err)
			}
			*side.stored = *side.service
		}
	}
	return nil
}

var (
	manageable  = []types.GrantOperation{types.GrantOperationCreateGrant, types.GrantOperationRetireGrant, types.GrantOperationDescribeKey}
	ofSymmetric = []types.GrantOperation{
		types.GrantOperationEncrypt, types.GrantOperationDecrypt, types.GrantOperationReEncryptFrom, types.GrantOperationReEncryptTo,
		types.GrantOperationGenerateDataKey, types.GrantOperationGenerateDataKeyWithoutPlaintext,
		types.GrantOperationGenerateDataKeyPair, types.GrantOperationGenerateDataKeyPairWithoutPlaintext,
	}
	// ofUsage are those of other keys.
	ofUsage = map[types.KeyUsageType][]types.GrantOperation{
		types.KeyUsageTypeEncryptDecrypt: {
			types.GrantOperationEncrypt, types.GrantOperationDecrypt, types.GrantOperationReEncryptFrom, types.GrantOperationReEncryptTo, types.GrantOperationGetPublicKey,
		},
		types.KeyUsageTypeSignVerify:             {types.GrantOperationSign, types.GrantOperationVerify, types.GrantOperationGetPublicKey},
		types.KeyUsageTypeGenerateVerifyMac:      {types.GrantOperationGenerateMac, types.GrantOperationVerifyMac},
		types.KeyUsageTypeKeyAgreement:           {types.GrantOperationDeriveSharedSecret, types.GrantOperationGetPublicKey},
		types.KeyUsageTypeEncapsulateDecapsulate: {types.GrantOperationEncapsulate, types.GrantOperationDecapsulate, types.GrantOperationGetPublicKey},
	}
)

const (
	// grantIDSize is the length of a grant's ID, in hexadecimal.
	grantIDSize = 64

	maxConstraintPairs      = 8
	maxConstraintCharacters = 384
)

// checkGrant returns AWS's error if there can be no such grant of the key
// (https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-grant-operations).
func checkGrant(k *Key, g *Grant) error {
	symmetric := k.Spec == types.KeySpecSymmetricDefault
	of := ofUsage[k.Usage]
	if symmetric {
		of = ofSymmetric
	}
	for _, operation := range g.Operations {
		if !slices.Contains(of, operation) && !slices.Contains(manageable, operation) {
			return api.Errorf("ValidationError", "The operation %s is not supported in a grant for a KMS key with key spec %s and key usage %s.", operation, k.Spec, k.Usage)
		}
	}
	context, characters := g.Constraints.context(), 0
	for key, value := range context {
		characters += utf8.RuneCountInString(key) + utf8.RuneCountInString(value)
	}
	switch {
	case len(g.Operations) == 0:
		return api.Errorf("ValidationError", "Grants must contain at least one operation.")
	case slices.Equal(g.Operations, []types.GrantOperation{types.GrantOperationCreateGrant}):
		return api.Errorf("ValidationError", "Grants must not contain only the CreateGrant operation.")
	case g.Constraints.Equals != nil && g.Constraints.Subset != nil:
		return api.Errorf("ValidationError", "More than one constraint supplied")
	case context != nil && !symmetric:
		return api.Errorf("ValidationError", "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.")
	case len(context) > maxConstraintPairs:
		return api.Errorf("ValidationError", "A grant constraint can have at most %d encryption context pairs.", maxConstraintPairs)
	case characters > maxConstraintCharacters:
		return api.Errorf("ValidationError", "The encryption context of a grant constraint can have at most %d characters.", maxConstraintCharacters)
	}
	return nil
}

// grantAccess is the access of an operation on a key's grants. No caller is a service that acts for a resource.
func grantAccess(action string) access {
	a := access{action: action, anyAccount: true}
	a.request.Context = map[string][]string{"kms:GrantIsForAWSResource": {"false"}}
	return a
}

// describe adds the condition keys that the making and the retirement of a grant have of its constraints.
func (g *grantConstraints) describe(keys map[string][]string) {
	maps.Copy(keys, encryptionAccess("", "", g.context()).request.Context)
	if names := g.types(); names != nil {
		keys["kms:GrantConstraintType"] = names
	}
}

// createAccess is the access of CreateGrant.
func createAccess(in *kms.CreateGrantInput, g *Grant) access {
	a := grantAccess("kms:CreateGrant")
	a.grant = g
	keys := a.request.Context
	g.Constraints.describe(keys)
	for _, operation := range g.Operations {
		keys["kms:GrantOperations"] = append(keys["kms:GrantOperations"], string(operation))
	}
	for name, value := range map[string]*string{
		"kms:GranteePrincipal": in.GranteePrincipal, "kms:GranteeServicePrincipal": in.GranteeServicePrincipal,
		"kms:RetiringPrincipal": in.RetiringPrincipal, "kms:RetiringServicePrincipal": in.RetiringServicePrincipal,
	} {
		if value != nil {
			keys[name] = []string{*value}
		}
	}
	if g.Constraints.SourceARN != "" {
		keys["kms:GrantConstraintSourceArn"] = []string{g.Constraints.SourceARN}
	}
	return a
}

// createGrant makes a grant, or finds the one of that name with the same parameters. A new grant has effect at once, where AWS's may take
// five minutes (https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html).
func (s *Service) createGrant(ctx context.Context, c api.Caller, in *kms.CreateGrantInput) (*kms.CreateGrantOutput, error) {
	g := &Grant{Name: aws.ToString(in.Name), Created: s.now().Truncate(time.Second), Issuer: c.Account, Constraints: newConstraints(in.Constraints)}
	for _, operation := range in.Operations {
		if !slices.Contains(g.Operations, operation) {
			g.Operations = append(g.Operations, operation)
		}
	}
	if err := s.checkGrantTokens(ctx, c, in.GrantTokens); err != nil {
		return nil, err
	}
	if err := checkContext(g.Constraints.context()); err != nil {
		return nil, err
	}
	var id [grantIDSize / 2]byte
	rand.Read(id[:])
	err := s.store.Update(ctx, func(tx store.Tx) error {
		k, err := s.findByID(tx, c, *in.KeyId, createAccess(in, g))
		if err != nil {
			return err
		}
		g.Account, g.Region, g.Partition, g.Key, g.ID = k.Account, k.Region, k.Partition, k.ID, hex.EncodeToString(id[:])
		if err := s.sweep(tx); err != nil {
			return err
		}
		if err := s.checkUsable(tx, k, toGrant); err != nil {
			return err
		}
		if err := checkGrant(k, g); err != nil {
			return err
		}
		if err := s.principals(tx, c, in, g); err != nil {
			return err
		}
		if g.Name != "" {
			if found := tx.Get(grantNameKey(g)); found != nil {
				g.ID = string(found)
				return dryRun(in.DryRun)
			}
		}
		if count, err := grantCount(tx, g); err != nil {
			return err
		} else if most := s.quotas.Max(grantsQuota); count >= most {
			return api.Errorf("LimitExceededException", "The KMS key %s has reached the limit of %d grants.", k.ARN(), most)
		}
		if err := dryRun(in.DryRun); err != nil {
			return err
		}
		g.Anchor = anchorOf(tx, g)
		return saveGrant(tx, g)
	})
	if err != nil {
		return nil, err
	}
	return &kms.CreateGrantOutput{GrantId: &g.ID, GrantToken: aws.String(s.grantToken(g))}, nil
}

// noGrant is AWS's error for an ID that is not one of a key's grants. Terraform's provider takes NotFoundException, but not the other,
// for a grant that has gone already (https://github.com/getmoto/moto/issues/5411).
func noGrant(k *Key, id string) error {
	if len(id) != grantIDSize || strings.Trim(id, "0123456789abcdef") != "" {
		return api.Errorf("InvalidGrantIdException", "Grant ID %s is not valid.", id)
	}
	return api.Errorf("NotFoundException", "Grant ID %s is not found for key %s.", id, k.ARN())
}

// listGrants (https://docs.aws.amazon.com/kms/latest/APIReference/API_ListGrants.html).
func (s *Service) listGrants(ctx context.Context, c api.Caller, in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	out := &kms.ListGrantsOutput{Grants: []types.GrantListEntry{}}
	err := s.store.View(ctx, func(r store.Reader) error {
		k, err := s.findByID(r, c, *in.KeyId, grantAccess("kms:ListGrants"))
		if err != nil {
			return err
		}
		prefix, grantee := grantsPrefix(k.Account, k.Region, k.ID), ""
		switch {
		case in.GranteeServicePrincipal != nil: // which only services may ask for
			return api.Errorf("ValidationError", "GranteeServicePrincipal can only be used by callers in a service principal.")
		case in.GranteePrincipal != nil:
			if _, err := parsePrincipal(c, *in.GranteePrincipal); err != nil {
				return err
			}
			if grantee, _, err = authz.StoredPrincipal(r, c.Partition, *in.GranteePrincipal); err != nil {
				return err
			}
			prefix = granteePrefix(k.Account, k.Region, k.ID, grantee, "", "")
		}
		if in.GrantId != nil {
			g, err := s.loadGrant(r, grantKey(k.Account, k.Region, k.ID, *in.GrantId))
			if err != nil {
				return err
			}
			if g == nil {
				return noGrant(k, *in.GrantId)
			}
			if in.GranteePrincipal != nil && g.Grantee != grantee {
				return nil
			}
			prefix = grantKey(k.Account, k.Region, k.ID, g.ID)
		}
		out.Grants, out.NextMarker, err = s.listedGrants(r, api.ListOf(c, in), prefix, func(parts []string) ([]byte, error) {
			return grantKey(k.Account, k.Region, k.ID, parts[len(parts)-1]), nil
		})
		out.Truncated = out.NextMarker != nil
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// listedGrants returns a page of the grants that keys under a prefix tell, and the marker of the next. record returns the key of
// a grant's record, nil if it is not to be listed.
func (s *Service) listedGrants(r store.Reader, list api.List, prefix []byte, record func(parts []string) ([]byte, error)) ([]types.GrantListEntry, *string, error) {
	entries := []types.GrantListEntry{}
	p, err := newPage(list, 50)
	if err != nil {
		return nil, nil, err
	}
	for at := range p.scan(r, prefix) {
		key, err := record(store.Parts(at))
		if err != nil {
			return nil, nil, err
		}
		if key == nil {
			continue
		}
		if !p.take(at) {
			break
		}
		g, err := s.loadGrant(r, key)
		if err != nil {
			return nil, nil, err
		}
		entry, err := listEntry(r, g)
		if err != nil {
			return nil, nil, err
		}
		entries = append(entries, entry)
	}
	return entries, p.next(prefix), nil
}

// listRetirableGrants: what is asked for is the permission on the principal, which is one of the caller's account
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_ListRetirableGrants.html).
func (s *Service) listRetirableGrants(ctx context.Context, c api.Caller, in *kms.ListRetirableGrantsInput) (*kms.ListRetirableGrantsOutput, error) {
	out := &kms.ListRetirableGrantsOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		resource := "*"
		if in.RetiringPrincipal != nil {
			resource = *in.RetiringPrincipal
		}
		if err := s.authz.Authorize(r, c, authz.Request{Action: "kms:ListRetirableGrants", Resource: resource}); err != nil {
			return err
		}
		switch {
		case in.RetiringServicePrincipal != nil: // which only services may ask for
			return api.Errorf("ValidationError", "RetiringServicePrincipal can only be used by callers in a service principal.")
		case in.RetiringPrincipal == nil:
			return api.Errorf("ValidationError", "RetiringPrincipal is required.")
		}
		arn, err := parsePrincipal(c, resource)
		if err != nil {
			return err
		}
		if arn.Account != c.Account {
			return noPrincipal(resource)
		}
		retiree, _, err := authz.StoredPrincipal(r, c.Partition, resource)
		if err != nil {
			return err
		}
		out.Grants, out.NextMarker, err = s.listedGrants(r, api.ListOf(c, in), retireePrefix(c.Region, retiree), func(parts []string) ([]byte, error) {
			account, key, id := parts[3], parts[4], parts[5]
			if k, err := s.loadKey(r, account, c.Region, key); k == nil { // also when it is past its deletion date
				return nil, err
			}
			return grantKey(account, c.Region, key, id), nil
		})
		out.Truncated = out.NextMarker != nil
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// retireGrant: the grant says who may retire it. Whoever may not, does not learn whether there is one
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_RetireGrant.html).
func (s *Service) retireGrant(ctx context.Context, c api.Caller, in *kms.RetireGrantInput) (*kms.RetireGrantOutput, error) {
	if in.GrantToken == nil && (in.KeyId == nil || in.GrantId == nil) {
		return nil, api.Errorf("ValidationError", "Grant token OR (grant ID, key ID) must be specified")
	}
	if in.GrantToken != nil && (in.KeyId != nil || in.GrantId != nil) {
		return nil, api.Errorf("ValidationError", "Only one of grant token and (grant ID, key ID) can be specified")
	}
	a := access{action: "kms:RetireGrant", anyAccount: true}
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		g, named, err := s.namedGrant(tx, c, in)
		if err != nil {
			return err
		}
		a.grant, a.request.Context = g, make(map[string][]string)
		if g != nil {
			g.Constraints.describe(a.request.Context)
		}
		k, err := s.findByID(tx, c, named, a)
		if err != nil {
			return err
		}
		if g == nil {
			return noGrant(k, *in.GrantId)
		}
		if err := dryRun(in.DryRun); err != nil {
			return err
		}
		return deleteGrant(tx, g)
	})
}

// namedGrant returns the grant that is to be retired, nil if there is none, and what its key is named by.
func (s *Service) namedGrant(r store.Reader, c api.Caller, in *kms.RetireGrantInput) (g *Grant, key string, err error) {
	if in.GrantToken != nil {
		if g, err = s.tokenGrant(r, c, *in.GrantToken); err != nil {
			return nil, "", err
		}
		return g, arn(g.Partition, g.Region, g.Account, "key/"+g.Key), nil
	}
	id, err := parseKeyID(c, *in.KeyId)
	if err != nil {
		return nil, "", err
	}
	g, err = s.loadGrant(r, grantKey(id.account, id.region, id.id, *in.GrantId))
	return g, *in.KeyId, err
}

// revokeGrant (https://docs.aws.amazon.com/kms/latest/APIReference/API_RevokeGrant.html).
func (s *Service) revokeGrant(ctx context.Context, c api.Caller, in *kms.RevokeGrantInput) (*kms.RevokeGrantOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		k, err := s.findByID(tx, c, *in.KeyId, grantAccess("kms:RevokeGrant"))
		if err != nil {
			return err
		}
		g, err := s.loadGrant(tx, grantKey(k.Account, k.Region, k.ID, *in.GrantId))
		if err != nil {
			return err
		}
		if g == nil {
			return noGrant(k, *in.GrantId)
		}
		if err := dryRun(in.DryRun); err != nil {
			return err
		}
		return deleteGrant(tx, g)
	})
}
