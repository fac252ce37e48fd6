package server_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"emulator/api/model"
	"emulator/authz"
	"emulator/emulatortest"
	"emulator/server"
)

// needsNoPermission are the operations that AWS lets everybody call, and those whose caller has no
// credentials yet.
var needsNoPermission = []string{"GetCallerIdentity", "GetSessionToken", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"}

// TestEveryOperationAuthorizes calls each registered operation as a user without a policy: on things that exist,
// and with input that is valid, only the missing permission can be the reason for an error.
func TestEveryOperationAuthorizes(t *testing.T) {
	e := emulatortest.Start(t)
	values := prepare(t, e)
	bob := user(t, e, "bob")
	s, err := server.Open(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clients := clientsOf(bob)
	for _, c := range s.Coverage() {
		for _, operation := range c.Registered {
			if slices.Contains(needsNoPermission, operation) {
				continue
			}
			t.Run(c.Service+" "+operation, func(t *testing.T) {
				err := invoke(t, clients[c.Service], c.Service, operation, values)
				e, ok := errors.AsType[smithy.APIError](err)
				if !ok || e.ErrorCode() != "AccessDenied" && e.ErrorCode() != "AccessDeniedException" {
					t.Fatalf("got %v, want AccessDenied", err)
				}
				if text := e.ErrorMessage(); !strings.Contains(text, "user/bob is not authorized to perform") || !strings.Contains(text, " "+modelOf(t, c.Service).ActionPrefix()+":") {
					t.Errorf("the text: %s", e.ErrorMessage())
				}
			})
		}
	}
}

// In the mode Audit nothing is denied, and what would have been is kept.
func TestAudit(t *testing.T) {
	e := emulatortest.Start(t, server.Config{IAM: authz.Audit})
	prepare(t, e)
	bob := iam.NewFromConfig(user(t, e, "bob"))
	if _, err := bob.ListUsers(t.Context(), nil); err != nil {
		t.Errorf("denied: %v", err)
	}
	denials := admin(t, e, "GET", "/decisions", "", 200)["denials"].([]any)
	if len(denials) != 1 || denials[0].(map[string]any)["action"] != "iam:ListUsers" {
		t.Errorf("denials %v", denials)
	}
}

// A question is answered with the stored policies, also those of the resource.
func TestExplain(t *testing.T) {
	e := emulatortest.Start(t)
	values := prepare(t, e)
	user(t, e, "bob")
	bob, key := "arn:aws:iam::000000000000:user/bob", values["KeyId"].(string)
	effect := func(body string) any {
		t.Helper()
		return admin(t, e, "POST", "/explain", body, 200)["decisions"].([]any)[0].(map[string]any)["effect"]
	}
	question := `{"principal":"` + bob + `","action":"kms:Decrypt","resource":"` + key + `"}`
	if got := effect(question); got != "ImplicitlyDenied" {
		t.Errorf("without a policy: %v", got)
	}
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}]}`
	if _, err := iam.NewFromConfig(e.Config()).PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &document}); err != nil {
		t.Fatal(err)
	}
	if got := effect(question); got != "ImplicitlyDenied" {
		t.Errorf("without the condition key: %v", got)
	}
	if got := effect(strings.TrimSuffix(question, "}") + `,"context":{"aws:SourceIp":["203.0.113.7"]}}`); got != "Allowed" {
		t.Errorf("with the condition key: %v", got)
	}
	if got := effect(`{"principal":"arn:aws:iam::000000000000:role/app","action":"iam:GetRole","resource":"arn:aws:iam::000000000000:role/app"}`); got != "ImplicitlyDenied" {
		t.Errorf("a role: %v", got)
	}
	for _, bad := range []string{`{}`, `{"principal":"x","action":"a:b","resource":"*"}`, `{"principal":"arn:aws:iam::000000000000:user/nobody","action":"a:b","resource":"*"}`} {
		admin(t, e, "POST", "/explain", bad, 400)
	}
}

// A grant that allows is named in the answer to a question, with what is assumed: an encryption context, and the resource that a
// service would call for.
func TestExplainGrants(t *testing.T) {
	e := emulatortest.Start(t)
	values := prepare(t, e)
	user(t, e, "bob")
	key, bob := values["KeyId"].(string), "arn:aws:iam::000000000000:user/bob"
	made, err := kms.NewFromConfig(e.Config()).CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: &bob, Operations: []types.GrantOperation{"Decrypt"}, Constraints: &types.GrantConstraints{
			EncryptionContextSubset: map[string]string{"app": "a"}, SourceArn: aws.String("arn:aws:s3:us-east-1:000000000000:b"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for context, effect := range map[string]string{
		`{}`: "ImplicitlyDenied", `{"kms:EncryptionContext:app":["a"]}`: "ImplicitlyDenied", `{"aws:SourceArn":["arn:aws:s3:us-east-1:000000000000:b"]}`: "ImplicitlyDenied",
		`{"kms:encryptioncontext:APP":["a"],"AWS:sourcearn":["arn:aws:s3:us-east-1:000000000000:b"]}`: "Allowed",
	} {
		decision := admin(t, e, "POST", "/explain", `{"principal":"`+bob+`","action":"kms:Decrypt","resource":"`+key+`","context":`+context+`}`, 200)["decisions"].([]any)[0].(map[string]any)
		if decision["effect"] != effect {
			t.Errorf("%s: %v", context, decision["effect"])
		}
		if effect == "Allowed" && (decision["source"] != "grant" || decision["policy"] != *made.GrantId || fmt.Sprint(decision["grants"]) != "["+*made.GrantId+"]") {
			t.Errorf("%s: by %v", context, decision)
		}
	}
}

// user makes a user and returns the configuration of a client with its key.
func user(t *testing.T, e *emulatortest.Emulator, name string) aws.Config {
	t.Helper()
	c := iam.NewFromConfig(e.Config())
	if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	out, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return e.ConfigWith(*out.AccessKey.AccessKeyId, *out.AccessKey.SecretAccessKey, "", emulatortest.Region)
}

// prepare makes things to act on, and returns values for members of inputs, by name.
func prepare(t *testing.T, e *emulatortest.Emulator) map[string]any {
	t.Helper()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`
	allow := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	people, keys := iam.NewFromConfig(e.Config()), kms.NewFromConfig(e.Config())
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("alice")})
	check(err)
	_, err = people.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: &trust})
	check(err)
	_, err = people.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("web")})
	check(err)
	managed, err := people.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: &allow})
	check(err)
	key, err := keys.CreateKey(t.Context(), nil)
	check(err)
	_, err = keys.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/app"), TargetKeyId: key.KeyMetadata.KeyId})
	check(err)
	blob, err := keys.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("x")})
	check(err)
	grant, err := keys.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: key.KeyMetadata.KeyId, GranteePrincipal: aws.String("arn:aws:iam::000000000000:user/alice"), Operations: []types.GrantOperation{"Decrypt"},
	})
	check(err)
	cluster, err := cloudhsmv2.NewFromConfig(e.Config()).CreateCluster(t.Context(), &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{"subnet-00000000"}})
	check(err)
	return map[string]any{
		"HsmType": "hsm2m.medium", "SubnetIds": []string{"subnet-00000000"}, "ClusterId": *cluster.Cluster.ClusterId, "AvailabilityZone": "us-east-1a", "BackupId": "backup-aaaaaaaaaaa",
		"DestinationRegion": "eu-west-1", "NeverExpires": true,
		"GranteePrincipal": "arn:aws:iam::000000000000:user/alice", "GrantId": *grant.GrantId, "GrantToken": *grant.GrantToken,
		"RoleArn": "arn:aws:iam::000000000000:role/app", "RoleName": "app", "InstanceProfileName": "web", "TemplateArn": "arn:aws:iam::aws:role-template/iam.amazonaws.com/PowerUserRoleTemplate:1", "Properties": map[string]string{"RoleManager/Enabled": "true"}, "EntityArn": "arn:aws:iam::000000000000:delegation-request/" + strings.Repeat("d", 16), "AWSServiceName": "ecs.amazonaws.com", "UserName": "alice", "GroupName": "staff", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
		"PolicyArn": *managed.Policy.Arn, "PermissionsBoundary": *managed.Policy.Arn, "PolicyName": "default", "PolicyDocument": allow, "VersionId": "v1",
		"AssumeRolePolicyDocument": trust, "Url": "https://issuer.example", "OpenIDConnectProviderArn": "arn:aws:iam::000000000000:oidc-provider/issuer.example",
		"KeyId": *key.KeyMetadata.Arn, "TargetKeyId": *key.KeyMetadata.KeyId, "DestinationKeyId": *key.KeyMetadata.KeyId, "AliasName": "alias/app",
		"CiphertextBlob": blob.CiphertextBlob, "Policy": `{"Version":"2012-10-17","Statement":[]}`, "NumberOfBytes": int32(32),
		"Password": "Password-1", "CustomKeyStoreId": "cks-12345678901234567", "CloudHsmClusterId": "cluster-abcdefghijk", "TrustAnchorCertificate": "x", "KeyStorePassword": "password",
		"PolicySourceArn": "arn:aws:iam::000000000000:user/alice", "PolicyInputList": []string{allow}, "ActionNames": []string{"s3:GetObject"},
		"SerialNumber": "arn:aws:iam::000000000000:mfa/name", "SSHPublicKeyId": strings.Repeat("A", 20), "CertificateId": strings.Repeat("A", 24), "ServiceSpecificCredentialId": strings.Repeat("A", 20), "AuthenticationCode1": "123456", "AuthenticationCode2": "123456", "SigningAlgorithm": "RS256", "TargetPrincipal": "111111111111", "DelegationRequestId": strings.Repeat("d", 16), "RequestorWorkflowId": "workflow", "PolicyTemplateArn": *managed.Policy.Arn, "SessionDuration": int32(900),
		"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials", "Arn": "arn:aws:iam::000000000000:user/alice", "AccountId": "111111111111", "Email": "a@example.com", "AccountName": "a",
		"CreateAccountRequestId": "car-12345678", "ServicePrincipal": "iam.amazonaws.com",
		"HandshakeId": "h-12345678", "HandshakePartyId": "111111111111", "ResponsibilityTransferId": "rt-12345678",
		"ParentId": "r-ab12", "SourceParentId": "r-ab12", "DestinationParentId": "ou-ab12-12345678", "ChildId": "111111111111", "OrganizationalUnitId": "ou-ab12-12345678", "ResourceId": "r-ab12",
		"RootId": "r-ab12", "TargetId": "r-ab12", "PolicyId": "p-12345678", "Content": `{"Version":"2012-10-17","Statement":[]}`,
		"SAMLProviderArn": "arn:aws:iam::000000000000:saml-provider/name", "SAMLMetadataDocument": strings.Repeat(" ", 1000),
		"JobId": strings.Repeat("j", 36), "EntityPath": "o-a1b2c3d4e5/r-ab12", "ServiceNamespace": "kms", "ServiceNamespaces": []string{"kms"},
		"ReplicaRegion": "eu-west-1", "PrimaryRegion": "eu-west-1", "PendingWindowInDays": int32(7), "ThumbprintList": []string{strings.Repeat("a", 40)},
	}
}

// alwaysGiven are members that an operation needs though the model does not say so.
var alwaysGiven = []string{"arn", "PolicyTemplateArn", "UserName", "Password", "NumberOfBytes", "CloudHsmClusterId", "TrustAnchorCertificate", "KeyStorePassword", "CiphertextBlob", "GranteePrincipal", "GrantToken"}

// clientsOf returns the clients of all services, by name.
func clientsOf(config aws.Config) map[string]any {
	return map[string]any{
		"sts": sts.NewFromConfig(config), "iam": iam.NewFromConfig(config), "kms": kms.NewFromConfig(config), "organizations": organizations.NewFromConfig(config),
		"cloudhsmv2": cloudhsmv2.NewFromConfig(config), "resourcegroupstaggingapi": resourcegroupstaggingapi.NewFromConfig(config),
	}
}

// invoke calls an operation with the members that it needs.
func invoke(t *testing.T, client any, service, operation string, values map[string]any) error {
	t.Helper()
	m := modelOf(t, service)
	if service == "cloudhsmv2" { // Organizations' are others
		values = maps.Clone(values)
		values["ResourceId"] = values["ClusterId"]
	}
	method := reflect.ValueOf(client).MethodByName(operation)
	if !method.IsValid() { // the SDK does not have it yet
		return query(t, client, service, m.Operations[operation], values)
	}
	in := reflect.New(method.Type().In(1).Elem())
	if shape := m.Operations[operation].Input; shape != nil {
		fillRequired(shape, in.Elem(), values)
	}
	return toError(method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})[1])
}

// query invokes an operation without the SDK's client, whose configuration it takes.
func query(t *testing.T, client any, service string, operation *model.Operation, values map[string]any) error {
	t.Helper()
	config := aws.Config{Region: emulatortest.Region}
	switch client := client.(type) {
	case *sts.Client:
		o := client.Options()
		config.BaseEndpoint, config.Credentials, config.HTTPClient = o.BaseEndpoint, o.Credentials, o.HTTPClient
	case *iam.Client:
		o := client.Options()
		config.BaseEndpoint, config.Credentials, config.HTTPClient = o.BaseEndpoint, o.Credentials, o.HTTPClient
	}
	parameters := make(map[string]string)
	for _, m := range operation.Input.Members {
		if m.Required || slices.Contains(alwaysGiven, m.Name) {
			parameters[m.Name] = fmt.Sprint(cmp.Or(values[m.Name], any("name")))
		}
	}
	_, err := emulatortest.Query(t.Context(), config, service, operation.Name, parameters)
	return err
}

// models holds what modelOf has read, which takes a while.
var models sync.Map

func modelOf(t *testing.T, service string) *model.Service {
	t.Helper()
	if m, ok := models.Load(service); ok {
		return m.(*model.Service)
	}
	m, err := model.Load(service)
	if err != nil {
		t.Fatal(err)
	}
	models.Store(service, m)
	return m
}

func toError(v reflect.Value) error {
	err, _ := v.Interface().(error)
	return err
}

// keyOf returns under which name there is a value for a member: its own with a capital letter, or of an ID that can be of many kinds that
// of its shape. That of a list's element is "".
func keyOf(m *model.Member) string {
	switch m.Name {
	case "":
		return ""
	case "Id":
		return m.Shape.Name
	case "arn": // which is not the one of others
		return m.Name
	}
	return strings.ToUpper(m.Name[:1]) + m.Name[1:]
}

func fillRequired(shape *model.Shape, v reflect.Value, values map[string]any) {
	for _, m := range shape.Members {
		if !m.Required && !slices.Contains(alwaysGiven, m.Name) {
			continue
		}
		name := strings.ToUpper(m.Name[:1]) + m.Name[1:]
		f := v.FieldByName(name)
		if f.Kind() == reflect.Pointer {
			f.Set(reflect.New(f.Type().Elem()))
			f = f.Elem()
		}
		given, ok := values[keyOf(&m)]
		switch {
		case len(m.Shape.Enum) > 0:
			f.SetString(m.Shape.Enum[0])
		case ok:
			f.Set(reflect.ValueOf(given).Convert(f.Type()))
		case m.Shape.Type == "structure":
			fillRequired(m.Shape, f, values)
		case m.Shape.Type == "list":
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			if element := m.Shape.Element.Shape; element.Type == "structure" {
				fillRequired(element, f.Index(0), values)
			} else if len(element.Enum) > 0 {
				f.Index(0).SetString(element.Enum[0])
			} else {
				f.Index(0).SetString("x")
			}
		case f.Kind() == reflect.String:
			f.SetString("name")
		case f.Kind() == reflect.Slice:
			f.SetBytes([]byte("x"))
		}
	}
}

// needsOrganization are those that are denied without an organization: their own tests have them.
var needsOrganization = []string{"AssumeRoot", "GenerateOrganizationsAccessReport", "GetOrganizationsAccessReport"}

// documentedActions are those of AWS's Service Authorization Reference where an operation needs others than
// the action of its name.
var documentedActions = map[string][]string{
	"ReEncrypt":                {"kms:ReEncryptFrom", "kms:ReEncryptTo"},
	"ReplicateKey":             {"kms:ReplicateKey", "kms:CreateKey"},
	"CreateCustomKeyStore":     {"kms:CreateCustomKeyStore", "cloudhsm:DescribeClusters", "iam:CreateServiceLinkedRole"},
	"AddRoleToInstanceProfile": {"iam:AddRoleToInstanceProfile", "iam:PassRole"},
	"AcquireRole":              {"iam:GetRoleTemplateVersion", "iam:CreateRole", "iam:AttachRolePolicy"},
	"PutAccountProperties":     {"iam:PutAccountProperties", "iam:CreateServiceLinkedRole"},
	"CreateCluster":            {"cloudhsm:CreateCluster", "iam:CreateServiceLinkedRole"},
	"CreateOrganization":       {"organizations:CreateOrganization", "iam:CreateServiceLinkedRole"},
}

// TestDocumentedPermissionSuffices calls each registered operation as a user who may do just what AWS documents
// for it. Whatever then stands against it, it is not a permission.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
func TestDocumentedPermissionSuffices(t *testing.T) {
	e := emulatortest.Start(t)
	values := prepare(t, e)
	config := user(t, e, "bob")
	credentials, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	values["AccessKeyId"] = credentials.AccessKeyID
	people := iam.NewFromConfig(e.Config())
	s, err := server.Open(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clients := clientsOf(config)
	succeeded, called := 0, 0
	for _, c := range s.Coverage() {
		for _, operation := range c.Registered {
			if slices.Contains(needsNoPermission, operation) || slices.Contains(needsOrganization, operation) {
				continue
			}
			actions := documentedActions[operation]
			if actions == nil {
				actions = []string{modelOf(t, c.Service).ActionPrefix() + ":" + operation}
			}
			document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
			if _, err := people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("exact"), PolicyDocument: &document}); err != nil {
				t.Fatal(err)
			}
			err := invoke(t, clients[c.Service], c.Service, operation, values)
			called++
			if err == nil {
				succeeded++
				continue
			}
			if e, ok := errors.AsType[smithy.APIError](err); !ok || strings.HasPrefix(e.ErrorCode(), "AccessDenied") || e.ErrorCode() == "InternalFailure" {
				t.Errorf("%s with %v: %v", operation, actions, err)
			}
		}
	}
	t.Logf("%d of %d succeed; the others lack what they act on", succeeded, called)
}
