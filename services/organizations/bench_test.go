package organizations_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/emulatortest"
)

// BenchmarkGuardrails is a call from an account five units deep, with ten service control policies at each level, and one from an account
// in no organization.
func BenchmarkGuardrails(b *testing.B) {
	e := emulatortest.Start(b)
	client := organizations.NewFromConfig(e.Config())
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	_, err := client.CreateOrganization(b.Context(), nil)
	must(err)
	roots, err := client.ListRoots(b.Context(), nil)
	must(err)
	root := roots.Roots[0].Id
	_, err = client.EnablePolicyType(b.Context(), &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: types.PolicyTypeServiceControlPolicy})
	must(err)
	parents := []*string{root}
	for range 5 {
		unit, err := client.CreateOrganizationalUnit(b.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: parents[len(parents)-1], Name: aws.String("unit")})
		must(err)
		parents = append(parents, unit.OrganizationalUnit.Id)
	}
	made, err := client.CreateAccount(b.Context(), &organizations.CreateAccountInput{AccountName: aws.String("deep"), Email: aws.String("deep@example.com")})
	must(err)
	status, err := client.DescribeCreateAccountStatus(b.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id})
	must(err)
	account := status.CreateAccountStatus.AccountId
	_, err = client.MoveAccount(b.Context(), &organizations.MoveAccountInput{AccountId: account, SourceParentId: root, DestinationParentId: parents[5]})
	must(err)
	for i, target := range append(parents, account) {
		for j := range 9 { // besides FullAWSAccess
			text := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["ec2:Run%d*","s3:Put%d*","kms:Delete%d*"],"Resource":"*"},
				{"Effect":"Deny","NotAction":["iam:*","sts:*","kms:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["us-east-1","eu-west-%d"]}}}]}`, j, j, j, j)
			p, err := client.CreatePolicy(b.Context(), &organizations.CreatePolicyInput{Type: types.PolicyTypeServiceControlPolicy, Name: aws.String(fmt.Sprint(i, j)), Description: aws.String(""), Content: &text})
			must(err)
			_, err = client.AttachPolicy(b.Context(), &organizations.AttachPolicyInput{PolicyId: p.Policy.PolicySummary.Id, TargetId: target})
			must(err)
		}
	}
	for name, account := range map[string]string{"outside": "222222222222", "deep": *account} {
		b.Run(name, func(b *testing.B) {
			keys := kms.NewFromConfig(e.ConfigWith(account, "test", "", "us-east-1"))
			_, err := keys.ListKeys(b.Context(), nil)
			must(err)
			for b.Loop() {
				_, err := keys.ListKeys(b.Context(), nil)
				must(err)
			}
		})
	}
}
