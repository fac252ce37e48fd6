package kms_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
)

const account = "arn:aws:iam::000000000000:"

// grant makes a grant, which the test needs.
func grant(t *testing.T, c *kms.Client, key, grantee string, constraints *types.GrantConstraints, operations ...types.GrantOperation) *kms.CreateGrantOutput {
	t.Helper()
	return must[*kms.CreateGrantOutput](t)(c.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: &grantee, Operations: operations, Constraints: constraints,
	}))
}

func newRole(t *testing.T, root aws.Config, name string) string {
	t.Helper()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`
	return *must[*iam.CreateRoleOutput](t)(iam.NewFromConfig(root).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})).Role.Arn
}

// mayAssume is the policy of a user who may assume roles and be federated, and nothing else.
const mayAssume = `{"Effect":"Allow","Action":["sts:AssumeRole","sts:GetFederationToken"],"Resource":"*"}`

// session returns a client that is a session of a role, which a user assumes.
func session(t *testing.T, e *emulatortest.Emulator, user aws.Config, role, name string, policy *string) *kms.Client {
	t.Helper()
	made := must[*sts.AssumeRoleOutput](t)(sts.NewFromConfig(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &name, Policy: policy})).Credentials
	return kms.NewFromConfig(e.ConfigWith(*made.AccessKeyId, *made.SecretAccessKey, *made.SessionToken, emulatortest.Region))
}

func encryptAs(t *testing.T, c *kms.Client, key string, context map[string]string) error {
	t.Helper()
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x"), EncryptionContext: context})
	return err
}

// check looks for what is wrong with the database: in its indexes above all.
func check(t *testing.T, e *emulatortest.Emulator) {
	t.Helper()
	resp := must[*http.Response](t)(http.Get(e.URL + "/_emulator/check"))
	defer resp.Body.Close()
	if text := string(must[[]byte](t)(io.ReadAll(resp.Body))); strings.TrimSpace(text) != `{"findings":[]}` {
		t.Errorf("found: %s", text)
	}
}

// Whom a grant names, may do what it says from the moment it is made until it is revoked, and nobody else.
func TestGrantees(t *testing.T) {
	e, c := start(t)
	root := e.Config()
	key := *createKey(t, c, "", "").Arn
	ann := newUser(t, e, root, "ann", mayAssume)
	bob := newUser(t, e, root, "bob", `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`)
	newUser(t, e, root, "old", mayAssume)
	role, other := newRole(t, root, "app"), newRole(t, root, "other")
	federated := must[*sts.GetFederationTokenOutput](t)(sts.NewFromConfig(ann).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("fed")})).Credentials
	some := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}`)
	ofAnn := must[*sts.GetFederationTokenOutput](t)(sts.NewFromConfig(ann).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("of-ann"), Policy: some})).Credentials
	foreign := e.ConfigWith("111111111111", "test", "", emulatortest.Region)
	const allowed = `{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}`
	zoe, zed := newUser(t, e, foreign, "zoe", allowed), newUser(t, e, foreign, "zed", mayAssume)
	nothing := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	deny := newUser(t, e, root, "deny", `{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}`)

	clients := map[string]*kms.Client{
		"ann": kms.NewFromConfig(ann), "session one": session(t, e, ann, role, "one", nil), "session two": session(t, e, ann, role, "two", nil),
		"limited session": session(t, e, ann, role, "one", nothing), "other role": session(t, e, ann, other, "one", nil),
		"federated": kms.NewFromConfig(e.ConfigWith(*federated.AccessKeyId, *federated.SecretAccessKey, *federated.SessionToken, emulatortest.Region)),
		"of ann":    kms.NewFromConfig(e.ConfigWith(*ofAnn.AccessKeyId, *ofAnn.SecretAccessKey, *ofAnn.SessionToken, emulatortest.Region)),
		"zoe":       kms.NewFromConfig(zoe), "zed": kms.NewFromConfig(zed), "foreign root": kms.NewFromConfig(foreign), "deny": kms.NewFromConfig(deny),
	}
	for grantee, may := range map[string][]string{
		account + "user/ann": {"ann", "of ann"},
		role:                 {"session one", "session two"},
		"arn:aws:sts::000000000000:assumed-role/app/one": {"session one", "limited session"},
		"arn:aws:sts::000000000000:federated-user/fed":   {"federated"},
		account + "root":                                  {},
		"arn:aws:iam::111111111111:root":                  {"zoe", "foreign root"},
		"arn:aws:iam::111111111111:user/zoe":              {"zoe"},
		"arn:aws:iam::111111111111:user/zed":              {},
		account + "user/deny":                             {},
		account + "user/old":                              {},
		"arn:aws:sts::000000000000:assumed-role/app/none": {},
	} {
		t.Run(grantee, func(t *testing.T) {
			made := grant(t, c, key, grantee, nil, "Encrypt", "DescribeKey")
			for name, client := range clients {
				err := encryptAs(t, client, key, nil)
				if slices.Contains(may, name) != (err == nil) {
					t.Errorf("%s: %v", name, err)
				}
				if _, err := client.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: []byte("x"), KeyId: &key}); err == nil {
					t.Errorf("%s: decrypts", name)
				}
			}
			must[*kms.RevokeGrantOutput](t)(c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: &key, GrantId: made.GrantId}))
			for name, client := range clients {
				if err := encryptAs(t, client, key, nil); err == nil {
					t.Errorf("%s after the grant was revoked", name)
				}
			}
			_, err := c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: &key, GrantId: made.GrantId})
			refused(t, err, "NotFoundException", "Grant ID "+*made.GrantId+" is not found for key "+key)
		})
	}
	if err := encryptAs(t, kms.NewFromConfig(bob), key, nil); err != nil {
		t.Errorf("by a policy: %v", err)
	}

	// Who is made anew does not inherit, and the list shows whom the grant is to.
	grant(t, c, key, account+"user/old", nil, "Encrypt")
	people := iam.NewFromConfig(root)
	old := must[*iam.GetUserOutput](t)(people.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("old")})).User
	for _, k := range must[*iam.ListAccessKeysOutput](t)(people.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: old.UserName})).AccessKeyMetadata {
		must[*iam.DeleteAccessKeyOutput](t)(people.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: old.UserName, AccessKeyId: k.AccessKeyId}))
	}
	must[*iam.DeleteUserPolicyOutput](t)(people.DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{UserName: old.UserName, PolicyName: aws.String("p")}))
	must[*iam.DeleteUserOutput](t)(people.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: old.UserName}))
	if err := encryptAs(t, kms.NewFromConfig(newUser(t, e, root, "old", mayAssume)), key, nil); err == nil {
		t.Error("a user made anew has the old one's grant")
	}
	listed := must[*kms.ListGrantsOutput](t)(c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: &key})).Grants
	if len(listed) != 1 || *listed[0].GranteePrincipal != *old.UserId {
		t.Errorf("listed: %+v", listed)
	}
	check(t, e)
}

// Key policies that deny are stronger than grants.
func TestGrantsAgainstDenies(t *testing.T) {
	e, c := start(t)
	ann := kms.NewFromConfig(newUser(t, e, e.Config(), "ann", mayAssume))
	key := *createKey(t, c, "", "").Arn
	grant(t, c, key, account+"user/ann", nil, "Encrypt")
	if err := encryptAs(t, ann, key, nil); err != nil {
		t.Fatal(err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"aws:username":"ann"}}}]}`
	must[*kms.PutKeyPolicyOutput](t)(c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &policy}))
	refused(t, encryptAs(t, ann, key, nil), "AccessDeniedException", "with an explicit deny in a resource-based policy")
}

// A grant that is constrained allows what has the encryption context, whose keys are compared without regard to case.
func TestGrantConstraints(t *testing.T) {
	e, c := start(t)
	client := kms.NewFromConfig(newUser(t, e, e.Config(), "ann", mayAssume))
	key := *createKey(t, c, "", "").Arn
	type pairs = map[string]string
	equals := func(p pairs) *types.GrantConstraints { return &types.GrantConstraints{EncryptionContextEquals: p} }
	subset := func(p pairs) *types.GrantConstraints { return &types.GrantConstraints{EncryptionContextSubset: p} }
	itDept := pairs{"Department": "IT"}
	for _, tt := range []struct {
		name        string
		constraints *types.GrantConstraints
		context     pairs
		allowed     bool
	}{
		{"equal", equals(itDept), itDept, true},
		{"equal but for the key's case", equals(itDept), pairs{"department": "IT"}, true},
		{"equal but for the value's case", equals(itDept), pairs{"Department": "it"}, false},
		{"equal, with more", equals(itDept), pairs{"Department": "IT", "a": "b"}, false},
		{"equal, without", equals(itDept), nil, false},
		{"equal to two", equals(pairs{"a": "1", "b": "2"}), pairs{"b": "2", "a": "1"}, true},
		{"equal to two, swapped", equals(pairs{"a": "1", "b": "2"}), pairs{"a": "2", "b": "1"}, false},
		{"shifted", equals(pairs{"a": "bc"}), pairs{"ab": "c"}, false},
		{"equal to nothing", equals(pairs{}), nil, true},
		{"equal to nothing, with something", equals(pairs{}), itDept, false},
		{"subset", subset(itDept), itDept, true},
		{"subset of more", subset(itDept), pairs{"a": "b", "department": "IT", "z": ""}, true},
		{"subset with another value", subset(itDept), pairs{"Department": "HR"}, false},
		{"subset of nothing", subset(itDept), nil, false},
		{"subset of less", subset(pairs{"a": "1", "b": "2"}), pairs{"b": "2"}, false},
		{"a subset of two", subset(pairs{"a": "1", "b": "2"}), pairs{"a": "1", "b": "2", "c": "3"}, true},
		{"the empty subset", subset(pairs{}), itDept, true},
		{"a source", &types.GrantConstraints{SourceArn: aws.String("arn:aws:s3:us-east-1:000000000000:bucket")}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made := grant(t, c, key, account+"user/ann", tt.constraints, "Encrypt", "Decrypt", "DescribeKey")
			if err := encryptAs(t, client, key, tt.context); (err == nil) != tt.allowed {
				t.Errorf("encrypt: %v", err)
			}
			// The context constrains the cryptography alone.
			if _, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &key}); (err == nil) != (tt.constraints.SourceArn == nil) {
				t.Errorf("describe: %v", err)
			}
			listed := must[*kms.ListGrantsOutput](t)(c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: &key})).Grants
			if len(listed) != 1 || !reflect.DeepEqual(listed[0].Constraints, tt.constraints) {
				t.Errorf("listed as %+v", listed)
			}
			must[*kms.RevokeGrantOutput](t)(c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: &key, GrantId: made.GrantId}))
		})
	}

	// Each side of ReEncrypt has a context of its own.
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x"), EncryptionContext: itDept})).CiphertextBlob
	grant(t, c, key, account+"user/ann", equals(itDept), "ReEncryptFrom")
	grant(t, c, key, account+"user/ann", equals(pairs{"to": "1"}), "ReEncryptTo")
	for to, allowed := range map[string]bool{"1": true, "2": false} {
		_, err := client.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, SourceEncryptionContext: itDept, DestinationKeyId: &key, DestinationEncryptionContext: pairs{"to": to}})
		if (err == nil) != allowed {
			t.Errorf("ReEncrypt to %s: %v", to, err)
		}
	}
	check(t, e)
}

// What can't be a grant, in AWS's words where they are known.
func TestCreateGrantRefuses(t *testing.T) {
	e, c := start(t)
	newUser(t, e, e.Config(), "ann", mayAssume)
	ann, absent := account+"user/ann", account+"user/absent"
	source, service := "arn:aws:s3:us-east-1:000000000000:bucket", "s3.amazonaws.com"
	symmetric, asymmetric := createKey(t, c, "", ""), createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
	pairs := func(n, length int) map[string]string {
		all := make(map[string]string)
		for i := range n {
			all[fmt.Sprint(i)] = strings.Repeat("é", length)
		}
		return all
	}
	one := pairs(1, 1)
	for name, tt := range map[string]struct {
		in         kms.CreateGrantInput
		code, text string
	}{
		"no grantee":              {kms.CreateGrantInput{GranteePrincipal: nil}, "ValidationException", "either GranteePrincipal or GranteeServicePrincipal"},
		"two grantees":            {kms.CreateGrantInput{GranteePrincipal: &ann, GranteeServicePrincipal: &service, Constraints: &types.GrantConstraints{SourceArn: &source}, RetiringPrincipal: &ann}, "ValidationException", "but not both"},
		"two to retire it":        {kms.CreateGrantInput{GranteePrincipal: &ann, RetiringPrincipal: &ann, RetiringServicePrincipal: &service}, "ValidationException", "but not both"},
		"a service, any source":   {kms.CreateGrantInput{GranteeServicePrincipal: &service, RetiringPrincipal: &ann}, "ValidationException", "SourceArn grant constraint"},
		"a service, none retires": {kms.CreateGrantInput{GranteeServicePrincipal: &service, Constraints: &types.GrantConstraints{SourceArn: &source}}, "ValidationException", "RetiringServicePrincipal"},
		"no service":              {kms.CreateGrantInput{GranteePrincipal: &ann, RetiringServicePrincipal: aws.String("nothing.amazonaws.com")}, "ValidationException", "nothing.amazonaws.com is not a valid service principal"},
		"no such user":            {kms.CreateGrantInput{GranteePrincipal: &absent}, "InvalidArnException", "ARN does not refer to a valid principal: " + absent},
		"no such retiring user":   {kms.CreateGrantInput{GranteePrincipal: &ann, RetiringPrincipal: &absent}, "InvalidArnException", absent},
		"a group":                 {kms.CreateGrantInput{GranteePrincipal: aws.String(account + "group/g")}, "InvalidArnException", ""},
		"a service's name":        {kms.CreateGrantInput{GranteePrincipal: &service}, "InvalidArnException", ""},
		"another partition":       {kms.CreateGrantInput{GranteePrincipal: aws.String("arn:aws-cn:iam::000000000000:root")}, "InvalidArnException", ""},
		"both constraints":        {kms.CreateGrantInput{GranteePrincipal: &ann, Constraints: &types.GrantConstraints{EncryptionContextEquals: one, EncryptionContextSubset: one}}, "ValidationException", "More than one constraint supplied"},
		"nine pairs":              {kms.CreateGrantInput{GranteePrincipal: &ann, Constraints: &types.GrantConstraints{EncryptionContextSubset: pairs(9, 1)}}, "ValidationException", "at most 8"},
		"385 characters":          {kms.CreateGrantInput{GranteePrincipal: &ann, Constraints: &types.GrantConstraints{EncryptionContextEquals: pairs(1, 384)}}, "ValidationException", "at most 384"},
		"CreateGrant alone":       {kms.CreateGrantInput{GranteePrincipal: &ann, Operations: []types.GrantOperation{"CreateGrant", "CreateGrant"}}, "ValidationException", "Grants must not contain only the CreateGrant operation."},
		"no operation":            {kms.CreateGrantInput{GranteePrincipal: &ann, Operations: []types.GrantOperation{}}, "ValidationException", ""},
		"an unknown operation":    {kms.CreateGrantInput{GranteePrincipal: &ann, Operations: []types.GrantOperation{"ScheduleKeyDeletion"}}, "ValidationException", ""},
		"an asymmetric key":       {kms.CreateGrantInput{KeyId: asymmetric.KeyId, GranteePrincipal: &ann, Constraints: &types.GrantConstraints{EncryptionContextEquals: one}}, "ValidationException", "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key."},
		"an alias":                {kms.CreateGrantInput{KeyId: aws.String("alias/a"), GranteePrincipal: &ann}, "InvalidArnException", "Key Aliases are not supported for this operation."},
		"a token of no grant":     {kms.CreateGrantInput{GranteePrincipal: &ann, GrantTokens: []string{"AQ"}}, "InvalidGrantTokenException", ""},
		"a name":                  {kms.CreateGrantInput{GranteePrincipal: &ann, Name: aws.String("a b")}, "ValidationException", "'name' failed to satisfy constraint"},
		"only asked":              {kms.CreateGrantInput{GranteePrincipal: &ann, DryRun: aws.Bool(true)}, "DryRunOperationException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.in.KeyId == nil {
				tt.in.KeyId = symmetric.KeyId
			}
			if tt.in.Operations == nil {
				tt.in.Operations = []types.GrantOperation{"Decrypt"}
			}
			_, err := c.CreateGrant(t.Context(), &tt.in)
			refused(t, err, tt.code, tt.text)
		})
	}
	// What is just within the limits.
	grant(t, c, *symmetric.KeyId, ann, &types.GrantConstraints{EncryptionContextEquals: pairs(1, 383)}, "Decrypt")
	grant(t, c, *symmetric.KeyId, ann, &types.GrantConstraints{EncryptionContextSubset: pairs(8, 47)}, "Decrypt")

	// A key's state.
	for state, change := range map[string]func(*string) error{
		"DisabledException": func(id *string) error {
			_, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: id})
			return err
		},
		"KMSInvalidStateException": func(id *string) error {
			_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: id})
			return err
		},
	} {
		key := createKey(t, c, "", "")
		made := grant(t, c, *key.KeyId, ann, nil, "Decrypt")
		if err := change(key.KeyId); err != nil {
			t.Fatal(err)
		}
		_, err := c.CreateGrant(t.Context(), &kms.CreateGrantInput{KeyId: key.KeyId, GranteePrincipal: &ann, Operations: []types.GrantOperation{"Decrypt"}})
		refused(t, err, state, "")
		must[*kms.RetireGrantOutput](t)(c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: made.GrantToken}))
	}
}

// The operations that a grant can allow by the type of the key: AWS's table, of the specs that there are.
func TestGrantOperations(t *testing.T) {
	e, c := start(t)
	newUser(t, e, e.Config(), "ann", mayAssume)
	every := []types.GrantOperation{"CreateGrant", "RetireGrant", "DescribeKey"}
	encrypt := []types.GrantOperation{"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"}
	for _, tt := range []struct {
		spec  types.KeySpec
		usage types.KeyUsageType
		can   []types.GrantOperation
	}{
		{"", "", slices.Concat(encrypt, []types.GrantOperation{"GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"})},
		{types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt, append(encrypt, "GetPublicKey")},
		{types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify, []types.GrantOperation{"Sign", "Verify", "GetPublicKey"}},
		{types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac, []types.GrantOperation{"GenerateMac", "VerifyMac"}},
	} {
		key := createKey(t, c, tt.spec, tt.usage)
		for _, operation := range types.GrantOperation("").Values() {
			_, err := c.CreateGrant(t.Context(), &kms.CreateGrantInput{
				KeyId: key.KeyId, GranteePrincipal: aws.String(account + "user/ann"), Operations: []types.GrantOperation{operation, "DescribeKey"},
			})
			switch can := slices.Contains(tt.can, operation) || slices.Contains(every, operation); {
			case can && err != nil:
				t.Errorf("%s %s: %v", key.KeySpec, operation, err)
			case !can:
				refused(t, err, "ValidationException", string(operation))
			}
		}
	}
}

// Who has CreateGrant of a grant passes on what he has, under constraints that are as strict or stricter.
func TestChildGrants(t *testing.T) {
	e, c := start(t)
	ann := kms.NewFromConfig(newUser(t, e, e.Config(), "ann", mayAssume))
	newUser(t, e, e.Config(), "bob", mayAssume)
	key := *createKey(t, c, "", "").Arn
	type pairs = map[string]string
	a, ab, other := pairs{"a": "1"}, pairs{"a": "1", "b": "2"}, pairs{"a": "2", "b": "2"}
	equals := func(p pairs) *types.GrantConstraints { return &types.GrantConstraints{EncryptionContextEquals: p} }
	subset := func(p pairs) *types.GrantConstraints { return &types.GrantConstraints{EncryptionContextSubset: p} }
	source := func(p *types.GrantConstraints) *types.GrantConstraints {
		p.SourceArn = aws.String("arn:aws:s3:us-east-1:000000000000:bucket")
		return p
	}
	for _, tt := range []struct {
		name          string
		parent, child *types.GrantConstraints
		operations    []types.GrantOperation
		made          bool
	}{
		{"the same", nil, nil, []types.GrantOperation{"Decrypt", "Encrypt", "CreateGrant"}, true},
		{"less", nil, nil, []types.GrantOperation{"Decrypt"}, true},
		{"more", nil, nil, []types.GrantOperation{"Decrypt", "GenerateDataKey"}, false},
		{"RetireGrant", nil, nil, []types.GrantOperation{"Decrypt", "RetireGrant"}, false},
		{"a constraint", nil, subset(a), []types.GrantOperation{"Decrypt"}, true},
		{"no constraint any more", subset(a), nil, []types.GrantOperation{"Decrypt"}, false},
		{"the same subset", subset(a), subset(a), []types.GrantOperation{"Decrypt"}, true},
		{"a larger subset", subset(a), subset(ab), []types.GrantOperation{"Decrypt"}, true},
		{"a smaller subset", subset(ab), subset(a), []types.GrantOperation{"Decrypt"}, false},
		{"another subset", subset(a), subset(other), []types.GrantOperation{"Decrypt"}, false},
		{"a subset becomes equal", subset(a), equals(ab), []types.GrantOperation{"Decrypt"}, true},
		{"equal becomes a subset", equals(a), subset(a), []types.GrantOperation{"Decrypt"}, false},
		{"equal becomes a larger subset", equals(a), subset(ab), []types.GrantOperation{"Decrypt"}, false},
		{"equal", equals(ab), equals(ab), []types.GrantOperation{"Decrypt"}, true},
		{"equal to more", equals(a), equals(ab), []types.GrantOperation{"Decrypt"}, false},
		{"of a source", source(subset(a)), source(subset(a)), []types.GrantOperation{"Decrypt"}, false}, // which no call has
	} {
		t.Run(tt.name, func(t *testing.T) {
			parent := grant(t, c, key, account+"user/ann", tt.parent, "Encrypt", "Decrypt", "CreateGrant")
			child, err := ann.CreateGrant(t.Context(), &kms.CreateGrantInput{
				KeyId: &key, GranteePrincipal: aws.String(account + "user/bob"), Operations: tt.operations, Constraints: tt.child,
			})
			if tt.made && err != nil {
				t.Fatal(err)
			}
			if !tt.made {
				refused(t, err, "AccessDeniedException", "is not authorized to perform: kms:CreateGrant")
			} else {
				must[*kms.RevokeGrantOutput](t)(c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: &key, GrantId: child.GrantId}))
			}
			must[*kms.RevokeGrantOutput](t)(c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: &key, GrantId: parent.GrantId}))
		})
	}
}

// A grant says who may retire it; the accounts that issued it and that own the key may have it done.
func TestRetireGrant(t *testing.T) {
	e, c := start(t)
	root := e.Config()
	key := *createKey(t, c, "", "").Arn
	foreign := e.ConfigWith("111111111111", "test", "", emulatortest.Region)
	const may = `{"Effect":"Allow","Action":["kms:RetireGrant","kms:CreateGrant"],"Resource":"*"}`
	clients := map[string]*kms.Client{
		"root": c, "grantee": kms.NewFromConfig(newUser(t, e, root, "grantee", mayAssume)), "retiree": kms.NewFromConfig(newUser(t, e, root, "retiree", mayAssume)),
		"stranger": kms.NewFromConfig(newUser(t, e, root, "stranger", mayAssume)), "manager": kms.NewFromConfig(newUser(t, e, root, "manager", may)),
		"denied":  kms.NewFromConfig(newUser(t, e, root, "denied", `{"Effect":"Deny","Action":"kms:RetireGrant","Resource":"*"}`)),
		"foreign": kms.NewFromConfig(foreign), "foreign manager": kms.NewFromConfig(newUser(t, e, foreign, "manager", may)),
		"foreign stranger": kms.NewFromConfig(newUser(t, e, foreign, "stranger", mayAssume)),
	}
	// That a key policy allows RetireGrant has no effect.
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Allow","Principal":{"AWS":"` + account + `user/stranger"},"Action":"kms:RetireGrant","Resource":"*"}]}`
	must[*kms.PutKeyPolicyOutput](t)(c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &policy}))
	for _, tt := range []struct {
		name, retiree string
		operations    []types.GrantOperation
		issuer        string
		may           []string
	}{
		{"of nobody", "", []types.GrantOperation{"Decrypt"}, "root", nil},
		{"of a user", account + "user/retiree", []types.GrantOperation{"Decrypt"}, "root", []string{"retiree"}},
		{"of its grantee", "", []types.GrantOperation{"Decrypt", "RetireGrant"}, "root", []string{"grantee"}},
		{"of whom a policy denies", account + "user/denied", []types.GrantOperation{"Decrypt"}, "root", nil},
		{"of another account", "arn:aws:iam::111111111111:root", []types.GrantOperation{"Decrypt"}, "root", []string{"foreign", "foreign manager"}},
		{"issued by another account", "", []types.GrantOperation{"Decrypt"}, "foreign manager", []string{"foreign", "foreign manager"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, client := range clients {
				in := &kms.CreateGrantInput{KeyId: &key, GranteePrincipal: aws.String(account + "user/grantee"), Operations: tt.operations}
				if tt.retiree != "" {
					in.RetiringPrincipal = &tt.retiree
				}
				made := must[*kms.CreateGrantOutput](t)(clients[tt.issuer].CreateGrant(t.Context(), in))
				byID := &kms.RetireGrantInput{KeyId: &key, GrantId: made.GrantId, DryRun: aws.Bool(true)}
				_, asked := client.RetireGrant(t.Context(), byID)
				_, err := client.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: made.GrantToken})
				if slices.Contains(append(tt.may, "root", "manager"), name) {
					refused(t, asked, "DryRunOperationException", "")
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
					_, err = client.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: made.GrantToken})
					refused(t, err, "InvalidGrantTokenException", "")
					continue
				}
				refused(t, asked, "AccessDeniedException", "is not authorized to perform: kms:RetireGrant")
				refused(t, err, "AccessDeniedException", "is not authorized to perform: kms:RetireGrant")
			}
		})
	}
	id := strings.Repeat("a", 64)
	for _, tt := range []struct {
		in   kms.RetireGrantInput
		code string
	}{
		{kms.RetireGrantInput{}, "ValidationException"},
		{kms.RetireGrantInput{KeyId: &key}, "ValidationException"},
		{kms.RetireGrantInput{KeyId: &key, GrantToken: &id}, "ValidationException"},
		{kms.RetireGrantInput{GrantToken: &id}, "InvalidGrantTokenException"},
		{kms.RetireGrantInput{KeyId: &key, GrantId: &id}, "NotFoundException"},
		{kms.RetireGrantInput{KeyId: &key, GrantId: aws.String(strings.Repeat("A", 64))}, "InvalidGrantIdException"},
		{kms.RetireGrantInput{KeyId: &key, GrantId: aws.String(id[1:])}, "InvalidGrantIdException"},
		{kms.RetireGrantInput{KeyId: aws.String("alias/a"), GrantId: &id}, "InvalidArnException"},
	} {
		_, err := c.RetireGrant(t.Context(), &tt.in)
		refused(t, err, tt.code, "")
	}
	_, err := clients["stranger"].RetireGrant(t.Context(), &kms.RetireGrantInput{KeyId: &key, GrantId: &id})
	refused(t, err, "AccessDeniedException", "kms:RetireGrant")
	check(t, e)
}

// A name makes a call that is made again answer with the same grant; its tokens are as good as each other.
func TestGrantNames(t *testing.T) {
	e, c := start(t)
	newUser(t, e, e.Config(), "ann", mayAssume)
	newUser(t, e, e.Config(), "bob", mayAssume)
	key := createKey(t, c, "", "")
	in := func() kms.CreateGrantInput {
		return kms.CreateGrantInput{
			KeyId: key.KeyId, GranteePrincipal: aws.String(account + "user/ann"), RetiringPrincipal: aws.String(account + "user/bob"), Name: aws.String("n"),
			Operations: []types.GrantOperation{"Decrypt", "Encrypt"}, Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "1", "b": "2"}},
		}
	}
	create := func(change func(*kms.CreateGrantInput)) *kms.CreateGrantOutput {
		in := in()
		change(&in)
		return must[*kms.CreateGrantOutput](t)(c.CreateGrant(t.Context(), &in))
	}
	first := create(func(*kms.CreateGrantInput) {})
	again := create(func(in *kms.CreateGrantInput) { in.KeyId = key.Arn })
	if *again.GrantId != *first.GrantId || *again.GrantToken == *first.GrantToken {
		t.Errorf("again: %s, %v", *again.GrantId, *again.GrantToken == *first.GrantToken)
	}
	ids := map[string]string{*first.GrantId: "first"}
	for name, change := range map[string]func(*kms.CreateGrantInput){
		"no name":        func(in *kms.CreateGrantInput) { in.Name = nil },
		"no name, again": func(in *kms.CreateGrantInput) { in.Name = nil },
		"name":           func(in *kms.CreateGrantInput) { in.Name = aws.String("m") },
		"grantee":        func(in *kms.CreateGrantInput) { in.GranteePrincipal = aws.String(account + "user/bob") },
		"retiree":        func(in *kms.CreateGrantInput) { in.RetiringPrincipal = nil },
		"operations":     func(in *kms.CreateGrantInput) { in.Operations = in.Operations[:1] },
		"constraint":     func(in *kms.CreateGrantInput) { in.Constraints.EncryptionContextSubset["b"] = "3" },
		"no constraint":  func(in *kms.CreateGrantInput) { in.Constraints = nil },
	} {
		made := create(change)
		if other, ok := ids[*made.GrantId]; ok {
			t.Errorf("%s: the grant of %s", name, other)
		}
		ids[*made.GrantId] = name
	}
	// Either token retires it; then there is none of that name.
	must[*kms.RetireGrantOutput](t)(c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: first.GrantToken}))
	_, err := c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: again.GrantToken})
	refused(t, err, "InvalidGrantTokenException", "")
	if made := create(func(*kms.CreateGrantInput) {}); *made.GrantId == *first.GrantId {
		t.Error("a retired grant is back")
	}
	check(t, e)
}

// Every operation that takes grant tokens takes those of grants, of whichever key, and refuses others before all else.
func TestGrantTokens(t *testing.T) {
	e, c := start(t)
	ann := kms.NewFromConfig(newUser(t, e, e.Config(), "ann", mayAssume))
	key, rsaKey, hmacKey := createKey(t, c, "", ""), createKey(t, c, types.KeySpecRsa2048, types.KeyUsageTypeSignVerify), createKey(t, c, types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	grant(t, c, *rsaKey.KeyId, account+"user/ann", nil, "Sign", "Verify", "GetPublicKey")
	grant(t, c, *hmacKey.KeyId, account+"user/ann", nil, "GenerateMac", "VerifyMac")
	good := grant(t, c, *key.KeyId, account+"user/ann", nil, "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
		"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "DescribeKey", "CreateGrant").GrantToken
	gone := grant(t, c, *key.KeyId, account+"user/ann", nil, "Decrypt").GrantToken
	must[*kms.RetireGrantOutput](t)(c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: gone}))
	blob := must[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})).CiphertextBlob
	signature := must[*kms.SignOutput](t)(c.Sign(t.Context(), &kms.SignInput{KeyId: rsaKey.KeyId, Message: []byte("x"), SigningAlgorithm: types.SigningAlgorithmSpecRsassaPssSha256})).Signature
	mac := must[*kms.GenerateMacOutput](t)(c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: hmacKey.KeyId, Message: []byte("x"), MacAlgorithm: types.MacAlgorithmSpecHmacSha256})).Mac
	ctx, x, pss := t.Context(), []byte("x"), types.SigningAlgorithmSpecRsassaPssSha256
	operations := map[string]func([]string, *bool) error{
		"Encrypt": func(tokens []string, dry *bool) error {
			_, err := ann.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: x, GrantTokens: tokens, DryRun: dry})
			return err
		},
		"Decrypt": func(tokens []string, dry *bool) error {
			_, err := ann.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, GrantTokens: tokens, DryRun: dry})
			return err
		},
		"ReEncrypt": func(tokens []string, dry *bool) error {
			_, err := ann.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: key.KeyId, GrantTokens: tokens, DryRun: dry})
			return err
		},
		"GenerateDataKey": func(tokens []string, dry *bool) error {
			_, err := ann.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: key.KeyId, KeySpec: "AES_256", GrantTokens: tokens, DryRun: dry})
			return err
		},
		"GenerateDataKeyWithoutPlaintext": func(tokens []string, dry *bool) error {
			_, err := ann.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: key.KeyId, KeySpec: "AES_256", GrantTokens: tokens, DryRun: dry})
			return err
		},
		"GenerateDataKeyPair": func(tokens []string, dry *bool) error {
			_, err := ann.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: key.KeyId, KeyPairSpec: "ECC_NIST_P256", GrantTokens: tokens, DryRun: dry})
			return err
		},
		"GenerateDataKeyPairWithoutPlaintext": func(tokens []string, dry *bool) error {
			_, err := ann.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: key.KeyId, KeyPairSpec: "ECC_NIST_P256", GrantTokens: tokens, DryRun: dry})
			return err
		},
		"Sign": func(tokens []string, dry *bool) error {
			_, err := ann.Sign(ctx, &kms.SignInput{KeyId: rsaKey.KeyId, Message: x, SigningAlgorithm: pss, GrantTokens: tokens, DryRun: dry})
			return err
		},
		"Verify": func(tokens []string, dry *bool) error {
			_, err := ann.Verify(ctx, &kms.VerifyInput{KeyId: rsaKey.KeyId, Message: x, Signature: signature, SigningAlgorithm: pss, GrantTokens: tokens, DryRun: dry})
			return err
		},
		"GenerateMac": func(tokens []string, dry *bool) error {
			_, err := ann.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: hmacKey.KeyId, Message: x, MacAlgorithm: "HMAC_SHA_256", GrantTokens: tokens, DryRun: dry})
			return err
		},
		"VerifyMac": func(tokens []string, dry *bool) error {
			_, err := ann.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: hmacKey.KeyId, Message: x, Mac: mac, MacAlgorithm: "HMAC_SHA_256", GrantTokens: tokens, DryRun: dry})
			return err
		},
		"CreateGrant": func(tokens []string, dry *bool) error {
			_, err := ann.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: key.KeyId, GranteePrincipal: aws.String(account + "root"), Operations: []types.GrantOperation{"Decrypt"}, GrantTokens: tokens, DryRun: dry})
			return err
		},
		"DescribeKey": func(tokens []string, dry *bool) error {
			_, err := ann.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId, GrantTokens: tokens})
			return err
		},
		"GetPublicKey": func(tokens []string, dry *bool) error {
			_, err := ann.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: rsaKey.KeyId, GrantTokens: tokens})
			return err
		},
	}
	for name, call := range operations {
		if err := call([]string{*good}, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name != "DescribeKey" && name != "GetPublicKey" {
			refused(t, call(nil, aws.Bool(true)), "DryRunOperationException", "")
		}
		code := "InvalidGrantTokenException"
		if name == "DescribeKey" { // which has no such error
			code = "ValidationException"
		}
		forged := []byte(*good)
		forged[30] ^= 1
		for _, bad := range []string{*gone, "x", string(forged)} {
			refused(t, call([]string{*good, bad}, nil), code, "The grant token is not valid.")
		}
	}
	// A token is good in the region of its grant.
	elsewhere := kms.NewFromConfig(e.ConfigWith("test", "test", "", "eu-west-1"))
	far := *must[*kms.CreateKeyOutput](t)(elsewhere.CreateKey(ctx, nil)).KeyMetadata.KeyId
	_, err := elsewhere.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &far, GrantTokens: []string{*good}})
	refused(t, err, "ValidationException", "The grant token is not valid.")
}

// The lists, whole, filtered and in pages.
func TestListGrants(t *testing.T) {
	e, c := start(t)
	ann := newUser(t, e, e.Config(), "ann", mayAssume)
	newUser(t, e, e.Config(), "bob", mayAssume)
	foreign := kms.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	key := createKey(t, c, "", "")
	annARN, bobARN := account+"user/ann", account+"user/bob"
	want := map[string]*kms.CreateGrantInput{}
	source, service := aws.String("arn:aws:s3:us-east-1:000000000000:bucket"), aws.String("s3.us-east-1.amazonaws.com")
	for _, in := range []*kms.CreateGrantInput{
		{GranteePrincipal: &annARN, Operations: []types.GrantOperation{"Encrypt", "Decrypt", "Encrypt"}, RetiringPrincipal: &bobARN, Name: aws.String("a:/_-1")},
		{GranteePrincipal: &annARN, Operations: []types.GrantOperation{"Decrypt"}, Constraints: &types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "b"}, SourceArn: source}},
		{GranteePrincipal: &bobARN, Operations: []types.GrantOperation{"Decrypt", "RetireGrant"}, RetiringPrincipal: &bobARN},
		{GranteeServicePrincipal: service, Operations: []types.GrantOperation{"GenerateDataKey"}, RetiringServicePrincipal: service, Constraints: &types.GrantConstraints{SourceArn: source}},
		{GranteeServicePrincipal: service, Operations: []types.GrantOperation{"GenerateDataKey"}, RetiringPrincipal: &bobARN, Constraints: &types.GrantConstraints{SourceArn: source}},
	} {
		in.KeyId = key.KeyId
		want[*must[*kms.CreateGrantOutput](t)(c.CreateGrant(t.Context(), in)).GrantId] = in
	}
	list := func(in kms.ListGrantsInput) (all []types.GrantListEntry) {
		t.Helper()
		in.KeyId = key.KeyId
		for {
			out := must[*kms.ListGrantsOutput](t)(c.ListGrants(t.Context(), &in))
			if out.Truncated != (out.NextMarker != nil) || in.Limit != nil && len(out.Grants) > int(*in.Limit) {
				t.Errorf("a page of %d, truncated %v", len(out.Grants), out.Truncated)
			}
			all = append(all, out.Grants...)
			if in.Marker = out.NextMarker; in.Marker == nil {
				return all
			}
		}
	}
	for _, limit := range []*int32{nil, aws.Int32(1), aws.Int32(2), aws.Int32(5)} {
		got := list(kms.ListGrantsInput{Limit: limit})
		if len(got) != len(want) {
			t.Errorf("%d grants", len(got))
		}
		for _, g := range got {
			in := want[*g.GrantId]
			operations := slices.Clone(in.Operations)
			if len(operations) == 3 {
				operations = operations[:2]
			}
			expected := types.GrantListEntry{
				KeyId: key.Arn, GrantId: g.GrantId, Name: aws.String(aws.ToString(in.Name)), CreationDate: g.CreationDate, IssuingAccount: aws.String(account + "root"),
				GranteePrincipal: in.GranteePrincipal, GranteeServicePrincipal: in.GranteeServicePrincipal, RetiringPrincipal: in.RetiringPrincipal,
				RetiringServicePrincipal: in.RetiringServicePrincipal, Operations: operations, Constraints: in.Constraints,
			}
			if !reflect.DeepEqual(g, expected) || g.CreationDate.Nanosecond() != 0 || g.CreationDate.After(e.Clock.Now()) || e.Clock.Now().Sub(*g.CreationDate) > time.Hour {
				t.Errorf("got %+v, want %+v", g, expected)
			}
		}
	}
	if got := list(kms.ListGrantsInput{GranteePrincipal: &annARN, Limit: aws.Int32(1)}); len(got) != 2 || *got[0].GranteePrincipal != annARN || *got[1].GranteePrincipal != annARN {
		t.Errorf("ann's: %+v", got)
	}
	for id, in := range want {
		if got := list(kms.ListGrantsInput{GrantId: &id}); len(got) != 1 || *got[0].GrantId != id {
			t.Errorf("by its ID: %+v", got)
		}
		found := 0
		if aws.ToString(in.GranteePrincipal) == annARN {
			found = 1
		}
		if got := list(kms.ListGrantsInput{GrantId: &id, GranteePrincipal: &annARN}); len(got) != found {
			t.Errorf("by its ID and grantee: %+v", got)
		}
	}
	if got := list(kms.ListGrantsInput{GranteePrincipal: aws.String("arn:aws:iam::111111111111:role/app")}); len(got) != 0 {
		t.Errorf("of a role that does not exist: %+v", got)
	}

	// Retirable grants are those of the region, also of another account's key.
	theirs := *must[*kms.CreateKeyOutput](t)(foreign.CreateKey(t.Context(), nil)).KeyMetadata.KeyId
	must[*kms.CreateGrantOutput](t)(foreign.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: &theirs, GranteePrincipal: aws.String("arn:aws:iam::111111111111:root"), RetiringPrincipal: &bobARN, Operations: []types.GrantOperation{"Decrypt"},
	}))
	retirable := func(c *kms.Client, limit *int32) (all []types.GrantListEntry) {
		t.Helper()
		for in := (&kms.ListRetirableGrantsInput{RetiringPrincipal: &bobARN, Limit: limit}); ; {
			out := must[*kms.ListRetirableGrantsOutput](t)(c.ListRetirableGrants(t.Context(), in))
			all = append(all, out.Grants...)
			if in.Marker = out.NextMarker; in.Marker == nil {
				return all
			}
		}
	}
	for _, limit := range []*int32{nil, aws.Int32(1), aws.Int32(3)} {
		if got := retirable(c, limit); len(got) != 4 {
			t.Errorf("%d are retirable", len(got))
		}
	}
	if got := retirable(kms.NewFromConfig(e.ConfigWith("test", "test", "", "eu-west-1")), nil); len(got) != 0 {
		t.Errorf("in another region: %+v", got)
	}

	// The grants of a key go with it.
	must[*kms.ScheduleKeyDeletionOutput](t)(foreign.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &theirs, PendingWindowInDays: aws.Int32(7)}))
	e.Clock.Advance(8 * 24 * time.Hour)
	if got := retirable(c, nil); len(got) != 3 {
		t.Errorf("%d are retirable when a key is gone", len(got))
	}
	createKey(t, c, "", "")
	check(t, e)
	if got := retirable(c, nil); len(got) != 3 {
		t.Errorf("%d are retirable when a key is destroyed", len(got))
	}

	// What Limit and Marker say is another list's.
	one := &kms.ListGrantsInput{KeyId: key.KeyId, Limit: aws.Int32(1)}
	marker := must[*kms.ListGrantsOutput](t)(c.ListGrants(t.Context(), one)).NextMarker
	_, err := c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key.KeyId, GranteePrincipal: &annARN, Marker: marker})
	refused(t, err, "InvalidMarkerException", "")
	_, err = c.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: &bobARN, Marker: marker})
	refused(t, err, "InvalidMarkerException", "")
	_, err = kms.NewFromConfig(ann).ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key.KeyId})
	refused(t, err, "AccessDeniedException", "kms:ListGrants on resource: "+*key.Arn)
}

// What lists of grants refuse, and whom they are for.
func TestListGrantsRefuses(t *testing.T) {
	e, c := start(t)
	key := createKey(t, c, "", "")
	for _, in := range []struct {
		in         kms.ListGrantsInput
		code, text string
	}{
		{kms.ListGrantsInput{KeyId: aws.String("alias/a")}, "InvalidArnException", "Key Aliases are not supported for this operation."},
		{kms.ListGrantsInput{KeyId: key.KeyId, Marker: aws.String("x")}, "InvalidMarkerException", ""},
		{kms.ListGrantsInput{KeyId: key.KeyId, GrantId: aws.String("0c237476b39f8bc44e45212e08498fbe3151305030726c0590dd8d3e9f3d6a60")}, "NotFoundException", ""},
		{kms.ListGrantsInput{KeyId: key.KeyId, GrantId: aws.String("x")}, "InvalidGrantIdException", "Grant ID x is not valid."},
		{kms.ListGrantsInput{KeyId: key.KeyId, GranteeServicePrincipal: aws.String("lambda.amazonaws.com")}, "ValidationException", "callers in a service principal"},
		{kms.ListGrantsInput{KeyId: key.KeyId, GranteePrincipal: aws.String("app")}, "InvalidArnException", "ARN does not refer to a valid principal: app"},
	} {
		_, err := c.ListGrants(t.Context(), &in.in)
		refused(t, err, in.code, in.text)
	}
	if got := must[*kms.ListGrantsOutput](t)(c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key.KeyId})); got.Grants == nil || len(got.Grants) > 0 || got.Truncated || got.NextMarker != nil {
		t.Errorf("without grants: %+v", got)
	}

	retirable := func(principal string) (*kms.ListRetirableGrantsOutput, error) {
		return c.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: &principal})
	}
	if got := must[*kms.ListRetirableGrantsOutput](t)(retirable(account + "user/bob")); got.Grants == nil || len(got.Grants) > 0 || got.Truncated {
		t.Errorf("%+v", got)
	}
	for _, principal := range []string{"bob", "arn:aws:s3:::bucket", "arn:aws-cn:iam::000000000000:user/bob", "arn:aws:iam::111111111111:user/bob"} {
		_, err := retirable(principal)
		refused(t, err, "InvalidArnException", "ARN does not refer to a valid principal: "+principal)
	}
	_, err := c.ListRetirableGrants(t.Context(), nil)
	refused(t, err, "ValidationException", "")
	_, err = c.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringServicePrincipal: aws.String("lambda.amazonaws.com")})
	refused(t, err, "ValidationException", "")

	// The resource of ListRetirableGrants is the principal (AWS's API reference).
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", `{"Effect":"Allow","Action":"kms:ListRetirableGrants","Resource":"`+account+`user/bob"}`))
	must[*kms.ListRetirableGrantsOutput](t)(bob.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String(account + "user/bob")}))
	_, err = bob.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String(account + "user/ann")})
	refused(t, err, "AccessDeniedException", "is not authorized to perform: kms:ListRetirableGrants on resource: "+account+"user/ann because no identity-based policy allows")
}

// Of two encryption contexts the empty one is none, as Terraform's provider sends them; one alone is a constraint.
func TestEmptyConstraints(t *testing.T) {
	_, c := start(t)
	key := createKey(t, c, "", "")
	one, none := map[string]string{"app": "a"}, map[string]string{}
	for _, test := range []struct{ given, want types.GrantConstraints }{
		{types.GrantConstraints{EncryptionContextEquals: none, EncryptionContextSubset: one}, types.GrantConstraints{EncryptionContextSubset: one}},
		{types.GrantConstraints{EncryptionContextEquals: one, EncryptionContextSubset: none}, types.GrantConstraints{EncryptionContextEquals: one}},
		{types.GrantConstraints{EncryptionContextEquals: none, EncryptionContextSubset: none}, types.GrantConstraints{EncryptionContextEquals: none}},
	} {
		grant := must[*kms.CreateGrantOutput](t)(c.CreateGrant(t.Context(), &kms.CreateGrantInput{
			KeyId: key.KeyId, GranteePrincipal: aws.String("arn:aws:iam::000000000000:root"), Operations: []types.GrantOperation{types.GrantOperationDecrypt}, Constraints: &test.given,
		}))
		listed := must[*kms.ListGrantsOutput](t)(c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key.KeyId, GrantId: grant.GrantId})).Grants[0].Constraints
		if !maps.Equal(listed.EncryptionContextEquals, test.want.EncryptionContextEquals) || !maps.Equal(listed.EncryptionContextSubset, test.want.EncryptionContextSubset) {
			t.Errorf("%v became %v", test.given, *listed)
		}
	}
}

// Who may retire a grant by the grant itself needs no policy for it, in whatever account
// (https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html).
func TestRetireAcrossAccounts(t *testing.T) {
	e, c := start(t)
	key := createKey(t, c, "", "")
	two := e.ConfigWith("111111111111", "test", "", emulatortest.Region)
	people := iam.NewFromConfig(two)
	must[*iam.CreateUserOutput](t)(people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")}))
	made := must[*iam.CreateAccessKeyOutput](t)(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})).AccessKey
	ann, arn := kms.NewFromConfig(e.ConfigWith(*made.AccessKeyId, *made.SecretAccessKey, "", emulatortest.Region)), aws.String("arn:aws:iam::111111111111:user/ann")
	encrypt, retire := []types.GrantOperation{types.GrantOperationEncrypt}, []types.GrantOperation{types.GrantOperationEncrypt, types.GrantOperationRetireGrant}
	create := func(in kms.CreateGrantInput) *kms.CreateGrantOutput {
		t.Helper()
		in.KeyId, in.GranteePrincipal = key.KeyId, arn
		return must[*kms.CreateGrantOutput](t)(c.CreateGrant(t.Context(), &in))
	}
	for name, grant := range map[string]*kms.CreateGrantOutput{
		"retiring principal": create(kms.CreateGrantInput{RetiringPrincipal: arn, Operations: encrypt}),
		"grantee":            create(kms.CreateGrantInput{Operations: retire}),
	} {
		if _, err := ann.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: grant.GrantToken}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	grant := create(kms.CreateGrantInput{Operations: encrypt})
	_, err := ann.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: grant.GrantToken})
	refused(t, err, "AccessDeniedException", "")
	// What the grant is of is for the other account to hand on.
	_, err = ann.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.Arn, Plaintext: []byte("x")})
	refused(t, err, "AccessDeniedException", "no identity-based policy")
}

// A denial tells whoever runs the emulator of grants that were there, and did not allow the call.
func TestDenialTellsOfOtherGrants(t *testing.T) {
	e, c := start(t)
	key := createKey(t, c, "", "")
	newUser(t, e, e.Config(), "ann", mayAssume)
	people := iam.NewFromConfig(e.Config())
	made := must[*iam.CreateAccessKeyOutput](t)(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})).AccessKey
	ann := kms.NewFromConfig(e.ConfigWith(*made.AccessKeyId, *made.SecretAccessKey, "", emulatortest.Region))
	grant := must[*kms.CreateGrantOutput](t)(c.CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: key.KeyId, GranteePrincipal: aws.String(account + "user/ann"), Operations: []types.GrantOperation{types.GrantOperationEncrypt},
		Constraints: &types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "1"}},
	}))
	_, err := ann.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"a": "1", "b": "1"}})
	refused(t, err, "AccessDeniedException", "because no identity-based policy allows the kms:Encrypt action")
	resp, err := http.Get(e.URL + "/_emulator/decisions/last")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text := string(must[[]byte](t)(io.ReadAll(resp.Body)))
	if want := "grant " + *grant.GrantId + " is for [Encrypt] with EncryptionContextEquals {a=1}"; !strings.Contains(text, want) {
		t.Errorf("%s, want %s", text, want)
	}
}
