package cloudhsm_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
	"emulator/identity"
	"emulator/server"
)

// Subnets in the zones a, b and c, and another in a.
const (
	inA, inB, inC = "subnet-00000000000000000", "subnet-00000000000000001", "subnet-00000000000000002"
	alsoInA       = "subnet-0000000000000000f"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](out T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return out
	}
}

// refused wants an error with this code, whose text has this in it.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text) {
		t.Errorf("got  %v\nwant %s: %s", err, code, text)
	}
}

const invalid, absent = "CloudHsmInvalidRequestException", "CloudHsmResourceNotFoundException"

// failure drops what a call answers but for its error.
func failure[T any](_ T, err error) error { return err }

// world is an emulator with a client, whose configuration is that.
type world struct {
	*cloudhsmv2.Client
	config aws.Config
	e      *emulatortest.Emulator
	t      *testing.T
}

func start(t *testing.T, config ...server.Config) *world {
	t.Helper()
	e := emulatortest.Start(t, config...)
	w := &world{cloudhsmv2.NewFromConfig(e.Config()), e.Config(), e, t}
	t.Cleanup(w.checkDatabase)
	return w
}

// admin asks the admin API, and returns the answer, which must have this status.
func (w *world) admin(path, body string, status int) string {
	w.t.Helper()
	resp, err := http.Post(w.e.URL+"/_emulator/"+path, "application/json", strings.NewReader(body))
	check(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(w.t, err)
	if resp.StatusCode != status {
		w.t.Fatalf("%s %s: %s %s", path, body, resp.Status, text)
	}
	return string(text)
}

// checkDatabase wants every index to be as the records are.
func (w *world) checkDatabase() {
	resp, err := http.Get(w.e.URL + "/_emulator/check")
	if err != nil {
		w.t.Error(err)
		return
	}
	defer resp.Body.Close()
	var answer struct{ Findings []string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Findings) > 0 {
		w.t.Errorf("the database: %v %v", answer.Findings, err)
	}
}

// create makes a cluster of hsm2m.medium, or what change makes of the request.
func (w *world) create(change ...func(*cloudhsmv2.CreateClusterInput)) *types.Cluster {
	w.t.Helper()
	in := &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inA, inB}}
	for _, f := range change {
		f(in)
	}
	return must(w.CreateCluster(w.t.Context(), in))(w.t).Cluster
}

func (w *world) describe(id *string) *types.Cluster {
	w.t.Helper()
	out := must(w.DescribeClusters(w.t.Context(), &cloudhsmv2.DescribeClustersInput{Filters: map[string][]string{"clusterIds": {*id}}}))(w.t)
	if len(out.Clusters) != 1 {
		w.t.Fatalf("%d clusters %s", len(out.Clusters), *id)
	}
	return &out.Clusters[0]
}

func (w *world) wantState(id *string, state types.ClusterState) *types.Cluster {
	w.t.Helper()
	k := w.describe(id)
	if k.State != state {
		w.t.Errorf("state %s, want %s", k.State, state)
	}
	return k
}

func (w *world) addHSM(id *string, zone string) *types.Hsm {
	w.t.Helper()
	return must(w.CreateHsm(w.t.Context(), &cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: &zone}))(w.t).Hsm
}

// authority issues certificates.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)}
	a.certificate = &x509.Certificate{Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	a.certificate = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, a.key.Public(), a.key))(t)))(t)
	return a
}

func inPEM(certificate []byte) *string {
	return aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
}

func (a *authority) pem() *string { return inPEM(a.certificate.Raw) }

// issue returns a certificate for a request.
func (a *authority) issue(t *testing.T, csr *string) *string {
	t.Helper()
	block, _ := pem.Decode([]byte(aws.ToString(csr)))
	if block == nil {
		t.Fatal("there is no CSR")
	}
	request := must(x509.ParseCertificateRequest(block.Bytes))(t)
	check(t, request.CheckSignature())
	return inPEM(must(x509.CreateCertificate(rand.Reader, &x509.Certificate{Subject: request.Subject, SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour)}, a.certificate, request.PublicKey, a.key))(t))
}

// active makes a cluster with an HSM in zone a that is in use.
func (w *world) active(change ...func(*cloudhsmv2.CreateClusterInput)) *string {
	w.t.Helper()
	id := w.create(change...).ClusterId
	w.addHSM(id, "us-east-1a")
	ca := newAuthority(w.t, "Example")
	must(w.InitializeCluster(w.t.Context(), &cloudhsmv2.InitializeClusterInput{ClusterId: id, SignedCert: ca.issue(w.t, w.describe(id).Certificates.ClusterCsr), TrustAnchor: ca.pem()}))(w.t)
	w.admin("cloudhsm/activate", `{"cluster":"`+*id+`"}`, 200)
	w.wantState(id, types.ClusterStateActive)
	return id
}

func hsm1(in *cloudhsmv2.CreateClusterInput) { in.HsmType = aws.String("hsm1.medium") }

func tagsOf(pairs ...string) (tags []types.Tag) {
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return tags
}

func text(tags []types.Tag) (text string) {
	for _, t := range tags {
		text += *t.Key + "=" + *t.Value + " "
	}
	return text
}

// user makes a user who may do what a policy's statements say, and returns the user's client.
func (w *world) user(name string, statements string) *cloudhsmv2.Client {
	w.t.Helper()
	people := iam.NewFromConfig(w.config)
	must(people.CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: &name}))(w.t)
	must(people.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{
		UserName: &name, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + statements + `]}`),
	}))(w.t)
	key := must(people.CreateAccessKey(w.t.Context(), &iam.CreateAccessKeyInput{UserName: &name}))(w.t).AccessKey
	return cloudhsmv2.NewFromConfig(w.e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region))
}

// in returns a client of the root user of an account, in a Region.
func (w *world) in(account, region string) *world {
	key := account
	if account == identity.DefaultAccount {
		key = identity.KnownRootKey.ID
	}
	config := w.e.ConfigWith(key, "test", "", region)
	return &world{cloudhsmv2.NewFromConfig(config), config, w.e, w.t}
}
