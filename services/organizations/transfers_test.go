package organizations_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/server"
	emulated "emulator/services/organizations"
)

// partner is an organization that may have inbound transfers, of which AWS allows none from the beginning.
func partner(t *testing.T, quotas ...string) *tree {
	t.Helper()
	o := newTree(t, server.Config{Quotas: append([]string{"organizations.InboundTransfers=2"}, quotas...)})
	o.e.Clock.Set(time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC))
	return o
}

// another is a further organization.
func (o *tree) another(account string) *tree {
	o.t.Helper()
	client := o.as(account)
	made, err := client.CreateOrganization(o.t.Context(), nil)
	check(o.t, err)
	return &tree{client, o.t, o.e, *made.Organization.Id, ""}
}

var april = time.Date(2031, 4, 1, 0, 0, 0, 0, time.UTC)

func (o *tree) ask(account string, start time.Time) (*types.Handshake, error) {
	out, err := o.InviteOrganizationToTransferResponsibility(o.t.Context(), &organizations.InviteOrganizationToTransferResponsibilityInput{
		Type: types.ResponsibilityTransferTypeBilling, Target: &types.HandshakeParty{Type: types.HandshakePartyTypeAccount, Id: &account}, StartTimestamp: &start, SourceName: aws.String("customer"),
	})
	if err != nil {
		return nil, err
	}
	return out.Handshake, nil
}

// asked returns the IDs of a new invitation and of its transfer.
func (o *tree) asked(account string) (handshake, transfer *string) {
	o.t.Helper()
	h, err := o.ask(account, april)
	check(o.t, err)
	for _, r := range h.Resources {
		if r.Type == types.HandshakeResourceTypeResponsibilityTransfer {
			transfer = r.Value
		}
	}
	return h.Id, transfer
}

func (o *tree) transfer(id *string) *types.ResponsibilityTransfer {
	o.t.Helper()
	out, err := o.DescribeResponsibilityTransfer(o.t.Context(), &organizations.DescribeResponsibilityTransferInput{Id: id})
	check(o.t, err)
	return out.ResponsibilityTransfer
}

func (o *tree) terminate(id *string, end *time.Time) error {
	_, err := o.TerminateResponsibilityTransfer(o.t.Context(), &organizations.TerminateResponsibilityTransferInput{Id: id, EndTimestamp: end})
	return err
}

func (o *tree) renameTransfer(id *string, name string) error {
	_, err := o.UpdateResponsibilityTransfer(o.t.Context(), &organizations.UpdateResponsibilityTransferInput{Id: id, Name: &name})
	return err
}

func (o *tree) inbound(id *string) []types.ResponsibilityTransfer {
	o.t.Helper()
	out, err := o.ListInboundResponsibilityTransfers(o.t.Context(), &organizations.ListInboundResponsibilityTransfersInput{Type: types.ResponsibilityTransferTypeBilling, Id: id})
	check(o.t, err)
	return out.ResponsibilityTransfers
}

func (o *tree) outbound() []types.ResponsibilityTransfer {
	o.t.Helper()
	out, err := o.ListOutboundResponsibilityTransfers(o.t.Context(), &organizations.ListOutboundResponsibilityTransfersInput{Type: types.ResponsibilityTransferTypeBilling})
	check(o.t, err)
	return out.ResponsibilityTransfers
}

// From the invitation to the end, as both sides see it.
//
// https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/orgs_transfer_billing.html
func TestResponsibilityTransfer(t *testing.T) {
	o := partner(t)
	customer := o.another(guest)
	out, err := o.InviteOrganizationToTransferResponsibility(t.Context(), &organizations.InviteOrganizationToTransferResponsibilityInput{
		Type: types.ResponsibilityTransferTypeBilling, Target: &types.HandshakeParty{Type: types.HandshakePartyTypeEmail, Id: aws.String(guest + "@example.com")},
		StartTimestamp: &april, SourceName: aws.String("customer"), Notes: aws.String("pay"), Tags: tagsOf("a", "b"),
	})
	check(t, err)
	h := out.Handshake
	id := o.inbound(nil)[0].Id
	if want := "ORGANIZATION=" + o.id + "[MANAGEMENT_EMAIL=000000000000@example.com MANAGEMENT_NAME=Management ORGANIZATION_FEATURE_SET=ALL ] EMAIL=" + guest + "@example.com RESPONSIBILITY_TRANSFER=" + *id +
		" TRANSFER_TYPE=BILLING TRANSFER_START_TIMESTAMP=2031-04-01T00:00:00Z NOTES=pay "; h.Action != types.ActionTypeTransferResponsibility || resources(h.Resources) != want {
		t.Errorf("got %s: %s", h.Action, resources(h.Resources))
	}
	if got := o.tags(*id); got != "a=b " {
		t.Errorf("tags %s", got)
	}
	_, err = o.ask(guest, april)
	wantCode(t, err, "DuplicateHandshakeException")
	_, err = o.DeleteOrganization(t.Context(), nil)
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonActiveResponsibilityTransferProcess)
	wantCode(t, o.terminate(id, nil), "InvalidResponsibilityTransferTransitionException")
	check(t, accept(t, customer.Client, h.Id))

	own := o.transfer(id)
	if own.Status != types.ResponsibilityTransferStatusAccepted || *own.Name != "customer" || own.ActiveHandshakeId != nil || own.EndTimestamp != nil || !own.StartTimestamp.Equal(april) ||
		*own.Arn != "arn:aws:organizations::000000000000:transfer/"+o.id+"/billing/inbound/"+*id || *own.Source.ManagementAccountId != guest || *own.Target.ManagementAccountEmail != management+"@example.com" {
		t.Errorf("got %+v", own)
	}
	theirs := customer.transfer(id)
	if theirs.Name != nil || *theirs.Arn != "arn:aws:organizations::"+guest+":transfer/"+customer.id+"/billing/outbound/"+*id || *theirs.Target.ManagementAccountId != management {
		t.Errorf("got %+v", theirs)
	}
	if len(o.inbound(nil)) != 1 || len(o.outbound()) != 0 || len(customer.inbound(nil)) != 0 || len(customer.outbound()) != 1 {
		t.Error("who has which transfers")
	}
	_, err = o.ask(guest, april)
	wantHandshake(t, err, types.HandshakeConstraintViolationExceptionReasonResponsibilityTransferAlreadyExists)
	_, err = customer.DeleteOrganization(t.Context(), nil)
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonActiveResponsibilityTransferProcess)
	check(t, o.renameTransfer(id, "client"))
	wantInput(t, customer.renameTransfer(id, "mine"), types.InvalidInputExceptionReasonUnsupportedActionInResponsibilityTransfer)

	june := time.Date(2031, 6, 30, 23, 59, 59, 999e6, time.UTC)
	for _, c := range []struct {
		end  time.Time
		want types.InvalidInputExceptionReason
	}{
		{june.Add(-time.Second), types.InvalidInputExceptionReasonEndDateNotEndOfMonth},
		{time.Date(2031, 3, 31, 23, 59, 59, 999e6, time.UTC), types.InvalidInputExceptionReasonEndDateTooEarly},
		{june.AddDate(1, 0, 0), types.InvalidInputExceptionReasonEndDateTooLate},
	} {
		wantInput(t, o.terminate(id, &c.end), c.want)
	}
	o.facts(management, emulated.Facts{NoticeDays: 200})
	wantInput(t, o.terminate(id, &june), types.InvalidInputExceptionReasonInvalidEndDate)
	check(t, customer.terminate(id, &june))
	wantCode(t, o.terminate(id, nil), "ResponsibilityTransferAlreadyInStatusException")
	if got := o.transfer(id); got.Status != types.ResponsibilityTransferStatusWithdrawn || !got.EndTimestamp.Equal(june) || *got.Name != "client" {
		t.Errorf("got %+v", got)
	}
	wantConstraint(t, o.renameTransfer(id, "again"), types.ConstraintViolationExceptionReasonTransferResponsibilityUpdateNotAllowed)
	o.e.Clock.Set(june.Add(time.Second))
	_, err = customer.DeleteOrganization(t.Context(), nil)
	check(t, err)
}

// A transfer that nobody accepts goes with its handshake.
func TestResponsibilityTransferIsNotAccepted(t *testing.T) {
	o := partner(t)
	customer := o.another(guest)
	end := func(how func(*string), want types.ResponsibilityTransferStatus) {
		t.Helper()
		h, id := o.asked(guest)
		how(h)
		if got := o.transfer(id); got.Status != want {
			t.Errorf("got %s, want %s", got.Status, want)
		}
	}
	end(func(h *string) { check(t, decline(t, customer.Client, h)) }, types.ResponsibilityTransferStatusDeclined)
	end(func(h *string) { check(t, cancel(t, o.Client, h)) }, types.ResponsibilityTransferStatusCanceled)
	end(func(*string) { o.e.Clock.Advance(15 * day) }, types.ResponsibilityTransferStatusExpired)
	for name, err := range map[string]error{"of nobody": o.terminate(aws.String("rt-12345678"), nil), "renamed": o.renameTransfer(aws.String("rt-12345678"), "x")} {
		t.Run(name, func(t *testing.T) { wantCode(t, err, "ResponsibilityTransferNotFoundException") })
	}
	_, err := o.DescribeResponsibilityTransfer(t.Context(), &organizations.DescribeResponsibilityTransferInput{Id: aws.String("rt-12345678")})
	wantCode(t, err, "ResponsibilityTransferNotFoundException")
	_, err = o.ListInboundResponsibilityTransfers(t.Context(), &organizations.ListInboundResponsibilityTransfersInput{Type: types.ResponsibilityTransferTypeBilling, Id: aws.String("rt-12345678")})
	wantCode(t, err, "ResponsibilityTransferNotFoundException")
}

func TestInviteToTransferIsRefused(t *testing.T) {
	o := partner(t)
	customer := o.another(guest)
	for start, want := range map[time.Time]types.InvalidInputExceptionReason{
		april.Add(time.Hour):    types.InvalidInputExceptionReasonStartDateNotBeginningOfDay,
		april.AddDate(0, 0, 1):  types.InvalidInputExceptionReasonStartDateNotBeginningOfMonth,
		april.AddDate(0, -1, 0): types.InvalidInputExceptionReasonStartDateTooEarly,
		april.AddDate(1, 1, 0):  types.InvalidInputExceptionReasonStartDateTooLate,
	} {
		_, err := o.ask(guest, start)
		wantInput(t, err, want)
	}
	_, err := o.ask(management, april)
	wantHandshake(t, err, types.HandshakeConstraintViolationExceptionReasonSourceAndTargetCannotMatch)

	h, _ := o.asked(guest)
	both := func(err func() error, account, fact string, want string) {
		t.Helper()
		o.is(account, fact)
		defer o.is(account)
		if got := reasonOf(err()); got != want {
			t.Errorf("%s of %s: got %s, want %s", fact, account, got, want)
		}
	}
	ask := func() error {
		_, err := o.ask("333333333333", april)
		return err
	}
	answer := func() error { return accept(t, customer.Client, h) }
	for fact, want := range map[string]string{
		"signUpIncomplete": "ACCOUNT_NOT_ACTIVE_FOR_TRANSFER_RESPONSIBILITY", "pricingUnsupported": "UNSUPPORTED_PRICING", "billingUnsupported": "UNMET_BILLING_PREREQUISITE",
		"emailUnverified": "MANAGEMENT_ACCOUNT_EMAIL_NOT_VERIFIED", "legacyPermissions": "LEGACY_PERMISSIONS_STILL_IN_USE",
	} {
		both(ask, management, fact, want)
		both(answer, guest, fact, want)
	}
	for fact, want := range map[string]string{
		"deletionPending": "TRANSFER_RESPONSIBILITY_SOURCE_DELETION_IN_PROGRESS", "billingTransferUnavailable": "TARGET_ACCOUNT_VALIDATION_FAILURE",
		"invoicePastDue": "PAST_DUE_INVOICE", "prepaymentUnused": "UNUSED_PREPAYMENT_BALANCE",
	} {
		both(answer, guest, fact, want)
	}
	both(answer, management, "deletionPending", "TRANSFER_RESPONSIBILITY_TARGET_DELETION_IN_PROGRESS")
	// Only the management account of an organization can accept.
	member := customer.account("", "m")
	toMember, _ := o.asked(member)
	wantCode(t, accept(t, o.as(member), toMember), "AccessDeniedException")
	_, err = o.ask("333333333333", april)
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonResponsibilityTransferMaxInboundQuotaViolation)
	check(t, cancel(t, o.Client, toMember))
	toNobody, _ := o.asked("333333333333")
	wantCode(t, accept(t, o.as("333333333333"), toNobody), "AWSOrganizationsNotInUseException")
	check(t, cancel(t, o.Client, h))

	o.e.Clock.Set(april.Add(-day))
	late, _ := o.asked(guest)
	o.e.Clock.Set(april.Add(day))
	wantInput(t, accept(t, customer.Client, late), types.InvalidInputExceptionReasonInvalidStartDate)
}

// reasonOf returns the reason of an error that has one.
func reasonOf(err error) string {
	switch e := unwrapped(err).(type) {
	case *types.ConstraintViolationException:
		return string(e.Reason)
	case *types.HandshakeConstraintViolationException:
		return string(e.Reason)
	}
	return ""
}

// Organizations that pay for organizations that pay for others.
func TestChainsOfTransfers(t *testing.T) {
	join := func(target, source *tree, account string) error {
		h, _ := target.asked(account)
		return accept(t, source.Client, h)
	}
	o := partner(t)
	b, c := o.another(guest), o.another("333333333333")
	check(t, join(o, b, guest))
	check(t, join(b, c, "333333333333"))
	inherited := o.inbound(o.inbound(nil)[0].Id)
	if len(inherited) != 1 || *inherited[0].Source.ManagementAccountId != "333333333333" {
		t.Errorf("got %+v", inherited)
	}
	d := o.another("444444444444")
	if got := reasonOf(join(c, d, "444444444444")); got != "RESPONSIBILITY_TRANSFER_MAX_LEVEL_VIOLATION" {
		t.Errorf("got %s", got)
	}
	if got := reasonOf(join(d, c, "333333333333")); got != "RESPONSIBILITY_TRANSFER_MAX_OUTBOUND_QUOTA_VIOLATION" {
		t.Errorf("got %s", got)
	}
	if got := reasonOf(join(c, o, management)); got != "SOURCE_AND_TARGET_CANNOT_MATCH" { // a circle
		t.Errorf("got %s", got)
	}

	few := partner(t, "organizations.TransfersInChain=1")
	b = few.another(guest)
	c = few.another("333333333333")
	check(t, join(few, b, guest))
	if got := reasonOf(join(few, c, "333333333333")); got != "RESPONSIBILITY_TRANSFER_MAX_TRANSFERS_QUOTA_VIOLATION" {
		t.Errorf("got %s", got)
	}
}

func TestTransferInvitationsPerDay(t *testing.T) {
	o := partner(t, "organizations.Accounts=1", "organizations.InvitationsPerDay=1")
	h, _ := o.asked(guest)
	check(t, cancel(t, o.Client, h))
	_, err := o.ask(guest, april)
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonHandshakeRateLimitExceeded)
}

// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html
func TestTransferConditions(t *testing.T) {
	o := partner(t)
	customer := o.another(guest)
	h, id := o.asked(guest)
	check(t, accept(t, customer.Client, h))
	statement := func(direction string) string {
		return `{"Effect":"Allow","Action":"organizations:*","Resource":"*","Condition":{"StringEquals":{"organizations:TransferType":"BILLING","organizations:TransferDirection":"` + direction + `"}}}`
	}
	in := &tree{o.user(management, statement("INBOUND")), t, o.e, o.id, ""}
	out := &tree{o.user(guest, statement("OUTBOUND")), t, o.e, "", ""}
	in.transfer(id)
	out.transfer(id)
	check(t, in.renameTransfer(id, "x"))
	if len(in.inbound(nil)) != 1 || len(out.outbound()) != 1 {
		t.Error("lists")
	}
	_, err := in.ListOutboundResponsibilityTransfers(t.Context(), &organizations.ListOutboundResponsibilityTransfersInput{Type: types.ResponsibilityTransferTypeBilling})
	wantCode(t, err, "AccessDeniedException")
	_, err = in.ask("333333333333", april)
	check(t, err)
	check(t, out.terminate(id, nil))
	if got := o.transfer(id); !got.EndTimestamp.Equal(time.Date(2031, 4, 30, 23, 59, 59, 999e6, time.UTC)) { // the end of the month in which it begins
		t.Errorf("got %v", got.EndTimestamp)
	}
}
