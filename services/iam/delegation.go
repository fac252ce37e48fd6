package iam

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/uuid"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// delegationLifetime is after how long without a change a request expires that came to no end.
const delegationLifetime = 7 * 24 * time.Hour

func (s *Service) delegationOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateDelegationRequest", s.createDelegationRequest),
		api.Op("AssociateDelegationRequest", s.associateDelegationRequest),
		api.Op("UpdateDelegationRequest", s.updateDelegationRequest),
		api.Op("AcceptDelegationRequest", s.acceptDelegationRequest),
		api.Op("RejectDelegationRequest", s.rejectDelegationRequest),
		api.Op("SendDelegationToken", s.sendDelegationToken),
		api.Op("GetDelegationRequest", s.getDelegationRequest),
		api.Op("ListDelegationRequests", s.listDelegationRequests),
		api.Op("GetHumanReadableSummary", s.getHumanReadableSummary),
	}
}

// createDelegationRequest is the requestor's. AWS has registered the policy templates of its partners; here a
// template is a managed policy, AWS's or of the requestor's account, in which @{name} stands for a parameter.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateDelegationRequest.html
func (s *Service) createDelegationRequest(ctx context.Context, c api.Caller, in *iam.CreateDelegationRequestInput) (*iam.CreateDelegationRequestOutput, error) {
	d := &identity.DelegationRequest{
		ID: uuid.NewString(), Requestor: c.Account, Workflow: *in.RequestorWorkflowId, OwnerAccount: aws.ToString(in.OwnerAccountId),
		Template: aws.ToString(in.Permissions.PolicyTemplateArn), Description: *in.Description, Message: aws.ToString(in.RequestMessage),
		RedirectURL: aws.ToString(in.RedirectUrl), Channel: *in.NotificationChannel, Seconds: *in.SessionDuration, OnlySendByOwner: in.OnlySendByOwner,
		State: string(types.StateTypeUnassigned), Created: s.now(), Updated: s.now(),
	}
	for _, p := range in.Permissions.Parameters {
		d.Parameters = append(d.Parameters, identity.DelegationParameter{Name: aws.ToString(p.Name), Type: string(p.Type), Values: p.Values})
	}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		request := authz.Request{Action: "iam:CreateDelegationRequest", Resource: delegationARN(c, "*"), Context: map[string][]string{
			"iam:DelegationDuration": {strconv.Itoa(int(d.Seconds))}, "iam:NotificationChannel": {d.Channel}, "iam:TemplateArn": {d.Template},
		}}
		if d.OwnerAccount != "" {
			request.Context[ownerKey] = []string{identity.ARN(c.Partition, "iam", d.OwnerAccount, "root")}
		}
		if err := s.authz.Authorize(tx, c, request); err != nil {
			return err
		}
		if tx.Get(identity.DelegationWorkflowKey(c.Account, d.Workflow)) != nil {
			return api.Errorf("EntityAlreadyExists", "A delegation request with the workflow ID %s already exists.", d.Workflow)
		}
		var err error
		if d.Policy, err = s.fillTemplate(tx, c, d); err != nil {
			return err
		}
		if err := tx.Put(identity.DelegationWorkflowKey(c.Account, d.Workflow), []byte(d.ID)); err != nil {
			return err
		}
		return store.Save(tx, identity.DelegationRequestKey(d.ID), d)
	})
	return &iam.CreateDelegationRequestOutput{
		DelegationRequestId: &d.ID,
		ConsoleDeepLink:     aws.String("https://signin.aws.amazon.com/iam/home#/delegation-requests/" + d.ID),
	}, err
}

func delegationARN(c api.Caller, id string) string {
	return identity.ARN(c.Partition, "iam", c.Account, "delegation-request/"+id)
}

// fillTemplate returns the policy of a request.
func (s *Service) fillTemplate(r store.Reader, c api.Caller, d *identity.DelegationRequest) (string, error) {
	p, err := findPolicy(r, c, d.Template)
	if err != nil {
		return "", err
	}
	if p == nil {
		return "", api.Errorf("InvalidInput", "The policy template %s does not exist.", d.Template)
	}
	text, err := p.text(r)
	if err != nil {
		return "", err
	}
	for _, parameter := range d.Parameters {
		// Values stand within strings of the document, one of a list after another.
		list, err := json.Marshal(append([]string{}, parameter.Values...))
		if err != nil {
			return "", err
		}
		filled := string(list[1 : len(list)-1])
		if len(parameter.Values) > 0 {
			filled = filled[1 : len(filled)-1] // the quotes are the document's
		}
		text = strings.ReplaceAll(text, "@{"+parameter.Name+"}", filled)
	}
	if strings.Contains(text, "@{") {
		return "", api.Errorf("InvalidInput", "The policy template %s has parameters that are not given.", d.Template)
	}
	if err := s.checkDocument(policy.Session, c.Partition, text); err != nil {
		return "", api.Errorf("InvalidInput", "The policy template %s does not make a policy with these parameters.", d.Template)
	}
	return text, nil
}

// findDelegation returns a request once the caller may do the action with it. Requests of other owners are
// not there. The owner may see, update and send its request without a policy that says so.
func (s *Service) findDelegation(r store.Reader, c api.Caller, id, action string) (*identity.DelegationRequest, error) {
	d, ok, err := store.Load[identity.DelegationRequest](r, identity.DelegationRequestKey(id))
	if err != nil {
		return nil, err
	}
	request := authz.Request{Action: action, Resource: delegationARN(c, id)}
	if ok && d.Owner != "" {
		request.Context = map[string][]string{ownerKey: {d.Owner}}
	}
	if ok && d.Owner == c.ARN && slices.Contains(ownersActions, action) {
		request.ResourcePolicy = &authz.ResourcePolicy{Kind: policy.Resource, ARN: request.Resource, Text: ownersRequest}
	}
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	if !ok || d.OwnerAccount != "" && d.OwnerAccount != c.Account && d.Requestor != c.Account {
		return nil, api.Errorf("NoSuchEntity", "The delegation request with id %s cannot be found.", id)
	}
	if d.State != identity.DelegationFinalized && s.now().Sub(d.Updated) > delegationLifetime {
		d.State = string(types.StateTypeExpired)
	}
	return &d, nil
}

// ownersActions are those for which the owner of a request needs no policy.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/temporary-delegation-managing-permissions.html
var ownersActions = []string{"iam:GetDelegationRequest", "iam:GetHumanReadableSummary", "iam:UpdateDelegationRequest", "iam:SendDelegationToken"}

// ownerKey is the condition key of the ARN of a request's owner.
const ownerKey = "iam:DelegationRequestOwner"

const ownersRequest = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"iam:*","Resource":"*"}]}`

// changeDelegation runs f on a request that is in one of the states, and that an account other than the
// requestor's decides on, and saves it.
func (s *Service) changeDelegation(ctx context.Context, c api.Caller, id, action string, from []types.StateType, f func(store.Tx, *identity.DelegationRequest) error) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		d, err := s.findDelegation(tx, c, id, action)
		if err != nil {
			return err
		}
		if d.OwnerAccount != c.Account && d.State != string(types.StateTypeUnassigned) {
			return api.Errorf("NoSuchEntity", "The delegation request with id %s cannot be found.", id)
		}
		if !slices.Contains(from, types.StateType(d.State)) {
			if action == "iam:AcceptDelegationRequest" { // which has no InvalidInput
				return api.Errorf("NoSuchEntity", "The delegation request is in state %s.", d.State)
			}
			return api.Errorf("InvalidInput", "The delegation request is in state %s.", d.State)
		}
		if err := f(tx, d); err != nil {
			return err
		}
		d.Updated = s.now()
		return store.Save(tx, identity.DelegationRequestKey(id), d)
	})
}

func (s *Service) associateDelegationRequest(ctx context.Context, c api.Caller, in *iam.AssociateDelegationRequestInput) (*iam.AssociateDelegationRequestOutput, error) {
	id := *in.DelegationRequestId
	return nil, s.changeDelegation(ctx, c, id, "iam:AssociateDelegationRequest", []types.StateType{types.StateTypeUnassigned}, func(tx store.Tx, d *identity.DelegationRequest) error {
		if d.OwnerAccount != "" && d.OwnerAccount != c.Account {
			return api.Errorf("InvalidInput", "The delegation request is for another account.")
		}
		d.OwnerAccount, d.Owner, d.State = c.Account, c.ARN, string(types.StateTypeAssigned)
		return tx.Put(identity.DelegationOwnedKey(c.Account, id), []byte(id))
	})
}

// undecided are the states in which a request can still be decided on.
var undecided = []types.StateType{types.StateTypeAssigned, types.StateTypePendingApproval}

func (s *Service) updateDelegationRequest(ctx context.Context, c api.Caller, in *iam.UpdateDelegationRequestInput) (*iam.UpdateDelegationRequestOutput, error) {
	return nil, s.changeDelegation(ctx, c, *in.DelegationRequestId, "iam:UpdateDelegationRequest", undecided, func(_ store.Tx, d *identity.DelegationRequest) error {
		d.Notes, d.State = aws.ToString(in.Notes), string(types.StateTypePendingApproval)
		return nil
	})
}

// acceptDelegationRequest hands on the caller's own permissions, within the request's policy.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AcceptDelegationRequest.html
func (s *Service) acceptDelegationRequest(ctx context.Context, c api.Caller, in *iam.AcceptDelegationRequestInput) (*iam.AcceptDelegationRequestOutput, error) {
	return nil, s.changeDelegation(ctx, c, *in.DelegationRequestId, "iam:AcceptDelegationRequest", undecided, func(_ store.Tx, d *identity.DelegationRequest) error {
		session := &identity.Session{Kind: c.Kind, Account: c.Account, Policies: []string{d.Policy}, Delegated: true}
		if c.Session != nil {
			if c.Session.Limited() || c.Kind == identity.FederatedUser {
				return api.Errorf("AccessDenied", "A session with session policies can't accept a delegation request.")
			}
			session.Tags, session.SourceIdentity, session.SessionName = c.Session.Tags, c.Session.SourceIdentity, c.Session.SessionName
		}
		switch {
		case c.Role != nil:
			session.Name, session.ID = c.Role.Name, c.Role.ID
		case c.User != nil:
			session.Name, session.ID = c.User.Name, c.User.ID
		}
		d.Approver, d.Session, d.State = c.ARN, session, string(types.StateTypeAccepted)
		return nil
	})
}

func (s *Service) rejectDelegationRequest(ctx context.Context, c api.Caller, in *iam.RejectDelegationRequestInput) (*iam.RejectDelegationRequestOutput, error) {
	from := append([]types.StateType{types.StateTypeAccepted}, undecided...)
	return nil, s.changeDelegation(ctx, c, *in.DelegationRequestId, "iam:RejectDelegationRequest", from, func(_ store.Tx, d *identity.DelegationRequest) error {
		d.Rejection, d.State, d.Session = aws.ToString(in.Notes), string(types.StateTypeRejected), nil
		return nil
	})
}

// sendDelegationToken ends the request. There is no SNS here: the token is in the admin API.
func (s *Service) sendDelegationToken(ctx context.Context, c api.Caller, in *iam.SendDelegationTokenInput) (*iam.SendDelegationTokenOutput, error) {
	return nil, s.changeDelegation(ctx, c, *in.DelegationRequestId, "iam:SendDelegationToken", []types.StateType{types.StateTypeAccepted}, func(_ store.Tx, d *identity.DelegationRequest) error {
		if d.OnlySendByOwner && d.Owner != c.ARN {
			return api.Errorf("InvalidInput", "Only the owner of the delegation request can send its token.")
		}
		d.State = identity.DelegationFinalized
		return nil
	})
}

func wireDelegation(d *identity.DelegationRequest) types.DelegationRequest {
	w := types.DelegationRequest{
		DelegationRequestId: &d.ID, RequestorId: &d.Requestor, Description: &d.Description, CreateDate: &d.Created, UpdatedTime: &d.Updated,
		State: types.StateType(d.State), SessionDuration: &d.Seconds, OnlySendByOwner: d.OnlySendByOwner, PermissionPolicy: &d.Policy,
		Permissions:    &types.DelegationPermission{PolicyTemplateArn: &d.Template},
		ExpirationTime: aws.Time(d.Updated.Add(delegationLifetime)),
	}
	if d.State == identity.DelegationFinalized {
		w.ExpirationTime = aws.Time(d.Updated.Add(time.Duration(d.Seconds) * time.Second))
	}
	for _, p := range d.Parameters {
		w.Permissions.Parameters = append(w.Permissions.Parameters, types.PolicyParameter{Name: &p.Name, Type: types.PolicyParameterTypeEnum(p.Type), Values: p.Values})
	}
	for member, value := range map[**string]string{
		&w.OwnerAccountId: d.OwnerAccount, &w.OwnerId: d.Owner, &w.ApproverId: d.Approver, &w.RequestMessage: d.Message,
		&w.RedirectUrl: d.RedirectURL, &w.Notes: d.Notes, &w.RejectionReason: d.Rejection,
	} {
		if value != "" {
			*member = &value
		}
	}
	return w
}

func (s *Service) getDelegationRequest(ctx context.Context, c api.Caller, in *iam.GetDelegationRequestInput) (*iam.GetDelegationRequestOutput, error) {
	var out *iam.GetDelegationRequestOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		d, err := s.findDelegation(r, c, *in.DelegationRequestId, "iam:GetDelegationRequest")
		if err != nil {
			return err
		}
		w := wireDelegation(d)
		out = &iam.GetDelegationRequestOutput{DelegationRequest: &w}
		if in.DelegationPermissionCheck {
			out.PermissionCheckStatus = types.PermissionCheckStatusTypeComplete
			out.PermissionCheckResult, err = s.checkPermissions(r, c, d.Policy)
		}
		return err
	})
	return out, err
}

// getHumanReadableSummary has no language model to ask: of the entities that AWS summarizes, it says that summaries are not supported.
func (s *Service) getHumanReadableSummary(ctx context.Context, c api.Caller, in *iam.GetHumanReadableSummaryInput) (*iam.GetHumanReadableSummaryOutput, error) {
	arn, ok := policy.ParseARN(*in.EntityArn)
	id, isRequest := strings.CutPrefix(arn.Resource, "delegation-request/")
	wellFormed := ok && isRequest && id != "" && arn.Partition == c.Partition && arn.Service == "iam" && identity.IsAccountID(arn.Account)
	out := &iam.GetHumanReadableSummaryOutput{Locale: in.Locale, SummaryState: types.SummaryStateTypeNotSupported}
	return out, s.store.View(ctx, func(r store.Reader) error {
		if !wellFormed {
			if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:GetHumanReadableSummary", Resource: *in.EntityArn}); err != nil {
				return err
			}
			return api.Errorf("InvalidInput", "ARN %s is not valid.", *in.EntityArn)
		}
		_, err := s.findDelegation(r, c, id, "iam:GetHumanReadableSummary")
		return err
	})
}

func (s *Service) listDelegationRequests(ctx context.Context, c api.Caller, in *iam.ListDelegationRequestsInput) (*iam.ListDelegationRequestsOutput, error) {
	page, err := newPage(api.ListOf(c, in))
	if err != nil {
		return nil, err
	}
	out := &iam.ListDelegationRequestsOutput{DelegationRequests: []types.DelegationRequest{}}
	err = s.store.View(ctx, func(r store.Reader) error {
		request := authz.Request{Action: "iam:ListDelegationRequests", Resource: delegationARN(c, "*")}
		if in.OwnerId != nil {
			request.Context = map[string][]string{ownerKey: {*in.OwnerId}}
		}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		root := identity.DelegationOwnedPrefix(c.Account)
		for key, id := range r.Scan(root, page.startBelow(root)) {
			d, _, err := store.Load[identity.DelegationRequest](r, identity.DelegationRequestKey(string(id)))
			if err != nil {
				return err
			}
			position := string(key[len(root):])
			if in.OwnerId != nil && *in.OwnerId != d.Owner {
				if page.skip(position) {
					continue
				}
				return nil
			}
			if !page.take(position) {
				return nil
			}
			out.DelegationRequests = append(out.DelegationRequests, wireDelegation(&d))
		}
		return nil
	})
	out.Marker = page.next()
	out.IsTruncated = out.Marker != nil
	return out, err
}
