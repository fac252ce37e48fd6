package iam_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/emulatortest"
	"emulator/server"
)

const thumbprint = "6938fd4d98bab03faadb97b34396831e3780aea1"

func TestOIDCProvider(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	const arn = "arn:aws:iam::000000000000:oidc-provider/token.example.com/a"
	created := must(client.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://token.example.com/a"), ClientIDList: []string{"one", "two", "one"}, ThumbprintList: []string{thumbprint},
		Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}))(t)
	if *created.OpenIDConnectProviderArn != arn || len(created.Tags) != 1 {
		t.Errorf("created %+v", created)
	}
	get := func() *iam.GetOpenIDConnectProviderOutput {
		t.Helper()
		return must(client.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn)}))(t)
	}
	if p := get(); *p.Url != "token.example.com/a" || !slices.Equal(p.ClientIDList, []string{"one", "two"}) || !slices.Equal(p.ThumbprintList, []string{thumbprint}) ||
		len(p.Tags) != 1 || time.Since(*p.CreateDate) > time.Minute {
		t.Errorf("got %+v", p)
	}
	for range 2 { // the second has no effect
		must(client.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn), ClientID: aws.String("three")}))(t)
		must(client.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn), ClientID: aws.String("one")}))(t)
	}
	other := strings.Repeat("a", 40)
	must(client.UpdateOpenIDConnectProviderThumbprint(ctx, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: aws.String(arn), ThumbprintList: []string{other}}))(t)
	must(client.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn), Tags: []types.Tag{{Key: aws.String("l"), Value: aws.String("w")}}}))(t)
	must(client.UntagOpenIDConnectProvider(ctx, &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn), TagKeys: []string{"k"}}))(t)
	if p := get(); !slices.Equal(p.ClientIDList, []string{"two", "three"}) || !slices.Equal(p.ThumbprintList, []string{other}) || len(p.Tags) != 1 || *p.Tags[0].Key != "l" {
		t.Errorf("changed %+v", p)
	}
	if tags := must(client.ListOpenIDConnectProviderTags(ctx, &iam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: aws.String(arn)}))(t); len(tags.Tags) != 1 {
		t.Errorf("tags %+v", tags)
	}
	if list := must(client.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{}))(t).OpenIDConnectProviderList; len(list) != 1 || *list[0].Arn != arn {
		t.Errorf("list %+v", list)
	}
	must(client.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn)}))(t)
	_, err := client.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn)})
	wantError(t, err, "NoSuchEntity", "OpenId connect Provider "+arn+" cannot be found.") // [rec] localstack, test_iam_oidc.snapshot.json
	_, err = client.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn)})
	wantError(t, err, "NoSuchEntity", "OpenIDConnect Provider not found for arn "+arn)
}

func TestOIDCProviderURL(t *testing.T) {
	ctx := context.Background()
	client := iam.NewFromConfig(emulatortest.Start(t, server.Config{InsecureIssuers: []string{"keycloak", "dex:5556"}}).Config())
	for _, test := range []struct {
		url string
		ok  bool
	}{
		{"https://a.example.com", true},
		{"https://a.example.com/", true}, // another issuer
		{"https://b.example.com:8443/realms/x", true},
		{"http://localhost:8080", true},
		{"http://127.0.0.1:8080/x", true},
		{"http://[::1]:8080", true},
		{"http://idp.localhost", true},
		{"http://keycloak:8080/realms/x", true},
		{"http://dex:5556", true},
		{"http://dex:5557", false},
		{"http://a.example.com/x", false},
		{"http://10.0.0.1", false},
		{"http://localhost.example.com", false},
		{"ftp://a.example.com", false},
		{"a.example.com", false},
		{"https://", false},
		{"https://c.example.com?x=1", false},
		{"https://c.example.com#x", false},
		{"https://user@c.example.com", false},
		{"https://c.example.com/\x7f", false},
	} {
		_, err := client.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: &test.url})
		if !test.ok {
			wantError(t, err, "ValidationError", "Invalid Open ID Connect Provider URL")
		} else if err != nil {
			t.Errorf("%s: %v", test.url, err)
		}
	}
}

func TestOIDCProviderErrors(t *testing.T) {
	ctx, client := context.Background(), startIAM(t)
	const missing = "arn:aws:iam::000000000000:oidc-provider/missing.example.com"
	create := func(url string, clients, thumbprints []string) error {
		_, err := client.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: &url, ClientIDList: clients, ThumbprintList: thumbprints})
		return err
	}
	many := func(n int, form string) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf(form, i))
		}
		return list
	}
	if err := create("https://full.example.com", many(100, "client%d"), many(5, "%040d")); err != nil {
		t.Fatal(err)
	}
	full := aws.String("arn:aws:iam::000000000000:oidc-provider/full.example.com")
	_, addErr := client.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: full, ClientID: aws.String("more")})
	_, updateErr := client.UpdateOpenIDConnectProviderThumbprint(ctx, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: full, ThumbprintList: many(6, "%040d")})
	get := func(arn string) error {
		_, err := client.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &arn})
		return err
	}
	_, addMissing := client.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(missing), ClientID: aws.String("x")})
	_, removeMissing := client.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(missing), ClientID: aws.String("x")})
	_, updateMissing := client.UpdateOpenIDConnectProviderThumbprint(ctx, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: aws.String(missing), ThumbprintList: []string{thumbprint}})
	for _, test := range []struct {
		err           error
		code, message string
	}{
		{create("https://full.example.com", nil, nil), "EntityAlreadyExists", "Provider with url https://full.example.com already exists."},
		{create("https://x.example.com", many(101, "client%d"), nil), "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"},
		{create("https://x.example.com", nil, many(6, "%040d")), "InvalidInput", "Thumbprint list must contain fewer than 5 entries."},
		{addErr, "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"},
		{updateErr, "InvalidInput", "Thumbprint list must contain fewer than 5 entries."},
		{get(missing), "NoSuchEntity", "OpenIDConnect Provider not found for arn " + missing},
		{get(strings.Replace(*full, "000000000000", "222222222222", 1)), "NoSuchEntity", "OpenIDConnect Provider not found for arn " + strings.Replace(*full, "000000000000", "222222222222", 1)},
		{addMissing, "NoSuchEntity", "OpenIDConnect Provider not found for arn " + missing},
		{removeMissing, "NoSuchEntity", "OpenIDConnect Provider not found for arn " + missing},
		{updateMissing, "NoSuchEntity", "OpenIDConnect Provider not found for arn " + missing},
	} {
		wantError(t, test.err, test.code, test.message)
	}
	for i := range 99 {
		if err := create(fmt.Sprintf("https://example.com/%d", i), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, create("https://one.more.example.com", nil, nil), "LimitExceeded", "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100")
}
