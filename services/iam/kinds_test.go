package iam_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const anyTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// kindOfEntity is what users, groups and roles have alike, for tests of all three.
type kindOfEntity struct {
	name, title string
	inlineSize  int
	create      func(name, path string) error
	attach      func(name, arn string) error
	detach      func(name, arn string) error
	attached    func(name, pathPrefix string, marker *string, max int32) ([]types.AttachedPolicy, *string, error)
	put         func(name, policy, document string) error
	get         func(name, policy string) (string, error)
	remove      func(name, policy string) error
	list        func(name string, marker *string, max int32) ([]string, *string, error)
}

func kindsOfEntity(ctx context.Context, client *iam.Client) []kindOfEntity {
	path := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	return []kindOfEntity{{
		name: "user", title: "User", inlineSize: 2048,
		create: func(name, path string) error {
			_, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: &path})
			return err
		},
		attach: func(name, arn string) error {
			_, err := client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &arn})
			return err
		},
		detach: func(name, arn string) error {
			_, err := client.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: &arn})
			return err
		},
		attached: func(name, prefix string, marker *string, max int32) ([]types.AttachedPolicy, *string, error) {
			out, err := client.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: &name, PathPrefix: path(prefix), Marker: marker, MaxItems: &max})
			if err != nil {
				return nil, nil, err
			}
			return out.AttachedPolicies, out.Marker, nil
		},
		put: func(name, policy, document string) error {
			_, err := client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: &policy, PolicyDocument: &document})
			return err
		},
		get: func(name, policy string) (string, error) {
			out, err := client.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &name, PolicyName: &policy})
			if err != nil {
				return "", err
			}
			return fmt.Sprint(*out.UserName, " ", *out.PolicyName, " ", *out.PolicyDocument), nil
		},
		remove: func(name, policy string) error {
			_, err := client.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: &policy})
			return err
		},
		list: func(name string, marker *string, max int32) ([]string, *string, error) {
			out, err := client.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: &name, Marker: marker, MaxItems: &max})
			if err != nil {
				return nil, nil, err
			}
			return out.PolicyNames, out.Marker, nil
		},
	}, {
		name: "group", title: "Group", inlineSize: 5120,
		create: func(name, path string) error {
			_, err := client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name, Path: &path})
			return err
		},
		attach: func(name, arn string) error {
			_, err := client.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: &arn})
			return err
		},
		detach: func(name, arn string) error {
			_, err := client.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: &name, PolicyArn: &arn})
			return err
		},
		attached: func(name, prefix string, marker *string, max int32) ([]types.AttachedPolicy, *string, error) {
			out, err := client.ListAttachedGroupPolicies(ctx, &iam.ListAttachedGroupPoliciesInput{GroupName: &name, PathPrefix: path(prefix), Marker: marker, MaxItems: &max})
			if err != nil {
				return nil, nil, err
			}
			return out.AttachedPolicies, out.Marker, nil
		},
		put: func(name, policy, document string) error {
			_, err := client.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: &name, PolicyName: &policy, PolicyDocument: &document})
			return err
		},
		get: func(name, policy string) (string, error) {
			out, err := client.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: &name, PolicyName: &policy})
			if err != nil {
				return "", err
			}
			return fmt.Sprint(*out.GroupName, " ", *out.PolicyName, " ", *out.PolicyDocument), nil
		},
		remove: func(name, policy string) error {
			_, err := client.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: &name, PolicyName: &policy})
			return err
		},
		list: func(name string, marker *string, max int32) ([]string, *string, error) {
			out, err := client.ListGroupPolicies(ctx, &iam.ListGroupPoliciesInput{GroupName: &name, Marker: marker, MaxItems: &max})
			if err != nil {
				return nil, nil, err
			}
			return out.PolicyNames, out.Marker, nil
		},
	}, {
		name: "role", title: "Role", inlineSize: 10240,
		create: func(name, path string) error {
			_, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(anyTrust)})
			return err
		},
		attach: func(name, arn string) error {
			_, err := client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
			return err
		},
		detach: func(name, arn string) error {
			_, err := client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &arn})
			return err
		},
		attached: func(name, prefix string, marker *string, max int32) ([]types.AttachedPolicy, *string, error) {
			out, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &name, PathPrefix: path(prefix), Marker: marker, MaxItems: &max})
			if err != nil {
				return nil, nil, err
			}
			return out.AttachedPolicies, out.Marker, nil
		},
		put: func(name, policy, document string) error {
			_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &policy, PolicyDocument: &document})
			return err
		},
		get: func(name, policy string) (string, error) {
			out, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
			if err != nil {
				return "", err
			}
			return fmt.Sprint(*out.RoleName, " ", *out.PolicyName, " ", *out.PolicyDocument), nil
		},
		remove: func(name, policy string) error {
			_, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy})
			return err
		},
		list: func(name string, marker *string, max int32) ([]string, *string, error) {
			out, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &name, Marker: marker, MaxItems: &max})
			if err != nil {
				return nil, nil, err
			}
			return out.PolicyNames, out.Marker, nil
		},
	}}
}
