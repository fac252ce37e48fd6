// Package attestation reads the attestation documents by which Nitro enclaves, and EC2 instances with a NitroTPM, prove what runs
// in them, and seals what only their bearer is to read.
//
// A document is read in two steps. Parse knows what it says, at little cost; Verify knows whether it is true. In between it can be
// asked whether the bearer, if he is who he says, may have what he wants.
//
// https://github.com/aws/aws-nitro-enclaves-nsm-api/blob/main/docs/attestation_process.md
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nitrotpm-attestation-document-validate.html
package attestation

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Document is what an attestation document says.
type Document struct {
	// ModuleID names the enclave or instance: i-1234567890abcdef0-enc1234567890abcdef.
	ModuleID string
	// Timestamp is when it was made, in milliseconds since 1970.
	Timestamp uint64
	// PCRs are the measurements, by index.
	PCRs map[int][]byte
	// NitroTPM is set if they are those of an instance's NitroTPM, not of an enclave.
	NitroTPM bool
	// PublicKey is for whoever has something for the bearer, in DER. It and those that follow are nil if they are not there.
	PublicKey, UserData, Nonce []byte

	certificate []byte
	bundle      [][]byte // from the root down
	payload     []byte
	signature   []byte
}

// Limits of documents.
const (
	// MaxPCR is the highest index.
	MaxPCR = 31

	maxPayload       = 16384
	maxCertificate   = 1024
	maxPublicKey     = 1024
	maxEnclaveData   = 512 // of user data and nonces
	maxNitroTPMData  = 1024
	signatureSize    = 96
	taggedCOSESign1  = 0xd2 // the tag, 18
	minRSA, maxRSA   = 2048, 4096
	maxBundle        = 16
	cborNestedLevels = 4
)

// es384 is the protected header {1: -35}: the algorithm is ECDSA with SHA-384.
var es384 = []byte{0xa1, 0x01, 0x38, 0x22}

// decoder reads CBOR of others. Lengths may be indefinite: Nitro hypervisors have made documents that are such a map.
var decoder = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: cborNestedLevels, MaxArrayElements: maxBundle, MaxMapPairs: MaxPCR + 1,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// rules are AWS's for the fields of a document, in its order: each takes a field, and reports whether it is what is wanted. A
// field that need not be there may be null, which Nitro hypervisors write.
var rules = []struct {
	field    string
	optional bool
	take     func(*Document, any) bool
	want     string
}{
	{"module_id", false, func(d *Document, v any) (ok bool) { d.ModuleID, ok = v.(string); return ok && d.ModuleID != "" }, "text that is not empty"},
	{"digest", false, func(_ *Document, v any) bool { return v == "SHA384" }, `"SHA384"`},
	{"timestamp", false, func(d *Document, v any) (ok bool) { d.Timestamp, ok = v.(uint64); return ok && d.Timestamp > 0 }, "an integer above 0"},
	{"pcrs", true, (*Document).takePCRs, wantPCRs},
	{"nitrotpm_pcrs", true, func(d *Document, v any) bool { d.NitroTPM = true; return d.takePCRs(v) }, wantPCRs},
	{"certificate", false, func(d *Document, v any) bool { return takeBytes(&d.certificate, v, 1, maxCertificate) }, "1 to 1024 bytes"},
	{"cabundle", false, (*Document).takeBundle, "certificates of 1 to 1024 bytes each"},
	{"public_key", true, func(d *Document, v any) bool { return takeBytes(&d.PublicKey, v, 1, maxPublicKey) }, "1 to 1024 bytes"},
	{"user_data", true, func(d *Document, v any) bool { return takeBytes(&d.UserData, v, 0, d.maxData()) }, "at most 512 bytes, or 1024 of a NitroTPM"},
	{"nonce", true, func(d *Document, v any) bool { return takeBytes(&d.Nonce, v, 0, d.maxData()) }, "at most 512 bytes, or 1024 of a NitroTPM"},
}

const wantPCRs = "1 to 32 values of 32, 48 or 64 bytes, by indexes from 0 to 31"

func (d *Document) maxData() int {
	if d.NitroTPM {
		return maxNitroTPMData
	}
	return maxEnclaveData
}

func takeBytes(to *[]byte, v any, shortest, longest int) bool {
	b, ok := v.([]byte)
	*to = b
	return ok && len(b) >= shortest && len(b) <= longest
}

func (d *Document) takePCRs(v any) bool {
	pcrs, ok := v.(map[any]any)
	if !ok || len(pcrs) == 0 || d.PCRs != nil {
		return false
	}
	d.PCRs = make(map[int][]byte, len(pcrs))
	for index, value := range pcrs {
		at, ok := index.(uint64)
		pcr, isBytes := value.([]byte)
		if !ok || at > MaxPCR || !isBytes || !slices.Contains([]int{32, 48, 64}, len(pcr)) {
			return false
		}
		d.PCRs[int(at)] = pcr
	}
	return true
}

func (d *Document) takeBundle(v any) bool {
	bundle, _ := v.([]any)
	d.bundle = make([][]byte, len(bundle))
	for i := range bundle {
		if !takeBytes(&d.bundle[i], bundle[i], 1, maxCertificate) {
			return false
		}
	}
	return len(bundle) > 0
}

// Parse reads a document, as it was signed. What it says is not known to be true before Verify.
func Parse(signed []byte) (*Document, error) {
	if len(signed) > 0 && signed[0] == taggedCOSESign1 { // it may be tagged, or not
		signed = signed[1:]
	}
	var message []any
	switch err := decoder.Unmarshal(signed, &message); {
	case err != nil && bytes.HasPrefix(signed, []byte("hEShATgi")):
		return nil, errors.New("it is a document in base64: give what that stands for")
	case err != nil:
		return nil, fmt.Errorf("it is no COSE_Sign1: %w", err)
	}
	if len(message) != 4 {
		return nil, errors.New("it is no COSE_Sign1, which has four parts")
	}
	protected, _ := message[0].([]byte)
	unprotected, isMap := message[1].(map[any]any)
	d := &Document{}
	switch {
	case !bytes.Equal(protected, es384):
		return nil, errors.New("its protected header is not {1: -35}, which is ES384")
	case !isMap || len(unprotected) > 0:
		return nil, errors.New("its unprotected header is not empty")
	case !takeBytes(&d.payload, message[2], 1, maxPayload):
		return nil, errors.New("its payload has not 1 to 16384 bytes")
	case !takeBytes(&d.signature, message[3], signatureSize, signatureSize):
		return nil, errors.New("its signature has not 96 bytes")
	}
	var fields map[string]any
	if err := decoder.Unmarshal(d.payload, &fields); err != nil {
		return nil, fmt.Errorf("its payload is no map of fields: %w", err)
	}
	return d, d.take(fields)
}

func (d *Document) take(fields map[string]any) error {
	known := 0
	for _, rule := range rules {
		v, ok := fields[rule.field]
		if ok {
			known++
		}
		switch {
		case v == nil && rule.optional:
		case !ok:
			return fmt.Errorf("it has no %s", rule.field)
		case !rule.take(d, v):
			return fmt.Errorf("its %s is not %s", rule.field, rule.want)
		}
	}
	switch {
	case d.PCRs == nil:
		return errors.New("it has neither pcrs nor nitrotpm_pcrs")
	case known != len(fields):
		return errors.New("it has a field that no attestation document has")
	}
	return nil
}

// Verify checks that a document was signed by who may: with the key of a certificate that, at that time, leads to one of the roots.
func (d *Document) Verify(roots []*x509.Certificate, now time.Time) error {
	chain, err := d.chain()
	if err != nil {
		return err
	}
	root, target := chain[0], chain[len(chain)-1]
	if !slices.ContainsFunc(roots, root.Equal) {
		return errors.New("the root of its chain is not trusted here")
	}
	authorities := x509.NewCertPool()
	for _, c := range chain[1 : len(chain)-1] {
		authorities.AddCert(c)
	}
	top := x509.NewCertPool()
	top.AddCert(root)
	if _, err := target.Verify(x509.VerifyOptions{Roots: top, Intermediates: authorities, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return err
	}
	key, ok := target.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P384() {
		return errors.New("its certificate has no key of curve P-384")
	}
	digest, err := digestOf(d.payload)
	if err != nil {
		return err
	}
	r, s := new(big.Int).SetBytes(d.signature[:signatureSize/2]), new(big.Int).SetBytes(d.signature[signatureSize/2:])
	if !ecdsa.Verify(key, digest, r, s) {
		return errors.New("its signature is wrong")
	}
	return nil
}

// digestOf returns what a document's signature is of.
func digestOf(payload []byte) ([]byte, error) {
	signed, err := cbor.Marshal([]any{"Signature1", es384, []byte{}, payload}) // RFC 9052, 4.4
	digest := sha512.Sum384(signed)
	return digest[:], err
}

// Sign returns a document, in CBOR, as it is signed with the key of its certificate, which is of curve P-384.
func Sign(key *ecdsa.PrivateKey, payload []byte) ([]byte, error) {
	digest, err := digestOf(payload)
	if err != nil {
		return nil, err
	}
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		return nil, err
	}
	signature := make([]byte, signatureSize)
	r.FillBytes(signature[:signatureSize/2])
	s.FillBytes(signature[signatureSize/2:])
	return cbor.Marshal([]any{es384, map[int]int{}, payload, signature})
}

// chain returns the certificates from the root down, if each names the one before as its issuer. No two have the same name: there
// is one path, which is the one that is verified.
func (d *Document) chain() ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for i, der := range append(slices.Clone(d.bundle), d.certificate) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of its chain: %w", i, err)
		}
		switch isTarget := i == len(d.bundle); {
		case i > 0 && !bytes.Equal(c.RawIssuer, chain[i-1].RawSubject):
			return nil, fmt.Errorf("certificate %d of its chain was not issued by the one before", i)
		case slices.ContainsFunc(chain, func(other *x509.Certificate) bool { return bytes.Equal(c.RawSubject, other.RawSubject) }):
			return nil, fmt.Errorf("certificate %d of its chain has the name of another", i)
		case !isTarget && (!c.IsCA || c.KeyUsage&x509.KeyUsageCertSign == 0):
			return nil, fmt.Errorf("certificate %d of its chain is for no authority", i)
		case isTarget && (c.IsCA || c.BasicConstraintsValid && c.MaxPathLen >= 0 || c.KeyUsage&x509.KeyUsageDigitalSignature == 0):
			return nil, errors.New("its certificate is not for signatures only")
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// Root returns the certificate that the document says is its root.
func (d *Document) Root() []byte { return d.bundle[0] }

// Recipient returns the document's public key as KMS takes it: of RSA.
func (d *Document) Recipient() (*rsa.PublicKey, error) {
	if d.PublicKey == nil {
		return nil, errors.New("it has no public key")
	}
	parsed, err := x509.ParsePKIXPublicKey(d.PublicKey)
	key, ok := parsed.(*rsa.PublicKey)
	if err != nil || !ok || key.N.BitLen() < minRSA || key.N.BitLen() > maxRSA {
		return nil, errors.New("its public key is no RSA key of 2048 to 4096 bits in DER")
	}
	return key, nil
}
