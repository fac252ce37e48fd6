package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/emulatortest"
)

const partnerAccount = "111111111111"

// delegationWorld has a partner, who makes requests of policies, and an account with a user.
type delegationWorld struct {
	t             *testing.T
	partner, root *iam.Client
	user          *iam.Client
	made          int
}

func newDelegationWorld(t *testing.T) *delegationWorld {
	e := emulatortest.Start(t)
	w := &delegationWorld{t: t, partner: iam.NewFromConfig(e.ConfigWith(partnerAccount, "test", "", emulatortest.Region)), root: iam.NewFromConfig(e.Config())}
	ann := aws.String("ann")
	must(w.root.CreateUser(t.Context(), &iam.CreateUserInput{UserName: ann}))(t)
	key := must(w.root.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: ann}))(t).AccessKey
	w.user = iam.NewFromConfig(e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region))
	return w
}

// request makes a request of a policy with these statements, and returns its ID.
func (w *delegationWorld) request(statements string) *string {
	w.t.Helper()
	w.made++
	name := aws.String(fmt.Sprint("template", w.made))
	template := must(w.partner.CreatePolicy(w.t.Context(), &iam.CreatePolicyInput{PolicyName: name, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":` + statements + `}`)}))(w.t).Policy.Arn
	return must(w.partner.CreateDelegationRequest(w.t.Context(), &iam.CreateDelegationRequestInput{
		Description: aws.String("d"), NotificationChannel: aws.String("arn:aws:sns:us-east-1:111111111111:topic"), RequestorWorkflowId: name, SessionDuration: aws.Int32(1800),
		Permissions: &types.DelegationPermission{PolicyTemplateArn: template},
	}))(w.t).DelegationRequestId
}

// allow gives the user a policy with these statements.
func (w *delegationWorld) allow(statements string) {
	w.t.Helper()
	must(w.root.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)}))(w.t)
}

// TestPermissionCheck compares what a request asks for with what the caller may do.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetDelegationRequest.html
func TestPermissionCheck(t *testing.T) {
	w := newDelegationWorld(t)
	const get = `{"Effect":"Allow","Action":"iam:GetDelegationRequest","Resource":"*"},`
	some := `{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/*"}`
	all := `[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]`
	for name, test := range map[string]struct {
		asked, allowed string
		want           types.PermissionCheckResultType
	}{
		"all of it":                       {some, `{"Effect":"Allow","Action":"S3:*","Resource":"*"}`, "ALLOWED"},
		"each of it":                      {some, `{"Effect":"Allow","Action":["s3:GetObject","s3:Put*"],"Resource":"arn:aws:s3:::b*"}`, "ALLOWED"},
		"not all actions":                 {some, `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`, "DENIED"},
		"not all resources":               {some, `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/a/*"}`, "DENIED"},
		"part of a wildcard":              {all, `{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}`, "DENIED"},
		"denied":                          {some, `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:PutObject","Resource":"*"}`, "DENIED"},
		"part of a wildcard denied":       {all, `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"S3:DeleteBucket","Resource":"*"}`, "UNSURE"},
		"part of the resources denied":    {some, `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/secret"}`, "UNSURE"},
		"denied elsewhere":                {some, `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::c/*"}`, "ALLOWED"},
		"allowed on a condition":          {some, `{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}`, "UNSURE"},
		"denied on a condition":           {some, `{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"s3:prefix":"x"}}}`, "UNSURE"},
		"what is denied is not asked for": {`[` + some + `,{"Effect":"Deny","Action":"ec2:*","Resource":"*"}]`, `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, "ALLOWED"},
		"a NotAction":                     {`{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`, `{"Effect":"Allow","Action":"*","Resource":"*"}`, "UNSURE"},
		"more than is asked":              {`{"Effect":"Allow","Action":["a:b` + strings.Repeat(`","a:b`, 100) + `"],"Resource":"*"}`, `{"Effect":"Allow","Action":"*","Resource":"*"}`, "UNSURE"},
	} {
		t.Run(name, func(t *testing.T) {
			id := w.request(test.asked)
			w.allow(get + test.allowed)
			got := must(w.user.GetDelegationRequest(t.Context(), &iam.GetDelegationRequestInput{DelegationRequestId: id, DelegationPermissionCheck: true}))(t)
			if got.PermissionCheckStatus != types.PermissionCheckStatusTypeComplete || got.PermissionCheckResult != test.want {
				t.Errorf("%s %s, want %s", got.PermissionCheckStatus, got.PermissionCheckResult, test.want)
			}
			if got := must(w.user.GetDelegationRequest(t.Context(), &iam.GetDelegationRequestInput{DelegationRequestId: id}))(t); got.PermissionCheckStatus != "" {
				t.Errorf("unasked %s", got.PermissionCheckStatus)
			}
		})
	}
}

// TestHumanReadableSummary: whoever may see a request may ask for its summary, of which there is none.
func TestHumanReadableSummary(t *testing.T) {
	w := newDelegationWorld(t)
	id := *w.request(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`)
	summary := func(client *iam.Client, arn string) (*iam.GetHumanReadableSummaryOutput, error) {
		return client.GetHumanReadableSummary(t.Context(), &iam.GetHumanReadableSummaryInput{EntityArn: &arn, Locale: aws.String("de")})
	}
	const prefix = "arn:aws:iam::000000000000:delegation-request/"
	out := must(summary(w.root, prefix+id))(t)
	if out.SummaryState != types.SummaryStateTypeNotSupported || out.SummaryContent != nil || *out.Locale != "de" {
		t.Errorf("summary %+v", out)
	}
	_, err := summary(w.user, prefix+id)
	wantError(t, err, "AccessDenied", "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: iam:GetHumanReadableSummary on resource: "+prefix+id+
		" because no identity-based policy allows the iam:GetHumanReadableSummary action")
	w.allow(`{"Effect":"Allow","Action":"iam:AssociateDelegationRequest","Resource":"*"}`)
	must(w.user.AssociateDelegationRequest(t.Context(), &iam.AssociateDelegationRequestInput{DelegationRequestId: &id}))(t)
	must(summary(w.user, prefix+id))(t) // now its owner
	_, err = summary(w.root, prefix+strings.Repeat("x", 16))
	wantError(t, err, "NoSuchEntity", "The delegation request with id xxxxxxxxxxxxxxxx cannot be found.")
	for _, bad := range []string{"arn:aws:iam::000000000000:role/app", "arn:aws-cn:iam::000000000000:delegation-request/" + id, "delegation-request/" + id, prefix} {
		_, err = summary(w.root, bad)
		wantError(t, err, "InvalidInput", "ARN "+bad+" is not valid.")
	}
}

// TestDelegationConditionKeys has the condition keys of delegation requests.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
func TestDelegationConditionKeys(t *testing.T) {
	ctx, w := t.Context(), newDelegationWorld(t)
	template := must(w.root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("t"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}`)}))(t).Policy.Arn
	create := func(workflow, condition string) error {
		w.allow(`{"Effect":"Allow","Action":"iam:CreateDelegationRequest","Resource":"*","Condition":` + condition + `}`)
		_, err := w.user.CreateDelegationRequest(ctx, &iam.CreateDelegationRequestInput{
			Description: aws.String("d"), NotificationChannel: aws.String("arn:aws:sns:us-east-1:000000000000:topic"), RequestorWorkflowId: &workflow, SessionDuration: aws.Int32(1800),
			OwnerAccountId: aws.String(partnerAccount), Permissions: &types.DelegationPermission{PolicyTemplateArn: template},
		})
		return err
	}
	for i, good := range []string{
		`{"NumericLessThanEquals":{"iam:DelegationDuration":"1800"}}`, `{"StringLike":{"iam:NotificationChannel":"*:topic"}}`, `{"ArnLike":{"iam:TemplateArn":"` + *template + `"}}`,
		`{"ArnLike":{"iam:DelegationRequestOwner":"arn:aws:iam::111111111111:*"}}`,
	} {
		if err := create(fmt.Sprint("good", i), good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		`{"NumericLessThan":{"iam:DelegationDuration":"1800"}}`, `{"StringLike":{"iam:NotificationChannel":"*:other"}}`, `{"ArnLike":{"iam:TemplateArn":"arn:aws:iam::aws:policy/*"}}`,
		`{"ArnLike":{"iam:DelegationRequestOwner":"arn:aws:iam::222222222222:*"}}`,
	} {
		if err := create("workflow", bad); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("%s: %v", bad, err)
		}
	}

	id := w.request(`{"Effect":"Allow","Action":"a:b","Resource":"*"}`)
	must(w.root.AssociateDelegationRequest(ctx, &iam.AssociateDelegationRequestInput{DelegationRequestId: id}))(t)
	owner := "arn:aws:iam::000000000000:root"
	for condition, allowed := range map[string]bool{owner: true, "arn:aws:iam::000000000000:user/other": false} {
		w.allow(`{"Effect":"Allow","Action":["iam:GetDelegationRequest","iam:ListDelegationRequests"],"Resource":"*","Condition":{"ArnEquals":{"iam:DelegationRequestOwner":"` + condition + `"}}}`)
		_, get := w.user.GetDelegationRequest(ctx, &iam.GetDelegationRequestInput{DelegationRequestId: id})
		_, list := w.user.ListDelegationRequests(ctx, &iam.ListDelegationRequestsInput{OwnerId: &owner})
		if (get == nil) != allowed || (list == nil) != allowed {
			t.Errorf("%s: %v, %v", condition, get, list)
		}
	}
	if _, err := w.user.ListDelegationRequests(ctx, nil); err == nil {
		t.Error("listed the requests of all owners")
	}
}
