package iam_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/crypto/ssh"

	"emulator/emulatortest"
)

// rsaKeys are made once: that takes a while.
var rsaKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		keys[i], _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	return keys
})

// certificate returns a certificate of a key and its PEM text. Without an issuer it is self-signed.
func certificate(t testing.TB, name string, key any, issuer *x509.Certificate, issuerKey any, change ...func(*x509.Certificate)) (*x509.Certificate, string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	for _, f := range change {
		f(template)
	}
	if issuer == nil {
		issuer, issuerKey = template, key
	}
	public := key.(crypto.Signer).Public()
	der := must(x509.CreateCertificate(rand.Reader, template, issuer, public, issuerKey))(t)
	return must(x509.ParseCertificate(der))(t), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// wantSound fails the test if the emulator finds fault with its database.
func wantSound(t testing.TB, e *emulatortest.Emulator) {
	t.Helper()
	resp := must(http.Get(e.URL + "/_emulator/check"))(t)
	defer resp.Body.Close()
	if text := string(must(io.ReadAll(resp.Body))(t)); strings.TrimSpace(text) != `{"findings":[]}` {
		t.Errorf("check: %s", text)
	}
}

func TestSSHPublicKeys(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	ann := aws.String("ann")
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: ann}))(t)
	upload := func(body string) (*types.SSHPublicKey, error) {
		out, err := client.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: ann, SSHPublicKeyBody: &body})
		if err != nil {
			return nil, err
		}
		return out.SSHPublicKey, nil
	}
	public := must(ssh.NewPublicKey(rsaKeys()[0].Public()))(t)
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))
	pkix := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(rsaKeys()[0].Public()))(t)}))
	short := must(rsa.GenerateKey(rand.Reader, 1024))(t)
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)

	key := must(upload(line + " ann@example.com"))(t)
	if len(*key.SSHPublicKeyId) != 20 || !strings.HasPrefix(*key.SSHPublicKeyId, "APKA") || *key.Fingerprint != ssh.FingerprintLegacyMD5(public) || key.Status != types.StatusTypeActive || *key.UserName != "ann" || *key.SSHPublicKeyBody != line+" ann@example.com" {
		t.Errorf("uploaded %+v", key)
	}
	unrecognized, malformed := "Invalid public key uploaded.", "The request was rejected because the public key is malformed or otherwise invalid."
	duplicate := "The request was rejected because the SSH public key is already associated with the specified IAM user."
	for _, test := range []struct{ what, body, code, message string }{
		{"the same", line, "DuplicateSSHPublicKey", duplicate},
		{"the same in PEM", pkix, "DuplicateSSHPublicKey", duplicate},
		{"the same in PKCS #1", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKeys()[0].PublicKey)})), "DuplicateSSHPublicKey", duplicate},
		{"no key", "hello", "UnrecognizedPublicKeyEncoding", unrecognized},
		{"Ed25519", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS", "UnrecognizedPublicKeyEncoding", unrecognized},
		{"a private key", privatePEM(short), "UnrecognizedPublicKeyEncoding", unrecognized},
		{"two keys", pkix + pkix, "UnrecognizedPublicKeyEncoding", unrecognized},
		{"cut off", line[:100], "InvalidPublicKey", malformed},
		{"two lines", line + "\n" + line, "InvalidPublicKey", malformed},
		{"of 1024 bits", strings.TrimSpace(string(ssh.MarshalAuthorizedKey(must(ssh.NewPublicKey(short.Public()))(t)))), "InvalidPublicKey", malformed},
		{"on a curve, in PEM", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(ec.Public()))(t)})), "InvalidPublicKey", malformed},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := upload(test.body)
			wantError(t, err, test.code, test.message)
		})
	}
	get := func(encoding types.EncodingType, want string) {
		t.Helper()
		got := must(client.GetSSHPublicKey(ctx, &iam.GetSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: key.SSHPublicKeyId, Encoding: encoding}))(t).SSHPublicKey
		if *got.SSHPublicKeyBody != want || *got.Fingerprint != *key.Fingerprint || !got.UploadDate.Equal(*key.UploadDate) {
			t.Errorf("%s: %+v", encoding, got)
		}
	}
	get(types.EncodingTypeSsh, line)
	get(types.EncodingTypePem, pkix)
	_, err := client.UpdateSSHPublicKey(ctx, &iam.UpdateSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: key.SSHPublicKeyId, Status: types.StatusTypeExpired})
	wantError(t, err, "InvalidInput", "The status is Active or Inactive.")
	must(client.UpdateSSHPublicKey(ctx, &iam.UpdateSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: key.SSHPublicKeyId, Status: types.StatusTypeInactive}))(t)
	must(client.UpdateUser(ctx, &iam.UpdateUserInput{UserName: ann, NewUserName: aws.String("anna")}))(t)
	ann = aws.String("anna")
	for range 4 {
		other := must(rsa.GenerateKey(rand.Reader, 2048))(t)
		must(upload(string(ssh.MarshalAuthorizedKey(must(ssh.NewPublicKey(other.Public()))(t)))))(t)
	}
	_, err = upload(string(ssh.MarshalAuthorizedKey(must(ssh.NewPublicKey(rsaKeys()[1].Public()))(t))))
	wantError(t, err, "LimitExceeded", "Cannot exceed quota for SSHPublicKeysPerUser: 5")
	wantSound(t, e)
	var ids []string
	for p := iam.NewListSSHPublicKeysPaginator(client, &iam.ListSSHPublicKeysInput{UserName: ann, MaxItems: aws.Int32(2)}); p.HasMorePages(); {
		for _, k := range must(p.NextPage(ctx))(t).SSHPublicKeys {
			ids = append(ids, *k.SSHPublicKeyId)
			if (k.Status == types.StatusTypeInactive) != (*k.SSHPublicKeyId == *key.SSHPublicKeyId) || *k.UserName != "anna" {
				t.Errorf("listed %+v", k)
			}
		}
	}
	if len(ids) != 5 {
		t.Errorf("%d keys are listed", len(ids))
	}
	_, err = client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: ann})
	wantError(t, err, "DeleteConflict", "Cannot delete entity, must remove referenced objects first.") // [rep] aws-nuke #470
	for _, id := range ids {
		must(client.DeleteSSHPublicKey(ctx, &iam.DeleteSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: &id}))(t)
	}
	missing := "The SSH Public Key with id " + ids[0] + " cannot be found."
	_, err = client.DeleteSSHPublicKey(ctx, &iam.DeleteSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: &ids[0]})
	wantError(t, err, "NoSuchEntity", missing)
	_, err = client.GetSSHPublicKey(ctx, &iam.GetSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: &ids[0], Encoding: types.EncodingTypeSsh})
	wantError(t, err, "NoSuchEntity", missing)
	_, err = client.UpdateSSHPublicKey(ctx, &iam.UpdateSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: &ids[0], Status: types.StatusTypeActive})
	wantError(t, err, "NoSuchEntity", missing)
	must(client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: ann}))(t)
	_, err = upload(line)
	wantError(t, err, "NoSuchEntity", "The user with name anna cannot be found.")
	_, err = client.ListSSHPublicKeys(ctx, nil)
	wantError(t, err, "ValidationError", "Must specify userName when calling with non-User credentials")
}

func TestSigningCertificates(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	for _, name := range []string{"ann", "bob"} {
		must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))(t)
	}
	ann := aws.String("ann")
	upload := func(user *string, body string) (*types.SigningCertificate, error) {
		out, err := client.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: user, CertificateBody: &body})
		if err != nil {
			return nil, err
		}
		return out.Certificate, nil
	}
	_, first := certificate(t, "first", rsaKeys()[0], nil, nil)
	_, second := certificate(t, "second", rsaKeys()[0], nil, nil)
	_, third := certificate(t, "third", rsaKeys()[0], nil, nil)
	_, old := certificate(t, "old", rsaKeys()[0], nil, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	_, future := certificate(t, "future", rsaKeys()[0], nil, nil, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	_, curve := certificate(t, "curve", must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t), nil, nil)
	made := must(upload(ann, first))(t)
	if len(*made.CertificateId) != 32 || *made.CertificateBody != first || made.Status != types.StatusTypeActive || *made.UserName != "ann" {
		t.Errorf("made %+v", made)
	}
	malformed := "Unable to parse certificate. Please ensure the certificate is in PEM format."
	invalid := "The request was rejected because the certificate is invalid."
	duplicate := "The request was rejected because the same certificate is associated with an IAM user in the account."
	for _, test := range []struct{ what, user, body, code, message string }{
		{"the same", "ann", first, "DuplicateCertificate", duplicate},
		{"another user's", "bob", first, "DuplicateCertificate", duplicate},
		{"no PEM", "ann", "hello", "MalformedCertificate", malformed},
		{"no certificate", "ann", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n", "MalformedCertificate", malformed},
		{"two", "ann", second + third, "MalformedCertificate", malformed},
		{"expired", "ann", old, "InvalidCertificate", invalid},
		{"not in force yet", "ann", future, "InvalidCertificate", invalid},
		{"a curve's", "ann", curve, "InvalidCertificate", invalid},
		{"nobody's", "nobody", second, "NoSuchEntity", "The user with name nobody cannot be found."},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := upload(&test.user, test.body)
			wantError(t, err, test.code, test.message)
		})
	}
	must(upload(ann, second))(t)
	_, err := upload(ann, third)
	wantError(t, err, "LimitExceeded", "Cannot exceed quota for SigningCertificatesPerUser: 2")
	must(client.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{UserName: ann, CertificateId: made.CertificateId, Status: types.StatusTypeInactive}))(t)
	_, err = client.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{UserName: ann, CertificateId: made.CertificateId, Status: types.StatusTypeExpired})
	wantError(t, err, "InvalidInput", "The status is Active or Inactive.")
	wantSound(t, e)

	must(client.UpdateUser(ctx, &iam.UpdateUserInput{UserName: ann, NewUserName: aws.String("anna")}))(t)
	ann = aws.String("anna")
	list := must(client.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: ann}))(t).Certificates
	if len(list) != 2 {
		t.Fatalf("listed %v", list)
	}
	_, err = client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: ann})
	wantError(t, err, "DeleteConflict", "Cannot delete entity, must delete certificates first.") // [rep] aws-nuke #671
	for _, c := range list {
		if (c.Status == types.StatusTypeInactive) != (*c.CertificateId == *made.CertificateId) {
			t.Errorf("listed %+v", c)
		}
		must(client.DeleteSigningCertificate(ctx, &iam.DeleteSigningCertificateInput{UserName: ann, CertificateId: c.CertificateId}))(t)
	}
	_, err = client.DeleteSigningCertificate(ctx, &iam.DeleteSigningCertificateInput{UserName: ann, CertificateId: made.CertificateId})
	wantError(t, err, "NoSuchEntity", "The Certificate with id "+*made.CertificateId+" cannot be found.")
	_, err = client.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{UserName: ann, CertificateId: made.CertificateId, Status: types.StatusTypeActive})
	wantError(t, err, "NoSuchEntity", "The Certificate with id "+*made.CertificateId+" cannot be found.")
	must(client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: ann}))(t)

	// The root user's own.
	roots := must(upload(nil, first))(t)
	if n := len(must(client.ListSigningCertificates(ctx, nil))(t).Certificates); n != 1 {
		t.Errorf("the root user has %d certificates", n)
	}
	summary := func() int32 {
		return must(client.GetAccountSummary(ctx, nil))(t).SummaryMap["AccountSigningCertificatesPresent"]
	}
	if summary() != 1 {
		t.Error("the summary does not show the root user's certificate")
	}
	wantSound(t, e)
	must(client.DeleteSigningCertificate(ctx, &iam.DeleteSigningCertificateInput{CertificateId: roots.CertificateId}))(t)
	if summary() != 0 {
		t.Error("the summary shows a certificate that is gone")
	}
}

func TestServiceSpecificCredentials(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	for _, name := range []string{"ann", "bob"} {
		must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))(t)
	}
	ann := aws.String("ann")
	create := func(user *string, service string, days *int32) (*types.ServiceSpecificCredential, error) {
		out, err := client.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: user, ServiceName: &service, CredentialAgeDays: days})
		if err != nil {
			return nil, err
		}
		return out.ServiceSpecificCredential, nil
	}
	git := must(create(ann, "CodeCommit.amazonaws.com", nil))(t)
	if len(*git.ServiceSpecificCredentialId) != 21 || !strings.HasPrefix(*git.ServiceSpecificCredentialId, "ACCA") || *git.ServiceUserName != "ann-at-000000000000" || len(*git.ServicePassword) != 60 ||
		*git.ServiceName != "codecommit.amazonaws.com" || git.ServiceCredentialAlias != nil || git.ServiceCredentialSecret != nil || git.ExpirationDate != nil || git.Status != types.StatusTypeActive {
		t.Errorf("for CodeCommit: %+v", git)
	}
	if second := must(create(ann, "codecommit.amazonaws.com", nil))(t); *second.ServiceUserName != "ann+1-at-000000000000" {
		t.Errorf("the second name is %s", *second.ServiceUserName)
	}
	_, err := create(ann, "codecommit.amazonaws.com", nil)
	wantError(t, err, "LimitExceeded", "Cannot exceed quota for ServiceSpecificCredentialsPerUser: 2")
	must(create(ann, "cassandra.amazonaws.com", nil))(t)
	_, err = create(ann, "cassandra.amazonaws.com", aws.Int32(30))
	wantError(t, err, "ValidationError", "CredentialAgeDays is not supported for service cassandra.amazonaws.com.")
	_, err = create(ann, "s3.amazonaws.com", nil)
	wantError(t, err, "NoSuchEntity", "No such service s3.amazonaws.com is supported for Service Specific Credentials")
	_, err = create(aws.String("nobody"), "bedrock.amazonaws.com", nil)
	wantError(t, err, "NoSuchEntity", "The user with name nobody cannot be found.")
	apiKey := must(create(ann, "bedrock.amazonaws.com", aws.Int32(30)))(t)
	text, ok := strings.CutPrefix(*apiKey.ServiceCredentialSecret, "ABSK")
	if decoded := string(must(base64.StdEncoding.DecodeString(text))(t)); !ok || !strings.HasPrefix(decoded, *apiKey.ServiceCredentialAlias+":") || apiKey.ServiceUserName != nil || apiKey.ServicePassword != nil {
		t.Errorf("for Bedrock: %+v", apiKey)
	}
	if !apiKey.ExpirationDate.Equal(apiKey.CreateDate.Add(30 * 24 * time.Hour)) {
		t.Errorf("expires %v", apiKey.ExpirationDate)
	}
	for service, prefix := range map[string]string{"logs": "ACWL", "cloudwatch": "APIAACWM", "aws-external-anthropic": "AEAA"} {
		if k := must(create(aws.String("bob"), service+".amazonaws.com", nil))(t); !strings.HasPrefix(*k.ServiceCredentialSecret, prefix) {
			t.Errorf("%s: %s", service, *k.ServiceCredentialSecret)
		}
	}
	wantSound(t, e)

	reset := must(client.ResetServiceSpecificCredential(ctx, &iam.ResetServiceSpecificCredentialInput{UserName: ann, ServiceSpecificCredentialId: git.ServiceSpecificCredentialId}))(t).ServiceSpecificCredential
	if *reset.ServicePassword == *git.ServicePassword || *reset.ServiceUserName != *git.ServiceUserName || !reset.CreateDate.Equal(*git.CreateDate) {
		t.Errorf("reset to %+v", reset)
	}
	must(client.UpdateServiceSpecificCredential(ctx, &iam.UpdateServiceSpecificCredentialInput{UserName: ann, ServiceSpecificCredentialId: git.ServiceSpecificCredentialId, Status: types.StatusTypeInactive}))(t)
	_, err = client.UpdateServiceSpecificCredential(ctx, &iam.UpdateServiceSpecificCredentialInput{UserName: ann, ServiceSpecificCredentialId: git.ServiceSpecificCredentialId, Status: types.StatusTypeExpired})
	wantError(t, err, "ValidationError", "The status is Active or Inactive.")
	e.Clock.Advance(30 * 24 * time.Hour)
	list := func(in *iam.ListServiceSpecificCredentialsInput) (names []string) {
		t.Helper()
		for in.MaxItems = aws.Int32(2); ; {
			out := must(client.ListServiceSpecificCredentials(ctx, in))(t)
			for _, k := range out.ServiceSpecificCredentials {
				names = append(names, *k.UserName+" "+strings.TrimSuffix(*k.ServiceName, ".amazonaws.com")+" "+string(k.Status))
			}
			if in.Marker = out.Marker; !out.IsTruncated {
				slices.Sort(names)
				return names
			}
		}
	}
	for _, test := range []struct {
		in   *iam.ListServiceSpecificCredentialsInput
		want []string
	}{
		{&iam.ListServiceSpecificCredentialsInput{UserName: ann}, []string{"ann bedrock Expired", "ann cassandra Active", "ann codecommit Active", "ann codecommit Inactive"}},
		{&iam.ListServiceSpecificCredentialsInput{UserName: ann, ServiceName: aws.String("cassandra.amazonaws.com")}, []string{"ann cassandra Active"}},
		{&iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true)}, []string{
			"ann bedrock Expired", "ann cassandra Active", "ann codecommit Active", "ann codecommit Inactive", "bob aws-external-anthropic Active", "bob cloudwatch Active", "bob logs Active",
		}},
		{&iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true), ServiceName: aws.String("logs.amazonaws.com")}, []string{"bob logs Active"}},
	} {
		if got := list(test.in); !slices.Equal(got, test.want) {
			t.Errorf("got %v, want %v", got, test.want)
		}
	}
	_, err = client.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: ann, AllUsers: aws.Bool(true)})
	wantError(t, err, "ValidationError", "AllUsers and UserName cannot be specified together.")
	_, err = client.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: ann, ServiceName: aws.String("s3.amazonaws.com")})
	wantError(t, err, "NoSuchEntity", "No such service s3.amazonaws.com is supported for Service Specific Credentials")

	// A renamed user keeps its names; whoever takes the old one gets others.
	must(client.UpdateUser(ctx, &iam.UpdateUserInput{UserName: ann, NewUserName: aws.String("anna")}))(t)
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: ann}))(t)
	if k := must(create(ann, "codecommit.amazonaws.com", nil))(t); *k.ServiceUserName != "ann+2-at-000000000000" {
		t.Errorf("the other ann's name is %s", *k.ServiceUserName)
	}
	missing := "No such credential " + *git.ServiceSpecificCredentialId + " exists"
	_, err = client.ResetServiceSpecificCredential(ctx, &iam.ResetServiceSpecificCredentialInput{UserName: ann, ServiceSpecificCredentialId: git.ServiceSpecificCredentialId})
	wantError(t, err, "NoSuchEntity", missing)
	_, err = client.UpdateServiceSpecificCredential(ctx, &iam.UpdateServiceSpecificCredentialInput{UserName: ann, ServiceSpecificCredentialId: git.ServiceSpecificCredentialId, Status: types.StatusTypeActive})
	wantError(t, err, "NoSuchEntity", missing)
	_, err = client.DeleteServiceSpecificCredential(ctx, &iam.DeleteServiceSpecificCredentialInput{UserName: ann, ServiceSpecificCredentialId: git.ServiceSpecificCredentialId})
	wantError(t, err, "NoSuchEntity", missing)
	_, err = client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: ann})
	wantError(t, err, "DeleteConflict", "Cannot delete entity, must remove referenced objects first.")
	must(client.DeleteServiceSpecificCredential(ctx, &iam.DeleteServiceSpecificCredentialInput{UserName: aws.String("anna"), ServiceSpecificCredentialId: git.ServiceSpecificCredentialId}))(t)
	wantSound(t, e)
}

// TestServiceSpecificCredentialConditions: what a user may do with which service's credentials, and how old they may get.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#available-keys-for-iam
func TestServiceSpecificCredentialConditions(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	root := iam.NewFromConfig(e.Config())
	ann := userClient(t, e, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*ServiceSpecificCredential*","Resource":"arn:aws:iam::*:user/${aws:username}",
		"Condition":{"StringEquals":{"iam:ServiceSpecificCredentialServiceName":"bedrock.amazonaws.com"},"NumericLessThanEqualsIfExists":{"iam:ServiceSpecificCredentialAgeDays":"90"}}}]}`)
	create := func(service string, days *int32) (*iam.CreateServiceSpecificCredentialOutput, error) {
		return ann.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: aws.String("ann"), ServiceName: &service, CredentialAgeDays: days})
	}
	wantDenied := func(err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("got %v, want AccessDenied", err)
		}
	}
	_, err := create("bedrock.amazonaws.com", aws.Int32(91))
	wantDenied(err)
	_, err = create("codecommit.amazonaws.com", nil)
	wantDenied(err)
	k := must(create("Bedrock.amazonaws.com", aws.Int32(90)))(t).ServiceSpecificCredential
	must(ann.ResetServiceSpecificCredential(ctx, &iam.ResetServiceSpecificCredentialInput{ServiceSpecificCredentialId: k.ServiceSpecificCredentialId}))(t)
	other := must(root.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: aws.String("ann"), ServiceName: aws.String("codecommit.amazonaws.com")}))(t).ServiceSpecificCredential
	_, err = ann.DeleteServiceSpecificCredential(ctx, &iam.DeleteServiceSpecificCredentialInput{ServiceSpecificCredentialId: other.ServiceSpecificCredentialId})
	wantDenied(err)
	_, err = ann.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true)})
	wantDenied(err)
	must(ann.DeleteServiceSpecificCredential(ctx, &iam.DeleteServiceSpecificCredentialInput{ServiceSpecificCredentialId: k.ServiceSpecificCredentialId}))(t)
}

// TestResetOfCredentials: nothing of an account's credentials is left, and all can be made again.
func TestResetOfCredentials(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.ConfigWith("111111111111", "test", "", emulatortest.Region))
	ann := aws.String("ann")
	_, body := certificate(t, "c", rsaKeys()[0], nil, nil)
	key := privatePEM(rsaKeys()[0])
	line := string(ssh.MarshalAuthorizedKey(must(ssh.NewPublicKey(rsaKeys()[0].Public()))(t)))
	for range 2 {
		must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: ann}))(t)
		must(client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: ann, Password: aws.String("Password-1")}))(t)
		must(client.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: ann, SSHPublicKeyBody: &line}))(t)
		must(client.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: ann, CertificateBody: &body}))(t)
		must(client.UploadServerCertificate(ctx, &iam.UploadServerCertificateInput{ServerCertificateName: ann, CertificateBody: &body, PrivateKey: &key}))(t)
		k := must(client.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: ann, ServiceName: aws.String("codecommit.amazonaws.com")}))(t).ServiceSpecificCredential
		if *k.ServiceUserName != "ann-at-111111111111" {
			t.Errorf("the name is %s", *k.ServiceUserName)
		}
		token, problem := register(t, e, `{"account":"111111111111","serialNumber":"GAHT12345678"}`)
		if problem != "" {
			t.Fatal(problem)
		}
		if err := enableDevice(t, e, client, "ann", token); err != nil {
			t.Fatal(err)
		}
		resp := must(http.Post(e.URL+"/_emulator/reset", "application/json", strings.NewReader(`{"account":"111111111111"}`)))(t)
		resp.Body.Close()
		wantSound(t, e)
	}
	wantSame(t, must(client.ListServerCertificates(ctx, nil))(t).ServerCertificateMetadataList, []types.ServerCertificateMetadata{})
}

// TestCredentialsInEvents: no event tells a secret that a call gave or got.
func TestCredentialsInEvents(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	ann := aws.String("ann")
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: ann}))(t)
	must(client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: ann, Password: aws.String("Password-1")}))(t)
	must(client.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: ann, Password: aws.String("Password-2")}))(t)
	client.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: aws.String("Password-3"), NewPassword: aws.String("Password-4")})
	git := must(client.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: ann, ServiceName: aws.String("codecommit.amazonaws.com")}))(t)
	logs := must(client.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: ann, ServiceName: aws.String("logs.amazonaws.com")}))(t)
	_, body := certificate(t, "c", rsaKeys()[0], nil, nil)
	key := privatePEM(rsaKeys()[0])
	must(client.UploadServerCertificate(ctx, &iam.UploadServerCertificateInput{ServerCertificateName: ann, CertificateBody: &body, PrivateKey: &key}))(t)
	resp := must(http.Get(e.URL + "/_emulator/events"))(t)
	defer resp.Body.Close()
	events := string(must(io.ReadAll(resp.Body))(t))
	if !strings.Contains(events, "UploadServerCertificate") {
		t.Fatalf("no event: %s", events)
	}
	for what, secret := range map[string]string{
		"a password": "Password-", "a service's password": *git.ServiceSpecificCredential.ServicePassword, "an API key": *logs.ServiceSpecificCredential.ServiceCredentialSecret, "a private key": "PRIVATE KEY",
	} {
		if strings.Contains(events, secret) {
			t.Errorf("an event tells %s", what)
		}
	}
}

// TestDeleteUserConflicts: what stands in the way of deleting a user is told one after the other. AWS does not say in which
// order; the last sentence is that about what has none of its own.
func TestDeleteUserConflicts(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t)
	client := iam.NewFromConfig(e.Config())
	ann, name := aws.String("ann"), aws.String("p")
	document := aws.String(allow("s3:*"))
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: ann}))(t)
	must(client.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: name}))(t)
	must(client.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: name, UserName: ann}))(t)
	managed := must(client.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: name, PolicyDocument: document}))(t).Policy.Arn
	must(client.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: ann, PolicyArn: managed}))(t)
	must(client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: ann, PolicyName: name, PolicyDocument: document}))(t)
	must(client.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: ann, Password: aws.String("Password-1")}))(t)
	accessKey := must(client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: ann}))(t).AccessKey.AccessKeyId
	_, body := certificate(t, "c", rsaKeys()[0], nil, nil)
	signing := must(client.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: ann, CertificateBody: &body}))(t).Certificate.CertificateId
	phone := makeDevice(t, client, "phone")
	if err := enableDevice(t, e, client, "ann", phone); err != nil {
		t.Fatal(err)
	}
	line := string(ssh.MarshalAuthorizedKey(must(ssh.NewPublicKey(rsaKeys()[0].Public()))(t)))
	sshKey := must(client.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: ann, SSHPublicKeyBody: &line}))(t).SSHPublicKey.SSHPublicKeyId
	for _, step := range []struct {
		message string
		remove  func() (any, error)
	}{
		{"remove users from group", func() (any, error) {
			return client.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: name, UserName: ann})
		}},
		{"detach all policies", func() (any, error) {
			return client.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: ann, PolicyArn: managed})
		}},
		{"delete policies", func() (any, error) {
			return client.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: ann, PolicyName: name})
		}},
		{"delete login profile", func() (any, error) {
			return client.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: ann})
		}},
		{"delete access keys", func() (any, error) {
			return client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: ann, AccessKeyId: accessKey})
		}},
		{"delete certificates", func() (any, error) {
			return client.DeleteSigningCertificate(ctx, &iam.DeleteSigningCertificateInput{UserName: ann, CertificateId: signing})
		}},
		{"delete MFA device", func() (any, error) {
			return client.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: ann, SerialNumber: phone.serial})
		}},
		{"remove referenced objects", func() (any, error) {
			return client.DeleteSSHPublicKey(ctx, &iam.DeleteSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: sshKey})
		}},
	} {
		_, err := client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: ann})
		wantError(t, err, "DeleteConflict", "Cannot delete entity, must "+step.message+" first.")
		must(step.remove())(t)
	}
	must(client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: ann}))(t)
	wantSound(t, e)
}
