// Package vault mounts Vault's backends for AWS, against the emulator at AWS_ENDPOINT_URL.
package vault

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/credentials"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/iam"
	"github.com/aws/aws-sdk-go/service/sts"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-secure-stdlib/awsutil"
	auth "github.com/hashicorp/vault/builtin/credential/aws"
	secrets "github.com/hashicorp/vault/builtin/logical/aws"
	"github.com/hashicorp/vault/sdk/logical"
)

// endpoint is of the emulator; the SDK of version 1 does not know the variable.
var endpoint = os.Getenv("AWS_ENDPOINT_URL")

// client returns a session with credentials, of the environment if they are nil.
func client(c *credentials.Credentials) *session.Session {
	return session.Must(session.NewSession(&aws.Config{Endpoint: &endpoint, Credentials: c}))
}

func whoami(t *testing.T, c *credentials.Credentials) (string, error) {
	t.Helper()
	out, err := sts.New(client(c)).GetCallerIdentity(nil)
	if err != nil {
		return "", err
	}
	return *out.Arn, nil
}

// mount is a backend with a storage of its own.
type mount struct {
	t       *testing.T
	backend logical.Backend
	storage logical.Storage
}

func newMount(t *testing.T, factory logical.Factory) *mount {
	m := &mount{t: t, storage: &logical.InmemStorage{}}
	var err error
	m.backend, err = factory(context.Background(), &logical.BackendConfig{
		Logger: hclog.NewNullLogger(), StorageView: m.storage,
		System: &logical.StaticSystemView{DefaultLeaseTTLVal: 3600e9, MaxLeaseTTLVal: 7200e9, VersionString: "1.14.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *mount) do(r *logical.Request) *logical.Response {
	m.t.Helper()
	r.Storage = m.storage
	resp, err := m.backend.HandleRequest(context.Background(), r)
	if err != nil || resp != nil && resp.IsError() {
		m.t.Fatalf("%s %s: %v %v", r.Operation, r.Path, err, resp)
	}
	return resp
}

func (m *mount) write(path string, data map[string]any) *logical.Response {
	m.t.Helper()
	return m.do(&logical.Request{Operation: logical.UpdateOperation, Path: path, Data: data})
}

func trust(t *testing.T, name string) string {
	t.Helper()
	out, err := iam.New(client(nil)).CreateRole(&iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"sts:AssumeRole"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Role.Arn
}

// vault returns an access key of a user who may do everything of IAM and STS.
func vault(t *testing.T, name string) *iam.AccessKey {
	t.Helper()
	api := iam.New(client(nil))
	if _, err := api.CreateUser(&iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.PutUserPolicy(&iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("all"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:*","sts:*"],"Resource":"*"}}`)}); err != nil {
		t.Fatal(err)
	}
	key, err := api.CreateAccessKey(&iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return key.AccessKey
}

// TestSecrets has Vault, as a user, make users, sessions of a role and of federated users, and take users back.
func TestSecrets(t *testing.T) {
	key := vault(t, "secrets")
	m := newMount(t, secrets.Factory)
	m.write("config/root", map[string]any{
		"access_key": *key.AccessKeyId, "secret_key": *key.SecretAccessKey, "region": "us-east-1",
		"iam_endpoint": endpoint, "sts_endpoint": endpoint,
	})
	m.write("config/rotate-root", nil)
	if _, err := whoami(t, credentials.NewStaticCredentials(*key.AccessKeyId, *key.SecretAccessKey, "")); err == nil {
		t.Error("the key that Vault replaced still works")
	}
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}}`
	for name, role := range map[string]map[string]any{
		"user":           {"credential_type": "iam_user", "policy_document": document, "policy_arns": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
		"assumed-role":   {"credential_type": "assumed_role", "role_arns": trust(t, "deploy")},
		"federated-user": {"credential_type": "federation_token", "policy_document": document},
	} {
		m.write("roles/"+name, role)
		resp := m.do(&logical.Request{Operation: logical.ReadOperation, Path: "creds/" + name})
		token, _ := resp.Data["security_token"].(string)
		c := credentials.NewStaticCredentials(resp.Data["access_key"].(string), resp.Data["secret_key"].(string), token)
		if arn, err := whoami(t, c); err != nil || !strings.Contains(arn, ":"+name+"/") {
			t.Errorf("%s: %s %v", name, arn, err)
		}
		m.do(&logical.Request{Operation: logical.RevokeOperation, Secret: resp.Secret})
		if arn, err := whoami(t, c); (err == nil) != (name != "user") {
			t.Errorf("%s after it was revoked: %s %v", name, arn, err)
		}
	}
}

// TestAuth logs in with a signed GetCallerIdentity, which Vault sends on.
func TestAuth(t *testing.T) {
	role := trust(t, "app")
	m := newMount(t, auth.Factory)
	m.write("config/client", map[string]any{
		"access_key": "test", "secret_key": "test", "iam_endpoint": endpoint, "sts_endpoint": endpoint, "sts_region": "us-east-1", "iam_server_id_header_value": "vault.example.com",
	})
	m.write("role/app", map[string]any{"auth_type": "iam", "bound_iam_principal_arn": role})
	m.write("role/other", map[string]any{"auth_type": "iam", "bound_iam_principal_arn": trust(t, "other")})
	key := vault(t, "auth")
	session, err := sts.New(client(credentials.NewStaticCredentials(*key.AccessKeyId, *key.SecretAccessKey, ""))).AssumeRole(&sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("login")})
	if err != nil {
		t.Fatal(err)
	}
	c := credentials.NewStaticCredentials(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	data, err := awsutil.GenerateLoginData(c, "vault.example.com", "us-east-1", hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	login := func(role string) (*logical.Response, error) {
		data["role"] = role
		return m.backend.HandleRequest(context.Background(), &logical.Request{
			Operation: logical.UpdateOperation, Path: "login", Storage: m.storage, Data: data,
			Connection: &logical.Connection{RemoteAddr: "127.0.0.1"},
		})
	}
	resp, err := login("app")
	if err != nil || resp.IsError() || resp.Auth.InternalData["canonical_arn"] != role {
		t.Fatalf("%v %v", resp, err)
	}
	if resp, err := login("other"); err == nil && !resp.IsError() {
		t.Error("logged in as another role")
	}
}
