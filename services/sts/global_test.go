package sts_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// named is the configuration with which a client calls the emulator by a name of AWS's.
func (w world) named(c aws.Config, host string) aws.Config {
	c.BaseEndpoint = aws.String("http://" + host)
	c.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(w.URL, "http://"))
	}}}
	return c
}

// TestGlobalEndpoint uses tokens of both versions in a region that is not enabled by itself.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html
func TestGlobalEndpoint(t *testing.T) {
	w := newWorld(t)
	ann, _ := w.user(home, "ann", allow(`"sts:*"`))
	session := func(host string) (inRegion func(region string) error) {
		t.Helper()
		out, err := sts.NewFromConfig(w.named(ann, host)).GetSessionToken(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return func(region string) error {
			c := out.Credentials
			_, err := sts.NewFromConfig(w.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, region)).GetCallerIdentity(t.Context(), nil)
			return err
		}
	}
	works := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	const invalid = "The security token included in the request is invalid."
	first := session("sts.amazonaws.com")
	works(first("eu-west-3"))
	expect(t, first("af-south-1"), "InvalidClientTokenId", invalid)
	works(session("sts.us-east-1.amazonaws.com")("af-south-1"))
	admin := iam.NewFromConfig(w.in(home))
	if _, err := admin.SetSecurityTokenServicePreferences(t.Context(), &iam.SetSecurityTokenServicePreferencesInput{GlobalEndpointTokenVersion: iamtypes.GlobalEndpointTokenVersionV2Token}); err != nil {
		t.Fatal(err)
	}
	works(session("sts.amazonaws.com")("af-south-1"))
	expect(t, first("af-south-1"), "InvalidClientTokenId", invalid) // it stays what it is

	_, err := sts.NewFromConfig(w.named(ann, "sts.amazonaws.com")).GetWebIdentityToken(t.Context(), &sts.GetWebIdentityTokenInput{Audience: []string{"a"}, SigningAlgorithm: aws.String("ES384")})
	expect(t, err, "InvalidAction", "GetWebIdentityToken is not available on the STS global endpoint. Use a Regional endpoint.")
}
