package organizations_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/server"
	emulated "emulator/services/organizations"
)

func wantHandshake(t *testing.T, err error, reason types.HandshakeConstraintViolationExceptionReason) {
	t.Helper()
	if e, ok := errors.AsType[*types.HandshakeConstraintViolationException](err); !ok || e.Reason != reason {
		t.Errorf("got %v, want %s", err, reason)
	}
}

const guest = "222222222222"

func (o *tree) invite(kind types.HandshakePartyType, id string) (*types.Handshake, error) {
	out, err := o.InviteAccountToOrganization(o.t.Context(), &organizations.InviteAccountToOrganizationInput{Target: &types.HandshakeParty{Id: &id, Type: kind}})
	if err != nil {
		return nil, err
	}
	return out.Handshake, nil
}

// invited returns the ID of an invitation to an account.
func (o *tree) invited(account string) *string {
	o.t.Helper()
	h, err := o.invite(types.HandshakePartyTypeAccount, account)
	check(o.t, err)
	return h.Id
}

// joined makes an account a member by an invitation.
func (o *tree) joined(account string) {
	o.t.Helper()
	check(o.t, accept(o.t, o.as(account), o.invited(account)))
}

func accept(t *testing.T, client *organizations.Client, id *string) error {
	_, err := client.AcceptHandshake(t.Context(), &organizations.AcceptHandshakeInput{HandshakeId: id})
	return err
}

func decline(t *testing.T, client *organizations.Client, id *string) error {
	_, err := client.DeclineHandshake(t.Context(), &organizations.DeclineHandshakeInput{HandshakeId: id})
	return err
}

func cancel(t *testing.T, client *organizations.Client, id *string) error {
	_, err := client.CancelHandshake(t.Context(), &organizations.CancelHandshakeInput{HandshakeId: id})
	return err
}

func handshakeState(t *testing.T, client *organizations.Client, id *string) types.HandshakeState {
	t.Helper()
	out, err := client.DescribeHandshake(t.Context(), &organizations.DescribeHandshakeInput{HandshakeId: id})
	check(t, err)
	return out.Handshake.State
}

func ofAccount(t *testing.T, client *organizations.Client, filter *types.HandshakeFilter) []types.Handshake {
	t.Helper()
	out, err := client.ListHandshakesForAccount(t.Context(), &organizations.ListHandshakesForAccountInput{Filter: filter})
	check(t, err)
	return out.Handshakes
}

func ofOrganization(t *testing.T, client *organizations.Client, filter *types.HandshakeFilter) []types.Handshake {
	t.Helper()
	out, err := client.ListHandshakesForOrganization(t.Context(), &organizations.ListHandshakesForOrganizationInput{Filter: filter})
	check(t, err)
	return out.Handshakes
}

// resources returns a handshake's as "TYPE=value ", those within others in brackets.
func resources(all []types.HandshakeResource) (text string) {
	for _, r := range all {
		text += string(r.Type) + "=" + *r.Value
		if r.Resources != nil {
			text += "[" + resources(r.Resources) + "]"
		}
		text += " "
	}
	return text
}

// The example of https://docs.aws.amazon.com/organizations/latest/APIReference/API_InviteAccountToOrganization.html.
func TestInvitation(t *testing.T) {
	o := newTree(t)
	o.facts(guest, emulated.Facts{Email: "juan@example.com", Name: "Juan"})
	out, err := o.InviteAccountToOrganization(t.Context(), &organizations.InviteAccountToOrganizationInput{
		Target: &types.HandshakeParty{Type: types.HandshakePartyTypeEmail, Id: aws.String("juan@example.com")}, Notes: aws.String("come"), Tags: tagsOf("a", "b"),
	})
	check(t, err)
	h := out.Handshake
	if want := "ORGANIZATION=" + o.id + "[MASTER_EMAIL=000000000000@example.com MASTER_NAME=Management ORGANIZATION_FEATURE_SET=ALL ] EMAIL=juan@example.com NOTES=come "; resources(h.Resources) != want {
		t.Errorf("resources %s", resources(h.Resources))
	}
	if h.State != types.HandshakeStateOpen || h.Action != types.ActionTypeInviteAccountToOrganization || *h.Arn != "arn:aws:organizations::000000000000:handshake/"+o.id+"/invite/"+*h.Id ||
		h.ExpirationTimestamp.Sub(*h.RequestedTimestamp) != 15*day || len(h.Parties) != 2 || *h.Parties[0].Id != o.id || *h.Parties[1].Id != "juan@example.com" {
		t.Errorf("got %+v", h)
	}
	juan := o.as(guest)
	if got := ofAccount(t, juan, nil); len(got) != 1 || *got[0].Id != *h.Id {
		t.Errorf("received %+v", got)
	}
	_, err = o.invite(types.HandshakePartyTypeAccount, guest)
	wantCode(t, err, "DuplicateHandshakeException")
	_, err = juan.ListHandshakesForOrganization(t.Context(), nil)
	wantCode(t, err, "AWSOrganizationsNotInUseException")

	// Each side does what is its own, and nobody else anything.
	wantCode(t, cancel(t, juan, h.Id), "AccessDeniedException")
	wantCode(t, accept(t, o.Client, h.Id), "AccessDeniedException")
	wantCode(t, decline(t, o.Client, h.Id), "AccessDeniedException")
	stranger := o.as("333333333333")
	for _, err := range []error{accept(t, stranger, h.Id), decline(t, stranger, h.Id), cancel(t, stranger, h.Id)} {
		wantCode(t, err, "HandshakeNotFoundException")
	}
	_, err = stranger.DescribeHandshake(t.Context(), &organizations.DescribeHandshakeInput{HandshakeId: h.Id})
	wantCode(t, err, "HandshakeNotFoundException")

	check(t, accept(t, juan, h.Id))
	for _, client := range []*organizations.Client{juan, o.Client} {
		if got := handshakeState(t, client, h.Id); got != types.HandshakeStateAccepted {
			t.Errorf("state %s", got)
		}
	}
	account, err := o.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: aws.String(guest)})
	check(t, err)
	if a := account.Account; a.JoinedMethod != types.AccountJoinedMethodInvited || *a.Email != "juan@example.com" || *a.Name != "Juan" || o.tags(guest) != "a=b " {
		t.Errorf("got %+v", a)
	}
	_, err = iam.NewFromConfig(o.e.ConfigWith(guest, "test", "", "us-east-1")).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForOrganizations")})
	check(t, err)
	wantCode(t, accept(t, juan, h.Id), "HandshakeAlreadyInStateException")
	wantCode(t, decline(t, juan, h.Id), "InvalidHandshakeTransitionException")
	wantCode(t, cancel(t, o.Client, h.Id), "InvalidHandshakeTransitionException")
	_, err = o.invite(types.HandshakePartyTypeAccount, guest)
	wantHandshake(t, err, types.HandshakeConstraintViolationExceptionReasonAlreadyInAnOrganization)

	o.e.Clock.Advance(31 * day) // it is shown for thirty days
	_, err = o.DescribeHandshake(t.Context(), &organizations.DescribeHandshakeInput{HandshakeId: h.Id})
	wantCode(t, err, "HandshakeNotFoundException")
	if got := append(ofOrganization(t, o.Client, nil), ofAccount(t, juan, nil)...); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}

func TestInvitationsEnd(t *testing.T) {
	o := newTree(t)
	member := o.as(guest)
	declined := o.invited(guest)
	check(t, decline(t, member, declined))
	wantCode(t, decline(t, member, declined), "HandshakeAlreadyInStateException")
	wantCode(t, accept(t, member, declined), "InvalidHandshakeTransitionException")
	canceled := o.invited(guest)
	check(t, cancel(t, o.Client, canceled))
	wantCode(t, cancel(t, o.Client, canceled), "HandshakeAlreadyInStateException")
	expired := o.invited(guest)
	o.e.Clock.Advance(15 * day)
	wantCode(t, accept(t, member, expired), "InvalidHandshakeTransitionException")
	for id, want := range map[*string]types.HandshakeState{
		declined: types.HandshakeStateDeclined, canceled: types.HandshakeStateCanceled, expired: types.HandshakeStateExpired,
	} {
		if got := handshakeState(t, member, id); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := ofAccount(t, member, &types.HandshakeFilter{ActionType: types.ActionTypeInviteAccountToOrganization}); len(got) != 3 {
		t.Errorf("got %+v", got)
	}
	if got := ofOrganization(t, o.Client, &types.HandshakeFilter{ActionType: types.ActionTypeTransferResponsibility}); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	both := &types.HandshakeFilter{ActionType: types.ActionTypeInviteAccountToOrganization, ParentHandshakeId: declined}
	_, err := member.ListHandshakesForAccount(t.Context(), &organizations.ListHandshakesForAccountInput{Filter: both})
	wantInput(t, err, types.InvalidInputExceptionReasonMaxFilterLimitExceeded)
	_, err = o.ListHandshakesForOrganization(t.Context(), &organizations.ListHandshakesForOrganizationInput{Filter: both})
	wantInput(t, err, types.InvalidInputExceptionReasonMaxFilterLimitExceeded)
}

// An address that no account has yet is that of an account later, which then has the invitation.
func TestInvitationToAddressOfNobody(t *testing.T) {
	o := newTree(t)
	h, err := o.invite(types.HandshakePartyTypeEmail, "Anika@example.org")
	check(t, err)
	_, err = o.invite(types.HandshakePartyTypeEmail, "anika@example.org")
	wantCode(t, err, "DuplicateHandshakeException")
	anika := o.as(guest)
	wantCode(t, accept(t, anika, h.Id), "HandshakeNotFoundException")
	o.facts(guest, emulated.Facts{Email: "anika@example.org"})
	check(t, accept(t, anika, h.Id))

	own, err := o.invite(types.HandshakePartyTypeEmail, "333333333333@example.com") // which that account has had from the beginning
	check(t, err)
	check(t, accept(t, o.as("333333333333"), own.Id))
}

func TestInviteAccountIsRefused(t *testing.T) {
	o := newTree(t)
	for name, c := range map[string]struct {
		kind types.HandshakePartyType
		id   string
		want types.InvalidInputExceptionReason
	}{
		"an organization": {types.HandshakePartyTypeOrganization, o.id, types.InvalidInputExceptionReasonInvalidPartyTypeTarget},
		"no address":      {types.HandshakePartyTypeEmail, "nobody", types.InvalidInputExceptionReasonInvalidEmailAddressTarget},
		"no account":      {types.HandshakePartyTypeAccount, "1234", types.InvalidInputExceptionReasonInvalidPattern},
		"no kind":         {"PIGEON", guest, types.InvalidInputExceptionReasonInvalidEnum},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := o.invite(c.kind, c.id)
			wantInput(t, err, c.want)
		})
	}
	invite := func() error {
		_, err := o.invite(types.HandshakePartyTypeAccount, guest)
		return err
	}
	o.is(management, "initializing")
	wantCode(t, invite(), "FinalizingOrganizationException")
	o.is(management, "emailUnverified")
	wantCode(t, invite(), "AccountOwnerNotVerifiedException")
	o.is(management, "emailCodeExpired")
	wantConstraint(t, invite(), types.ConstraintViolationExceptionReasonEmailVerificationCodeExpired)
	o.is(management)

	h := o.invited(guest)
	member := o.as(guest)
	for fact, want := range map[string]types.HandshakeConstraintViolationExceptionReason{
		"membershipJustChanged": types.HandshakeConstraintViolationExceptionReasonOrganizationMembershipChangeRateLimitExceeded,
		"paymentMissing":        types.HandshakeConstraintViolationExceptionReasonPaymentInstrumentRequired,
	} {
		o.is(guest, fact)
		wantHandshake(t, accept(t, member, h), want)
	}
	o.facts(guest, emulated.Facts{Seller: "AISPL"})
	wantHandshake(t, accept(t, member, h), types.HandshakeConstraintViolationExceptionReasonOrganizationFromDifferentSellerOfRecord)
	o.is(guest)
	china := organizations.NewFromConfig(o.e.ConfigWith(guest, "test", "", "cn-north-1"))
	wantHandshake(t, accept(t, china, h), types.HandshakeConstraintViolationExceptionReasonOrganizationFromDifferentSellerOfRecord)
	check(t, accept(t, member, h))
}

// As many invitations can be sent within a day; those that were accepted do not count.
func TestInvitationsPerDay(t *testing.T) {
	o := newTree(t, server.Config{Quotas: []string{"organizations.Accounts=3", "organizations.InvitationsPerDay=3"}})
	o.joined(guest)
	for range 3 {
		check(t, cancel(t, o.Client, o.invited("333333333333")))
	}
	_, err := o.invite(types.HandshakePartyTypeAccount, "333333333333")
	wantHandshake(t, err, types.HandshakeConstraintViolationExceptionReasonHandshakeRateLimitExceeded)
	o.e.Clock.Advance(day)
	h := o.invited("333333333333")
	_, err = o.create("a", "a@example.com") // the invitation counts
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonAccountNumberLimitExceeded)
	check(t, cancel(t, o.Client, h))
	_, err = o.create("a", "a@example.com")
	check(t, err)
}

// Who accepts must be allowed to have the role made that Organizations needs.
func TestAcceptHandshakeNeedsTheRole(t *testing.T) {
	o := newTree(t)
	h := o.invited(guest)
	people := iam.NewFromConfig(o.e.ConfigWith(guest, "test", "", "us-east-1"))
	_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u")})
	check(t, err)
	key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("u")})
	check(t, err)
	user := organizations.NewFromConfig(o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1"))
	wantCode(t, accept(t, user, h), "AccessDeniedException")
	_, err = o.as(guest).DescribeOrganization(t.Context(), nil)
	wantCode(t, err, "AWSOrganizationsNotInUseException")
	for _, c := range []struct{ action, want string }{
		{`"organizations:CreateOrganization"`, "AccessDeniedForDependencyException"}, // of what makes one, too

		{`"organizations:AcceptHandshake"`, "AccessDeniedForDependencyException"}, {`"organizations:AcceptHandshake","iam:CreateServiceLinkedRole"`, ""},
	} {
		_, err := people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("u"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + c.action + `],"Resource":"*"}]}`)})
		check(t, err)
		if _, err := user.CreateOrganization(t.Context(), nil); c.action == `"organizations:CreateOrganization"` {
			wantCode(t, err, c.want)
			continue
		}
		if err = accept(t, user, h); c.want != "" {
			wantCode(t, err, c.want)
		} else {
			check(t, err)
		}
	}
}

// A member that accepts an invitation goes from one organization to the other.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_AcceptHandshake.html
func TestAcceptHandshakeOfAnotherOrganization(t *testing.T) {
	o := newTree(t)
	_, err := o.as("333333333333").CreateOrganization(t.Context(), nil)
	check(t, err)
	other := &tree{o.as("333333333333"), t, o.e, "", ""}
	account := o.account(o.root, "a")
	member := o.as(account)
	h := other.invited(account)
	wantConstraint(t, accept(t, member, h), types.ConstraintViolationExceptionReasonWaitPeriodActive)
	o.e.Clock.Advance(4 * day)
	check(t, o.trust("config.amazonaws.com"))
	check(t, o.register(account, "config.amazonaws.com"))
	wantConstraint(t, accept(t, member, h), types.ConstraintViolationExceptionReasonCannotRemoveDelegatedAdministratorFromOrg)
	check(t, o.deregister(account, "config.amazonaws.com"))
	check(t, accept(t, member, h))
	_, err = o.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: &account})
	wantCode(t, err, "AccountNotFoundException")
	out, err := other.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: &account})
	check(t, err)
	if out.Account.JoinedMethod != types.AccountJoinedMethodInvited || *out.Account.Email != "a@example.com" {
		t.Errorf("got %+v", out.Account)
	}
	wantCode(t, accept(t, o.Client, other.invited(management)), "MasterCannotLeaveOrganizationException")
}

// All accounts that were invited approve, and then the management account.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_org_support-all-features.html
func TestEnableAllFeatures(t *testing.T) {
	for _, last := range []types.ActionType{types.ActionTypeEnableAllFeatures, types.ActionTypeApproveAllFeatures} {
		t.Run("accepting "+string(last), func(t *testing.T) {
			o := newBilling(t)
			made := o.account(o.root, "made")
			o.joined(guest)
			o.joined("333333333333")
			out, err := o.EnableAllFeatures(t.Context(), nil)
			check(t, err)
			h := out.Handshake
			if h.State != types.HandshakeStateRequested || h.Action != types.ActionTypeEnableAllFeatures || len(h.Parties) != 1 || h.ExpirationTimestamp.Sub(*h.RequestedTimestamp) != 90*day ||
				*h.Arn != "arn:aws:organizations::000000000000:handshake/"+o.id+"/enable_all_features/"+*h.Id {
				t.Errorf("got %+v", h)
			}
			_, err = o.EnableAllFeatures(t.Context(), nil)
			wantHandshake(t, err, types.HandshakeConstraintViolationExceptionReasonOrganizationIsAlreadyPendingAllFeaturesMigration)
			_, err = o.invite(types.HandshakePartyTypeAccount, "444444444444")
			wantHandshake(t, err, types.HandshakeConstraintViolationExceptionReasonInviteDisabledDuringEnableAllFeatures)
			wantCode(t, accept(t, o.Client, h.Id), "InvalidHandshakeTransitionException")
			children := ofOrganization(t, o.Client, &types.HandshakeFilter{ParentHandshakeId: h.Id})
			if len(children) != 2 || resources(children[0].Resources) == "" {
				t.Errorf("children %+v", children)
			}
			if got := ofAccount(t, o.as(made), nil); len(got) != 0 { // whoever was created has approved
				t.Errorf("got %+v", got)
			}
			for _, account := range []string{guest, "333333333333"} {
				got := ofAccount(t, o.as(account), &types.HandshakeFilter{ActionType: types.ActionTypeEnableAllFeatures})
				if len(got) != 1 {
					t.Fatalf("got %+v", got)
				}
				check(t, accept(t, o.as(account), got[0].Id))
			}
			if got := handshakeState(t, o.Client, h.Id); got != types.HandshakeStateOpen {
				t.Errorf("state %s", got)
			}
			final := ofAccount(t, o.Client, &types.HandshakeFilter{ActionType: last})
			if len(final) != 1 {
				t.Fatalf("got %+v", final)
			}
			check(t, accept(t, o.Client, final[0].Id))
			if got := handshakeState(t, o.Client, h.Id); got != types.HandshakeStateAccepted {
				t.Errorf("state %s", got)
			}
			described, err := o.DescribeOrganization(t.Context(), nil)
			check(t, err)
			if described.Organization.FeatureSet != types.OrganizationFeatureSetAll {
				t.Errorf("got %+v", described.Organization)
			}
			_, err = o.EnableAllFeatures(t.Context(), nil)
			wantHandshake(t, err, types.HandshakeConstraintViolationExceptionReasonOrganizationAlreadyHasAllFeatures)
		})
	}
}

// An account that leaves is not waited for; a process that is canceled is over for all.
func TestEnableAllFeaturesWithoutSome(t *testing.T) {
	o := newBilling(t)
	o.joined(guest)
	o.joined("333333333333")
	out, err := o.EnableAllFeatures(t.Context(), nil)
	check(t, err)
	check(t, cancel(t, o.Client, out.Handshake.Id))
	child := ofAccount(t, o.as(guest), &types.HandshakeFilter{ActionType: types.ActionTypeEnableAllFeatures})[0]
	if child.State != types.HandshakeStateCanceled {
		t.Errorf("state %s", child.State)
	}
	out, err = o.EnableAllFeatures(t.Context(), nil)
	check(t, err)
	check(t, o.remove(guest))
	for _, h := range ofAccount(t, o.as("333333333333"), &types.HandshakeFilter{ParentHandshakeId: out.Handshake.Id}) {
		check(t, accept(t, o.as("333333333333"), h.Id))
	}
	if got := handshakeState(t, o.Client, out.Handshake.Id); got != types.HandshakeStateOpen {
		t.Errorf("state %s", got)
	}
}

// An account without the role of Organizations is asked for it.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services-using_slrs.html
func TestAddServiceLinkedRole(t *testing.T) {
	o := newBilling(t)
	account := o.account(o.root, "a")
	people := iam.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1"))
	name := aws.String("AWSServiceRoleForOrganizations")
	_, err := people.DeleteServiceLinkedRole(t.Context(), &iam.DeleteServiceLinkedRoleInput{RoleName: name})
	check(t, err)
	_, err = o.EnableAllFeatures(t.Context(), nil)
	check(t, err)
	asked := ofAccount(t, o.as(account), &types.HandshakeFilter{ActionType: types.ActionTypeAddOrganizationsServiceLinkedRole})
	if len(asked) != 1 {
		t.Fatalf("got %+v", asked)
	}
	check(t, accept(t, o.as(account), asked[0].Id))
	_, err = people.GetRole(t.Context(), &iam.GetRoleInput{RoleName: name})
	check(t, err)
}

func TestEnableAllFeaturesOfALargeOrganization(t *testing.T) {
	o := newBilling(t, server.Config{Quotas: []string{"organizations.AccountsOfStandardMigration=2"}})
	o.joined(guest)
	o.joined("333333333333")
	_, err := o.EnableAllFeatures(t.Context(), nil)
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonAllFeaturesMigrationOrganizationSizeLimitExceeded)
}

func TestPagesOfHandshakes(t *testing.T) {
	o := newTree(t)
	for i := range 3 {
		o.invited(fmt.Sprint(500000000000 + i))
	}
	seen := 0
	for p := organizations.NewListHandshakesForOrganizationPaginator(o.Client, &organizations.ListHandshakesForOrganizationInput{MaxResults: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		check(t, err)
		seen += len(page.Handshakes)
	}
	if seen != 3 {
		t.Errorf("%d handshakes", seen)
	}
	_, err := o.ListHandshakesForAccount(t.Context(), &organizations.ListHandshakesForAccountInput{MaxResults: aws.Int32(21)})
	wantInput(t, err, types.InvalidInputExceptionReasonMaxValueExceeded)
	_, err = o.ListHandshakesForAccount(t.Context(), &organizations.ListHandshakesForAccountInput{MaxResults: aws.Int32(0)})
	wantInput(t, err, types.InvalidInputExceptionReasonMinValueExceeded)
}
