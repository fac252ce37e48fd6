package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

// assumeRole reads, and writes nothing: the session token is the session.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (s *Service) assumeRole(ctx context.Context, c api.Caller, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	if c.Kind == identity.Root {
		return nil, api.Errorf("AccessDenied", "Roles may not be assumed by root accounts.")
	}
	if err := mayCall(c, "AssumeRole"); err != nil {
		return nil, err
	}
	arn, err := parseRoleARN(*in.RoleArn)
	if err != nil {
		return nil, err
	}
	if err := s.checkRegion(c, c.Account); err != nil {
		return nil, err
	}
	// AWS counts any temporary credentials as the first link of a chain, those of
	// GetSessionToken too.
	if c.Session != nil && aws.ToInt32(in.DurationSeconds) > hour {
		return nil, api.Errorf("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	assertion, err := s.openContext(arn.partition, in.ProvidedContexts)
	if err != nil {
		return nil, err
	}
	requested, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(requested, in.TransitiveTagKeys, c.Session)
	if err != nil {
		return nil, err
	}
	sourceIdentity, err := chainedSourceIdentity(in.SourceIdentity, c.Session)
	if err != nil {
		return nil, err
	}
	policies, err := s.newSessionPolicies(arn.partition, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	mfa, err := s.proveMFA(ctx, c, in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	if mfa.IsZero() && c.Session != nil && c.Kind == identity.UserKind {
		mfa = c.Session.MFA // a user's second factor is good for the roles it switches to, a role's is not
	}

	question := roleRequest{
		action:  "sts:AssumeRole",
		mfa:     mfa,
		arn:     arn,
		tags:    tags.requested,
		tagging: len(tags.all) > 0,
		naming:  sourceIdentity != "",
		setting: assertion != nil,
		context: map[string][]string{"sts:RoleSessionName": {*in.RoleSessionName}},
	}
	if in.ExternalId != nil {
		question.context["sts:ExternalId"] = []string{*in.ExternalId}
	}
	if in.SourceIdentity != nil {
		question.context["sts:SourceIdentity"] = []string{*in.SourceIdentity}
	}
	if len(in.TransitiveTagKeys) > 0 {
		question.context["sts:TransitiveTagKeys"] = in.TransitiveTagKeys
	}
	if assertion != nil {
		requestContext(question.context, assertion.Provider, assertion.Context)
	}
	var role *identity.Role
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		if role, err = s.authorizeRole(r, c, &question); err != nil {
			return err
		}
		return policies.check(r, role.Account)
	})
	if err != nil {
		return nil, err
	}
	seconds, err := roleDuration(in.DurationSeconds, role)
	if err != nil {
		return nil, err
	}
	session := roleSession(role, *in.RoleSessionName, policies, tags, sourceIdentity)
	setContext(session, assertion)
	session.MFA = mfa
	session.Chained = c.Kind == identity.AssumedRole
	issued, err := s.issue(ctx, c, session, seconds, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{
		AssumedRoleUser: assumedRoleUser(role, session),
		Credentials:     issued.Credentials,
		//lint:ignore SA1019 clients that know of no other still read it
		PackedPolicySize:        &issued.utilization,
		SessionTokenSize:        &issued.size,
		SessionTokenUtilization: &issued.utilization,
		SourceIdentity:          present(sourceIdentity),
	}, nil
}

// chainedSourceIdentity returns the source identity of a session that from makes: once
// set it stays for the whole chain of roles.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
func chainedSourceIdentity(requested *string, from *identity.Session) (string, error) {
	if from == nil || from.SourceIdentity == "" {
		return aws.ToString(requested), nil
	}
	if requested != nil && *requested != from.SourceIdentity {
		return "", api.Errorf("AccessDenied", "The source identity of the calling session can't be changed.")
	}
	return from.SourceIdentity, nil
}

// roleSession is a session of a role, without the times.
func roleSession(role *identity.Role, name string, policies sessionPolicies, tags sessionTags, sourceIdentity string) *identity.Session {
	return &identity.Session{
		Kind:           identity.AssumedRole,
		Account:        role.Account,
		Name:           role.Name,
		ID:             role.ID,
		SessionName:    name,
		Policies:       policies.texts,
		PolicyARNs:     policies.arns,
		SourceIdentity: sourceIdentity,
		Tags:           tags.all,
		TransitiveTags: tags.transitive,
	}
}

func assumedRoleUser(role *identity.Role, session *identity.Session) *types.AssumedRoleUser {
	return &types.AssumedRoleUser{
		Arn:           aws.String(identity.ARN(role.Partition, "sts", role.Account, "assumed-role/"+role.Name+"/"+session.SessionName)),
		AssumedRoleId: aws.String(role.ID + ":" + session.SessionName),
	}
}

// present returns nil for "": members that are empty are left out of an answer.
func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
