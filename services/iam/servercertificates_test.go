package iam_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/emulatortest"
)

func TestServerCertificates(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	leafKey, caKey := rsaKeys()[0], rsaKeys()[1]
	root, rootPEM := certificate(t, "root", caKey, nil, nil)
	middle, middlePEM := certificate(t, "middle", caKey, root, caKey)
	_, leafPEM := certificate(t, "leaf", leafKey, middle, caKey)
	keyPEM := privatePEM(leafKey)
	upload := func(name, path, body, key, chain string, tags ...types.Tag) (*iam.UploadServerCertificateOutput, error) {
		in := &iam.UploadServerCertificateInput{ServerCertificateName: &name, CertificateBody: &body, PrivateKey: &key, Tags: tags}
		if path != "" {
			in.Path = &path
		}
		if chain != "" {
			in.CertificateChain = &chain
		}
		return client.UploadServerCertificate(ctx, in)
	}
	tag := types.Tag{Key: aws.String("team"), Value: aws.String("red")}
	made := must(upload("web", "/cloudfront/test/", leafPEM, keyPEM, middlePEM+rootPEM, tag))(t)
	meta := made.ServerCertificateMetadata
	if *meta.Arn != "arn:aws:iam::000000000000:server-certificate/cloudfront/test/web" || !strings.HasPrefix(*meta.ServerCertificateId, "ASCA") || len(*meta.ServerCertificateId) != 21 ||
		meta.Expiration == nil || len(made.Tags) != 1 {
		t.Errorf("made %+v", meta)
	}
	got := must(client.GetServerCertificate(ctx, &iam.GetServerCertificateInput{ServerCertificateName: aws.String("web")}))(t).ServerCertificate
	// Without white space around, as the acceptance tests of Terraform's provider have it.
	if *got.CertificateBody != strings.TrimSpace(leafPEM) || *got.CertificateChain != strings.TrimSpace(middlePEM+rootPEM) || len(got.Tags) != 1 {
		t.Errorf("got %+v", got)
	}
	wantSame(t, got.ServerCertificateMetadata, meta)

	malformed := "Unable to parse certificate. Please ensure the certificate is in PEM format."
	broken := "Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: "
	ecKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	ecPEM := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(ecKey))(t)}))
	pkcs8 := must(x509.MarshalPKCS8PrivateKey(leafKey))(t)
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: pkcs8}))
	legacy := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: pkcs8}))
	old, oldPEM := certificate(t, "old", leafKey, nil, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	for _, test := range []struct{ what, name, body, key, chain, code, message string }{
		{"no certificate", "x", "hello", keyPEM, "", "MalformedCertificate", malformed},
		{"text before it", "x", "Certificate:\n" + leafPEM, keyPEM, "", "MalformedCertificate", malformed},
		{"the chain with it", "x", leafPEM + middlePEM, keyPEM, "", "MalformedCertificate", malformed},
		{"no private key", "x", leafPEM, "hello", "", "MalformedCertificate", malformed},
		{"a certificate as private key", "x", leafPEM, leafPEM, "", "MalformedCertificate", malformed},
		{"an encrypted private key", "x", leafPEM, encrypted, "", "MalformedCertificate", "Unable to parse private key. Please ensure the private key is not encrypted."},
		{"one that OpenSSL encrypted", "x", leafPEM, legacy, "", "MalformedCertificate", "Unable to parse private key. Please ensure the private key is not encrypted."},
		{"another's private key", "x", leafPEM, ecPEM, "", "KeyPairMismatch", "The request was rejected because the public key certificate and the private key do not match."},
		{"expired", "x", oldPEM, keyPEM, "", "MalformedCertificate", "The certificate is valid from " + old.NotBefore.UTC().Format(time.RFC3339) + " to " + old.NotAfter.UTC().Format(time.RFC3339) + " only."},
		{"a chain of text", "x", leafPEM, keyPEM, "hello", "MalformedCertificate", broken + "-1"},
		{"text in the chain, as in aws-cli #715", "x", leafPEM, keyPEM, "Certificate:\n" + middlePEM, "MalformedCertificate", broken + "-1"},
		{"a chain that leaves one out", "x", leafPEM, keyPEM, rootPEM, "MalformedCertificate", broken + "-1"},
		{"a chain in disorder", "x", leafPEM, keyPEM, middlePEM + middlePEM, "MalformedCertificate", broken + "0"},
		{"a long chain", "x", leafPEM, keyPEM, strings.Repeat(rootPEM, 11), "MalformedCertificate", broken + "-1"},
		{"a name that is taken", "WEB", leafPEM, keyPEM, "", "EntityAlreadyExists", "The Server Certificate with name WEB already exists."},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := upload(test.name, "", test.body, test.key, test.chain)
			wantError(t, err, test.code, test.message)
		})
	}
	_, err := upload("x", "", leafPEM, keyPEM, "", tag, tag)
	wantError(t, err, "InvalidInput", "Duplicate tag keys found.")

	_, ecCertificate := certificate(t, "curve", ecKey, root, caKey)
	must(upload("curve", "", ecCertificate, ecPEM, rootPEM))(t)
	must(upload("pkcs8", "/a/", leafPEM, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), ""))(t)
	list := func(prefix *string) (names []string) {
		t.Helper()
		for p := iam.NewListServerCertificatesPaginator(client, &iam.ListServerCertificatesInput{PathPrefix: prefix, MaxItems: aws.Int32(1)}); p.HasMorePages(); {
			for _, c := range must(p.NextPage(ctx))(t).ServerCertificateMetadataList {
				names = append(names, *c.Path+*c.ServerCertificateName)
			}
		}
		return names
	}
	if got := list(nil); !slices.Equal(got, []string{"/curve", "/a/pkcs8", "/cloudfront/test/web"}) {
		t.Errorf("listed %v", got)
	}
	if got := list(aws.String("/cloudfront/")); !slices.Equal(got, []string{"/cloudfront/test/web"}) {
		t.Errorf("listed %v", got)
	}
	if n := must(client.GetAccountSummary(ctx, nil))(t).SummaryMap["ServerCertificates"]; n != 3 {
		t.Errorf("the summary counts %d", n)
	}

	// Another name and path are another ARN, and the same certificate.
	update := func(name string, newName, newPath *string) error {
		_, err := client.UpdateServerCertificate(ctx, &iam.UpdateServerCertificateInput{ServerCertificateName: &name, NewServerCertificateName: newName, NewPath: newPath})
		return err
	}
	wantError(t, update("web", aws.String("Curve"), nil), "EntityAlreadyExists", "The Server Certificate with name Curve already exists.")
	missing := "The Server Certificate with name nothing cannot be found."
	wantError(t, update("nothing", aws.String("x"), nil), "NoSuchEntity", missing)
	if err := update("web", aws.String("Web"), aws.String("/b/")); err != nil {
		t.Fatal(err)
	}
	moved := must(client.GetServerCertificate(ctx, &iam.GetServerCertificateInput{ServerCertificateName: aws.String("Web")}))(t).ServerCertificate
	if m := moved.ServerCertificateMetadata; *m.Arn != "arn:aws:iam::000000000000:server-certificate/b/Web" || *m.ServerCertificateId != *meta.ServerCertificateId {
		t.Errorf("moved to %+v", m)
	}
	must(client.TagServerCertificate(ctx, &iam.TagServerCertificateInput{ServerCertificateName: aws.String("Web"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("blue")}}}))(t)
	must(client.UntagServerCertificate(ctx, &iam.UntagServerCertificateInput{ServerCertificateName: aws.String("Web"), TagKeys: []string{"team"}}))(t)
	if tags := must(client.ListServerCertificateTags(ctx, &iam.ListServerCertificateTagsInput{ServerCertificateName: aws.String("Web")}))(t).Tags; len(tags) != 1 || *tags[0].Key != "Team" {
		t.Errorf("tags %v", tags)
	}
	wantSound(t, e)

	// A policy names certificates by path, and tags.
	ann := userClient(t, e, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*ServerCertificate*","Resource":"arn:aws:iam::*:server-certificate/b/*"},
		{"Effect":"Allow","Action":"iam:GetServerCertificate","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}]}`)
	must(ann.GetServerCertificate(ctx, &iam.GetServerCertificateInput{ServerCertificateName: aws.String("Web")}))(t)
	for what, err := range map[string]error{
		"another path": func() error {
			_, err := ann.GetServerCertificate(ctx, &iam.GetServerCertificateInput{ServerCertificateName: aws.String("curve")})
			return err
		}(),
		"to another path": func() error {
			_, err := ann.UpdateServerCertificate(ctx, &iam.UpdateServerCertificateInput{ServerCertificateName: aws.String("Web"), NewPath: aws.String("/c/")})
			return err
		}(),
	} {
		if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("%s: %v", what, err)
		}
	}

	must(client.DeleteServerCertificate(ctx, &iam.DeleteServerCertificateInput{ServerCertificateName: aws.String("Web")}))(t)
	nothing := aws.String("nothing")
	_, err = client.DeleteServerCertificate(ctx, &iam.DeleteServerCertificateInput{ServerCertificateName: nothing})
	wantError(t, err, "NoSuchEntity", missing)
	_, err = client.GetServerCertificate(ctx, &iam.GetServerCertificateInput{ServerCertificateName: nothing})
	wantError(t, err, "NoSuchEntity", missing)
	_, err = client.ListServerCertificateTags(ctx, &iam.ListServerCertificateTagsInput{ServerCertificateName: nothing})
	wantError(t, err, "NoSuchEntity", missing)
	for i := range 18 {
		must(upload("n"+string(rune('a'+i)), "", leafPEM, keyPEM, ""))(t)
	}
	_, err = upload("last", "", leafPEM, keyPEM, "")
	wantError(t, err, "LimitExceeded", "Cannot exceed quota for ServerCertificatesPerAccount: 20")
	wantSound(t, e)
}
