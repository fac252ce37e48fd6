package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api/model"
	"emulator/emulatortest"
	"emulator/server"
)

//go:generate go run ./gen

// TestServiceAuthorizationReference calls each registered operation as a user without a policy, once with the members that
// it needs and once with all that it has, and compares what was asked of the policies with what AWS's reference says:
// resources, and the condition keys of the request and of the resource.
func TestServiceAuthorizationReference(t *testing.T) {
	text, err := os.ReadFile("testdata/authorization.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference map[string]map[string]struct{ Resources, Keys, ResourceKeys []string }
	if err := json.Unmarshal(text, &reference); err != nil {
		t.Fatal(err)
	}
	e := emulatortest.Start(t, server.Config{Quotas: []string{"organizations.InboundTransfers=1"}})
	values := prepare(t, e)
	tagAll(t, e, values)
	bob := user(t, e, "bob")
	if _, err := iam.NewFromConfig(e.Config()).TagUser(t.Context(), &iam.TagUserInput{UserName: aws.String("bob"), Tags: iamTags("team", "red")}); err != nil {
		t.Fatal(err)
	}
	s, err := server.Open(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	prepareOrganization(t, e, values)
	clients := map[string]any{"iam": iam.NewFromConfig(bob), "organizations": organizations.NewFromConfig(bob)}
	for _, c := range s.Coverage() {
		for _, operation := range c.Registered {
			documented, ok := reference[c.Service][operation]
			if !ok || clients[c.Service] == nil {
				continue
			}
			t.Run(c.Service+" "+operation, func(t *testing.T) {
				seen := asked(t, e, c.Service+":"+operation, func(fill func(*model.Shape, reflect.Value)) error {
					method := reflect.ValueOf(clients[c.Service]).MethodByName(operation)
					if !method.IsValid() { // the SDK does not have it yet
						return query(t, clients[c.Service], c.Service, modelOf(t, c.Service).Operations[operation], values)
					}
					in := reflect.New(method.Type().In(1).Elem())
					if shape := modelOf(t, c.Service).Operations[operation].Input; shape != nil {
						fill(shape, in.Elem())
					}
					return toError(method.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})[1])
				}, values)
				if len(seen.resources) == 0 {
					t.Fatal("nothing was asked")
				}
				for _, resource := range seen.resources {
					// Of lists the reference names no resource, while AWS's denials do: "…:role/".
					if len(documented.Resources) > 0 && !slices.ContainsFunc(documented.Resources, func(pattern string) bool {
						return matches(pattern, resource)
					}) {
						t.Errorf("asked about %s; documented are %q", resource, documented.Resources)
					}
				}
				keys := documented.Keys
				if !strings.HasPrefix(operation, "Create") && !strings.HasPrefix(operation, "Upload") { // what is made has no tags yet
					keys = slices.Concat(keys, documented.ResourceKeys)
				}
				for _, key := range keys {
					if slices.Contains(notThere[operation], key) {
						continue
					}
					name, _, _ := strings.Cut(key, "$")
					name = strings.Replace(name, "iam:ResourceTag/", "aws:ResourceTag/", 1) // two names of one key
					if !slices.ContainsFunc(seen.keys, func(k string) bool { return k == key || name != key && strings.HasPrefix(k, name) }) {
						t.Errorf("%s was not there", key)
					}
				}
			})
		}
	}
}

// notThere are keys that a call of this test has no value for.
var notThere = map[string][]string{
	"EnableMFADevice":                    {"iam:FIDO-FIPS-140-2-certification", "iam:FIDO-FIPS-140-3-certification", "iam:FIDO-certification", "iam:RegisterSecurityKey"}, // a virtual device has none
	"CreateGovCloudAccount":              {"aws:ResourceTag/${TagKey}"},
	"CreateAccount":                      {"aws:ResourceTag/${TagKey}"}, // what is made has no tags yet
	"CreatePolicy":                       {"aws:ResourceTag/${TagKey}"},
	"ListTagsForResource":                {"organizations:TransferDirection", "organizations:TransferType"}, // the resource is no transfer
	"TagResource":                        {"organizations:TransferDirection", "organizations:TransferType"},
	"UntagResource":                      {"organizations:TransferDirection", "organizations:TransferType"},
	"GetServiceLinkedRoleDeletionStatus": {"aws:ResourceTag/${TagKey}", "iam:ResourceTag/${TagKey}"}, // the role is gone
}

var variables = regexp.MustCompile(`\$\{[^}]*\}`)

func matches(pattern, resource string) bool {
	parts := variables.Split(pattern, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(resource)
}

// tagAll gives what prepare made tags and permissions boundaries, and makes what else has any.
func tagAll(t *testing.T, e *emulatortest.Emulator, values map[string]any) {
	t.Helper()
	c, k := iam.NewFromConfig(e.Config()), kms.NewFromConfig(e.Config())
	tags, boundary := iamTags("team", "red"), aws.String(values["PolicyArn"].(string))
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(c.TagUser(t.Context(), &iam.TagUserInput{UserName: aws.String("alice"), Tags: tags}))
	check(c.PutUserPermissionsBoundary(t.Context(), &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("alice"), PermissionsBoundary: boundary}))
	key, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	check(nil, err)
	values["AccessKeyId"] = *key.AccessKey.AccessKeyId
	check(c.TagRole(t.Context(), &iam.TagRoleInput{RoleName: aws.String("app"), Tags: tags}))
	check(c.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: aws.String("app"), PermissionsBoundary: boundary}))
	check(c.TagPolicy(t.Context(), &iam.TagPolicyInput{PolicyArn: boundary, Tags: tags}))
	check(c.CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://issuer.example"), ThumbprintList: values["ThumbprintList"].([]string), Tags: tags}))
	check(c.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("name"), Tags: tags}))
	check(c.CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("name"), SAMLMetadataDocument: aws.String(admin(t, e, "GET", "/saml/metadata", "", 200)["metadata"].(string)), Tags: tags}))
	check(c.TagInstanceProfile(t.Context(), &iam.TagInstanceProfileInput{InstanceProfileName: aws.String("web"), Tags: tags}))
	body, private := certificate(t)
	check(c.UploadServerCertificate(t.Context(), &iam.UploadServerCertificateInput{ServerCertificateName: aws.String("name"), CertificateBody: &body, PrivateKey: &private, Tags: tags}))
	credential, err := c.CreateServiceSpecificCredential(t.Context(), &iam.CreateServiceSpecificCredentialInput{UserName: aws.String("alice"), ServiceName: aws.String("bedrock.amazonaws.com")})
	check(nil, err)
	values["ServiceSpecificCredentialId"] = *credential.ServiceSpecificCredential.ServiceSpecificCredentialId
	partner := iam.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	template, err := partner.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("template"), PolicyDocument: aws.String(values["PolicyDocument"].(string))})
	check(nil, err)
	request, err := partner.CreateDelegationRequest(t.Context(), &iam.CreateDelegationRequestInput{
		Description: aws.String("d"), NotificationChannel: aws.String("arn:aws:sns:us-east-1:111111111111:topic"), RequestorWorkflowId: aws.String("workflow"),
		SessionDuration: aws.Int32(1800), Permissions: &iamtypes.DelegationPermission{PolicyTemplateArn: template.Policy.Arn},
	})
	check(nil, err)
	check(c.AssociateDelegationRequest(t.Context(), &iam.AssociateDelegationRequestInput{DelegationRequestId: request.DelegationRequestId}))
	values["DelegationRequestId"], values["OwnerId"], values["OrganizationsPolicyId"] = *request.DelegationRequestId, "arn:aws:iam::000000000000:root", "p-12345678"
	values["EntityArn"] = "arn:aws:iam::000000000000:delegation-request/" + *request.DelegationRequestId
	check(k.TagResource(t.Context(), &kms.TagResourceInput{KeyId: aws.String(values["KeyId"].(string)), Tags: []kmstypes.Tag{{TagKey: aws.String("team"), TagValue: aws.String("red")}}}))
	values["Path"], values["DurationSeconds"], values["Key"], values["TagKey"] = "/a/", int32(3600), "team", "team"
	values["NewPath"], values["CredentialAgeDays"], values["ServiceName"], values["AWSServiceName"] = "/a/", int32(30), "bedrock.amazonaws.com", "batch.amazonaws.com"
	values["MaxItems"], values["Limit"], values["MaxResults"], values["PathPrefix"], values["MaxSessionDuration"] = int32(10), int32(10), int32(10), "/", int32(3600)
}

// prepareOrganization makes an organization with something of each kind, all tagged.
func prepareOrganization(t *testing.T, e *emulatortest.Emulator, values map[string]any) {
	t.Helper()
	c, tags := organizations.NewFromConfig(e.Config()), []orgtypes.Tag{{Key: aws.String("team"), Value: aws.String("red")}}
	must(c.CreateOrganization(t.Context(), nil))(t)
	root := must(c.ListRoots(t.Context(), nil))(t).Roots[0].Id
	must(c.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: root, Tags: tags}))(t)
	unit := must(c.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: root, Name: aws.String("unit"), Tags: tags}))(t).OrganizationalUnit.Id
	p := must(c.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{
		Type: orgtypes.PolicyTypeServiceControlPolicy, Name: aws.String("mine"), Description: aws.String(""), Content: aws.String(allowAll), Tags: tags,
	}))(t).Policy.PolicySummary.Id
	made := must(c.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("team"), Email: aws.String("team@example.com"), Tags: tags}))(t)
	account := must(c.DescribeCreateAccountStatus(t.Context(), &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id}))(t).CreateAccountStatus.AccountId
	invited := must(c.InviteAccountToOrganization(t.Context(), &organizations.InviteAccountToOrganizationInput{Target: &orgtypes.HandshakeParty{Type: orgtypes.HandshakePartyTypeAccount, Id: aws.String("222222222222")}}))(t)
	must(c.PutResourcePolicy(t.Context(), &organizations.PutResourcePolicyInput{Tags: tags, Content: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"organizations:ListRoots","Resource":"*"}]}`)}))(t)
	partner := organizations.NewFromConfig(e.ConfigWith("333333333333", "test", "", emulatortest.Region))
	must(partner.CreateOrganization(t.Context(), nil))(t)
	month := e.Clock.Now().UTC().Truncate(24 * time.Hour)
	start := month.AddDate(0, 1, 1-month.Day())
	asked := must(c.InviteOrganizationToTransferResponsibility(t.Context(), &organizations.InviteOrganizationToTransferResponsibilityInput{
		Type: orgtypes.ResponsibilityTransferTypeBilling, StartTimestamp: &start, SourceName: aws.String("n"), Tags: tags,
		Target: &orgtypes.HandshakeParty{Type: orgtypes.HandshakePartyTypeAccount, Id: aws.String("333333333333")},
	}))(t)
	maps.Copy(values, map[string]any{
		"HandshakeId": *invited.Handshake.Id, "HandshakePartyId": *account, "ResponsibilityTransferId": "rt-" + strings.TrimPrefix(*asked.Handshake.Id, "h-"),
		"ParentId": *root, "SourceParentId": *root, "DestinationParentId": *unit, "ChildId": *account, "OrganizationalUnitId": *unit, "ResourceId": *p,
		"RootId": *root, "TargetId": *account, "PolicyId": *p, "AccountId": *account,
	})
}

// question is what was asked of the policies.
type question struct{ resources, keys []string }

// asked tells what was asked about an action when an operation was called with the members that it needs, and with all.
func asked(t *testing.T, e *emulatortest.Emulator, action string, call func(fill func(*model.Shape, reflect.Value)) error, values map[string]any) (seen question) {
	t.Helper()
	for _, fill := range []func(*model.Shape, reflect.Value){
		func(s *model.Shape, v reflect.Value) { fillRequired(s, v, values) },
		func(s *model.Shape, v reflect.Value) { fillAll(s, v, values) },
	} {
		err := call(fill)
		failed, ok := errors.AsType[*awshttp.ResponseError](err)
		if !ok {
			t.Logf("not refused: %v", err)
			continue
		}
		answer := admin(t, e, "GET", "/decisions/"+failed.RequestID, "", 200)
		decisions, _ := answer["decisions"].([]any)
		if len(decisions) == 0 {
			t.Logf("nothing asked: %v", err)
		}
		for _, d := range decisions {
			d := d.(map[string]any)
			if d["action"] != action {
				continue
			}
			seen.resources = append(seen.resources, d["resource"].(string))
			message, err := sts.NewFromConfig(e.Config()).DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String(d["encodedMessage"].(string))})
			if err != nil {
				t.Fatal(err)
			}
			var decoded struct {
				Context struct {
					Conditions struct {
						Items []struct{ Key string }
					}
				}
			}
			if err := json.Unmarshal([]byte(*message.DecodedMessage), &decoded); err != nil {
				t.Fatal(err)
			}
			for _, item := range decoded.Context.Conditions.Items {
				seen.keys = append(seen.keys, item.Key)
			}
		}
	}
	return seen
}

// neverGiven are members that are of no use here, or go with no others.
var neverGiven = []string{"DryRun", "DryRunModifiers", "Marker", "NextToken", "Recipient"}

// fillAll fills in all members, those of structures and lists too.
func fillAll(shape *model.Shape, v reflect.Value, values map[string]any) {
	for _, m := range shape.Members {
		f := v.FieldByName(title(m.Name))
		if !f.IsValid() || f.Kind() == reflect.Interface || slices.Contains(neverGiven, m.Name) {
			continue
		}
		fillMember(m, f, values)
	}
}

func fillMember(m model.Member, f reflect.Value, values map[string]any) {
	if f.Kind() == reflect.Pointer {
		f.Set(reflect.New(f.Type().Elem()))
		f = f.Elem()
	}
	given, ok := values[keyOf(&m)]
	switch {
	case f.Kind() == reflect.Interface: // a union
	case len(m.Shape.Enum) > 0:
		f.SetString(m.Shape.Enum[0])
	case ok && f.Kind() == reflect.ValueOf(given).Kind():
		f.Set(reflect.ValueOf(given).Convert(f.Type()))
	case m.Shape.Type == "structure":
		fillAll(m.Shape, f, values)
	case m.Shape.Type == "list":
		f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		fillMember(*m.Shape.Element, f.Index(0), values)
	case m.Shape.Type == "map":
		f.Set(reflect.MakeMap(f.Type()))
	case f.Kind() == reflect.String:
		f.SetString("name")
	case f.Kind() == reflect.Slice:
		f.SetBytes([]byte("x"))
	}
}

func title(name string) string {
	if name == "" { // that of a list's element
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// certificate returns one that signs itself and its key.
func certificate(t *testing.T) (body, private string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
