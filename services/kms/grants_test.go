package kms_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

func TestNoGrants(t *testing.T) {
	e, c := start(t)
	key := createKey(t, c, "", "")
	for name, in := range map[string]*kms.ListGrantsInput{
		"all": {KeyId: key.KeyId}, "a grantee's": {KeyId: key.Arn, GranteePrincipal: aws.String("arn:aws:iam::111111111111:role/app"), Limit: aws.Int32(1)},
	} {
		if got := must[*kms.ListGrantsOutput](t)(c.ListGrants(t.Context(), in)); got.Grants == nil || len(got.Grants) > 0 || got.Truncated || got.NextMarker != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, in := range []struct {
		in         kms.ListGrantsInput
		code, text string
	}{
		{kms.ListGrantsInput{KeyId: aws.String("alias/a")}, "NotFoundException", "Invalid keyId 'alias/a'"},
		{kms.ListGrantsInput{KeyId: key.KeyId, Marker: aws.String("x")}, "InvalidMarkerException", ""},
		{kms.ListGrantsInput{KeyId: key.KeyId, GrantId: aws.String("0c237476b39f8bc44e45212e08498fbe3151305030726c0590dd8d3e9f3d6a60")}, "InvalidGrantIdException", ""},
		{kms.ListGrantsInput{KeyId: key.KeyId, GranteeServicePrincipal: aws.String("lambda.amazonaws.com")}, "ValidationException", "callers in a service principal"},
		{kms.ListGrantsInput{KeyId: key.KeyId, GranteePrincipal: aws.String("app")}, "InvalidArnException", "ARN does not refer to a valid principal: app"},
	} {
		_, err := c.ListGrants(t.Context(), &in.in)
		refused(t, err, in.code, in.text)
	}

	retirable := func(principal string) (*kms.ListRetirableGrantsOutput, error) {
		return c.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: &principal})
	}
	if got := must[*kms.ListRetirableGrantsOutput](t)(retirable("arn:aws:iam::000000000000:user/bob")); got.Grants == nil || len(got.Grants) > 0 || got.Truncated {
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
	bob := kms.NewFromConfig(newUser(t, e, e.Config(), "bob", `{"Effect":"Allow","Action":"kms:ListRetirableGrants","Resource":"arn:aws:iam::000000000000:user/bob"}`))
	must[*kms.ListRetirableGrantsOutput](t)(bob.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String("arn:aws:iam::000000000000:user/bob")}))
	_, err = bob.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String("arn:aws:iam::000000000000:user/ann")})
	refused(t, err, "AccessDeniedException", "is not authorized to perform: kms:ListRetirableGrants on resource: arn:aws:iam::000000000000:user/ann because no identity-based policy allows")
	_, err = bob.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: key.KeyId})
	refused(t, err, "AccessDeniedException", "kms:ListGrants on resource: "+*key.Arn)
}
