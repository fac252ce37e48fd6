package iam

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func noVersion(arn, version string) error {
	return api.Errorf("NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", arn, version)
}

// ofVersion makes of a policy that does not exist a version that does not, as AWS.
func ofVersion(err error, arn, version string) error {
	if api.ErrorCode(err) == "NoSuchEntity" {
		return noVersion(arn, version)
	}
	return err
}

// version returns the place of a version among those of a policy, or -1.
func (p *managedPolicy) version(id string) int {
	return slices.IndexFunc(p.versions(), func(v identity.PolicyVersion) bool { return v.ID == id })
}

func (p *managedPolicy) wireVersion(v identity.PolicyVersion) types.PolicyVersion {
	return types.PolicyVersion{VersionId: &v.ID, CreateDate: &v.Created, IsDefaultVersion: v.ID == p.defaultVersion()}
}

func (s *Service) createPolicyVersion(ctx context.Context, c api.Caller, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	var out types.PolicyVersion
	err := s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findLocalPolicy(tx, c, *in.PolicyArn, authz.Request{Action: "iam:CreatePolicyVersion"})
		if err != nil {
			return err
		}
		if err := s.checkPolicyDocument(p.Partition, *in.PolicyDocument); err != nil {
			return err
		}
		if most := s.quotas.Max(versionsPerPolicy); len(p.Versions) >= most {
			return api.Errorf("LimitExceeded", "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", most)
		}
		if err := s.addNew(tx, countedVersions, c.Account); err != nil {
			return err
		}
		// Numbers are never used again.
		v := identity.PolicyVersion{ID: fmt.Sprintf("v%d", p.Next), Created: s.now()}
		p.Next++
		p.Versions = append(p.Versions, v)
		if in.SetAsDefault {
			p.Default, p.Updated = v.ID, v.Created
		}
		if err := store.Save(tx, identity.PolicyVersionKey(c.Account, p.Name, v.ID), *in.PolicyDocument); err != nil {
			return err
		}
		out = (&managedPolicy{local: p}).wireVersion(v)
		return savePolicy(tx, p)
	})
	return &iam.CreatePolicyVersionOutput{PolicyVersion: &out}, err
}

func (s *Service) getPolicyVersion(ctx context.Context, c api.Caller, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	var out types.PolicyVersion
	err := s.store.View(ctx, func(r store.Reader) error {
		p, err := s.findPolicy(r, c, *in.PolicyArn, authz.Request{Action: "iam:GetPolicyVersion"})
		if err != nil {
			return ofVersion(err, *in.PolicyArn, *in.VersionId)
		}
		i := p.version(*in.VersionId)
		if i < 0 {
			return noVersion(*in.PolicyArn, *in.VersionId)
		}
		out = p.wireVersion(p.versions()[i])
		if p.local == nil && !out.IsDefaultVersion {
			return api.Errorf("NotImplemented", "Of %s, version %s alone is supported.", *in.PolicyArn, p.defaultVersion())
		}
		text, err := p.versionText(r, *in.VersionId)
		if err != nil {
			return err
		}
		out.Document = aws.String(encodeDocument(text))
		return nil
	})
	return &iam.GetPolicyVersionOutput{PolicyVersion: &out}, err
}

func (s *Service) listPolicyVersions(ctx context.Context, c api.Caller, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	var out *iam.ListPolicyVersionsOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		p, err := s.findPolicy(r, c, *in.PolicyArn, authz.Request{Action: "iam:ListPolicyVersions"})
		if err != nil {
			return err
		}
		var versions []types.PolicyVersion
		for _, v := range slices.Backward(p.versions()) { // the newest first, as AWS
			versions = append(versions, p.wireVersion(v))
		}
		page, next, err := pageOf(versions, api.ListOf(c, in))
		out = &iam.ListPolicyVersionsOutput{Versions: page, IsTruncated: next != nil, Marker: next}
		return err
	})
	return out, err
}

func (s *Service) deletePolicyVersion(ctx context.Context, c api.Caller, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findLocalPolicy(tx, c, *in.PolicyArn, authz.Request{Action: "iam:DeletePolicyVersion"})
		if err != nil {
			return ofVersion(err, *in.PolicyArn, *in.VersionId)
		}
		i := (&managedPolicy{local: p}).version(*in.VersionId)
		switch {
		case i < 0:
			return noVersion(*in.PolicyArn, *in.VersionId)
		case *in.VersionId == p.Default:
			return api.Errorf("DeleteConflict", "Cannot delete the default version of a policy.")
		}
		if err := countedVersions.add(tx, c.Account, -1); err != nil {
			return err
		}
		p.Versions = slices.Delete(p.Versions, i, i+1)
		if err := tx.Delete(identity.PolicyVersionKey(c.Account, p.Name, *in.VersionId)); err != nil {
			return err
		}
		return savePolicy(tx, p)
	})
}

func (s *Service) setDefaultPolicyVersion(ctx context.Context, c api.Caller, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findLocalPolicy(tx, c, *in.PolicyArn, authz.Request{Action: "iam:SetDefaultPolicyVersion"})
		if err != nil {
			return ofVersion(err, *in.PolicyArn, *in.VersionId)
		}
		if (&managedPolicy{local: p}).version(*in.VersionId) < 0 {
			return noVersion(*in.PolicyArn, *in.VersionId)
		}
		p.Default, p.Updated = *in.VersionId, s.now()
		return savePolicy(tx, p)
	})
}
