package sts_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// What users saw of PackedPolicySize: 74 with the tags of EKS Pod Identity alone, 37 with tags of one's own alone, 112 and refused with
// both (aws/containers-roadmap 2413, without the values); 142 with the tags of GitHub's action behind those of Pod Identity
// (aws-actions/configure-aws-credentials 1803); 2 with the tags c=c and b=c (an event of CloudTrail).
func TestPackedPolicySize(t *testing.T) {
	w := newWorld(t)
	config, arn := w.user(home, "ann", allow(`"sts:*"`))
	pod := w.role(home, "pod", trust(arn, all, ""), allow(`"sts:*"`))
	target := w.role(home, "target", trust(pod, all, ""), "")
	tags := func(pairs ...string) (list []types.Tag, keys []string) {
		for i := 0; i < len(pairs); i += 2 {
			list, keys = append(list, types.Tag{Key: &pairs[i], Value: &pairs[i+1]}), append(keys, pairs[i])
		}
		return list, keys
	}
	size := func(c *sts.Client, role string, transitive bool, pairs ...string) (int32, *types.Credentials, error) {
		t.Helper()
		list, keys := tags(pairs...)
		in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session"), Tags: list}
		if transitive {
			in.TransitiveTagKeys = keys
		}
		out, err := c.AssumeRole(t.Context(), in)
		if err != nil {
			return 0, nil, err
		}
		return aws.ToInt32(out.PackedPolicySize), out.Credentials, nil
	}
	about := func(what string, got, want int32) {
		t.Helper()
		if got < want-3 || got > want+3 {
			t.Errorf("%s: %d, want about %d", what, got, want)
		}
	}
	ann := sts.NewFromConfig(config)
	eks := []string{
		"eks-cluster-arn", "arn:aws:eks:us-east-1:111122223333:cluster/production", "eks-cluster-name", "production", "kubernetes-namespace", "payments",
		"kubernetes-service-account", "payments-app", "kubernetes-pod-name", "payments-5d8f7c9b6d-x2x7k", "kubernetes-pod-uid", "b1f6a5c3-9d2e-4b6f-8a53-0d0c6f6b8e21",
	}
	own := []string{
		"tenant", "0f8fad5b-d9cb-469f-a165-70867728950e", "organization", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "environment", "production",
		"purpose", "data-import", "requested-by", "scheduler", "component", "worker-import",
	}
	github := []string{
		"GitHub", "Actions", "Repository", "example-organization/infrastructure", "Workflow", "Deploy the infrastructure to production", "Action", "__aws-actions_configure-aws-credentials",
		"Actor", "octocat-the-first", "Commit", "2d5f3a8e1c6b9f0d4a7e8c3b5d1f6a9e0c4b7d82", "Branch", "refs/heads/main",
	}

	got, credentials, err := size(ann, pod, true, eks...)
	if err != nil {
		t.Fatal(err)
	}
	about("Pod Identity", got, 74)
	client := w.as(credentials)
	if got, _, err = size(client, target, false); err != nil {
		t.Fatal(err)
	}
	about("Pod Identity's, handed on", got, 74)
	if got, _, err = size(ann, pod, false, own...); err != nil {
		t.Fatal(err)
	}
	about("one's own", got, 37)
	if got, _, err = size(ann, pod, false, "c", "c", "b", "c"); err != nil || got != 2 {
		t.Errorf("of the least tags: %d, %v", got, err)
	}
	_, _, err = size(client, target, false, own...)
	expect(t, err, "PackedPolicyTooLarge", "Packed size of session tags consumes N% of allotted space.")
	_, _, err = size(client, target, true, github...)
	expect(t, err, "PackedPolicyTooLarge", "Packed size of session tags consumes N% of allotted space.")
}
