package kms_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// Key policies as they are written and shown, by CreateKey and PutKeyPolicy.
func TestKeyPolicyDocuments(t *testing.T) {
	e, c := start(t)
	users := iam.NewFromConfig(e.Config())
	ann := must[*iam.CreateUserOutput](t)(users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})).User
	const (
		principals = "Policy contains a statement with one or more invalid principals."
		notInKey   = "These condition keys are not permitted in a key policy: aws:ResourceTag, kms:ResourceTag, kms:ResourceAliases"
	)
	document := func(principal, condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"},` +
			`{"Effect":"Allow","Principal":` + principal + `,"Action":"kms:*","Resource":"*","Condition":{` + condition + `}}]}`
	}
	const root = `{"AWS":"arn:aws:iam::111111111111:root"}`
	key := createKey(t, c, "", "")
	for _, tt := range []struct{ principal, condition, shown, message string }{
		{`{"AWS":"111111111111"}`, "", root, ""}, // hashicorp/terraform-provider-aws issue 720
		{`{"AWS":"` + *ann.UserId + `"}`, "", `{"AWS":"arn:aws:iam::000000000000:user/ann"}`, ""},
		{`{"Service":"logs.us-east-1.amazonaws.com"}`, "", `{"Service":"logs.us-east-1.amazonaws.com"}`, ""},
		{`"*"`, `"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}`, `"*"`, ""},
		{`{"AWS":"AIDAAAAAAAAAAAAAAAAAA"}`, "", "", principals},
		{`{"AWS":"arn:aws-us-gov:iam::111111111111:root"}`, "", "", principals},
		{`{"Service":"amazonaws.com"}`, "", "", principals},
		{`{"Federated":"provider"}`, "", "", principals},
		// awsdocs/aws-kms-developer-guide pull request 47
		{root, `"StringEquals":{"aws:ResourceTag/team":"a"}`, "", notInKey},
		{root, `"StringEquals":{"kms:resourcetag/team":"a"}`, "", notInKey},
		{root, `"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/a"}`, "", notInKey},
		{root, `"StringEquals":{"kms:RequestAlias":"alias/a"}`, root, ""},
	} {
		t.Run(tt.principal+tt.condition, func(t *testing.T) {
			text := document(tt.principal, tt.condition)
			made, creating := c.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: &text})
			_, putting := c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &text})
			if tt.message != "" {
				for _, err := range []error{creating, putting} {
					refused(t, err, "MalformedPolicyDocumentException", tt.message)
					if !strings.HasSuffix(fmt.Sprint(err), ": "+tt.message) {
						t.Errorf("more than AWS says: %v", err)
					}
				}
				return
			}
			if creating != nil || putting != nil {
				t.Fatal(creating, putting)
			}
			for _, id := range []*string{key.KeyId, made.KeyMetadata.KeyId} {
				shown := *must[*kms.GetKeyPolicyOutput](t)(c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: id})).Policy
				if shown != document(tt.shown, tt.condition) {
					t.Errorf("shown as %s", shown)
				}
			}
		})
	}

	text := document(`{"AWS":"`+*ann.Arn+`"}`, "")
	must[*kms.PutKeyPolicyOutput](t)(c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &text}))
	must[*iam.DeleteUserOutput](t)(users.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: ann.UserName}))
	shown := must[*kms.GetKeyPolicyOutput](t)(c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: key.KeyId})).Policy
	if *shown != document(`{"AWS":"`+*ann.UserId+`"}`, "") {
		t.Errorf("a deleted user is shown in %s", *shown)
	}
	_, err := c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: shown})
	refused(t, err, "MalformedPolicyDocumentException", principals)
}
