package sts_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// TestDelegatedAccess is the way of a request from a partner to the owner, the administrator and back.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/temporary-delegation-building-integration.html
func TestDelegatedAccess(t *testing.T) {
	w := newWorld(t)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	partner := iam.NewFromConfig(w.in(other))
	template, err := partner.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("template"), PolicyDocument: aws.String(
		document(`{"Effect":"Allow","Action":["iam:GetUser","iam:ListUsers"],"Resource":"arn:aws:iam::*:user/@{user1}"}`))})
	check(err)
	create := func(workflow string, change func(*iam.CreateDelegationRequestInput)) (string, error) {
		in := &iam.CreateDelegationRequestInput{
			Description: aws.String("read"), NotificationChannel: aws.String("arn:aws:sns:us-east-1:111111111111:topic"), RequestorWorkflowId: &workflow, SessionDuration: aws.Int32(1800),
			Permissions: &iamtypes.DelegationPermission{PolicyTemplateArn: template.Policy.Arn, Parameters: []iamtypes.PolicyParameter{{Name: aws.String("user1"), Values: []string{"app*"}}}},
		}
		if change != nil {
			change(in)
		}
		out, err := partner.CreateDelegationRequest(t.Context(), in)
		if err != nil {
			return "", err
		}
		return *out.DelegationRequestId, nil
	}
	id, err := create("workflow-1", nil)
	check(err)
	_, err = create("workflow-1", nil)
	expect(t, err, "EntityAlreadyExists", "A delegation request with the workflow ID workflow-1 already exists.")
	_, err = create("workflow-2", func(in *iam.CreateDelegationRequestInput) { in.Permissions.Parameters = nil })
	expect(t, err, "InvalidInput", "The policy template "+*template.Policy.Arn+" has parameters that are not given.")
	_, err = create("workflow-2", func(in *iam.CreateDelegationRequestInput) {
		in.Permissions.PolicyTemplateArn = aws.String(*template.Policy.Arn + "x")
	})
	expect(t, err, "InvalidInput", "The policy template "+*template.Policy.Arn+"x does not exist.")

	admin := iam.NewFromConfig(w.in(home))
	for _, name := range []string{"app1", "person"} {
		_, err := admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name})
		check(err)
	}
	annConfig, annARN := w.user(home, "ann", allow(`"iam:AssociateDelegationRequest"`))
	bobConfig, bobARN := w.user(home, "bob", allow(`["iam:GetUser","iam:AcceptDelegationRequest","iam:RejectDelegationRequest","iam:ListDelegationRequests"]`))
	ann, bob := iam.NewFromConfig(annConfig), iam.NewFromConfig(bobConfig)
	associate := func(client *iam.Client, id string) error {
		_, err := client.AssociateDelegationRequest(t.Context(), &iam.AssociateDelegationRequestInput{DelegationRequestId: &id})
		return err
	}
	accept := func(client *iam.Client, id string) error {
		_, err := client.AcceptDelegationRequest(t.Context(), &iam.AcceptDelegationRequestInput{DelegationRequestId: &id})
		return err
	}
	send := func(client *iam.Client, id string) error {
		_, err := client.SendDelegationToken(t.Context(), &iam.SendDelegationTokenInput{DelegationRequestId: &id})
		return err
	}
	expect(t, accept(bob, id), "NoSuchEntity", "The delegation request is in state UNASSIGNED.")
	check(associate(ann, id))
	expect(t, associate(ann, id), "InvalidInput", "The delegation request is in state ASSIGNED.")
	_, err = ann.UpdateDelegationRequest(t.Context(), &iam.UpdateDelegationRequestInput{DelegationRequestId: &id, Notes: aws.String("please")})
	check(err)
	expect(t, send(ann, id), "InvalidInput", "The delegation request is in state PENDING_APPROVAL.")
	check(accept(bob, id))
	got, err := ann.GetDelegationRequest(t.Context(), &iam.GetDelegationRequestInput{DelegationRequestId: &id})
	check(err)
	if d := got.DelegationRequest; d.State != iamtypes.StateTypeAccepted || *d.OwnerId != annARN || *d.ApproverId != bobARN || *d.Notes != "please" {
		t.Errorf("got %+v", d)
	}
	list, err := bob.ListDelegationRequests(t.Context(), &iam.ListDelegationRequestsInput{OwnerId: &annARN})
	if err != nil || len(list.DelegationRequests) != 1 {
		t.Errorf("list %v, %v", list, err)
	}
	check(send(ann, id))

	tradeInToken := func(id string) string {
		t.Helper()
		resp, err := http.Get(w.URL + "/_emulator/delegation-requests/" + id)
		check(err)
		defer resp.Body.Close()
		var sent struct{ TradeInToken string }
		check(json.NewDecoder(resp.Body).Decode(&sent))
		return sent.TradeInToken
	}
	token := tradeInToken(id)
	trade := func(account, token string) (*sts.GetDelegatedAccessTokenOutput, error) {
		return sts.NewFromConfig(w.in(account)).GetDelegatedAccessToken(t.Context(), &sts.GetDelegatedAccessTokenInput{TradeInToken: &token})
	}
	out, err := trade(other, token)
	check(err)
	if left := out.Credentials.Expiration.Sub(w.Clock.Now()).Round(time.Minute); *out.AssumedPrincipal != bobARN || left != 30*time.Minute {
		t.Errorf("%s for %v", *out.AssumedPrincipal, left)
	}
	// What the request asked for, as far as bob may do it.
	as := func(c *types.Credentials) *iam.Client {
		return iam.NewFromConfig(w.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "us-east-1"))
	}
	inside := as(out.Credentials)
	if _, err := inside.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("app1")}); err != nil {
		t.Error(err)
	}
	_, err = inside.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("person")})
	expect(t, err, "AccessDenied", notAuthorized(bobARN, "iam:GetUser", "arn:aws:iam::000000000000:user/person")+" because no session policy allows the iam:GetUser action")
	_, err = inside.ListUsers(t.Context(), nil)
	expect(t, err, "AccessDenied", notAuthorized(bobARN, "iam:ListUsers", "arn:aws:iam::000000000000:user/")+noIdentityPolicy("iam:ListUsers"))

	const invalid = "The trade-in token is not valid."
	_, err = trade(home, token)
	expect(t, err, "ValidationError", invalid)
	_, err = trade(other, "token")
	expect(t, err, "ValidationError", invalid)
	w.Clock.Advance(30 * time.Minute)
	_, err = trade(other, token)
	expect(t, err, "ExpiredTradeInTokenException", "The trade-in token has expired.")

	// A policy that no session token has room for.
	large, err := partner.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("large"), PolicyDocument: aws.String(
		document(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + noise(5500) + `"}`))})
	check(err)
	tooMuch, err := create("workflow-large", func(in *iam.CreateDelegationRequestInput) {
		in.Permissions = &iamtypes.DelegationPermission{PolicyTemplateArn: large.Policy.Arn}
	})
	check(err)
	check(associate(ann, tooMuch))
	check(accept(bob, tooMuch))
	check(send(ann, tooMuch))
	_, err = trade(other, tradeInToken(tooMuch))
	expect(t, err, "PackedPolicyTooLarge", tooLarge)

	// Other ends.
	rejected, err := create("workflow-3", func(in *iam.CreateDelegationRequestInput) { in.OwnerAccountId = aws.String(home) })
	check(err)
	expect(t, associate(iam.NewFromConfig(w.in("222222222222")), rejected), "NoSuchEntity", "The delegation request with id "+rejected+" cannot be found.")
	check(associate(ann, rejected))
	_, err = bob.RejectDelegationRequest(t.Context(), &iam.RejectDelegationRequestInput{DelegationRequestId: &rejected, Notes: aws.String("no")})
	check(err)
	expect(t, accept(bob, rejected), "NoSuchEntity", "The delegation request is in state REJECTED.")
	late, err := create("workflow-4", nil)
	check(err)
	check(associate(ann, late))
	w.Clock.Advance(8 * 24 * time.Hour)
	expect(t, accept(bob, late), "NoSuchEntity", "The delegation request is in state EXPIRED.")
	expect(t, send(ann, late), "InvalidInput", "The delegation request is in state EXPIRED.")
	own, err := create("workflow-5", func(in *iam.CreateDelegationRequestInput) { in.OnlySendByOwner = true })
	check(err)
	check(associate(ann, own))
	check(accept(admin, own))
	expect(t, send(admin, own), "InvalidInput", "Only the owner of the delegation request can send its token.")
	check(send(ann, own))

	// What limits a session would not limit the one that is made of it.
	limited, err := create("workflow-6", nil)
	check(err)
	check(associate(ann, limited))
	role := w.role(home, "approver", trust(annARN, all, ""), allow(`"*"`))
	session, err := sts.NewFromConfig(annConfig).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")})
	check(err)
	scoped := w.mustScope(w.withCredentials(session.Credentials), allow(`"iam:AcceptDelegationRequest"`), "")
	expect(t, accept(as(&scoped.Credentials), limited), "AccessDenied", "A session with session policies can't accept a delegation request.")
	check(accept(as(session.Credentials), limited))
}
