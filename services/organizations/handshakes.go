package organizations

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/quota"
	"emulator/store"
)

// How long handshakes are open, and are shown when they are not open any more.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
const (
	invitationExpiry = 15 * 24 * time.Hour
	featuresExpiry   = 90 * 24 * time.Hour
	shown            = 30 * 24 * time.Hour
)

// handshake is the record of a handshake, which is in the organization that sent it.
type handshake struct {
	ID           string           `json:"id"`
	Organization string           `json:"organization"`
	Action       types.ActionType `json:"action"`
	// State is as it was saved last; one that is over by the clock is EXPIRED.
	State     types.HandshakeState `json:"state"`
	Requested time.Time            `json:"requested"`
	Expires   time.Time            `json:"expires"`
	// Ended is when it got its last state.
	Ended time.Time `json:"ended,omitzero"`
	// Target is whom it was sent to, in the words of the sender: an account or an address.
	Target types.HandshakeParty `json:"target"`
	// Recipient is the account that it was sent to, or an address that no account has had yet.
	Recipient string            `json:"recipient"`
	Notes     string            `json:"notes,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
	// Parent is the handshake that this one is a part of.
	Parent string `json:"parent,omitempty"`
	// Waiting is how many of its children nobody has answered.
	Waiting int `json:"waiting,omitempty"`
	// Transfer is the responsibility transfer that is asked for.
	Transfer string `json:"transfer,omitempty"`
}

func handshakesPrefix(organization string) []byte {
	return identity.InOrganization(organization, "handshake")
}

func handshakeKey(organization, id string) []byte {
	return identity.InOrganization(organization, "handshake", id)
}

// receivedPrefix is what the keys of the index from recipients to their handshakes begin with; its entries have the organization.
func receivedPrefix(recipient string) []byte { return store.Key("handshake-received", recipient) }

func receivedKey(recipient, id string) []byte {
	return store.Key("handshake-received", strings.ToLower(recipient), id)
}

func (s *Service) handshakeOperations() []api.Operation {
	return []api.Operation{
		api.Op("AcceptHandshake", s.acceptHandshake),
		api.Op("CancelHandshake", s.cancelHandshake),
		api.Op("DeclineHandshake", s.declineHandshake),
		api.Op("DescribeHandshake", s.describeHandshake),
		api.Op("EnableAllFeatures", s.enableAllFeatures),
		api.Op("InviteAccountToOrganization", s.inviteAccount),
		api.Op("ListHandshakesForAccount", s.listHandshakesForAccount),
		api.Op("ListHandshakesForOrganization", s.listHandshakesForOrganization),
	}
}

// state is the handshake's by now.
func (s *Service) state(h *handshake) types.HandshakeState {
	if open(h.State) && !s.clock.Now().Before(h.Expires) {
		return types.HandshakeStateExpired
	}
	return h.State
}

func open(state types.HandshakeState) bool {
	return state == types.HandshakeStateOpen || state == types.HandshakeStateRequested
}

// forgotten reports whether a handshake ended so long ago that it is not shown any more.
func (s *Service) forgotten(h *handshake) bool {
	ended := h.Ended
	if ended.IsZero() {
		ended = h.Expires
	}
	return !s.clock.Now().Before(ended.Add(shown))
}

func handshakeARN(o *identity.Organization, h *handshake) string {
	return identity.ARN(o.Partition, "organizations", o.Management, "handshake/"+o.ID+"/"+strings.ToLower(string(h.Action))+"/"+h.ID)
}

func (s *Service) wireHandshake(r store.Reader, h *handshake) (*types.Handshake, error) {
	o, _, err := store.Load[identity.Organization](r, identity.OrganizationKey(h.Organization))
	if err != nil {
		return nil, err
	}
	w := &types.Handshake{
		Action: h.Action, Arn: aws.String(handshakeARN(&o, h)), Id: &h.ID, State: s.state(h), RequestedTimestamp: &h.Requested, ExpirationTimestamp: &h.Expires,
		Parties: []types.HandshakeParty{{Id: &o.ID, Type: types.HandshakePartyTypeOrganization}},
	}
	resource := func(kind types.HandshakeResourceType, value string) types.HandshakeResource {
		return types.HandshakeResource{Type: kind, Value: &value}
	}
	sender := resource(types.HandshakeResourceTypeOrganization, o.ID)
	if h.Target.Type != "" {
		w.Parties = append(w.Parties, h.Target)
		m, err := identity.LoadMember(r, o.Management)
		if err != nil {
			return nil, err
		}
		features := types.OrganizationFeatureSetAll
		if o.ConsolidatedBilling {
			features = types.OrganizationFeatureSetConsolidatedBilling
		}
		email, name := types.HandshakeResourceTypeMasterEmail, types.HandshakeResourceTypeMasterName
		if h.Action == types.ActionTypeTransferResponsibility {
			email, name = types.HandshakeResourceTypeManagementEmail, types.HandshakeResourceTypeManagementName
		}
		sender.Resources = []types.HandshakeResource{
			resource(email, m.Email), resource(name, m.Name), resource(types.HandshakeResourceTypeOrganizationFeatureSet, string(features)),
		}
	}
	w.Resources = []types.HandshakeResource{sender}
	if h.Target.Type != "" {
		w.Resources = append(w.Resources, resource(types.HandshakeResourceType(h.Target.Type), *h.Target.Id))
	}
	if h.Transfer != "" {
		t, err := loadTransfer(r, h.Organization, h.Transfer)
		if err != nil {
			return nil, err
		}
		w.Resources = append(w.Resources,
			resource(types.HandshakeResourceTypeResponsibilityTransfer, t.ID), resource(types.HandshakeResourceTypeTransferType, string(t.Type)),
			resource(types.HandshakeResourceTypeTransferStartTimestamp, t.Start.Format(time.RFC3339)))
	}
	if h.Parent != "" {
		w.Resources = append(w.Resources, resource(types.HandshakeResourceTypeParentHandshake, h.Parent))
	}
	if h.Notes != "" {
		w.Resources = append(w.Resources, resource(types.HandshakeResourceTypeNotes, h.Notes))
	}
	return w, nil
}

// newHandshake returns an open handshake to an account or an address; the organization itself has no target.
func (s *Service) newHandshake(action types.ActionType, target types.HandshakeParty, expiry time.Duration) (*handshake, error) {
	id, err := newID("h-", letters, 16)
	now := s.now()
	return &handshake{ID: id, Action: action, State: types.HandshakeStateOpen, Requested: now, Expires: now.Add(expiry), Target: target, Recipient: aws.ToString(target.Id)}, err
}

// send saves a new handshake of the organization.
func send(tx store.Tx, o *identity.Organization, h *handshake) error {
	h.Organization = o.ID
	if err := tx.Put(receivedKey(h.Recipient, h.ID), []byte(o.ID)); err != nil {
		return err
	}
	return h.save(tx)
}

func (h *handshake) save(tx store.Tx) error {
	return store.Save(tx, handshakeKey(h.Organization, h.ID), h)
}

// end saves a handshake's last state.
func (s *Service) end(tx store.Tx, h *handshake, state types.HandshakeState) error {
	h.State, h.Ended = state, s.now()
	return h.save(tx)
}

// takeBack deletes the entries of the index of what was received from the organization, which is deleted.
func takeBack(tx store.Tx, o *identity.Organization) error {
	var keys [][]byte
	for key := range tx.Scan(handshakesPrefix(o.ID), nil) {
		h, _, err := store.Load[handshake](tx, key)
		if err != nil {
			return err
		}
		keys = append(keys, receivedKey(h.Recipient, h.ID))
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// deliver gives an account the handshakes that were sent to its address.
func deliver(tx store.Tx, email, account string) error {
	email = strings.ToLower(email)
	sent := make(map[string]string)
	for key, organization := range tx.Scan(receivedPrefix(email), nil) {
		sent[store.Parts(key)[2]] = string(organization)
	}
	for id, organization := range sent {
		h, _, err := store.Load[handshake](tx, handshakeKey(organization, id))
		if err != nil {
			return err
		}
		if err := tx.Delete(receivedKey(email, id)); err != nil {
			return err
		}
		h.Recipient = account
		if err := tx.Put(receivedKey(account, id), []byte(organization)); err != nil {
			return err
		}
		if err := h.save(tx); err != nil {
			return err
		}
	}
	return nil
}

// recipient returns the account that a party stands for, or the address if no account has it.
func recipient(r store.Reader, partition string, target *types.HandshakeParty) (string, error) {
	if target.Type == types.HandshakePartyTypeAccount {
		return *target.Id, nil
	}
	owner, err := ownerOf(r, partition, *target.Id)
	if owner == "" {
		owner = strings.ToLower(*target.Id)
	}
	return owner, err
}

// checkTarget fails if a party can't be invited.
func checkTarget(target *types.HandshakeParty) error {
	switch {
	case target.Type == types.HandshakePartyTypeOrganization:
		return api.Errorf("InvalidInputException", "You specified the wrong type of entity (account, organization, or email) as a party.").With("Reason", "INVALID_PARTY_TYPE_TARGET")
	case target.Type == types.HandshakePartyTypeEmail && !goodEmail(*target.Id):
		return api.Errorf("InvalidInputException", "You specified an invalid email address for the invited account owner.").With("Reason", "INVALID_EMAIL_ADDRESS_TARGET")
	case target.Type == types.HandshakePartyTypeAccount && !identity.IsAccountID(*target.Id):
		return api.Errorf("InvalidInputException", "You provided a value that does not match the required pattern.").With("Reason", "INVALID_PATTERN")
	}
	return nil
}

// eachReceived runs f on the handshakes of an action that the organization sent to a recipient and that are open.
func (s *Service) eachReceived(r store.Reader, o *identity.Organization, recipient string, action types.ActionType, f func(*handshake) error) error {
	var ids []string
	for key, organization := range r.Scan(receivedPrefix(recipient), nil) {
		if string(organization) == o.ID {
			ids = append(ids, store.Parts(key)[2])
		}
	}
	for _, id := range ids {
		h, _, err := store.Load[handshake](r, handshakeKey(o.ID, id))
		if err != nil {
			return err
		}
		if h.Action != action || !open(s.state(&h)) {
			continue
		}
		if err := f(&h); err != nil {
			return err
		}
	}
	return nil
}

// checkDuplicate fails if such a handshake is open.
func (s *Service) checkDuplicate(r store.Reader, o *identity.Organization, h *handshake) error {
	return s.eachReceived(r, o, h.Recipient, h.Action, func(*handshake) error {
		return api.Errorf("DuplicateHandshakeException", "A handshake with the same action and target already exists.")
	})
}

// invited returns how many invitations to the organization are open.
func (s *Service) invited(r store.Reader, o *identity.Organization) (n int, err error) {
	for key := range r.Scan(handshakesPrefix(o.ID), nil) {
		h, _, err := store.Load[handshake](r, key)
		if err != nil {
			return 0, err
		}
		if h.Action == types.ActionTypeInviteAccountToOrganization && open(s.state(&h)) {
			n++
		}
	}
	return n, nil
}

// mayInvite reports whether one more invitation can be sent within a day: there can be as many as the quota says, or as many as there
// can be accounts if that is more. Those that were accepted do not count.
func (s *Service) mayInvite(r store.Reader, o *identity.Organization) (bool, error) {
	most := max(s.quotas.Max(invitationsPerDay), s.quotas.Max(accountsPerOrganization))
	if most == quota.Unlimited {
		return true, nil
	}
	since, sent := s.clock.Now().Add(-24*time.Hour), 0
	for key := range r.Scan(handshakesPrefix(o.ID), nil) {
		h, _, err := store.Load[handshake](r, key)
		if err != nil {
			return false, err
		}
		if h.Target.Type != "" && h.Parent == "" && h.State != types.HandshakeStateAccepted && h.Requested.After(since) {
			sent++
		}
	}
	return sent < most, nil
}

// handshakeConstraint is the code of what stands in the way of a handshake.
const handshakeConstraint = "HandshakeConstraintViolationException"

// inviteAccount invites an account, by its ID or its address, to join.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_InviteAccountToOrganization.html
func (s *Service) inviteAccount(ctx context.Context, c api.Caller, in *organizations.InviteAccountToOrganizationInput) (*organizations.InviteAccountToOrganizationOutput, error) {
	if err := checkTarget(in.Target); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	h, err := s.newHandshake(types.ActionTypeInviteAccountToOrganization, *in.Target, invitationExpiry)
	if err != nil {
		return nil, err
	}
	h.Notes, h.Tags = aws.ToString(in.Notes), tags
	out := &organizations.InviteAccountToOrganizationOutput{}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.enterInviting(tx, c, "InviteAccountToOrganization", creating(tags), in.Target)
		if err != nil {
			return err
		}
		management, err := loadFacts(tx, c.Account)
		if err != nil {
			return err
		}
		if err := management.refuse(
			notInitialized,
			refusal{emailUnverified, api.Errorf("AccountOwnerNotVerifiedException", "You can't invite an existing account to your organization until you verify that you own the email address associated with the management account.")},
			refusal{emailCodeExpired, api.Errorf(constraint, "The email verification code is only valid for a limited period of time. You must resubmit the request and generate a new verification code.").With("Reason", "EMAIL_VERIFICATION_CODE_EXPIRED")},
		); err != nil {
			return err
		}
		if pending, err := s.pendingFeatures(tx, o); err != nil || pending != nil {
			if pending != nil {
				err = api.Errorf(handshakeConstraint, "You can't issue new invitations to join an organization while it's in the process of enabling all features.").With("Reason", "INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES")
			}
			return err
		}
		if h.Recipient, err = recipient(tx, o.Partition, in.Target); err != nil {
			return err
		}
		m, err := identity.LoadMember(tx, h.Recipient)
		if err != nil {
			return err
		}
		if m != nil && m.Organization == o.ID {
			return api.Errorf(handshakeConstraint, "The provided account is already a member of an organization.").With("Reason", "ALREADY_IN_AN_ORGANIZATION")
		}
		if err := s.checkDuplicate(tx, o, h); err != nil {
			return err
		}
		limit := s.quotas.Max(accountsPerOrganization)
		if accounts, err := s.countAccounts(tx, o, limit); err != nil || accounts >= limit {
			if err == nil {
				err = api.Errorf(handshakeConstraint, "You have exceeded the allowed number of AWS accounts.").With("Reason", "ACCOUNT_NUMBER_LIMIT_EXCEEDED")
			}
			return err
		}
		if free, err := s.mayInvite(tx, o); err != nil || !free {
			if err == nil {
				err = api.Errorf(handshakeConstraint, "You attempted to exceed the number of handshakes that you can send in one day.").With("Reason", "HANDSHAKE_RATE_LIMIT_EXCEEDED")
			}
			return err
		}
		if len(tags) > s.quotas.Max(tagsPerResource) {
			return api.Errorf(constraint, "You have exceeded the number of tags allowed on this resource.").With("Reason", "MAX_TAG_LIMIT_EXCEEDED")
		}
		if err := send(tx, o, h); err != nil {
			return err
		}
		out.Handshake, err = s.wireHandshake(tx, h)
		return err
	})
	return out, err
}

// enterInviting is enter for what invites an account: one that is named by its ID is the resource.
func (s *Service) enterInviting(r store.Reader, c api.Caller, operation string, request authz.Request, target *types.HandshakeParty) (*identity.Organization, error) {
	if target.Type == types.HandshakePartyTypeAccount {
		return s.enter(r, c, operation, request, *target.Id)
	}
	return s.enter(r, c, operation, request)
}

// findHandshake returns a handshake that the caller's account received, or that its organization sent, once the caller may do the
// operation to it.
func (s *Service) findHandshake(r store.Reader, c api.Caller, operation, id string) (h *handshake, o *identity.Organization, received bool, err error) {
	if o, err = identity.LoadOrganization(r, c.Account); err != nil {
		return nil, nil, false, err
	}
	organization := string(r.Get(receivedKey(c.Account, id)))
	received = organization != ""
	if !received && o != nil && mayCall(r, o, c.Account, "ListHandshakesForOrganization") {
		organization = o.ID
	}
	found, ok, err := store.Load[handshake](r, handshakeKey(organization, id))
	if err != nil {
		return nil, nil, false, err
	}
	request := authz.Request{Action: actionPrefix + operation, Resource: "*"}
	if ok {
		sender, _, err := store.Load[identity.Organization](r, identity.OrganizationKey(organization))
		if err != nil {
			return nil, nil, false, err
		}
		request.Resource = handshakeARN(&sender, &found)
	}
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, nil, false, err
	}
	if !ok || s.forgotten(&found) {
		return nil, nil, false, api.Errorf("HandshakeNotFoundException", "We can't find a handshake with the HandshakeId that you specified.")
	}
	return &found, o, received, nil
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeHandshake.html
func (s *Service) describeHandshake(ctx context.Context, c api.Caller, in *organizations.DescribeHandshakeInput) (*organizations.DescribeHandshakeOutput, error) {
	out := &organizations.DescribeHandshakeOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		h, _, _, err := s.findHandshake(r, c, "DescribeHandshake", *in.HandshakeId)
		if err != nil {
			return err
		}
		out.Handshake, err = s.wireHandshake(r, h)
		return err
	})
	return out, err
}

// answerHandshake gives an open handshake the last state that one of its sides wants, once act has done what follows from it.
func (s *Service) answerHandshake(ctx context.Context, c api.Caller, operation, id string, state types.HandshakeState, act func(store.Tx, *handshake, *identity.Organization) error) (w *types.Handshake, err error) {
	err = s.store.Update(ctx, func(tx store.Tx) error {
		h, own, received, err := s.findHandshake(tx, c, operation, id)
		if err != nil {
			return err
		}
		cancels := state == types.HandshakeStateCanceled
		sent := own != nil && own.ID == h.Organization && own.Management == c.Account
		switch now := s.state(h); {
		case cancels && !sent, !cancels && !received:
			return api.Errorf("AccessDeniedException", "You don't have permissions to access this resource.")
		case now == state:
			return api.Errorf("HandshakeAlreadyInStateException", "The specified handshake is already in the requested state.")
		case now != types.HandshakeStateOpen && !(cancels && now == types.HandshakeStateRequested):
			return api.Errorf("InvalidHandshakeTransitionException", "You can't perform the operation on the handshake in its current state.")
		}
		if err := act(tx, h, own); err != nil {
			return err
		}
		if err := s.end(tx, h, state); err != nil {
			return err
		}
		w, err = s.wireHandshake(tx, h)
		return err
	})
	return w, err
}

// acceptHandshake does what was asked for.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_AcceptHandshake.html
func (s *Service) acceptHandshake(ctx context.Context, c api.Caller, in *organizations.AcceptHandshakeInput) (*organizations.AcceptHandshakeOutput, error) {
	w, err := s.answerHandshake(ctx, c, "AcceptHandshake", *in.HandshakeId, types.HandshakeStateAccepted, func(tx store.Tx, h *handshake, own *identity.Organization) error {
		sender, _, err := store.Load[identity.Organization](tx, identity.OrganizationKey(h.Organization))
		if err != nil {
			return err
		}
		switch h.Action {
		case types.ActionTypeInviteAccountToOrganization:
			return s.join(tx, c, &sender, own, h)
		case types.ActionTypeAddOrganizationsServiceLinkedRole:
			return s.linkOwnRole(tx, c)
		case types.ActionTypeTransferResponsibility:
			return s.acceptTransfer(tx, c, &sender, own, h)
		default:
			return s.approve(tx, c, &sender, h)
		}
	})
	return &organizations.AcceptHandshakeOutput{Handshake: w}, err
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeclineHandshake.html
func (s *Service) declineHandshake(ctx context.Context, c api.Caller, in *organizations.DeclineHandshakeInput) (*organizations.DeclineHandshakeOutput, error) {
	w, err := s.answerHandshake(ctx, c, "DeclineHandshake", *in.HandshakeId, types.HandshakeStateDeclined, s.withoutTransfer(types.ResponsibilityTransferStatusDeclined))
	return &organizations.DeclineHandshakeOutput{Handshake: w}, err
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CancelHandshake.html
func (s *Service) cancelHandshake(ctx context.Context, c api.Caller, in *organizations.CancelHandshakeInput) (*organizations.CancelHandshakeOutput, error) {
	end := s.withoutTransfer(types.ResponsibilityTransferStatusCanceled)
	w, err := s.answerHandshake(ctx, c, "CancelHandshake", *in.HandshakeId, types.HandshakeStateCanceled, func(tx store.Tx, h *handshake, own *identity.Organization) error {
		if err := s.cancelFeatures(tx, h); err != nil {
			return err
		}
		return end(tx, h, own)
	})
	return &organizations.CancelHandshakeOutput{Handshake: w}, err
}

// linkOwnRole makes the role that Organizations needs in the caller's account, which the caller must be allowed to have made.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services-using_slrs.html
func (s *Service) linkOwnRole(tx store.Tx, c api.Caller) error {
	err := s.authz.Authorize(tx, c, authz.ServiceLinkedRole(c, principal, "AWSServiceRoleForOrganizations"))
	if denied, ok := errors.AsType[*api.Error](err); ok {
		return api.Errorf("AccessDeniedForDependencyException", "%s", denied.Message).With("Reason", "ACCESS_DENIED_DURING_CREATE_SERVICE_LINKED_ROLE")
	}
	if err != nil {
		return err
	}
	return s.linkRole(tx, c.Partition, c.Account, principal, s.now())
}

// join makes the caller's account one of the organization. It leaves the one that it is in; there it needs the permission to.
func (s *Service) join(tx store.Tx, c api.Caller, o, own *identity.Organization, h *handshake) error {
	facts, err := loadFacts(tx, c.Account)
	if err != nil {
		return err
	}
	management, err := loadFacts(tx, o.Management)
	if err != nil {
		return err
	}
	if c.Partition != o.Partition || facts.Seller != management.Seller {
		return api.Errorf(handshakeConstraint, "You can only join an organization that operates in the same Amazon Web Services partition as your account, and has the same seller of record.").With("Reason", "ORGANIZATION_FROM_DIFFERENT_SELLER_OF_RECORD")
	}
	if err := facts.refuse(refusal{membershipJustChanged, api.Errorf(handshakeConstraint, "You attempted to change the membership of an account too quickly after its previous change.").With("Reason", "ORGANIZATION_MEMBERSHIP_CHANGE_RATE_LIMIT_EXCEEDED")}); err != nil {
		return err
	}
	if own != nil {
		if err := s.authz.Authorize(tx, c, authz.Request{Action: actionPrefix + "LeaveOrganization", Resource: "*"}); err != nil {
			return err
		}
		m, err := identity.LoadMember(tx, c.Account)
		if err != nil {
			return err
		}
		if err := s.mayLeave(tx, own, m); err != nil {
			return err
		}
		if err := s.remove(tx, own, m); err != nil {
			return err
		}
	} else if err := facts.refuse(refusal{paymentMissing, api.Errorf(handshakeConstraint, "You can't complete the operation with an account that doesn't have a payment instrument, such as a credit card, associated with it.").With("Reason", "PAYMENT_INSTRUMENT_REQUIRED")}); err != nil {
		return err
	}
	if !o.ConsolidatedBilling {
		if err := s.linkOwnRole(tx, c); err != nil {
			return err
		}
	}
	name := facts.Name
	if name == "" {
		name = c.Account
	}
	m := &identity.Member{Account: c.Account, Organization: o.ID, Name: name, Email: facts.emailOf(c.Account), Joined: s.now(), Parents: []string{o.Root}}
	if err := addAccount(tx, o, m); err != nil {
		return err
	}
	return s.saveTags(tx, o, m.Account, h.Tags)
}

// lists reports whether a list with a filter has a handshake.
func (s *Service) lists(h *handshake, filter *types.HandshakeFilter) bool {
	return !s.forgotten(h) && (filter == nil || (filter.ActionType == "" || filter.ActionType == h.Action) && (filter.ParentHandshakeId == nil || *filter.ParentHandshakeId == h.Parent))
}

func checkFilter(filter *types.HandshakeFilter) error {
	if filter != nil && filter.ActionType != "" && filter.ParentHandshakeId != nil {
		return api.Errorf("InvalidInputException", "You can specify only one filter parameter for the operation.").With("Reason", "MAX_LIMIT_EXCEEDED_FILTER")
	}
	return nil
}

// listHandshakesForAccount lists what the account received. It can be in no organization.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListHandshakesForAccount.html
func (s *Service) listHandshakesForAccount(ctx context.Context, c api.Caller, in *organizations.ListHandshakesForAccountInput) (*organizations.ListHandshakesForAccountOutput, error) {
	if err := checkFilter(in.Filter); err != nil {
		return nil, err
	}
	out := &organizations.ListHandshakesForAccountOutput{}
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		if err := s.authz.Authorize(r, c, authz.Request{Action: actionPrefix + "ListHandshakesForAccount", Resource: "*"}); err != nil {
			return err
		}
		out.Handshakes, out.NextToken, err = scanPage(r, api.ListOf(c, in), receivedPrefix(c.Account), 0, func(id string) (*types.Handshake, error) {
			return s.listedHandshake(r, string(r.Get(receivedKey(c.Account, id))), id, in.Filter)
		})
		return err
	})
	return out, err
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListHandshakesForOrganization.html
func (s *Service) listHandshakesForOrganization(ctx context.Context, c api.Caller, in *organizations.ListHandshakesForOrganizationInput) (*organizations.ListHandshakesForOrganizationOutput, error) {
	if err := checkFilter(in.Filter); err != nil {
		return nil, err
	}
	out := &organizations.ListHandshakesForOrganizationOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, err := s.enter(r, c, "ListHandshakesForOrganization", authz.Request{})
		if err != nil {
			return err
		}
		out.Handshakes, out.NextToken, err = scanPage(r, api.ListOf(c, in), handshakesPrefix(o.ID), 0, func(id string) (*types.Handshake, error) {
			return s.listedHandshake(r, o.ID, id, in.Filter)
		})
		return err
	})
	return out, err
}

// listedHandshake returns a handshake, nil if a list with a filter has it not.
func (s *Service) listedHandshake(r store.Reader, organization, id string, filter *types.HandshakeFilter) (*types.Handshake, error) {
	h, _, err := store.Load[handshake](r, handshakeKey(organization, id))
	if err != nil || !s.lists(&h, filter) {
		return nil, err
	}
	return s.wireHandshake(r, &h)
}
