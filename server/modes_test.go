package server_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"emulator/authz"
	"emulator/emulatortest"
	"emulator/server"
)

// nothing replaces what prepare made by names of what does not exist.
func nothing(values map[string]any) map[string]any {
	absent := maps.Clone(values)
	maps.Copy(absent, map[string]any{
		"RoleArn": "arn:aws:iam::000000000000:role/absent", "RoleName": "absent", "UserName": "absent", "PolicyArn": "arn:aws:iam::000000000000:policy/absent",
		"PermissionsBoundary": "arn:aws:iam::000000000000:policy/absent", "PolicyTemplateArn": "arn:aws:iam::000000000000:policy/absent",
		"KeyId": "12345678-1234-1234-1234-123456789012", "TargetKeyId": "12345678-1234-1234-1234-123456789012",
		"DestinationKeyId": "12345678-1234-1234-1234-123456789012", "AliasName": "alias/absent",
		"PolicySourceArn": "arn:aws:iam::000000000000:user/absent",
	})
	return absent
}

// wrongPaths names what prepare made, by another path.
func wrongPaths(values map[string]any) map[string]any {
	wrong := maps.Clone(values)
	for name, value := range wrong {
		if arn, ok := value.(string); ok && strings.HasPrefix(arn, "arn:aws:iam::000000000000:") {
			kind, rest, _ := strings.Cut(arn, "/")
			wrong[name] = kind + "/wrong/" + rest
		}
	}
	return wrong
}

// outcomes calls each registered operation, in order, and returns the codes of the errors.
func outcomes(t *testing.T, e *emulatortest.Emulator, caller aws.Config, values map[string]any) map[string]string {
	t.Helper()
	s, err := server.Open(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clients := clientsOf(caller)
	codes := make(map[string]string)
	for _, c := range s.Coverage() {
		for _, operation := range c.Registered {
			err := invoke(t, clients[c.Service], c.Service, operation, values)
			code := ""
			if err != nil {
				e, ok := errors.AsType[smithy.APIError](err)
				if !ok {
					t.Fatalf("%s: %v", operation, err)
				}
				code = e.ErrorCode()
			}
			codes[c.Service+" "+operation] = code
		}
	}
	return codes
}

// TestModes is a law: where denials are let through, somebody without a policy may do what else somebody may to whom
// everything is allowed, and no more. In particular nothing is given of what does not exist.
func TestModes(t *testing.T) {
	for name, change := range map[string]func(map[string]any) map[string]any{
		"what exists": func(values map[string]any) map[string]any { return values }, "nothing": nothing, "wrong paths": wrongPaths,
	} {
		t.Run(name, func(t *testing.T) {
			run := func(mode authz.Mode) map[string]string {
				e := emulatortest.Start(t, server.Config{IAM: mode})
				values := prepare(t, e)
				caller := user(t, e, "bob")
				if mode == authz.Enforce {
					everything := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
					_, err := iam.NewFromConfig(e.Config()).PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("all"), PolicyDocument: &everything})
					if err != nil {
						t.Fatal(err)
					}
				}
				return outcomes(t, e, caller, change(values))
			}
			want := run(authz.Enforce)
			if succeeds := name == "what exists"; (want["sts AssumeRole"] == "") != succeeds {
				t.Errorf("AssumeRole with everything allowed: %q", want["sts AssumeRole"])
			}
			for _, mode := range []authz.Mode{authz.Audit, authz.Off} {
				for operation, code := range run(mode) {
					if code != want[operation] {
						t.Errorf("mode %d: %s: got %q, want %q", mode, operation, code, want[operation])
					}
					if code == "InternalFailure" {
						t.Errorf("mode %d: %s: %s", mode, operation, code)
					}
				}
			}
		})
	}
}

// A proven token is worth nothing for a role that does not exist.
func TestModesWithToken(t *testing.T) {
	for _, mode := range []authz.Mode{authz.Audit, authz.Off} {
		e := emulatortest.Start(t, server.Config{IAM: mode, Offline: true})
		prepare(t, e)
		_, err := iam.NewFromConfig(e.Config()).CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
			Url: aws.String("https://token.actions.githubusercontent.com"), ClientIDList: []string{"sts.amazonaws.com"},
		})
		if err != nil {
			t.Fatal(err)
		}
		token := ask(t, e, "oidc/github/token", `{}`, "token")
		for role, want := range map[string]string{"app": "", "absent": "AccessDenied", "wrong/app": "AccessDenied", "App": "AccessDenied"} {
			_, err := withoutCredentials(e).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: aws.String("arn:aws:iam::000000000000:role/" + role), RoleSessionName: aws.String("run"), WebIdentityToken: &token,
			})
			switch e, ok := errors.AsType[smithy.APIError](err); {
			case want == "" && err != nil, want != "" && (!ok || e.ErrorCode() != want || e.ErrorMessage() != "Not authorized to perform sts:AssumeRoleWithWebIdentity"):
				t.Errorf("mode %d, role %s: %v", mode, role, err)
			}
		}
	}
}
