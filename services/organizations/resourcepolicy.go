package organizations

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// resourcePolicy is the record of the policy by which an organization lets its accounts call operations on it.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_delegate_policies.html
type resourcePolicy struct {
	ID string `json:"id"`
	// Content has unique IDs in place of users and roles.
	Content string `json:"content"`
}

func resourcePolicyKey(organization string) []byte {
	return identity.InOrganization(organization, "resource-policy")
}

func resourcePolicyARN(o *identity.Organization, id string) string {
	return identity.ARN(o.Partition, "organizations", o.Management, "resourcepolicy/"+o.ID+"/"+id)
}

// loadResourcePolicy returns the organization's policy, nil if it has none.
func loadResourcePolicy(r store.Reader, o *identity.Organization) (*resourcePolicy, error) {
	p, ok, err := store.Load[resourcePolicy](r, resourcePolicyKey(o.ID))
	if err != nil || !ok {
		return nil, err
	}
	return &p, nil
}

func (s *Service) resourcePolicyOperations() []api.Operation {
	return []api.Operation{
		api.Op("DeleteResourcePolicy", s.deleteResourcePolicy),
		api.Op("DescribeResourcePolicy", s.describeResourcePolicy),
		api.Op("PutResourcePolicy", s.putResourcePolicy),
	}
}

func (s *Service) wireResourcePolicy(r store.Reader, o *identity.Organization, p *resourcePolicy) (*types.ResourcePolicy, error) {
	content, err := s.authz.ShowPrincipals(r, p.Content)
	return &types.ResourcePolicy{
		Content:               &content,
		ResourcePolicySummary: &types.ResourcePolicySummary{Id: &p.ID, Arn: aws.String(resourcePolicyARN(o, p.ID))},
	}, err
}

// putResourcePolicy makes the organization's policy, or changes it. Only a new one can be given tags.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_PutResourcePolicy.html
func (s *Service) putResourcePolicy(ctx context.Context, c api.Caller, in *organizations.PutResourcePolicyInput) (*organizations.PutResourcePolicyOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	id, err := newID("rp-", letters, 8)
	if err != nil {
		return nil, err
	}
	out := &organizations.PutResourcePolicyOutput{}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		request, err := putting(tx, c, creating(tags))
		if err != nil {
			return err
		}
		o, p, err := s.findResourcePolicy(tx, c, "PutResourcePolicy", request)
		if err != nil {
			return err
		}
		if p == nil {
			p = &resourcePolicy{ID: id}
			if err := s.saveTags(tx, o, id, tags); err != nil {
				return err
			}
		} else if len(tags) > 0 {
			return api.Errorf("InvalidInputException", "You can't perform the specified operation on that target entity.").With("Reason", "TARGET_NOT_SUPPORTED").Because("there is a resource policy, and only a new one can be given tags")
		}
		if err := s.checkResourcePolicy(o, *in.Content); err != nil {
			return err
		}
		p.Content, err = s.authz.StorePrincipals(tx, o.Partition, *in.Content)
		if api.ErrorCode(err) == "MalformedPolicyDocument" {
			return invalidPrincipal().Because("%v", err)
		}
		if err != nil {
			return err
		}
		if err := store.Save(tx, resourcePolicyKey(o.ID), p); err != nil {
			return err
		}
		out.ResourcePolicy, err = s.wireResourcePolicy(tx, o, p)
		return err
	})
	return out, err
}

// findResourcePolicy returns the organization, and its policy, which is nil if it has none, once the caller may do the operation.
func (s *Service) findResourcePolicy(r store.Reader, c api.Caller, operation string, request authz.Request) (*identity.Organization, *resourcePolicy, error) {
	o, err := s.enter(r, c, operation, request)
	if err != nil {
		return nil, nil, err
	}
	if o.ConsolidatedBilling {
		return nil, nil, notAllFeatures()
	}
	p, err := loadResourcePolicy(r, o)
	return o, p, err
}

// putting adds to a request the policy that is to be made or changed.
func putting(r store.Reader, c api.Caller, request authz.Request) (authz.Request, error) {
	o, err := identity.LoadOrganization(r, c.Account)
	if err != nil || o == nil {
		return request, err
	}
	p, err := loadResourcePolicy(r, o)
	if err != nil {
		return request, err
	}
	if p == nil {
		p = &resourcePolicy{ID: "rp-*"} // nobody knows yet which
	}
	request.Resource = resourcePolicyARN(o, p.ID)
	request.ResourceTags, _, err = store.Load[map[string]string](r, tagsKey(o.ID, p.ID))
	return request, err
}

func noResourcePolicy() error {
	return api.Errorf("ResourcePolicyNotFoundException", "We can't find a resource policy request with the parameter that you specified.")
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeResourcePolicy.html
func (s *Service) describeResourcePolicy(ctx context.Context, c api.Caller, _ *organizations.DescribeResourcePolicyInput) (*organizations.DescribeResourcePolicyOutput, error) {
	out := &organizations.DescribeResourcePolicyOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		o, p, err := s.findResourcePolicy(r, c, "DescribeResourcePolicy", authz.Request{})
		if err != nil {
			return err
		}
		if p == nil {
			return noResourcePolicy()
		}
		out.ResourcePolicy, err = s.wireResourcePolicy(r, o, p)
		return err
	})
	return out, err
}

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeleteResourcePolicy.html
func (s *Service) deleteResourcePolicy(ctx context.Context, c api.Caller, _ *organizations.DeleteResourcePolicyInput) (*organizations.DeleteResourcePolicyOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		o, p, err := s.findResourcePolicy(tx, c, "DeleteResourcePolicy", authz.Request{})
		if err != nil {
			return err
		}
		if p == nil {
			return noResourcePolicy()
		}
		if err := deleteTags(tx, o, p.ID); err != nil {
			return err
		}
		return tx.Delete(resourcePolicyKey(o.ID))
	})
}

// needFurther fails if the organization has no resource policy and no responsibility transfer of this ID, which have tags.
func needFurther(r store.Reader, o *identity.Organization, id string) error {
	t, err := loadTransfer(r, o.ID, id)
	if err != nil || t != nil {
		return err
	}
	p, err := loadResourcePolicy(r, o)
	if err == nil && (p == nil || p.ID != id) {
		err = noTarget()
	}
	return err
}

// delegate adds to a request what the organization's policy says of it, if that is what decides whether a member may call the
// operation, and reports whether it does.
func (s *Service) delegate(r store.Reader, c api.Caller, o *identity.Organization, operation string, request *authz.Request, resources ...string) (bool, error) {
	if mayCall(r, o, c.Account, operation, resources...) || !canBeDelegated(operation) {
		return false, nil
	}
	p, err := loadResourcePolicy(r, o)
	if err != nil || p == nil {
		return false, err
	}
	request.ResourceAccount = o.Management
	request.ResourcePolicy = &authz.ResourcePolicy{Kind: policy.Resource, ARN: resourcePolicyARN(o, p.ID), Text: p.Content}
	return true, nil
}

// canBeDelegated reports whether the organization's policy can allow an operation: what reads, and what manages policies.
func canBeDelegated(operation string) bool {
	return strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "List") || callableFrom[operation] == delegable
}

// oneOrMore is a string, or a list of some.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(o))
	}
	var one string
	err := json.Unmarshal(text, &one)
	*o = oneOrMore{one}
	return err
}

// statements are one, or a list.
type statements []statement

func (s *statements) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]statement)(s))
	}
	*s = make(statements, 1)
	return json.Unmarshal(text, &(*s)[0])
}

type statement struct {
	Principal json.RawMessage
	Action    oneOrMore
	Resource  oneOrMore
	// Condition has lists of values, by operator and key. Values that are no strings are none of a policy type.
	Condition map[string]map[string]json.RawMessage
}

func invalidPrincipal() *api.Error {
	return api.Errorf("InvalidInputException", "You specified an invalid principal element in the policy.").With("Reason", "INVALID_PRINCIPAL")
}

// checkResourcePolicy fails if a document can't be the organization's policy.
func (s *Service) checkResourcePolicy(o *identity.Organization, text string) error {
	err := s.authz.CheckPolicy("MalformedPolicyDocument", policy.Resource, o.Partition, text)
	if e, ok := errors.AsType[*api.Error](err); ok {
		return api.Errorf("InvalidInputException", "%s", e.Message).With("Reason", "INVALID_RESOURCE_POLICY_JSON").Because("%s", api.Cause(err))
	}
	if err != nil {
		return err
	}
	return checkStatements(o, text)
}

func checkStatements(o *identity.Organization, text string) error {
	var document struct{ Statement statements }
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return api.Errorf("InvalidInputException", "You specified a resource policy that is not valid JSON.").With("Reason", "INVALID_RESOURCE_POLICY_JSON").Because("%v", err)
	}
	for _, st := range document.Statement {
		if err := st.check(o); err != nil {
			return err
		}
	}
	return nil
}

// check takes no statement that says what it does not mean: nothing that negates, and no action or resource that can't be delegated.
func (st *statement) check(o *identity.Organization) error {
	var principals map[string]json.RawMessage
	if string(st.Principal) != `"*"` {
		if err := json.Unmarshal(st.Principal, &principals); err != nil || len(principals) != 1 || principals["AWS"] == nil {
			return invalidPrincipal()
		}
	}
	if len(st.Action) == 0 || slices.ContainsFunc(st.Action, unsupportedAction) {
		return api.Errorf("InvalidInputException", "You specified an action in the resource policy that can't be delegated.").With("Reason", "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY")
	}
	if len(st.Resource) == 0 {
		return unsupportedResource()
	}
	for _, resource := range st.Resource {
		if err := checkResource(o, resource); err != nil {
			return err
		}
	}
	for _, keys := range st.Condition {
		for key, raw := range keys {
			var values oneOrMore
			if strings.EqualFold(key, "organizations:PolicyType") && (json.Unmarshal(raw, &values) != nil || slices.ContainsFunc(values, unsupportedType)) {
				return api.Errorf("InvalidInputException", "You specified a policy type in the resource policy that is not supported.").With("Reason", "UNSUPPORTED_POLICY_TYPE_IN_RESOURCE_POLICY")
			}
		}
	}
	return nil
}

// unsupportedAction reports whether a pattern has an action that can't be delegated, or none.
func unsupportedAction(pattern string) bool {
	some := false
	for operation := range callableFrom {
		if !policy.Match(strings.ToLower(pattern), strings.ToLower(actionPrefix+operation)) {
			continue
		}
		if some = true; !canBeDelegated(operation) {
			return true
		}
	}
	return !some
}

func unsupportedType(pattern string) bool {
	return !slices.ContainsFunc(types.PolicyType("").Values(), func(t types.PolicyType) bool { return policy.Match(pattern, string(t)) })
}

func unsupportedResource() error {
	return api.Errorf("InvalidInputException", "You specified a resource in the resource policy that is not supported.").With("Reason", "UNSUPPORTED_RESOURCE_IN_RESOURCE_POLICY")
}

// checkResource takes what is in the organization, or AWS's own policies.
func checkResource(o *identity.Organization, resource string) error {
	if resource == "*" {
		return nil
	}
	arn, ok := policy.ParseARN(resource)
	if !ok || arn.Service != "organizations" {
		return unsupportedResource()
	}
	kind, rest, _ := strings.Cut(arn.Resource, "/")
	organization, _, _ := strings.Cut(rest, "/")
	switch {
	case !slices.Contains([]string{"account", "ou", "policy", "root", "resourcepolicy", "*"}, kind):
		return unsupportedResource()
	case arn.Account == "aws" && kind == "policy":
		return nil
	case !policy.Match(arn.Account, o.Management) || !policy.Match(organization, o.ID) && kind != "*":
		return api.Errorf("InvalidInputException", "You specified an invalid Amazon Resource Name (ARN) for the organization.").With("Reason", "INVALID_SYNTAX_ORGANIZATION_ARN")
	}
	return nil
}
