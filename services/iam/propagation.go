package iam

import (
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"emulator/api"
	"emulator/identity"
)

// propagation is what a request says of an identity provider's trusted identity propagation.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateOpenIDConnectProvider.html
type propagation struct {
	context                       *contextProvider
	instance                      *string
	removeContext, removeInstance bool
}

func (in *propagation) changesContext() bool  { return in.context != nil || in.removeContext }
func (in *propagation) changesInstance() bool { return in.instance != nil || in.removeInstance }

var (
	// propagatedKey is a name of a source or target.
	propagatedKey  = regexp.MustCompile(`^[A-Za-z0-9_.:/=+@#-]+( [A-Za-z0-9_.:/=+@#-]+)*$`)
	identityCenter = regexp.MustCompile(`^arn:aws[a-z-]*:sso:::instance/(sso)?ins-[A-Za-z0-9-.]{16}$`)
)

// check checks what can be told without the provider.
func (in *propagation) check() error {
	switch {
	case in.context != nil && in.removeContext:
		return api.Errorf("InvalidInput", "ContextProvider and RemoveContextProvider can't be specified in the same request.")
	case in.instance != nil && in.removeInstance:
		return api.Errorf("InvalidInput", "IdentityCenterInstanceArn and RemoveIdentityCenterInstance can't be specified in the same request.")
	case in.instance != nil && !identityCenter.MatchString(*in.instance):
		return api.Errorf("InvalidInput", "%s is not the ARN of an IAM Identity Center instance.", *in.instance)
	case in.context != nil:
		return in.context.check()
	}
	return nil
}

func (p *contextProvider) check() error {
	if aws.ToString(p.SubjectTypeValue) != "" && p.SubjectTypeSourceKey != nil {
		return api.Errorf("InvalidInput", "SubjectTypeValue and SubjectTypeSourceKey can't be specified in the same context provider.")
	}
	keys := []*string{p.SubjectSourceKey, p.SubjectTypeSourceKey}
	targets := make(map[string]bool)
	for _, k := range p.KeyDefinitionList {
		keys = append(keys, k.SourceKey, k.TargetKey)
		target := *k.SourceKey
		if k.TargetKey != nil {
			target = *k.TargetKey
		}
		if targets[target] {
			return api.Errorf("InvalidInput", "The target key %s is mapped more than once.", target)
		}
		targets[target] = true
	}
	for _, key := range keys {
		if key != nil && !propagatedKey.MatchString(*key) {
			return api.Errorf("InvalidInput", "%s is not a valid key of a context provider.", *key)
		}
	}
	return nil
}

// apply changes what a provider has. An instance of IAM Identity Center needs a context provider.
func (in *propagation) apply(p *identity.Propagation) error {
	switch {
	case in.removeContext && p.ContextProvider == nil:
		return api.Errorf("InvalidInput", "The provider has no context provider.")
	case in.removeInstance && p.IdentityCenter == "":
		return api.Errorf("InvalidInput", "The provider is not associated with an IAM Identity Center instance.")
	case in.removeContext && p.IdentityCenter != "":
		return api.Errorf("InvalidInput", "The association with an IAM Identity Center instance must be removed before the context provider.")
	case in.removeContext:
		p.ContextProvider = nil
	case in.context != nil:
		p.ContextProvider = storedContextProvider(in.context)
	}
	switch {
	case in.instance != nil && p.ContextProvider == nil:
		return api.Errorf("InvalidInput", "An IAM Identity Center instance needs a context provider.")
	case in.instance != nil:
		p.IdentityCenter = *in.instance
	case in.removeInstance:
		p.IdentityCenter = ""
	}
	return nil
}

func storedContextProvider(in *contextProvider) *identity.ContextProvider {
	p := &identity.ContextProvider{
		Subject: *in.SubjectSourceKey, SubjectType: aws.ToString(in.SubjectTypeValue), SubjectTypeFrom: aws.ToString(in.SubjectTypeSourceKey),
	}
	for _, k := range in.KeyDefinitionList {
		p.Keys = append(p.Keys, identity.PropagatedKey{Source: *k.SourceKey, Target: aws.ToString(k.TargetKey)})
	}
	return p
}

func wireContextProvider(p *identity.ContextProvider) *contextProvider {
	if p == nil {
		return nil
	}
	w := &contextProvider{SubjectSourceKey: &p.Subject, SubjectTypeValue: filled(p.SubjectType), SubjectTypeSourceKey: filled(p.SubjectTypeFrom)}
	for i := range p.Keys {
		w.KeyDefinitionList = append(w.KeyDefinitionList, contextProviderKey{SourceKey: &p.Keys[i].Source, TargetKey: filled(p.Keys[i].Target)})
	}
	return w
}

// filled returns nil for "".
func filled(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// requestKeys are the condition keys of a request that makes or changes a provider of that issuer, which is "" if it gives none.
func (in *propagation) requestKeys(issuer string, create bool) map[string][]string {
	keys := make(map[string][]string)
	if create || in.changesContext() {
		keys["iam:EnableIdentityPropagation"] = []string{strconv.FormatBool(in.context != nil)}
	}
	if create || in.changesInstance() {
		keys["iam:EnableIdentityCenterAssociation"] = []string{strconv.FormatBool(in.instance != nil)}
	}
	if issuer != "" {
		keys["iam:RequestIdentityProviderIssuers"] = []string{issuer}
	}
	if in.instance != nil {
		keys["iam:RequestIdentityCenterInstanceArn"] = []string{*in.instance}
	}
	return keys
}

// withResource adds the condition keys of a provider that there is.
func withResource(keys map[string][]string, issuer string, p identity.Propagation) map[string][]string {
	if keys == nil {
		keys = make(map[string][]string, 2)
	}
	keys["iam:ResourceIdentityProviderIssuers"] = []string{issuer}
	if p.IdentityCenter != "" {
		keys["iam:ResourceIdentityCenterInstanceArn"] = []string{p.IdentityCenter}
	}
	return keys
}

// setting returns nil for 0.
func setting(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}

// changeSetting changes a setting that a request sets or resets.
func changeSetting(p *int32, value *int32, reset *bool) error {
	switch {
	case value != nil && aws.ToBool(reset):
		return api.Errorf("InvalidInput", "MaxSigninSessionDuration and ResetMaxSigninSessionDuration can't be specified in the same request.")
	case value != nil:
		*p = *value
	case aws.ToBool(reset):
		*p = 0
	}
	return nil
}
