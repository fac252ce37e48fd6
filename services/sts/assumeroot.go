package sts

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// rootSeconds is the most, and what a session of AssumeRoot lasts unless told otherwise.
const rootSeconds = 900

// rootTasks are where the managed policies are that a session of AssumeRoot may be limited to.
const rootTasks = "policy/root-task/"

// everybody stands in for the policy of a root user, which has none: who may assume it is up to
// the caller's own policies and to the organization.
const everybody = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRoot","Resource":"*"}]}`

// assumeRoot gives the management account of an organization the root user of a member
// account, for one task.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html
func (s *Service) assumeRoot(ctx context.Context, c api.Caller, in *sts.AssumeRootInput) (*sts.AssumeRootOutput, error) {
	if err := notGlobal(c, "AssumeRoot"); err != nil {
		return nil, err
	}
	if err := mayCall(c, "AssumeRoot"); err != nil {
		return nil, err
	}
	account, ok := strings.CutSuffix(strings.TrimPrefix(*in.TargetPrincipal, "arn:"+c.Partition+":iam::"), ":root")
	if ok != strings.HasPrefix(*in.TargetPrincipal, "arn:") || !identity.IsAccountID(account) {
		return nil, api.Errorf("ValidationError", "%s is not a member account's ID or root user.", *in.TargetPrincipal)
	}
	target := identity.ARN(c.Partition, "iam", account, "root")
	if err := s.checkRegion(c, account); err != nil {
		return nil, err
	}
	if in.TaskPolicyArn == nil || in.TaskPolicyArn.Arn == nil || !strings.HasPrefix(*in.TaskPolicyArn.Arn, identity.ARN(c.Partition, "iam", "aws", rootTasks)) {
		return nil, api.Errorf("ValidationError", "TaskPolicyArn must be one of the managed policies for root tasks.")
	}
	task := *in.TaskPolicyArn.Arn
	sourceIdentity, err := chainedSourceIdentity(nil, c.Session)
	if err != nil {
		return nil, err
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{
			Action: "sts:AssumeRoot", Resource: target, ResourceAccount: account,
			Context:        map[string][]string{"sts:TaskPolicyArn": {task}},
			ResourcePolicy: &authz.ResourcePolicy{Kind: policy.Resource, ARN: target, Text: everybody},
		}); err != nil {
			return err
		}
		if err := (sessionPolicies{arns: []string{task}}).check(r, account); err != nil {
			return err
		}
		o, err := identity.LoadOrganization(r, c.Account)
		if err != nil {
			return err
		}
		member, err := identity.LoadMember(r, account)
		if err != nil {
			return err
		}
		if c.Kind == identity.Root || o == nil || !o.RunsRootAccess(r, c.Account) || !o.RootSessions ||
			member == nil || member.Organization != o.ID || account == o.Management {
			return api.Errorf("AccessDenied", "User: %s is not authorized to perform: sts:AssumeRoot on resource: %s", c.ARN, target)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	seconds := int32(rootSeconds)
	if in.DurationSeconds != nil {
		seconds = *in.DurationSeconds
	}
	session := &identity.Session{Kind: identity.Root, Account: account, AssumedRoot: true, PolicyARNs: []string{task}, SourceIdentity: sourceIdentity}
	issued, err := s.issue(ctx, c, session, seconds, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRootOutput{
		Credentials:             issued.Credentials,
		SessionTokenSize:        &issued.size,
		SessionTokenUtilization: &issued.utilization,
		SourceIdentity:          present(sourceIdentity),
	}, nil
}
