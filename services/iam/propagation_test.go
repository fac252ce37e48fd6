package iam_test

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
	"emulator/saml/samlidp"
)

const (
	instance = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
	another  = "arn:aws:sso:::instance/ssoins-fedcba0987654321"
)

// propagated is what a provider shows of trusted identity propagation.
type propagated struct {
	Subject     string   `xml:"ContextProvider>SubjectSourceKey"`
	SubjectType string   `xml:"ContextProvider>SubjectTypeValue"`
	TypeFrom    string   `xml:"ContextProvider>SubjectTypeSourceKey"`
	Sources     []string `xml:"ContextProvider>KeyDefinitionList>member>SourceKey"`
	Targets     []string `xml:"ContextProvider>KeyDefinitionList>member>TargetKey"`
	Instance    string   `xml:"IdentityCenterInstanceArn"`
	Store       string   `xml:"IdentityStoreArn"`
}

// kindOfProvider is what providers of both kinds have alike.
type kindOfProvider struct {
	name, arn, parameter, create, update, list string
	given                                      map[string]string
	get                                        func(t *testing.T, config aws.Config) propagated
}

func kindsOfProvider(t *testing.T) []kindOfProvider {
	return []kindOfProvider{{
		name: "OIDC", arn: "arn:aws:iam::000000000000:oidc-provider/token.example.com", parameter: "OpenIDConnectProviderArn",
		create: "CreateOpenIDConnectProvider", update: "UpdateOpenIDConnectProvider", list: "ListOpenIDConnectProviders",
		given: map[string]string{"Url": "https://token.example.com"},
		get: func(t *testing.T, config aws.Config) propagated {
			var out struct {
				Result propagated `xml:"GetOpenIDConnectProviderResult"`
			}
			mustQuery(t, config, "GetOpenIDConnectProvider", map[string]string{"OpenIDConnectProviderArn": "arn:aws:iam::000000000000:oidc-provider/token.example.com"}, &out)
			return out.Result
		},
	}, {
		name: "SAML", arn: "arn:aws:iam::000000000000:saml-provider/corporate", parameter: "SAMLProviderArn",
		create: "CreateSAMLProvider", update: "UpdateSAMLProvider", list: "ListSAMLProviders",
		given: map[string]string{"Name": "corporate", "SAMLMetadataDocument": metadata(t, "https://idp.example.com")},
		get: func(t *testing.T, config aws.Config) propagated {
			var out struct {
				Result propagated `xml:"GetSAMLProviderResult"`
			}
			mustQuery(t, config, "GetSAMLProvider", map[string]string{"SAMLProviderArn": "arn:aws:iam::000000000000:saml-provider/corporate"}, &out)
			return out.Result
		},
	}}
}

func metadata(t *testing.T, issuer string) string {
	t.Helper()
	key := must(rsa.GenerateKey(rand.Reader, 2048))(t)
	idp := must(samlidp.New(key, issuer, issuer+"/sso", time.Now()))(t)
	return string(idp.Metadata(time.Now()))
}

// with returns a request's parameters with more of them.
func with(parameters map[string]string, pairs ...string) map[string]string {
	all := maps.Clone(parameters)
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateOpenIDConnectProvider.html
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSAMLProvider.html
func TestIdentityPropagation(t *testing.T) {
	for _, kind := range kindsOfProvider(t) {
		t.Run(kind.name, func(t *testing.T) {
			config := emulatortest.Start(t).Config()
			enabled := func() bool {
				t.Helper()
				answer := must(emulatortest.Query(t.Context(), config, "iam", kind.list, nil))(t)
				return strings.Contains(string(answer), "<IsTrustedIdentityPropagationEnabled>true</IsTrustedIdentityPropagationEnabled>")
			}
			want := func(want propagated) {
				t.Helper()
				got := kind.get(t, config)
				if want.Instance != "" {
					if !regexp.MustCompile(`^arn:aws:identitystore::000000000000:identitystore/d-[0-9a-f]{10}$`).MatchString(got.Store) {
						t.Errorf("identity store %s", got.Store)
					}
					got.Store = ""
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if enabled() != (want.Instance != "") {
					t.Errorf("enabled %t with instance %q", enabled(), want.Instance)
				}
			}
			update := func(pairs ...string) {
				t.Helper()
				mustQuery(t, config, kind.update, with(map[string]string{kind.parameter: kind.arn}, pairs...), nil)
			}
			mustQuery(t, config, kind.create, kind.given, nil)
			want(propagated{})
			update("ContextProvider.SubjectSourceKey", "sub", "ContextProvider.SubjectTypeValue", "user",
				"ContextProvider.KeyDefinitionList.member.1.SourceKey", "department", "ContextProvider.KeyDefinitionList.member.1.TargetKey", "Department",
				"ContextProvider.KeyDefinitionList.member.2.SourceKey", "https://example.com/claims/cost center")
			first := propagated{Subject: "sub", SubjectType: "user", Sources: []string{"department", "https://example.com/claims/cost center"}, Targets: []string{"Department"}}
			want(first)
			update("IdentityCenterInstanceArn", instance)
			first.Instance = instance
			want(first)
			update("IdentityCenterInstanceArn", another)
			first.Instance = another
			want(first)
			update("ContextProvider.SubjectSourceKey", "email", "ContextProvider.SubjectTypeSourceKey", "kind", "ContextProvider.SubjectTypeValue", "")
			want(propagated{Subject: "email", TypeFrom: "kind", Instance: another}) // replaced as a whole
			update("RemoveIdentityCenterInstance", "true")
			want(propagated{Subject: "email", TypeFrom: "kind"})
			update("RemoveContextProvider", "true")
			want(propagated{})
		})
	}
}

func TestIdentityPropagationErrors(t *testing.T) {
	const (
		subject = "ContextProvider.SubjectSourceKey"
		key     = "ContextProvider.KeyDefinitionList.member.1.SourceKey"
	)
	for _, kind := range kindsOfProvider(t) {
		config := emulatortest.Start(t).Config()
		create := func(pairs ...string) error { return query(t, config, kind.create, with(kind.given, pairs...), nil) }
		update := func(pairs ...string) error {
			return query(t, config, kind.update, with(map[string]string{kind.parameter: kind.arn}, pairs...), nil)
		}
		for _, test := range []struct {
			name          string
			pairs         []string
			code, message string
		}{
			{"no subject", []string{"ContextProvider.SubjectTypeValue", "user"}, "ValidationError", "1 validation error detected: Value at 'contextProvider.subjectSourceKey' failed to satisfy constraint: Member must not be null"},
			{"two types", []string{subject, "sub", "ContextProvider.SubjectTypeValue", "user", "ContextProvider.SubjectTypeSourceKey", "type"}, "InvalidInput", "SubjectTypeValue and SubjectTypeSourceKey can't be specified in the same context provider."},
			{"a space at the end", []string{subject, "sub "}, "InvalidInput", "sub  is not a valid key of a context provider."},
			{"two spaces", []string{subject, "a  b"}, "InvalidInput", "a  b is not a valid key of a context provider."},
			{"no ASCII", []string{subject, "näme"}, "InvalidInput", "näme is not a valid key of a context provider."},
			{"a bad type's key", []string{subject, "sub", "ContextProvider.SubjectTypeSourceKey", "a*"}, "InvalidInput", "a* is not a valid key of a context provider."},
			{"a bad source", []string{subject, "sub", key, "a,b"}, "InvalidInput", "a,b is not a valid key of a context provider."},
			{"a bad target", []string{subject, "sub", key, "a", "ContextProvider.KeyDefinitionList.member.1.TargetKey", "b\n"}, "InvalidInput", "b\n is not a valid key of a context provider."},
			{"a target twice", []string{subject, "sub", key, "a", "ContextProvider.KeyDefinitionList.member.2.SourceKey", "b", "ContextProvider.KeyDefinitionList.member.2.TargetKey", "a"}, "InvalidInput", "The target key a is mapped more than once."},
			{"no instance's ARN", []string{subject, "sub", "IdentityCenterInstanceArn", "arn:aws:sso:::instance/x"}, "InvalidInput", "arn:aws:sso:::instance/x is not the ARN of an IAM Identity Center instance."},
		} {
			t.Run(kind.name+" "+test.name, func(t *testing.T) { wantError(t, create(test.pairs...), test.code, test.message) })
		}
		wantError(t, create("IdentityCenterInstanceArn", instance), "InvalidInput", "An IAM Identity Center instance needs a context provider.")
		if err := create(); err != nil {
			t.Fatal(err)
		}
		wantError(t, update(subject, "sub", "RemoveContextProvider", "true"), "InvalidInput", "ContextProvider and RemoveContextProvider can't be specified in the same request.")
		wantError(t, update("IdentityCenterInstanceArn", instance, "RemoveIdentityCenterInstance", "true"), "InvalidInput", "IdentityCenterInstanceArn and RemoveIdentityCenterInstance can't be specified in the same request.")
		wantError(t, update("IdentityCenterInstanceArn", instance), "InvalidInput", "An IAM Identity Center instance needs a context provider.")
		wantError(t, update("RemoveContextProvider", "true"), "InvalidInput", "The provider has no context provider.")
		wantError(t, update("RemoveIdentityCenterInstance", "true"), "InvalidInput", "The provider is not associated with an IAM Identity Center instance.")
		either := "A request must change either the context provider or the IAM Identity Center association."
		if kind.name == "SAML" {
			either = "A request can change either the context provider or the provider metadata, but not both."
			wantError(t, update(subject, "sub", "AssertionEncryptionMode", "Allowed"), "InvalidInput", either)
		} else {
			wantError(t, update(), "InvalidInput", either)
		}
		wantError(t, update(subject, "sub", "IdentityCenterInstanceArn", instance), "InvalidInput", either)
		for _, pairs := range [][]string{{subject, "sub"}, {"IdentityCenterInstanceArn", instance}} {
			if err := update(pairs...); err != nil {
				t.Error(err)
			}
		}
		wantError(t, update("RemoveContextProvider", "true"), "InvalidInput", "The association with an IAM Identity Center instance must be removed before the context provider.")
	}
	config := emulatortest.Start(t).Config()
	wantError(t, query(t, config, "UpdateOpenIDConnectProvider", map[string]string{"OpenIDConnectProviderArn": "arn:aws:iam::000000000000:oidc-provider/missing.example.com", subject: "sub"}, nil),
		"NoSuchEntity", "OpenIDConnect Provider not found for arn arn:aws:iam::000000000000:oidc-provider/missing.example.com")
}

// TestIdentityPropagationConditions: policies tell who may turn it on, for whom, and where it is.
func TestIdentityPropagationConditions(t *testing.T) {
	allowed := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*","Condition":` + condition + `}]}`
	}
	issuers := map[string]string{"OIDC": "token.example.com", "SAML": "https://idp.example.com"}
	for _, kind := range kindsOfProvider(t) {
		for _, test := range []struct {
			name, condition            string
			create, propagate, connect bool // what it allows
		}{
			{"EnableIdentityPropagation", `{"Bool":{"iam:EnableIdentityPropagation":"true"}}`, false, true, false},
			{"no EnableIdentityPropagation", `{"Bool":{"iam:EnableIdentityPropagation":"false"}}`, true, false, false},
			{"EnableIdentityCenterAssociation", `{"Bool":{"iam:EnableIdentityCenterAssociation":"true"}}`, false, false, true},
			{"RequestIdentityProviderIssuers", `{"ForAllValues:StringEquals":{"iam:RequestIdentityProviderIssuers":"` + issuers[kind.name] + `"},"Null":{"iam:RequestIdentityProviderIssuers":"false"}}`, true, false, false},
			{"another issuer", `{"ForAnyValue:StringEquals":{"iam:RequestIdentityProviderIssuers":"https://else.example.com"}}`, false, false, false},
			{"ResourceIdentityProviderIssuers", `{"ForAnyValue:StringEquals":{"iam:ResourceIdentityProviderIssuers":"` + issuers[kind.name] + `"}}`, false, true, true},
			{"RequestIdentityCenterInstanceArn", `{"ArnEquals":{"iam:RequestIdentityCenterInstanceArn":"` + another + `"}}`, false, false, true},
			{"ResourceIdentityCenterInstanceArn", `{"ArnEquals":{"iam:ResourceIdentityCenterInstanceArn":"` + instance + `"}}`, false, true, true},
		} {
			t.Run(kind.name+" "+test.name, func(t *testing.T) {
				e := emulatortest.Start(t)
				root := iam.NewFromConfig(e.Config())
				must(root.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")}))(t)
				must(root.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allowed(test.condition))}))(t)
				key := must(root.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")}))(t).AccessKey
				ann := e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region)
				check := func(what string, err error, may bool) {
					t.Helper()
					if (err == nil) != may {
						t.Errorf("%s: %v", what, err)
					}
				}
				err := query(t, ann, kind.create, kind.given, nil)
				check("create", err, test.create)
				if err != nil {
					mustQuery(t, e.Config(), kind.create, kind.given, nil)
				}
				arn := map[string]string{kind.parameter: kind.arn}
				mustQuery(t, e.Config(), kind.update, with(arn, "ContextProvider.SubjectSourceKey", "sub"), nil)
				mustQuery(t, e.Config(), kind.update, with(arn, "IdentityCenterInstanceArn", instance), nil)
				check("propagate", query(t, ann, kind.update, with(arn, "ContextProvider.SubjectSourceKey", "email"), nil), test.propagate)
				check("connect", query(t, ann, kind.update, with(arn, "IdentityCenterInstanceArn", another), nil), test.connect)
			})
		}
	}
}

// Of each key in the metadata there is a hash.
func TestSAMLKeyHashes(t *testing.T) {
	config := emulatortest.Start(t).Config()
	document := metadata(t, "https://idp.example.com")
	mustQuery(t, config, "CreateSAMLProvider", map[string]string{"Name": "corporate", "SAMLMetadataDocument": document}, nil)
	type hashes struct {
		Issuers []string `xml:"GetSAMLProviderResult>SAMLKeyHashes>member>IssuerURL"`
		Hashes  []string `xml:"GetSAMLProviderResult>SAMLKeyHashes>member>KeyHashes>member"`
	}
	get := func() (out hashes) {
		t.Helper()
		mustQuery(t, config, "GetSAMLProvider", map[string]string{"SAMLProviderArn": "arn:aws:iam::000000000000:saml-provider/corporate"}, &out)
		return out
	}
	first := get()
	if len(first.Issuers) != 1 || first.Issuers[0] != "https://idp.example.com" || len(first.Hashes) != 1 || len(first.Hashes[0]) != 64 {
		t.Errorf("%+v", first)
	}
	mustQuery(t, config, "UpdateSAMLProvider", map[string]string{"SAMLProviderArn": "arn:aws:iam::000000000000:saml-provider/corporate", "SAMLMetadataDocument": metadata(t, "https://else.example.com")}, nil)
	if second := get(); second.Issuers[0] != "https://else.example.com" || len(second.Hashes) != 1 || second.Hashes[0] == first.Hashes[0] {
		t.Errorf("%+v", second)
	}
}
