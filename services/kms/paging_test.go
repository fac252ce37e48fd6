package kms_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// TestMarkers is a law: a marker is good for the list that returned it, and for no other.
func TestMarkers(t *testing.T) {
	e, c := start(t)
	var keys []*types.KeyMetadata
	for _, alias := range []string{"alias/a", "alias/b"} {
		key := createKey(t, c, "", "")
		keys = append(keys, key)
		for _, name := range []string{alias, alias + "/2"} {
			must[*kms.CreateAliasOutput](t)(c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: key.KeyId}))
		}
		must[*kms.TagResourceOutput](t)(c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: key.KeyId, Tags: []types.Tag{
			{TagKey: aws.String("a"), TagValue: aws.String("1")}, {TagKey: aws.String("b"), TagValue: aws.String("2")},
		}}))
	}
	for _, name := range []string{"one", "two"} {
		must[*kms.CreateCustomKeyStoreOutput](t)(c.CreateCustomKeyStore(t.Context(), &kms.CreateCustomKeyStoreInput{
			CustomKeyStoreName: &name, CloudHsmClusterId: aws.String("cluster-abcdefgh" + name), KeyStorePassword: aws.String("password"), TrustAnchorCertificate: aws.String(certificate(t)),
		}))
	}
	other := kms.NewFromConfig(e.ConfigWith("111111111111", "test", "", "us-east-1"))
	abroad := kms.NewFromConfig(e.ConfigWith("test", "test", "", "eu-west-1"))
	for _, c := range []*kms.Client{other, other, abroad, abroad} {
		createKey(t, c, "", "")
	}
	one := aws.Int32(1)
	listKeys := func(c *kms.Client) func(*string) (*string, error) {
		return func(marker *string) (*string, error) {
			out, err := c.ListKeys(t.Context(), &kms.ListKeysInput{Limit: one, Marker: marker})
			if err != nil {
				return nil, err
			}
			return out.NextMarker, nil
		}
	}
	listAliases := func(key *string) func(*string) (*string, error) {
		return func(marker *string) (*string, error) {
			out, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{Limit: one, Marker: marker, KeyId: key})
			if err != nil {
				return nil, err
			}
			return out.NextMarker, nil
		}
	}
	listTags := func(key *string) func(*string) (*string, error) {
		return func(marker *string) (*string, error) {
			out, err := c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{Limit: one, Marker: marker, KeyId: key})
			if err != nil {
				return nil, err
			}
			return out.NextMarker, nil
		}
	}
	lists := map[string]func(*string) (*string, error){
		"keys": listKeys(c), "another account's keys": listKeys(other), "another region's keys": listKeys(abroad), "aliases": listAliases(nil),
		"a key's aliases": listAliases(keys[0].KeyId), "another key's aliases": listAliases(keys[1].KeyId),
		"tags": listTags(keys[0].KeyId), "another key's tags": listTags(keys[1].KeyId),
		"key stores": func(marker *string) (*string, error) {
			out, err := c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{Limit: one, Marker: marker})
			if err != nil {
				return nil, err
			}
			return out.NextMarker, nil
		},
	}
	for from, list := range lists {
		marker, err := list(nil)
		if err != nil || marker == nil {
			t.Fatalf("%s: %v, %v", from, marker, err)
		}
		for to, list := range lists {
			if _, err := list(marker); to == from {
				if err != nil {
					t.Errorf("%s: %v", to, err)
				}
			} else {
				refused(t, err, "InvalidMarkerException", "")
			}
		}
	}
}
