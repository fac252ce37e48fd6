package iam_test

import (
	"strings"
	"testing"

	"emulator/emulatortest/reached"
	iamservice "emulator/services/iam"
)

// unreachable are the errors of the API model that nothing can lead to.
var unreachable = []reached.Reason{
	{Why: "what fails inside is a bug, and answered as InternalFailure", Errors: []string{"* ServiceFailure"}},
	{Why: "who changes something waits for its turn", Errors: []string{"* ConcurrentModification"}},
	{Why: "every policy that is taken can be evaluated", Errors: []string{"Simulate* PolicyEvaluation"}},
	{Why: "a new alias takes the place of the one there is (https://docs.aws.amazon.com/IAM/latest/UserGuide/console_account-alias.html)", Errors: []string{"CreateAccountAlias LimitExceeded"}},
	{Why: "AWS has published no quota of them", Errors: []string{"CreateDelegationRequest LimitExceeded"}},
	{Why: "a second one is an EntityAlreadyExists", Errors: []string{"CreateLoginProfile LimitExceeded"}},
	{Why: "AWS's quota of roles does not count them (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)", Errors: []string{"CreateServiceLinkedRole LimitExceeded"}},
	{Why: "a report is made every four hours at most, and asking again starts none", Errors: []string{"GenerateCredentialReport LimitExceeded"}},
	{Why: "it makes nothing that a quota counts", Errors: []string{
		"*Delete* LimitExceeded", "Detach* LimitExceeded", "Remove* LimitExceeded", "Deactivate* LimitExceeded",
		"ResyncMFADevice LimitExceeded", "SetDefaultPolicyVersion LimitExceeded", "ChangePassword LimitExceeded", "UpdateAccessKey LimitExceeded",
		"UpdateAccountPasswordPolicy LimitExceeded", "UpdateGroup LimitExceeded", "UpdateLoginProfile LimitExceeded", "UpdateServerCertificate LimitExceeded",
		"UpdateSigningCertificate LimitExceeded", "UpdateUser LimitExceeded",
	}},
	{Why: "a role of the name is a NameConflict", Errors: []string{"AcquireRole EntityAlreadyExists"}},
	{Why: "a second role is a LimitExceeded, be it the same", Errors: []string{"AddRoleToInstanceProfile EntityAlreadyExists"}},
	{Why: "it refers to nothing", Errors: []string{"CreateGroup NoSuchEntity"}},
	{Why: "no issuer is asked for its certificate: it need not run when it is made known", Errors: []string{"CreateOpenIDConnectProvider OpenIdIdpCommunicationError"}},
	{Why: "a service that is not known is an AccessDenied, as AWS was seen to answer", Errors: []string{"CreateServiceLinkedRole NoSuchEntity"}},
	{Why: "a service that takes none is a NoSuchEntity, as AWS was recorded to answer", Errors: []string{"*ServiceSpecificCredential* NotSupportedService"}},
	{Why: "a user that was just made anew has no device yet, nor gets one", Errors: []string{"DeactivateMFADevice EntityTemporarilyUnmodifiable"}},
	{Why: "there are no load balancers that use one", Errors: []string{"DeleteServerCertificate DeleteConflict"}},
	{Why: "an encoding that is none is a ValidationError", Errors: []string{"GetSSHPublicKey UnrecognizedPublicKeyEncoding"}},
	{Why: "an owner that has none has an empty list", Errors: []string{"ListDelegationRequests NoSuchEntity"}},
	{Why: "one that is not there is made", Errors: []string{"UpdateAccountPasswordPolicy NoSuchEntity"}},
	{Why: "it has no document", Errors: []string{"UpdateAccountPasswordPolicy MalformedPolicyDocument"}},
	{Why: "the description of a service-linked role may be changed (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_update-service-linked-role.html)", Errors: []string{"UpdateRoleDescription UnmodifiableEntity"}},
	{Why: "the same certificate again is a DuplicateCertificate", Errors: []string{"UploadSigningCertificate EntityAlreadyExists"}},
	{Why: "an ARN that can be no provider's is a NoSuchEntity, as one of no provider", Errors: []string{"*OpenIDConnectProvider* InvalidInput", "*SAMLProvider* InvalidInput"}},
	{Why: "a serial number that can be none is a NoSuchEntity, as one of no device", Errors: []string{"*MFADevice* InvalidInput"}},
	{Why: "it takes nothing", Errors: []string{"GetAccountProperties InvalidInput"}},
	{Why: "an ARN that can be no template's is a NoSuchEntity, as one of no template", Errors: []string{"GetRoleTemplateVersion InvalidInput"}},
	{Why: "a marker, or a path, that can be none is a ValidationError", Errors: []string{"GetServiceLastAccessedDetails InvalidInput", "ListAttached* InvalidInput", "ListDelegationRequests InvalidInput"}},
	{Why: "keys that are not there do no harm, and others are a ValidationError", Errors: []string{"Untag* InvalidInput"}},
}

// ownTexts are what errors say of quotas without their names.
var ownTexts = map[string]string{
	"bytes exceeded for group ":                "InlinePolicySizePerGroup",
	"bytes exceeded for role ":                 "InlinePolicySizePerRole",
	"bytes exceeded for user ":                 "InlinePolicySizePerUser",
	"A managed policy can have up to ":         "VersionsPerPolicy",
	"Private key limit of ":                    "PrivateKeysPerSAMLProvider",
	"The number of tags has reached ":          "50 tags",
	"InstanceSessionsPerInstanceProfile: 1":    "1 role",
	"Thumbprint list must contain fewer than ": "5 thumbprints",
}

func TestMain(m *testing.M) {
	var quotas []string
	for _, q := range iamservice.Quotas() {
		quotas = append(quotas, strings.TrimPrefix(q.Name, "iam."))
	}
	reached.Main(m, reached.Config{
		Service: "iam", Unreachable: unreachable, Quotas: quotas, Table: "testdata/reached.md",
		QuotaOf: func(code, message string) string {
			for _, name := range quotas {
				if code == "LimitExceeded" && strings.Contains(message, " "+name+":") {
					return name
				}
			}
			for text, name := range ownTexts {
				if strings.Contains(message, text) {
					return name
				}
			}
			return ""
		},
	})
}
