package server

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"emulator/api"
	"emulator/api/model"
	"emulator/audit"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/services/kms"
	"emulator/store"
)

// explanation is why a call was answered as it was, or would be.
type explanation struct {
	RequestID string `json:"requestId,omitempty"`
	// Refused is the answer of a call that was, or would be, refused.
	Refused   *audit.Refusal      `json:"refused,omitempty"`
	Decisions []authz.Explanation `json:"decisions"`
	// Notes say what is odd about a question.
	Notes []string `json:"notes,omitempty"`
}

// adminDecision tells why a call was allowed or refused: that of a request ID, or with "last" the one that was refused last.
func (s *Server) adminDecision(w http.ResponseWriter, r *http.Request) {
	e := explanation{RequestID: mux.Vars(r)["requestID"]}
	if e.RequestID == "last" {
		last := s.trail.Refusals("", 1)
		if len(last) == 0 {
			adminError(w, http.StatusNotFound, "no call was refused yet")
			return
		}
		e.RequestID = last[0].RequestID
	}
	var err error
	if e.Decisions, err = s.authz.Explain(e.RequestID); err != nil {
		s.adminFailure(w, r, err)
		return
	}
	if refusals := s.trail.Refusals(e.RequestID, 1); len(refusals) == 1 {
		e.Refused = &refusals[0]
	}
	if e.Refused == nil && len(e.Decisions) == 0 {
		adminError(w, http.StatusNotFound, "nothing is kept of request "+e.RequestID)
		return
	}
	writeJSON(w, http.StatusOK, e)
}

// adminDecisions lists the latest calls that were refused, and the denials; with --iam audit there are more of these.
func (s *Server) adminDecisions(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"denials": s.authz.Denials(100), "refused": s.trail.Refusals("", 100)})
}

// question is what somebody wants to know of a call that nobody made.
type question struct {
	// Principal is the ARN of a user, a role, a role's session or an account's root user.
	Principal string `json:"principal"`
	Action    string `json:"action"`
	// Resource is what the operation takes: an ARN, a key's ID or alias, the name of a role; "*" for actions without one.
	Resource string `json:"resource"`
	// Region of the call; "" is that of the resource, or us-east-1.
	Region string `json:"region,omitempty"`
	// Context holds condition keys. They stand before those that follow from the principal.
	Context map[string][]string `json:"context,omitempty"`
}

// adminExplain tells what would become of a call.
func (s *Server) adminExplain(w http.ResponseWriter, r *http.Request) {
	var q question
	if err := decodeAdmin(w, r, &q); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	if q.Principal == "" || q.Action == "" || q.Resource == "" {
		adminError(w, http.StatusBadRequest, `"principal", "action" and "resource" are needed`)
		return
	}
	notes, err := s.checkQuestion(&q)
	if err == nil {
		var answer explanation
		if answer, err = s.answerQuestion(r, &q); err == nil {
			answer.Notes = notes
			writeJSON(w, http.StatusOK, answer)
			return
		}
	}
	if e, ok := errors.AsType[*api.Error](err); ok {
		adminError(w, http.StatusBadRequest, e.Message)
		return
	}
	s.adminFailure(w, r, err)
}

// answerQuestion lets the service go the way of the operation, up to where it would act.
func (s *Server) answerQuestion(r *http.Request, q *question) (explanation, error) {
	answer := explanation{Decisions: []authz.Explanation{}}
	now := s.clock.Now()
	err := s.store.View(r.Context(), func(tx store.Reader) error {
		c, err := authz.CallerOf(tx, q.Principal, now)
		if err != nil {
			return err
		}
		arn, _ := policy.ParseARN(q.Resource)
		c.Region = cmp.Or(q.Region, arn.Region, "us-east-1")
		c.SourceIP, c.Secure, c.Host, c.Received = sourceIP(r), r.TLS != nil, r.Host, now
		var refused error
		answer.Decisions = append(answer.Decisions, s.authz.Rehearse(func(requestID string) {
			c.RequestID = requestID
			refused = s.ask(tx, c, q)
		})...)
		known, ok := errors.AsType[*api.Error](refused)
		switch {
		case refused == nil:
			return nil
		case !ok || known.Code == "ValidationError" && len(answer.Decisions) == 0: // it is the question that is wrong
			return refused
		}
		answer.Refused = &audit.Refusal{Time: now, Caller: c.ARN, Code: known.Code, Message: known.Message, Cause: api.Cause(refused)}
		return nil
	})
	return answer, err
}

// ask asks for permission as the operation does. The error is that of the operation.
func (s *Server) ask(r store.Reader, c api.Caller, q *question) error {
	service, name, _ := strings.Cut(q.Action, ":")
	request := authz.Request{Action: q.Action, Resource: q.Resource, Assumed: q.Context}
	if arn, ok := policy.ParseARN(q.Resource); ok {
		request.ResourceAccount = arn.Account
	} else if q.Resource != "*" && service != "kms" && service != "iam" && service != "sts" {
		return api.Errorf("ValidationError", "%s is neither an ARN nor *.", q.Resource)
	}
	switch {
	case service == "kms":
		return s.kms.Ask(r, c, q.Action, q.Resource, q.Context)
	case slices.Contains(rolesActions, q.Action):
		arn, _, err := s.entity(r, c, "role", q)
		if err != nil {
			return err
		}
		return s.sts.AskRole(r, c, q.Action, arn, q.Context)
	case service != "iam":
		return s.authz.Authorize(r, c, request)
	}
	kind, needed := s.iamKind(name)
	if kind == "" || q.Resource == "*" && !needed {
		return s.authz.Authorize(r, c, request)
	}
	arn, tags, err := s.entity(r, c, kind, q)
	if err != nil && api.ErrorCode(err) != "NoSuchEntity" {
		return err
	}
	request.Resource, request.ResourceTags, request.ResourceAccount = arn, tags, c.Account
	if strings.HasPrefix(name, "Create") {
		err = nil // it is to be made
	}
	return cmp.Or(s.authz.Authorize(r, c, request), err)
}

// rolesActions are those that a role's trust policy has to allow.
var rolesActions = []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}

// iamKind returns what kind of entity an action of IAM is asked of, "" if of none, and whether its operation must name one.
func (s *Server) iamKind(name string) (kind string, needed bool) {
	if name == "PassRole" {
		return "role", true
	}
	operation := s.byName("iam").model.Operations[name]
	if operation == nil || operation.Input == nil {
		return "", false
	}
	for _, k := range [...]struct{ member, kind string }{{"RoleName", "role"}, {"UserName", "user"}, {"GroupName", "group"}, {"PolicyArn", "policy"}} {
		i := slices.IndexFunc(operation.Input.Members, func(m model.Member) bool { return m.Name == k.member })
		if i >= 0 {
			return k.kind, operation.Input.Members[i].Required
		}
	}
	return "", false
}

// entity returns the ARN of an entity of IAM that is given by its ARN or name, and its tags. The error is NoSuchEntity, beside
// the ARN that it would have, if there is none.
func (s *Server) entity(r store.Reader, c api.Caller, kind string, q *question) (arn string, tags map[string]string, err error) {
	if q.Resource == "*" {
		return "", nil, api.Errorf("ValidationError", "%s is asked of a %s: name it.", q.Action, kind)
	}
	account, name, arn := c.Account, q.Resource, identity.ARN(c.Partition, "iam", c.Account, kind+"/"+q.Resource)
	if parsed, ok := policy.ParseARN(q.Resource); ok {
		account, arn = parsed.Account, q.Resource
		name = parsed.Resource[strings.LastIndexByte(parsed.Resource, '/')+1:]
		if account != c.Account && kind != "policy" && !slices.Contains(rolesActions, q.Action) {
			return "", nil, api.Errorf("ValidationError", "%s is of another account: IAM's operations take names, of the caller's own.", q.Resource)
		}
	}
	var found string
	switch kind {
	case "role":
		role, err := s.directory.Role(r, account, name)
		if err != nil {
			return "", nil, err
		}
		if role != nil {
			found, tags = role.ARN(), role.Tags
		}
	case "user":
		user, ok, err := identity.LoadUser(r, account, name)
		if err != nil {
			return "", nil, err
		}
		if ok {
			found, tags = user.ARN(), user.Tags
		}
	case "group":
		group, ok, err := identity.LoadGroup(r, account, name)
		if err != nil {
			return "", nil, err
		}
		if ok {
			found = group.ARN()
		}
	case "policy":
		p, ok, err := store.Load[identity.ManagedPolicy](r, identity.PolicyKey(account, name))
		switch {
		case err != nil:
			return "", nil, err
		case account == "aws":
			found = arn
		case ok:
			found, tags = p.ARN(), p.Tags
		}
	}
	if found == "" || found != arn && arn == q.Resource {
		missing := api.Errorf("NoSuchEntity", "The %s with name %s cannot be found.", kind, name)
		if slices.Contains(rolesActions, q.Action) {
			return arn, nil, nil // which is told in other words
		}
		return arn, nil, missing
	}
	return found, tags, nil
}

// checkQuestion refuses a question about an action or a region that there is not, and notes a condition key that AWS does not have.
func (s *Server) checkQuestion(q *question) (notes []string, err error) {
	if q.Region != "" {
		if err := s.regions.Check(q.Region); err != nil {
			return nil, api.Errorf("ValidationError", "%v", err)
		}
	}
	service, name, ok := strings.Cut(q.Action, ":")
	switch names := s.actions(service); {
	case !ok || strings.ContainsAny(q.Action, "*? "):
		return nil, api.Errorf("ValidationError", "%q is no action: it has the form kms:Decrypt.", q.Action)
	case names == nil:
		notes = append(notes, fmt.Sprintf("The actions of %s are not known here: whether there is %s was not checked.", service, q.Action))
	case !slices.ContainsFunc(names, func(known string) bool { return strings.EqualFold(known, name) }):
		return nil, api.Errorf("ValidationError", "%s is no action. The nearest: %s:%s.", q.Action, service, strings.Join(policy.Nearest(name, names, 3), ", "+service+":"))
	}
	for _, key := range slices.Sorted(maps.Keys(q.Context)) {
		lower := strings.ToLower(key)
		prefix, _, _ := strings.Cut(lower, ":")
		known, checked := conditionKeys[prefix]
		exists := slices.ContainsFunc(known, func(k string) bool {
			k = strings.ToLower(k)
			return lower == k || (strings.HasSuffix(k, "/") || strings.HasSuffix(k, ":")) && strings.HasPrefix(lower, k) && lower != k
		})
		switch {
		case prefix == "aws" && !policy.IsGlobalKey(lower):
			notes = append(notes, key+" is no global condition key of AWS.")
		case checked && !exists:
			notes = append(notes, fmt.Sprintf("%s is no condition key. The nearest: %s.", key, strings.Join(policy.Nearest(key, known, 3), ", ")))
		case !strings.Contains(key, ":"):
			notes = append(notes, key+" is no condition key: it has the form aws:SourceIp.")
		}
	}
	return notes, nil
}

// actions returns the names of a service's actions, nil if they are not known: those of its operations, but for the few that differ.
func (s *Server) actions(service string) []string {
	for _, svc := range s.services {
		if svc.model.SigningName == service {
			names := append(slices.Collect(maps.Keys(svc.model.Operations)), furtherActions[service]...)
			names = slices.DeleteFunc(names, func(name string) bool { return name == "ReEncrypt" })
			slices.Sort(names)
			return names
		}
	}
	return nil
}

// furtherActions are those that no operation is named after.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var furtherActions = map[string][]string{
	"iam": {"PassRole"},
	"kms": {"ReEncryptFrom", "ReEncryptTo", "SynchronizeMultiRegionKey"},
	"sts": {"TagSession", "SetSourceIdentity", "SetContext", "SetWebIdentityTokenScope", "GetServiceBearerToken"},
}

// conditionKeys are the services' own condition keys, by prefix. One that ends in / or : is the begin of more.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var conditionKeys = map[string][]string{
	"iam": {
		"iam:AWSServiceName", "iam:AssociatedResourceArn", "iam:DelegationDuration", "iam:DelegationRequestOwner", "iam:EnableIdentityCenterAssociation", "iam:EnableIdentityPropagation", "iam:FIDO-FIPS-140-2-certification", "iam:FIDO-FIPS-140-3-certification",
		"iam:FIDO-certification", "iam:NotificationChannel", "iam:OrganizationsPolicyId", "iam:PassedToService", "iam:PermissionsBoundary", "iam:PolicyARN", "iam:RegisterSecurityKey",
		"iam:RequestIdentityCenterInstanceArn", "iam:RequestIdentityProviderIssuers", "iam:ResourceIdentityCenterInstanceArn", "iam:ResourceIdentityProviderIssuers",
		"iam:ResourceTag/", "iam:ServiceSpecificCredentialAgeDays", "iam:ServiceSpecificCredentialServiceName", "iam:TemplateArn",
	},
	"kms": slices.Concat(kms.RecipientConditionKeys(), []string{
		"kms:BypassPolicyLockoutSafetyCheck", "kms:CallerAccount", "kms:CustomerMasterKeySpec", "kms:CustomerMasterKeyUsage", "kms:DataKeyPairSpec", "kms:EncryptionAlgorithm", "kms:EncryptionContext:",
		"kms:EncryptionContextKeys", "kms:ExpirationModel", "kms:GrantConstraintSourceArn", "kms:GrantConstraintType", "kms:GrantIsForAWSResource", "kms:GrantOperations", "kms:GranteePrincipal",
		"kms:GranteeServicePrincipal", "kms:KeyAgreementAlgorithm", "kms:KeyOrigin", "kms:KeySpec", "kms:KeyUsage", "kms:MacAlgorithm", "kms:MessageType", "kms:MultiRegion", "kms:MultiRegionKeyType", "kms:PolicyName",
		"kms:PrimaryRegion", "kms:ReEncryptOnSameKey", "kms:ReplicaRegion", "kms:RequestAlias", "kms:ResourceAliases", "kms:RetiringPrincipal", "kms:RetiringServicePrincipal",
		"kms:RotationPeriodInDays", "kms:ScheduleKeyDeletionPendingWindowInDays", "kms:SigningAlgorithm", "kms:TrailingDaysWithoutKeyUsage", "kms:ValidTo", "kms:ViaService", "kms:WrappingAlgorithm", "kms:WrappingKeySpec",
	}),
	"organizations": {"organizations:PolicyType", "organizations:ServicePrincipal", "organizations:TransferDirection", "organizations:TransferType"},
	"sts": {
		"sts:AWSServiceName", "sts:DurationSeconds", "sts:ExternalId", "sts:IdentityTokenAudience", "sts:IdentityTokenScope", "sts:RequestContext/", "sts:RequestContextProviders", "sts:RoleSessionName", "sts:SigningAlgorithm",
		"sts:SourceIdentity", "sts:SubjectMode", "sts:TaskPolicyArn", "sts:TransitiveTagKeys",
	},
}
