package organizations

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// transfer is the record of a responsibility transfer: the management account of one organization, the target, manages what another
// one's, the source, is responsible for. It is in the target's organization, which asked for it. Its source is the recipient of its
// handshake, which has the same ID but for the prefix.
//
// https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/orgs_transfer_billing.html
type transfer struct {
	ID   string                           `json:"id"`
	Type types.ResponsibilityTransferType `json:"type"`
	// Name is what the target calls it, and shows nobody.
	Name string `json:"name"`
	// Target is the target's organization.
	Target string    `json:"target"`
	Start  time.Time `json:"start"`
	// End is zero if it goes on.
	End time.Time `json:"end,omitzero"`
	// Status is as it was saved last; one whose handshake is over by the clock is EXPIRED.
	Status types.ResponsibilityTransferStatus `json:"status"`
}

func transfersPrefix(organization string) []byte {
	return identity.InOrganization(organization, "transfer")
}

func transferKey(organization, id string) []byte {
	return identity.InOrganization(organization, "transfer", id)
}

func loadTransfer(r store.Reader, organization, id string) (*transfer, error) {
	t, ok, err := store.Load[transfer](r, transferKey(organization, id))
	if err != nil || !ok {
		return nil, err
	}
	return &t, nil
}

func (t *transfer) save(tx store.Tx) error { return store.Save(tx, transferKey(t.Target, t.ID), t) }

// handshakeOf returns the ID of a transfer's handshake.
func handshakeOf(id string) string { return "h-" + strings.TrimPrefix(id, "rt-") }

func (s *Service) transferOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeResponsibilityTransfer", s.describeTransfer),
		api.Op("InviteOrganizationToTransferResponsibility", s.inviteToTransfer),
		api.Op("ListInboundResponsibilityTransfers", s.listInboundTransfers),
		api.Op("ListOutboundResponsibilityTransfers", s.listOutboundTransfers),
		api.Op("TerminateResponsibilityTransfer", s.terminateTransfer),
		api.Op("UpdateResponsibilityTransfer", s.updateTransfer),
	}
}

// direction is how an organization sees a transfer.
type direction string

const (
	inbound  direction = "INBOUND"
	outbound direction = "OUTBOUND"
)

// of is a request about transfers of a type in a direction.
func (d direction) of(t types.ResponsibilityTransferType) authz.Request {
	return authz.Request{Context: map[string][]string{"organizations:TransferType": {string(t)}, "organizations:TransferDirection": {string(d)}}}
}

func transferARN(o *identity.Organization, t *transfer, d direction) string {
	return identity.ARN(o.Partition, "organizations", o.Management, "transfer/"+o.ID+"/"+strings.ToLower(string(t.Type)+"/"+string(d))+"/"+t.ID)
}

// statusOf returns the handshake of a transfer, and the transfer's status by now.
func (s *Service) statusOf(r store.Reader, t *transfer) (*handshake, types.ResponsibilityTransferStatus, error) {
	h, _, err := store.Load[handshake](r, handshakeKey(t.Target, handshakeOf(t.ID)))
	if t.Status == types.ResponsibilityTransferStatusRequested && s.state(&h) == types.HandshakeStateExpired {
		return &h, types.ResponsibilityTransferStatusExpired, err
	}
	return &h, t.Status, err
}

// active reports whether a transfer with a status is asked for, or goes on.
func (s *Service) active(t *transfer, status types.ResponsibilityTransferStatus) bool {
	switch status {
	case types.ResponsibilityTransferStatusRequested, types.ResponsibilityTransferStatusAccepted:
		return true
	case types.ResponsibilityTransferStatusWithdrawn:
		return s.clock.Now().Before(t.End)
	}
	return false
}

// wireTransfer returns a transfer as the organization sees it.
func (s *Service) wireTransfer(r store.Reader, o *identity.Organization, t *transfer, d direction) (*types.ResponsibilityTransfer, error) {
	h, status, err := s.statusOf(r, t)
	if err != nil {
		return nil, err
	}
	target, _, err := store.Load[identity.Organization](r, identity.OrganizationKey(t.Target))
	if err != nil {
		return nil, err
	}
	w := &types.ResponsibilityTransfer{
		Arn: aws.String(transferARN(o, t, d)), Id: &t.ID, Type: t.Type, Status: status, StartTimestamp: &t.Start,
		Source: &types.TransferParticipant{}, Target: &types.TransferParticipant{ManagementAccountId: &target.Management},
	}
	if d == inbound {
		w.Name = &t.Name
	}
	if !t.End.IsZero() {
		w.EndTimestamp = &t.End
	}
	if open(s.state(h)) {
		w.ActiveHandshakeId = &h.ID
	}
	facts, err := loadFacts(r, target.Management)
	if err != nil {
		return nil, err
	}
	w.Target.ManagementAccountEmail = aws.String(facts.emailOf(target.Management))
	if !identity.IsAccountID(h.Recipient) {
		w.Source.ManagementAccountEmail = h.Target.Id
		return w, nil
	}
	if facts, err = loadFacts(r, h.Recipient); err != nil {
		return nil, err
	}
	w.Source.ManagementAccountId, w.Source.ManagementAccountEmail = &h.Recipient, aws.String(facts.emailOf(h.Recipient))
	return w, nil
}

// received returns the transfer that an account was asked for, nil if there is none of this ID.
func received(r store.Reader, account, id string) (*transfer, error) {
	target := r.Get(receivedKey(account, handshakeOf(id)))
	if target == nil {
		return nil, nil
	}
	return loadTransfer(r, string(target), id)
}

// seen returns a transfer as an account of the organization sees it, nil if there is none of this ID.
func seen(r store.Reader, o *identity.Organization, account, id string) (*transfer, direction, error) {
	t, err := loadTransfer(r, o.ID, id)
	if err != nil || t != nil {
		return t, inbound, err
	}
	t, err = received(r, account, id)
	return t, outbound, err
}

// findTransfer returns a transfer as the caller sees it, and the caller's organization, once the caller may do the operation to it.
func (s *Service) findTransfer(r store.Reader, c api.Caller, operation, id string) (o *identity.Organization, t *transfer, d direction, err error) {
	own, err := identity.LoadOrganization(r, c.Account)
	if err != nil {
		return nil, nil, "", err
	}
	var request authz.Request
	if own != nil {
		if t, d, err = seen(r, own, c.Account, id); err != nil {
			return nil, nil, "", err
		}
		if t != nil {
			request = d.of(t.Type)
			request.Resource = transferARN(own, t, d)
			if request.ResourceTags, _, err = store.Load[map[string]string](r, tagsKey(own.ID, id)); err != nil {
				return nil, nil, "", err
			}
		}
	}
	if o, err = s.enter(r, c, operation, request); err != nil {
		return nil, nil, "", err
	}
	if t == nil {
		err = api.Errorf("ResponsibilityTransferNotFoundException", "We can't find a transfer that you specified.")
	}
	return o, t, d, err
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeResponsibilityTransfer.html
func (s *Service) describeTransfer(ctx context.Context, c api.Caller, in *organizations.DescribeResponsibilityTransferInput) (*organizations.DescribeResponsibilityTransferOutput, error) {
	out := &organizations.DescribeResponsibilityTransferOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, t, d, err := s.findTransfer(r, c, "DescribeResponsibilityTransfer", *in.Id)
		if err != nil {
			return err
		}
		out.ResponsibilityTransfer, err = s.wireTransfer(r, o, t, d)
		return err
	})
	return out, err
}

// latestDate is how far ahead a transfer can begin or end. AWS does not say.
func latestDate(now time.Time) time.Time { return now.AddDate(1, 0, 0) }

// checkStart fails if a transfer can't begin then: it begins with a month.
func checkStart(start, now time.Time) error {
	start = start.UTC()
	switch {
	case !start.Equal(start.Truncate(24 * time.Hour)):
		return api.Errorf("InvalidInputException", "You provided an invalid start date. The start date must be the beginning of the day (00:00:00.000).").With("Reason", "START_DATE_NOT_BEGINNING_OF_DAY")
	case start.Day() != 1:
		return api.Errorf("InvalidInputException", "You provided an invalid start date. The start date must be the first day of the month.").With("Reason", "START_DATE_NOT_BEGINNING_OF_MONTH")
	case !start.After(now):
		return api.Errorf("InvalidInputException", "You provided an invalid start date. The start date is too early.").With("Reason", "START_DATE_TOO_EARLY")
	case start.After(latestDate(now)):
		return api.Errorf("InvalidInputException", "You provided an invalid start date. The start date is too late.").With("Reason", "START_DATE_TOO_LATE")
	}
	return nil
}

// endOfMonth is the last millisecond of a time's month.
func endOfMonth(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Millisecond)
}

// checkEnd fails if a transfer can't end then: it ends with a month.
func checkEnd(end, start, now time.Time, notice int) error {
	switch {
	case !end.Truncate(time.Millisecond).Equal(endOfMonth(end)):
		return api.Errorf("InvalidInputException", "You provided an invalid end date. The end date must be the end of the last day of the month (23.59.59.999).").With("Reason", "END_DATE_NOT_END_OF_MONTH")
	case end.Before(now), end.Before(start):
		return api.Errorf("InvalidInputException", "You provided an invalid end date. The end date is too early.").With("Reason", "END_DATE_TOO_EARLY")
	case end.After(latestDate(now)):
		return api.Errorf("InvalidInputException", "You provided an invalid end date. The end date is too late.").With("Reason", "END_DATE_TOO_LATE")
	case end.Before(now.AddDate(0, 0, notice)):
		return api.Errorf("InvalidInputException", "The selected withdrawal date doesn't meet the minimum notice period required by your partner agreement.").With("Reason", "INVALID_END_DATE")
	}
	return nil
}

// onBothSides are the refusals of whoever asks for a transfer and of whoever accepts one.
var onBothSides = []refusal{
	{signUpIncomplete, api.Errorf(constraint, "Your account setup isn't complete or your account isn't fully active to invite or accept a Billing Transfer invitation.").With("Reason", "ACCOUNT_NOT_ACTIVE_FOR_TRANSFER_RESPONSIBILITY")},
	{pricingUnsupported, api.Errorf(constraint, "Ineligible for Billing Transfer. Your organization is subject to a pricing agreement with Amazon Web Services that Billing Transfer does not support.").With("Reason", "UNSUPPORTED_PRICING")},
	{billingUnsupported, api.Errorf(constraint, "Your current billing configuration is unsupported. Contact Amazon Web Services Support for assistance.").With("Reason", "UNMET_BILLING_PREREQUISITE")},
	{emailUnverified, api.Errorf(handshakeConstraint, "You must verify the email address of the management account first.").With("Reason", "MANAGEMENT_ACCOUNT_EMAIL_NOT_VERIFIED")},
	{legacyPermissions, api.Errorf(handshakeConstraint, "Your organization must migrate to use the new IAM fine-grained actions for billing, cost management, and accounts.").With("Reason", "LEGACY_PERMISSIONS_STILL_IN_USE")},
}

// inviteToTransfer asks the management account of another organization to transfer a responsibility to the caller's.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_InviteOrganizationToTransferResponsibility.html
func (s *Service) inviteToTransfer(ctx context.Context, c api.Caller, in *organizations.InviteOrganizationToTransferResponsibilityInput) (*organizations.InviteOrganizationToTransferResponsibilityOutput, error) {
	if err := checkTarget(in.Target); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	h, err := s.newHandshake(types.ActionTypeTransferResponsibility, *in.Target, invitationExpiry)
	if err != nil {
		return nil, err
	}
	t := &transfer{
		ID: "rt-" + strings.TrimPrefix(h.ID, "h-"), Type: in.Type, Name: *in.SourceName, Start: in.StartTimestamp.UTC(), Status: types.ResponsibilityTransferStatusRequested,
	}
	h.Notes, h.Transfer = aws.ToString(in.Notes), t.ID
	request := inbound.of(in.Type)
	request.RequestTags, request.TagAction = tags, actionPrefix+"TagResource"
	out := &organizations.InviteOrganizationToTransferResponsibilityOutput{}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enterInviting(tx, c, "InviteOrganizationToTransferResponsibility", request, in.Target)
		if err != nil {
			return err
		}
		if err := checkStart(t.Start, h.Requested); err != nil {
			return err
		}
		facts, err := loadFacts(tx, c.Account)
		if err != nil {
			return err
		}
		if err := facts.refuse(onBothSides...); err != nil {
			return err
		}
		if h.Recipient, err = recipient(tx, o.Partition, in.Target); err != nil {
			return err
		}
		if h.Recipient == o.Management {
			return cannotMatch()
		}
		if err := s.checkDuplicate(tx, o, h); err != nil {
			return err
		}
		if err := s.mayReceive(tx, o, h.Recipient); err != nil {
			return err
		}
		if free, err := s.mayInvite(tx, o); err != nil || !free {
			if err == nil {
				err = api.Errorf(constraint, "You attempted to exceed the number of handshakes that you can send in one day.").With("Reason", "HANDSHAKE_RATE_LIMIT_EXCEEDED")
			}
			return err
		}
		t.Target = o.ID
		if err := t.save(tx); err != nil {
			return err
		}
		if err := s.saveTags(tx, o, t.ID, tags); err != nil {
			return err
		}
		if err := send(tx, o, h); err != nil {
			return err
		}
		out.Handshake, err = s.wireHandshake(tx, h)
		return err
	})
	return out, err
}

func cannotMatch() error {
	return api.Errorf(handshakeConstraint, "An account can't accept a transfer invitation if it is both the sender and recipient of the invitation.").With("Reason", "SOURCE_AND_TARGET_CANNOT_MATCH")
}

// eachInbound runs f on the organization's inbound transfers that are asked for or go on.
func (s *Service) eachInbound(r store.Reader, organization string, f func(*transfer, *handshake) error) error {
	for key := range r.Scan(transfersPrefix(organization), nil) {
		t, _, err := store.Load[transfer](r, key)
		if err != nil {
			return err
		}
		h, status, err := s.statusOf(r, &t)
		if err != nil {
			return err
		}
		if !s.active(&t, status) {
			continue
		}
		if err := f(&t, h); err != nil {
			return err
		}
	}
	return nil
}

// mayReceive fails if the organization can't have one more inbound transfer, or has one from that source.
func (s *Service) mayReceive(r store.Reader, o *identity.Organization, source string) error {
	n := 0
	err := s.eachInbound(r, o.ID, func(_ *transfer, h *handshake) error {
		n++
		if h.Recipient == source {
			return api.Errorf(handshakeConstraint, "You cannot perform this operation with the current transfer.").With("Reason", "RESPONSIBILITY_TRANSFER_ALREADY_EXISTS")
		}
		return nil
	})
	if err == nil && n >= s.quotas.Max(inboundTransfers) {
		err = api.Errorf(constraint, "You have exceeded your inbound transfers limit.").With("Reason", "RESPONSIBILITY_TRANSFER_MAX_INBOUND_QUOTA_VIOLATION")
	}
	return err
}

// outboundOf returns the transfers of an account that go on.
func (s *Service) outboundOf(r store.Reader, account string) (going []*transfer, err error) {
	for key, target := range r.Scan(receivedPrefix(account), nil) {
		id := store.Parts(key)[2]
		t, err := loadTransfer(r, string(target), "rt-"+strings.TrimPrefix(id, "h-"))
		if err != nil {
			return nil, err
		}
		if t != nil && t.Status != types.ResponsibilityTransferStatusRequested && s.active(t, t.Status) {
			going = append(going, t)
		}
	}
	return going, nil
}

// acceptTransfer lets the sender manage what the caller's organization is responsible for.
func (s *Service) acceptTransfer(tx store.Tx, c api.Caller, sender, own *identity.Organization, h *handshake) error {
	if own == nil {
		return api.Errorf("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	}
	if own.Management != c.Account {
		return api.Errorf("AccessDeniedException", "You don't have permissions to access this resource.")
	}
	t, err := loadTransfer(tx, sender.ID, h.Transfer)
	if err != nil {
		return err
	}
	facts, err := loadFacts(tx, c.Account)
	if err != nil {
		return err
	}
	target, err := loadFacts(tx, sender.Management)
	if err != nil {
		return err
	}
	if err := facts.refuse(append([]refusal{
		{deletionPending, api.Errorf(constraint, "The source organization cannot accept this transfer invitation because it is marked for deletion.").With("Reason", "TRANSFER_RESPONSIBILITY_SOURCE_DELETION_IN_PROGRESS")},
		{billingTransferUnavailable, api.Errorf(handshakeConstraint, "Billing transfer is not available for your account. Contact your billing administrator or Amazon Web Services Support for assistance.").With("Reason", "TARGET_ACCOUNT_VALIDATION_FAILURE")},
		{invoicePastDue, api.Errorf(handshakeConstraint, "Your organization has an invoice that is past due.").With("Reason", "PAST_DUE_INVOICE")},
		{prepaymentUnused, api.Errorf(handshakeConstraint, "Your organization has an outstanding pre-payment balance.").With("Reason", "UNUSED_PREPAYMENT_BALANCE")},
	}, onBothSides...)...); err != nil {
		return err
	}
	if err := target.refuse(refusal{deletionPending, api.Errorf(constraint, "The source organization cannot accept this transfer invitation because target organization is marked for deletion.").With("Reason", "TRANSFER_RESPONSIBILITY_TARGET_DELETION_IN_PROGRESS")}); err != nil {
		return err
	}
	if !t.Start.After(s.clock.Now()) {
		return api.Errorf("InvalidInputException", "The start date doesn't meet the minimum requirements.").With("Reason", "INVALID_START_DATE")
	}
	going, err := s.outboundOf(tx, c.Account)
	if err != nil {
		return err
	}
	if len(going) >= s.quotas.Max(outboundTransfers) {
		return api.Errorf(constraint, "You have exceeded your outbound transfers limit.").With("Reason", "RESPONSIBILITY_TRANSFER_MAX_OUTBOUND_QUOTA_VIOLATION")
	}
	if err := s.checkChain(tx, sender, own); err != nil {
		return err
	}
	t.Status = types.ResponsibilityTransferStatusAccepted
	return t.save(tx)
}

// checkChain fails if a transfer from source to target would make too long a chain, or one with too many transfers in it.
func (s *Service) checkChain(r store.Reader, target, source *identity.Organization) error {
	top, levels := target, 1
	for {
		if top.ID == source.ID {
			return cannotMatch()
		}
		going, err := s.outboundOf(r, top.Management)
		if err != nil {
			return err
		}
		if len(going) == 0 {
			break
		}
		next, _, err := store.Load[identity.Organization](r, identity.OrganizationKey(going[0].Target))
		if err != nil {
			return err
		}
		top = &next
		levels++
	}
	above, _, err := s.chain(r, top.ID)
	if err != nil {
		return err
	}
	below, depth, err := s.chain(r, source.ID)
	switch {
	case err != nil:
		return err
	case levels+depth > s.quotas.Max(transferLevels):
		return api.Errorf(constraint, "You have exceeded the maximum length of your transfer chain.").With("Reason", "RESPONSIBILITY_TRANSFER_MAX_LEVEL_VIOLATION")
	case above+below+1 > s.quotas.Max(chainedTransfers):
		return api.Errorf(constraint, "You have exceeded the maximum number of inbound transfers allowed in a transfer chain.").With("Reason", "RESPONSIBILITY_TRANSFER_MAX_TRANSFERS_QUOTA_VIOLATION")
	}
	return nil
}

// chain returns how many transfers lead to an organization, and over how many levels.
func (s *Service) chain(r store.Reader, organization string) (transfers, depth int, err error) {
	err = s.eachInbound(r, organization, func(t *transfer, h *handshake) error {
		if t.Status == types.ResponsibilityTransferStatusRequested {
			return nil
		}
		source, err := identity.LoadOrganization(r, h.Recipient)
		if err != nil || source == nil {
			return err
		}
		n, below, err := s.chain(r, source.ID)
		transfers, depth = transfers+n+1, max(depth, below+1)
		return err
	})
	return transfers, depth, err
}

// withoutTransfer is what follows when a handshake gets its last state without having been accepted: the transfer that it asked for
// has the status.
func (s *Service) withoutTransfer(status types.ResponsibilityTransferStatus) func(store.Tx, *handshake, *identity.Organization) error {
	return func(tx store.Tx, h *handshake, _ *identity.Organization) error {
		if h.Transfer == "" {
			return nil
		}
		t, err := loadTransfer(tx, h.Organization, h.Transfer)
		if err != nil {
			return err
		}
		t.Status = status
		return t.save(tx)
	}
}

// checkTransfers fails if a transfer to or from the organization is asked for or goes on.
func (s *Service) checkTransfers(r store.Reader, o *identity.Organization) error {
	busy := api.Errorf(constraint, "You cannot delete organization due to an ongoing responsibility transfer process. For example, a pending invitation or an in-progress transfer.").With("Reason", "ACTIVE_RESPONSIBILITY_TRANSFER_PROCESS")
	if err := s.eachInbound(r, o.ID, func(*transfer, *handshake) error { return busy }); err != nil {
		return err
	}
	going, err := s.outboundOf(r, o.Management)
	if err == nil && len(going) > 0 {
		err = busy
	}
	return err
}

// listInboundTransfers lists those to the caller's organization, or those to the source of one of them, which come with it.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListInboundResponsibilityTransfers.html
func (s *Service) listInboundTransfers(ctx context.Context, c api.Caller, in *organizations.ListInboundResponsibilityTransfersInput) (*organizations.ListInboundResponsibilityTransfersOutput, error) {
	out := &organizations.ListInboundResponsibilityTransfersOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListInboundResponsibilityTransfers", inbound.of(in.Type))
		if err != nil {
			return err
		}
		of := o
		if in.Id != nil {
			t, err := loadTransfer(r, o.ID, *in.Id)
			if err != nil {
				return err
			}
			if t == nil {
				return api.Errorf("ResponsibilityTransferNotFoundException", "We can't find a transfer that you specified.")
			}
			if of, err = s.sourceOf(r, t); err != nil || of == nil {
				out.ResponsibilityTransfers = []types.ResponsibilityTransfer{}
				return err
			}
		}
		out.ResponsibilityTransfers, out.NextToken, err = scanPage(r, api.ListOf(c, in), transfersPrefix(of.ID), 0, func(id string) (*types.ResponsibilityTransfer, error) {
			t, err := loadTransfer(r, of.ID, id)
			if err != nil {
				return nil, err
			}
			return s.wireTransfer(r, of, t, inbound)
		})
		return err
	})
	return out, err
}

// sourceOf returns the source of a transfer that goes on, nil if it does not.
func (s *Service) sourceOf(r store.Reader, t *transfer) (*identity.Organization, error) {
	h, status, err := s.statusOf(r, t)
	if err != nil || status == types.ResponsibilityTransferStatusRequested || !s.active(t, status) {
		return nil, err
	}
	return identity.LoadOrganization(r, h.Recipient)
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListOutboundResponsibilityTransfers.html
func (s *Service) listOutboundTransfers(ctx context.Context, c api.Caller, in *organizations.ListOutboundResponsibilityTransfersInput) (*organizations.ListOutboundResponsibilityTransfersOutput, error) {
	out := &organizations.ListOutboundResponsibilityTransfersOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListOutboundResponsibilityTransfers", outbound.of(in.Type))
		if err != nil {
			return err
		}
		out.ResponsibilityTransfers, out.NextToken, err = scanPage(r, api.ListOf(c, in), receivedPrefix(c.Account), 0, func(id string) (*types.ResponsibilityTransfer, error) {
			t, err := received(r, c.Account, "rt-"+strings.TrimPrefix(id, "h-"))
			if err != nil || t == nil {
				return nil, err
			}
			return s.wireTransfer(r, o, t, outbound)
		})
		return err
	})
	return out, err
}

// terminateTransfer lets a transfer end. Either side can.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_TerminateResponsibilityTransfer.html
func (s *Service) terminateTransfer(ctx context.Context, c api.Caller, in *organizations.TerminateResponsibilityTransferInput) (*organizations.TerminateResponsibilityTransferOutput, error) {
	now := s.now()
	out := &organizations.TerminateResponsibilityTransferOutput{}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		o, t, d, err := s.findTransfer(tx, c, "TerminateResponsibilityTransfer", *in.Id)
		if err != nil {
			return err
		}
		switch t.Status {
		case types.ResponsibilityTransferStatusAccepted:
		case types.ResponsibilityTransferStatusWithdrawn:
			return api.Errorf("ResponsibilityTransferAlreadyInStatusException", "The responsibility transfer is already in the status that you specified.")
		default:
			return api.Errorf("InvalidResponsibilityTransferTransitionException", "The responsibility transfer can't transition to the requested state because it's not in a valid state for this operation.")
		}
		facts, err := loadFacts(tx, c.Account)
		if err != nil {
			return err
		}
		earliest := now.AddDate(0, 0, facts.NoticeDays)
		if earliest.Before(t.Start) {
			earliest = t.Start
		}
		t.End = endOfMonth(earliest)
		if in.EndTimestamp != nil {
			t.End = in.EndTimestamp.UTC()
			if err := checkEnd(t.End, t.Start, now, facts.NoticeDays); err != nil {
				return err
			}
		}
		t.Status = types.ResponsibilityTransferStatusWithdrawn
		if err := t.save(tx); err != nil {
			return err
		}
		out.ResponsibilityTransfer, err = s.wireTransfer(tx, o, t, d)
		return err
	})
	return out, err
}

// updateTransfer gives a transfer another name, which only its target has for it.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_UpdateResponsibilityTransfer.html
func (s *Service) updateTransfer(ctx context.Context, c api.Caller, in *organizations.UpdateResponsibilityTransferInput) (*organizations.UpdateResponsibilityTransferOutput, error) {
	out := &organizations.UpdateResponsibilityTransferOutput{}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		o, t, d, err := s.findTransfer(tx, c, "UpdateResponsibilityTransfer", *in.Id)
		if err != nil {
			return err
		}
		if d == outbound {
			return api.Errorf("InvalidInputException", "You provided a value that is not supported by this operation.").With("Reason", "UNSUPPORTED_ACTION_IN_RESPONSIBILITY_TRANSFER")
		}
		_, status, err := s.statusOf(tx, t)
		if err != nil {
			return err
		}
		if status != types.ResponsibilityTransferStatusRequested && status != types.ResponsibilityTransferStatusAccepted {
			return api.Errorf(constraint, "You cannot update this transfer because it is no longer active. Transfers that have been withdrawn, declined, expired, or cancelled cannot be modified.").With("Reason", "TRANSFER_RESPONSIBILITY_UPDATE_NOT_ALLOWED")
		}
		t.Name = *in.Name
		if err := t.save(tx); err != nil {
			return err
		}
		out.ResponsibilityTransfer, err = s.wireTransfer(tx, o, t, d)
		return err
	})
	return out, err
}
