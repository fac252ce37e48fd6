package kms_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
)

// newUser makes a user in root's account, with a policy of those statements.
func newUser(t *testing.T, e *emulatortest.Emulator, root aws.Config, name, statements string) aws.Config {
	t.Helper()
	people := iam.NewFromConfig(root)
	must[*iam.CreateUserOutput](t)(people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name}))
	document := `{"Version":"2012-10-17","Statement":[` + statements + `]}`
	must[*iam.PutUserPolicyOutput](t)(people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &document}))
	made := must[*iam.CreateAccessKeyOutput](t)(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name}))
	return e.ConfigWith(*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, "", emulatortest.Region)
}

// TestForeignKeysAreNotTold is a law: what a call on another account's key, alias or ciphertext answers to whom that
// account gave nothing does not depend on whether there is one.
func TestForeignKeysAreNotTold(t *testing.T) {
	e, owner := start(t)
	key := createKey(t, owner, types.KeySpecRsa2048, types.KeyUsageTypeSignVerify)
	must[*kms.CreateAliasOutput](t)(owner.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/there"), TargetKeyId: key.KeyId}))
	grant := grant(t, owner, *key.KeyId, "arn:aws:iam::000000000000:root", nil, "Sign")

	const stranger = "111111111111"
	root := e.ConfigWith(stranger, "test", "", emulatortest.Region)
	user := func(name, statements string) aws.Config { return newUser(t, e, root, name, statements) }
	const all = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
	own := createKey(t, kms.NewFromConfig(root), "", "")
	blob := must[*kms.EncryptOutput](t)(kms.NewFromConfig(root).Encrypt(t.Context(), &kms.EncryptInput{KeyId: own.KeyId, Plaintext: []byte("x")})).CiphertextBlob
	madeUp := func(account, id string) []byte {
		return bytes.Replace(bytes.Replace(blob, []byte(stranger), []byte(account), 1), []byte(*own.KeyId), []byte(id), 1)
	}

	ctx, sha256, digest := t.Context(), types.SigningAlgorithmSpecRsassaPssSha256, make([]byte, 32)
	operations := map[string]func(c *kms.Client, id *string) error{
		"CreateAlias": func(c *kms.Client, id *string) error {
			_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: id})
			return err
		},
		"CreateGrant": func(c *kms.Client, id *string) error {
			_, err := c.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: id, GranteePrincipal: aws.String("arn:aws:iam::" + stranger + ":root"), Operations: []types.GrantOperation{"Sign"}})
			return err
		},
		"DescribeKey": func(c *kms.Client, id *string) error {
			_, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
			return err
		},
		"Decrypt": func(c *kms.Client, id *string) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{KeyId: id, CiphertextBlob: blob})
			return err
		},
		"Encrypt": func(c *kms.Client, id *string) error {
			_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: digest})
			return err
		},
		"GenerateDataKey": func(c *kms.Client, id *string) error {
			_, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: id, KeySpec: "AES_256"})
			return err
		},
		"GenerateMac": func(c *kms.Client, id *string) error {
			_, err := c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: id, Message: digest, MacAlgorithm: "HMAC_SHA_256"})
			return err
		},
		"GetKeyPolicy": func(c *kms.Client, id *string) error {
			_, err := c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: id})
			return err
		},
		"GetKeyRotationStatus": func(c *kms.Client, id *string) error {
			_, err := c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: id})
			return err
		},
		"GetPublicKey": func(c *kms.Client, id *string) error {
			_, err := c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: id})
			return err
		},
		"ListAliases": func(c *kms.Client, id *string) error {
			_, err := c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: id})
			return err
		},
		"ListGrants": func(c *kms.Client, id *string) error {
			_, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: id})
			return err
		},
		"ListResourceTags": func(c *kms.Client, id *string) error {
			_, err := c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: id})
			return err
		},
		"ReEncrypt": func(c *kms.Client, id *string) error {
			_, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{DestinationKeyId: id, CiphertextBlob: blob})
			return err
		},
		"RetireGrant": func(c *kms.Client, id *string) error {
			_, err := c.RetireGrant(ctx, &kms.RetireGrantInput{KeyId: id, GrantId: grant.GrantId})
			return err
		},
		"RevokeGrant": func(c *kms.Client, id *string) error {
			_, err := c.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: id, GrantId: grant.GrantId})
			return err
		},
		"ScheduleKeyDeletion": func(c *kms.Client, id *string) error {
			_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id})
			return err
		},
		"Sign": func(c *kms.Client, id *string) error {
			_, err := c.Sign(ctx, &kms.SignInput{KeyId: id, Message: digest, SigningAlgorithm: sha256})
			return err
		},
		"Verify": func(c *kms.Client, id *string) error {
			_, err := c.Verify(ctx, &kms.VerifyInput{KeyId: id, Message: digest, Signature: digest, SigningAlgorithm: sha256})
			return err
		},
	}
	ciphertexts := map[string]func(c *kms.Client, blob []byte) error{
		"Decrypt": func(c *kms.Client, blob []byte) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob})
			return err
		},
		"ReEncrypt": func(c *kms.Client, blob []byte) error {
			_, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: own.KeyId})
			return err
		},
		"Decrypt with a key": func(c *kms.Client, blob []byte) error {
			_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, KeyId: own.KeyId})
			return err
		},
	}
	const prefix, noKey = "arn:aws:kms:us-east-1:000000000000:", "12345678-1234-1234-1234-123456789012"
	answer := func(err error) string {
		e, ok := errors.AsType[smithy.APIError](err)
		if !ok {
			t.Fatalf("no error of AWS: %v", err)
		}
		text := e.ErrorCode() + ": " + e.ErrorMessage()
		for _, name := range []string{*key.KeyId, noKey} {
			text = strings.ReplaceAll(text, name, "KEY")
		}
		return strings.NewReplacer("alias/there", "ALIAS", "alias/absent", "ALIAS").Replace(text)
	}
	for who, config := range map[string]aws.Config{
		"root": root, "nobody": user("nobody", `{"Effect":"Deny","Action":"kms:*","Resource":"*"}`), "admin": user("admin", all),
		"prober":    user("prober", all+`,{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:KeySpec":"RSA_2048"}}}`),
		"ungranted": user("ungranted", `{"Effect":"Allow","Action":"iam:*","Resource":"*"}`),
	} {
		c := kms.NewFromConfig(config)
		for operation, call := range operations {
			for there, absent := range map[string]string{"key/" + *key.KeyId: "key/" + noKey, "alias/there": "alias/absent"} {
				a, b := answer(call(c, aws.String(prefix+there))), answer(call(c, aws.String(prefix+absent)))
				if a != b {
					t.Errorf("%s by %s of %s:\n%s\n%s", operation, who, there, a, b)
				}
			}
		}
		for operation, call := range ciphertexts {
			a, b := answer(call(c, madeUp("000000000000", *key.KeyId))), answer(call(c, madeUp("000000000000", noKey)))
			if a != b || strings.Contains(a, "KEY") {
				t.Errorf("%s of a made-up ciphertext by %s:\n%s\n%s", operation, who, a, b)
			}
		}
	}

	const unreachable = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."
	admin := kms.NewFromConfig(root)
	elsewhere := kms.NewFromConfig(e.ConfigWith(stranger, "test", "", "eu-west-1"))
	for name, err := range map[string]error{
		"another account": ciphertexts["Decrypt"](admin, madeUp("000000000000", *key.KeyId)), "another region": ciphertexts["Decrypt"](elsewhere, blob),
		"no such key": ciphertexts["Decrypt"](admin, madeUp(stranger, noKey)),
	} {
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "AccessDeniedException" || e.ErrorMessage() != unreachable {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused(t, ciphertexts["Decrypt"](admin, madeUp(stranger, strings.Repeat("x", 36))), "InvalidCiphertextException", "")
	// As users pasted it of KMS, without the key's ARN.
	refused(t, operations["Encrypt"](admin, key.Arn), "AccessDeniedException",
		"User: arn:aws:iam::111111111111:root is not authorized to perform: kms:Encrypt on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access")
}

// Of a policy of one's own that denies one hears also where the key is another account's; and whom the key's policy allows, that it
// is his own account's that does not.
func TestForeignKeyReasons(t *testing.T) {
	e, owner := start(t)
	key := createKey(t, owner, "", "")
	root := e.ConfigWith("111111111111", "test", "", emulatortest.Region)
	people := iam.NewFromConfig(root)
	must[*iam.CreateUserOutput](t)(people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}))
	made := must[*iam.CreateAccessKeyOutput](t)(people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("bob")}))
	bob := kms.NewFromConfig(e.ConfigWith(*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, "", emulatortest.Region))
	describe := func() error {
		_, err := bob.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.Arn})
		return err
	}
	const who = "User: arn:aws:iam::111111111111:user/bob is not authorized to perform: kms:DescribeKey on "
	refused(t, describe(), "AccessDeniedException", who+"this resource because the resource does not exist in this Region")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["000000000000","111111111111"]},"Action":"kms:*","Resource":"*"}]}`
	must[*kms.PutKeyPolicyOutput](t)(owner.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &policy}))
	refused(t, describe(), "AccessDeniedException", who+"resource: "+*key.Arn+" because no identity-based policy allows the kms:DescribeKey action")
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}`
	must[*iam.PutUserPolicyOutput](t)(people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: &deny}))
	refused(t, describe(), "AccessDeniedException", who+"resource: "+*key.Arn+" with an explicit deny in an identity-based policy")
}
