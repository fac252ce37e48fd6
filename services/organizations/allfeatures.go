package organizations

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/quota"
	"emulator/store"
)

// featuresKey is the key of the ID of the handshake by which the organization gets all features.
func featuresKey(organization string) []byte {
	return identity.InOrganization(organization, "all-features")
}

// pendingFeatures returns that handshake while it is under way, nil if there is none.
func (s *Service) pendingFeatures(r store.Reader, o *identity.Organization) (*handshake, error) {
	id, ok, err := store.Load[string](r, featuresKey(o.ID))
	if err != nil || !ok {
		return nil, err
	}
	h, _, err := store.Load[handshake](r, handshakeKey(o.ID, id))
	if err != nil || !open(s.state(&h)) {
		return nil, err
	}
	return &h, nil
}

// enableAllFeatures asks all accounts that were invited to approve. Once all have, the management account gets a handshake to approve,
// too; it can also accept the one that is answered here, as AWS has said of it.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnableAllFeatures.html
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_AcceptHandshake.html
func (s *Service) enableAllFeatures(ctx context.Context, c api.Caller, _ *organizations.EnableAllFeaturesInput) (*organizations.EnableAllFeaturesOutput, error) {
	h, err := s.newHandshake(types.ActionTypeEnableAllFeatures, types.HandshakeParty{}, featuresExpiry)
	if err != nil {
		return nil, err
	}
	out := &organizations.EnableAllFeaturesOutput{}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		h.Waiting, h.State = 0, types.HandshakeStateRequested
		o, err := s.enter(tx, c, "EnableAllFeatures", authz.Request{})
		if err != nil {
			return err
		}
		if err := s.mayMigrate(tx, o); err != nil {
			return err
		}
		var accounts []string
		for _, account := range tx.Scan(identity.OrganizationAccountsPrefix(o.ID), nil) {
			accounts = append(accounts, string(account))
		}
		if limit := s.quotas.Max(migratedAccounts); limit != quota.Unlimited && len(accounts) > limit {
			return api.Errorf(constraint, "Your organization has more than 5000 accounts, and you can only use the standard migration process for organizations with less than 5000 accounts.").With("Reason", "ALL_FEATURES_MIGRATION_ORGANIZATION_SIZE_LIMIT_EXCEEDED")
		}
		for _, account := range accounts {
			if account == o.Management {
				continue
			}
			if err := s.askToApprove(tx, o, h, account); err != nil {
				return err
			}
		}
		h.Recipient = o.Management
		if err := send(tx, o, h); err != nil {
			return err
		}
		if err := store.Save(tx, featuresKey(o.ID), h.ID); err != nil {
			return err
		}
		if err := s.approvedByAll(tx, o, h); err != nil {
			return err
		}
		out.Handshake, err = s.wireHandshake(tx, h)
		return err
	})
	return out, err
}

func (s *Service) mayMigrate(r store.Reader, o *identity.Organization) error {
	if !o.ConsolidatedBilling {
		return api.Errorf(handshakeConstraint, "The handshake request is invalid because the organization has already enabled all features.").With("Reason", "ORGANIZATION_ALREADY_HAS_ALL_FEATURES")
	}
	pending, err := s.pendingFeatures(r, o)
	if err == nil && pending != nil {
		err = api.Errorf(handshakeConstraint, "The handshake request is invalid because the organization has already started the process to enable all features.").With("Reason", "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION")
	}
	return err
}

// askToApprove asks an account that was invited. One that the organization created need not approve: it is asked only for the role of
// Organizations, if that is not there.
func (s *Service) askToApprove(tx store.Tx, o *identity.Organization, parent *handshake, account string) error {
	m, err := identity.LoadMember(tx, account)
	if err != nil {
		return err
	}
	action := types.ActionTypeEnableAllFeatures
	if m.Created {
		if tx.Get(identity.RoleKey(account, "AWSServiceRoleForOrganizations")) != nil {
			return nil
		}
		action = types.ActionTypeAddOrganizationsServiceLinkedRole
	}
	child, err := s.newHandshake(action, types.HandshakeParty{Type: types.HandshakePartyTypeAccount, Id: &account}, featuresExpiry)
	if err != nil {
		return err
	}
	child.Parent = parent.ID
	if !m.Created {
		parent.Waiting++
	}
	return send(tx, o, child)
}

// approvedByAll lets the management account approve, if nobody is waited for any more.
func (s *Service) approvedByAll(tx store.Tx, o *identity.Organization, h *handshake) error {
	if h.Waiting > 0 {
		return h.save(tx)
	}
	h.State = types.HandshakeStateOpen
	if err := h.save(tx); err != nil {
		return err
	}
	approval, err := s.newHandshake(types.ActionTypeApproveAllFeatures, types.HandshakeParty{}, 0)
	if err != nil {
		return err
	}
	approval.Expires, approval.Parent, approval.Recipient = h.Expires, h.ID, o.Management
	return send(tx, o, approval)
}

// approve is what follows when a handshake about all features is accepted.
func (s *Service) approve(tx store.Tx, c api.Caller, o *identity.Organization, h *handshake) error {
	if h.Target.Type == "" {
		return s.finishFeatures(tx, o, h)
	}
	if err := s.linkOwnRole(tx, c); err != nil {
		return err
	}
	return s.notWaitingFor(tx, o, h)
}

// notWaitingFor counts one answer less that is waited for.
func (s *Service) notWaitingFor(tx store.Tx, o *identity.Organization, child *handshake) error {
	parent, err := s.pendingFeatures(tx, o)
	if err != nil || parent == nil || parent.ID != child.Parent {
		return err
	}
	parent.Waiting--
	return s.approvedByAll(tx, o, parent)
}

// finishFeatures gives the organization all features. Of the two handshakes by which the management account may do so the caller
// ends the one that it accepted.
func (s *Service) finishFeatures(tx store.Tx, o *identity.Organization, accepted *handshake) error {
	o.ConsolidatedBilling = false
	if err := store.Save(tx, identity.OrganizationKey(o.ID), o); err != nil {
		return err
	}
	if err := tx.Delete(featuresKey(o.ID)); err != nil {
		return err
	}
	for _, action := range []types.ActionType{types.ActionTypeEnableAllFeatures, types.ActionTypeApproveAllFeatures} {
		err := s.eachReceived(tx, o, o.Management, action, func(h *handshake) error {
			if h.ID == accepted.ID {
				return nil
			}
			return s.end(tx, h, types.HandshakeStateAccepted)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// cancelFeatures cancels the handshakes that are part of one.
func (s *Service) cancelFeatures(tx store.Tx, parent *handshake) error {
	if parent.Action != types.ActionTypeEnableAllFeatures || parent.Parent != "" {
		return nil
	}
	var parts []handshake
	for key := range tx.Scan(handshakesPrefix(parent.Organization), nil) {
		h, _, err := store.Load[handshake](tx, key)
		if err != nil {
			return err
		}
		if h.Parent == parent.ID && open(s.state(&h)) {
			parts = append(parts, h)
		}
	}
	for _, h := range parts {
		if err := s.end(tx, &h, types.HandshakeStateCanceled); err != nil {
			return err
		}
	}
	return nil
}

// withdrawApproval cancels what an account that leaves was asked to approve.
func (s *Service) withdrawApproval(tx store.Tx, o *identity.Organization, account string) error {
	return s.eachReceived(tx, o, account, types.ActionTypeEnableAllFeatures, func(h *handshake) error {
		if err := s.end(tx, h, types.HandshakeStateCanceled); err != nil {
			return err
		}
		return s.notWaitingFor(tx, o, h)
	})
}
