package attestation_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"emulator/services/kms/attestation"
	"emulator/services/kms/attestation/attestationtest"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// link is a certificate of a chain with its key.
type link struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issue makes a certificate, of an authority unless change says otherwise.
func issue(t testing.TB, by *link, name string, curve elliptic.Curve, change func(*x509.Certificate)) *link {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1,
	}
	if change != nil {
		change(template)
	}
	if by == nil {
		by = &link{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &link{certificate, key}
}

func signer(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }

// hypervisor is a root and what is below it.
type hypervisor struct{ root, middle, signer *link }

func newHypervisor(t testing.TB) *hypervisor {
	h := &hypervisor{root: issue(t, nil, "root", elliptic.P384(), nil)}
	h.middle = issue(t, h.root, "middle", elliptic.P384(), nil)
	h.signer = issue(t, h.middle, "signer", elliptic.P384(), signer)
	return h
}

func (h *hypervisor) fields() map[string]any {
	return map[string]any{
		"module_id": "i-1", "digest": "SHA384", "timestamp": now.UnixMilli(), "pcrs": map[int]any{0: bytes.Repeat([]byte{0xab}, 48), 31: make([]byte, 32)},
		"certificate": h.signer.Raw, "cabundle": [][]byte{h.root.Raw, h.middle.Raw}, "public_key": nil, "user_data": []byte{}, "nonce": []byte("n"),
	}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (h *hypervisor) sign(t testing.TB, payload []byte) []byte {
	t.Helper()
	signed, err := attestation.Sign(h.signer.key, payload)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// read is Parse and Verify.
func read(signed []byte, root *x509.Certificate, at time.Time) (*attestation.Document, error) {
	d, err := attestation.Parse(signed)
	if err == nil {
		err = d.Verify([]*x509.Certificate{root}, at)
	}
	return d, err
}

func TestDocument(t *testing.T) {
	h := newHypervisor(t)
	signed := h.sign(t, encode(t, h.fields()))
	for name, signed := range map[string][]byte{"untagged": signed, "tagged": append([]byte{0xd2}, signed...)} {
		d, err := read(signed, h.root.Certificate, now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d.ModuleID != "i-1" || d.Timestamp != uint64(now.UnixMilli()) || len(d.PCRs) != 2 || d.PCRs[0][47] != 0xab || len(d.PCRs[31]) != 32 || d.NitroTPM ||
			d.PublicKey != nil || d.UserData == nil || len(d.UserData) != 0 || string(d.Nonce) != "n" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	// Hypervisors have also made documents that are a map of indefinite length.
	payload := encode(t, h.fields())
	payload = append(append([]byte{0xbf}, payload[1:]...), 0xff)
	if _, err := read(h.sign(t, payload), h.root.Certificate, now); err != nil {
		t.Errorf("of indefinite length: %v", err)
	}
	fields := h.fields()
	fields["nitrotpm_pcrs"], fields["user_data"] = fields["pcrs"], make([]byte, 1024)
	delete(fields, "pcrs")
	delete(fields, "public_key")
	if d, err := read(h.sign(t, encode(t, fields)), h.root.Certificate, now); err != nil || !d.NitroTPM || len(d.PCRs) != 2 {
		t.Errorf("of a NitroTPM: %v", err)
	}
}

// What AWS's process of validation says of each field, and of what is in none.
func TestFields(t *testing.T) {
	h := newHypervisor(t)
	pcr := make([]byte, 48)
	many := make(map[int][]byte)
	for i := range 33 {
		many[i] = pcr
	}
	long := func(n int) []byte { return make([]byte, n) }
	for _, tt := range []struct {
		name, field string
		value       any
		want        string // in the error; "" for none
	}{
		{"module_id is text", "module_id", []byte("i-1"), "module_id"},
		{"module_id is not empty", "module_id", "", "module_id"},
		{"digest is SHA384", "digest", "SHA256", "digest"},
		{"digest is text", "digest", []byte("SHA384"), "digest"},
		{"timestamp is above 0", "timestamp", 0, "timestamp"},
		{"timestamp is not negative", "timestamp", -1, "timestamp"},
		{"timestamp is an integer", "timestamp", 1.5, "timestamp"},
		{"timestamp has 8 bytes", "timestamp", uint64(1<<64 - 1), ""},
		{"pcrs is a map", "pcrs", [][]byte{pcr}, "pcrs"},
		{"pcrs has one at least", "pcrs", map[int]any{}, "pcrs"},
		{"pcrs has 32 at most", "pcrs", many, "payload"},
		{"an index is below 32", "pcrs", map[int]any{32: pcr}, "pcrs"},
		{"an index is not negative", "pcrs", map[int]any{-1: pcr}, "pcrs"},
		{"an index is an integer", "pcrs", map[string]any{"0": pcr}, "pcrs"},
		{"a PCR is bytes", "pcrs", map[int]any{0: strings.Repeat("a", 48)}, "pcrs"},
		{"a PCR is not null", "pcrs", map[int]any{0: nil}, "pcrs"},
		{"a PCR has 32 bytes", "pcrs", map[int]any{0: long(32)}, ""},
		{"a PCR has 64 bytes", "pcrs", map[int]any{0: long(64)}, ""},
		{"a PCR has not 47 bytes", "pcrs", map[int]any{0: long(47)}, "pcrs"},
		{"pcrs has one of both kinds", "nitrotpm_pcrs", map[int]any{0: pcr}, "nitrotpm_pcrs"},
		{"pcrs is there", "pcrs", nil, "neither pcrs nor"},
		{"certificate is bytes", "certificate", "x", "certificate"},
		{"certificate is not null", "certificate", nil, "certificate"},
		{"certificate has a byte", "certificate", long(0), "certificate"},
		{"certificate has 1024 bytes at most", "certificate", long(1025), "certificate"},
		{"certificate is one", "certificate", long(1024), "certificate 2 of its chain"},
		{"cabundle is an array", "cabundle", h.root.Raw, "cabundle"},
		{"cabundle has one at least", "cabundle", [][]byte{}, "cabundle"},
		{"cabundle has certificates of a byte at least", "cabundle", [][]byte{h.root.Raw, {}}, "cabundle"},
		{"cabundle has certificates of 1024 bytes at most", "cabundle", [][]byte{long(1025)}, "cabundle"},
		{"cabundle has bytes", "cabundle", []any{"x"}, "cabundle"},
		{"cabundle is bounded", "cabundle", slices.Repeat([][]byte{{1}}, 17), "payload"},
		{"public_key is bytes", "public_key", "x", "public_key"},
		{"public_key has a byte", "public_key", long(0), "public_key"},
		{"public_key has 1024 bytes", "public_key", long(1024), ""},
		{"public_key has 1024 bytes at most", "public_key", long(1025), "public_key"},
		{"user_data has 512 bytes", "user_data", long(512), ""},
		{"user_data has 512 bytes at most", "user_data", long(513), "user_data"},
		{"user_data is bytes", "user_data", 1, "user_data"},
		{"nonce has 512 bytes at most", "nonce", long(513), "nonce"},
		{"nonce may be null", "nonce", nil, ""},
		{"no other field", "x", 1, "a field that no attestation document has"},
		{"no field in other case", "PCRS", 1, "a field that no attestation document has"},
		{"nothing is nested", "x", []any{[]any{[]any{[]any{1}}}}, "payload"},
		{"no tags", "timestamp", cbor.Tag{Number: 1, Content: 1}, "payload"},
		{"16384 bytes at most", "x", long(16384), "payload"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fields := h.fields()
			fields[tt.field] = tt.value
			check(t, h, h.sign(t, encode(t, fields)), now, tt.want)
		})
	}
	for _, field := range slices.Sorted(maps.Keys(h.fields())) {
		fields := h.fields()
		delete(fields, field)
		want := map[bool]string{true: "", false: field}[slices.Contains([]string{"public_key", "user_data", "nonce"}, field)]
		t.Run("without "+field, func(t *testing.T) { check(t, h, h.sign(t, encode(t, fields)), now, want) })
	}
}

func check(t *testing.T, h *hypervisor, signed []byte, at time.Time, want string) {
	t.Helper()
	_, err := read(signed, h.root.Certificate, at)
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// What is not a document, or not one that was signed.
func TestMessage(t *testing.T) {
	h := newHypervisor(t)
	payload := encode(t, h.fields())
	good := h.sign(t, payload)
	es384, signature := []byte{0xa1, 0x01, 0x38, 0x22}, good[len(good)-96:]
	message := func(parts ...any) []byte { return encode(t, parts) }
	tampered := slices.Clone(good)
	tampered[len(tampered)-1] ^= 1
	duplicate := append([]byte{payload[0] + 1}, payload[1:]...)
	duplicate = append(duplicate, encode(t, "digest")...)
	duplicate = append(duplicate, encode(t, "SHA384")...)
	twoPCRs := h.fields()
	twoPCRs["pcrs"] = cbor.RawMessage(slices.Concat([]byte{0xa2, 0x00, 0x58, 48}, make([]byte, 48), []byte{0x18, 0x00, 0x58, 48}, make([]byte, 48)))
	for _, tt := range []struct {
		name   string
		signed []byte
		want   string
	}{
		{"empty", nil, "no COSE_Sign1"},
		{"a tag alone", []byte{0xd2}, "no COSE_Sign1"},
		{"text", []byte("attestation"), "no COSE_Sign1"},
		{"base64", []byte(base64.StdEncoding.EncodeToString(good)), "in base64"},
		{"another tag: COSE_Sign", append([]byte{0xd8, 98}, good...), "no COSE_Sign1"},
		{"tagged twice", append([]byte{0xd2, 0xd2}, good...), "no COSE_Sign1"},
		{"more after it", append(slices.Clone(good), 0), "no COSE_Sign1"},
		{"cut", good[:len(good)-1], "no COSE_Sign1"},
		{"a length that is not there", []byte{0x84, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "no COSE_Sign1"},
		{"an array without end", bytes.Repeat([]byte{0x9f}, 1<<18), "no COSE_Sign1"},
		{"nested arrays", bytes.Repeat([]byte{0x81}, 1<<18), "no COSE_Sign1"},
		{"a map", encode(t, map[int]int{1: 2}), "no COSE_Sign1"},
		{"three parts", message(es384, map[int]int{}, payload), "four parts"},
		{"ES256", message([]byte{0xa1, 0x01, 0x26}, map[int]int{}, payload, signature), "ES384"},
		{"no algorithm", message([]byte{}, map[int]int{}, payload, signature), "ES384"},
		{"an algorithm that is not signed", message([]byte{}, map[int]int{1: -35}, payload, signature), "ES384"},
		{"something unprotected", message(es384, map[int]int{4: 1}, payload, signature), "unprotected"},
		{"nothing unprotected", message(es384, nil, payload, signature), "unprotected"},
		{"no payload", message(es384, map[int]int{}, nil, signature), "payload"},
		{"a payload that is no map", h.sign(t, encode(t, []int{1})), "payload"},
		{"a payload that is null", h.sign(t, []byte{0xf6}), "module_id"},
		{"a signature of another curve", message(es384, map[int]int{}, payload, signature[:64]), "96 bytes"},
		{"a signature of zeros", message(es384, map[int]int{}, payload, make([]byte, 96)), "signature is wrong"},
		{"a signature that was changed", tampered, "signature is wrong"},
		{"another payload", message(es384, map[int]int{}, bytes.Replace(payload, []byte("i-1"), []byte("i-2"), 1), signature), "signature is wrong"},
		{"a field twice", h.sign(t, duplicate), "payload"},
		{"a PCR twice", h.sign(t, encode(t, twoPCRs)), "payload"},
		{"a name that is no UTF-8", h.sign(t, bytes.Replace(payload, []byte("i-1"), []byte("i-\xff"), 1)), "payload"},
	} {
		t.Run(tt.name, func(t *testing.T) { check(t, h, tt.signed, now, tt.want) })
	}
}

func TestChain(t *testing.T) {
	h := newHypervisor(t)
	p384 := elliptic.P384()
	expires := func(c *x509.Certificate) { c.NotAfter = now.Add(30 * time.Minute) }
	noPath := func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }
	with := func(root, middle, signer *link) *hypervisor { return &hypervisor{root, middle, signer} }
	short := issue(t, nil, "root", p384, noPath)
	shortMiddle := issue(t, short, "middle", p384, nil)
	passing := issue(t, h.root, "middle", p384, expires)
	powerless := issue(t, h.root, "middle", p384, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
	plain := issue(t, h.root, "middle", p384, signer)
	forged := newHypervisor(t)
	for _, tt := range []struct {
		name   string
		made   *hypervisor
		bundle [][]byte // nil: that of made
		at     time.Time
		want   string
	}{
		{"3.2.3.1 valid: the last second", h, nil, now.Add(time.Hour), ""},
		{"3.2.3.1 expired", h, nil, now.Add(time.Hour + time.Second), "expired"},
		{"3.2.3.1 not yet valid", h, nil, now.Add(-time.Hour - time.Second), "not yet valid"},
		{"3.2.3.1 an authority that has expired", with(h.root, passing, issue(t, passing, "signer", p384, signer)), nil, now.Add(31 * time.Minute), "expired"},
		{"3.2.3.2 a path that is too long", with(short, shortMiddle, issue(t, shortMiddle, "signer", p384, signer)), nil, now, "too many intermediates"},
		{"3.2.3.2 a signer with a path", with(h.root, h.middle, issue(t, h.middle, "signer", p384, nil)), nil, now, "not for signatures only"},
		{"3.2.3.3 an authority that may sign no certificates", with(h.root, powerless, issue(t, powerless, "signer", p384, signer)), nil, now, "for no authority"},
		{"3.2.3.3 an authority that is none", with(h.root, plain, issue(t, plain, "signer", p384, signer)), nil, now, "for no authority"},
		{"3.2.3.3 a signer that may not sign", with(h.root, h.middle, issue(t, h.middle, "signer", p384, func(c *x509.Certificate) { signer(c); c.KeyUsage = x509.KeyUsageKeyEncipherment })), nil, now, "not for signatures only"},
		{"3.2.3 the other way round", h, [][]byte{h.middle.Raw, h.root.Raw}, now, "not issued by the one before"},
		{"3.2.3 without what is between", h, [][]byte{h.root.Raw}, now, "not issued by the one before"},
		{"3.2.3 without the root", h, [][]byte{h.middle.Raw}, now, "not trusted"},
		{"3.2.3 twice the same", h, [][]byte{h.root.Raw, h.root.Raw, h.middle.Raw}, now, "name of another"},
		{"3.2.4 a chain of one's own, with the same names", forged, nil, now, "not trusted"},
		{"3.2.4 the root, and a chain of one's own", forged, [][]byte{h.root.Raw, forged.middle.Raw}, now, "unknown authority"},
		{"3.2.4 the authorities, and a signer of one's own", forged, [][]byte{h.root.Raw, h.middle.Raw}, now, "unknown authority"},
		{"right under the root", with(h.root, nil, issue(t, h.root, "signer", p384, signer)), [][]byte{h.root.Raw}, now, ""},
		{"a name twice", with(h.root, h.middle, issue(t, h.middle, "middle", p384, signer)), nil, now, "name of another"},
		{"no certificate", h, [][]byte{h.root.Raw, h.middle.Raw[1:]}, now, "certificate 1"},
		{"a curve that is not of the algorithm", with(h.root, h.middle, issue(t, h.middle, "signer", elliptic.P256(), signer)), nil, now, "P-384"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fields := h.fields()
			fields["certificate"], fields["cabundle"] = tt.made.signer.Raw, tt.bundle
			if tt.bundle == nil {
				fields["cabundle"] = [][]byte{tt.made.root.Raw, tt.made.middle.Raw}
			}
			trusted := h
			if tt.made.root == short {
				trusted = tt.made
			}
			if key := tt.made.signer.key; key.Curve != p384 {
				tt.made = with(nil, nil, h.signer) // whose signature it is, is not looked at
			}
			check(t, trusted, tt.made.sign(t, encode(t, fields)), tt.at, tt.want)
		})
	}
	if _, err := read(h.sign(t, encode(t, h.fields())), forged.root.Certificate, now); err == nil {
		t.Error("another root is trusted")
	}
	d, _ := attestation.Parse(h.sign(t, encode(t, h.fields())))
	if err := d.Verify(nil, now); err == nil {
		t.Error("without a root")
	}
}

func TestRecipient(t *testing.T) {
	h := newHypervisor(t)
	spki := func(key any) []byte {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	short, _ := rsa.GenerateKey(rand.Reader, 1024)
	good, _ := rsa.GenerateKey(rand.Reader, 2048)
	for _, tt := range []struct {
		name string
		key  any
		want string
	}{
		{"RSA", spki(good.Public()), ""},
		{"none", nil, "no public key"},
		{"of another kind", spki(h.signer.key.Public()), "no RSA key"},
		{"too short", spki(short.Public()), "no RSA key"},
		{"not in DER", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(good.Public())}), "no RSA key"},
		{"PKCS #1", x509.MarshalPKCS1PublicKey(&good.PublicKey), "no RSA key"},
	} {
		fields := h.fields()
		fields["public_key"] = tt.key
		d, err := attestation.Parse(h.sign(t, encode(t, fields)))
		if err != nil {
			t.Fatal(err)
		}
		key, err := d.Recipient()
		if tt.want == "" && (err != nil || !key.Equal(good.Public())) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// The envelope is that of KMS: what it has in the answer that the Nitro Enclaves SDK for C is tested with, it has here.
//
// https://github.com/aws/aws-nitro-enclaves-sdk-c/blob/main/tests/cms_test.c
func TestEnvelopeShape(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := attestation.Envelope(&key.PublicKey, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, part := range []struct {
		fixed string // and what follows it that is new each time, in bytes
		open  int
	}{
		{"308006092a864886f70d010703a0803080020102" + "3182016b308201670201028020", 32},
		{"303c06092a864886f70d010107302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500" + "04820100", 256},
		{"308006092a864886f70d010701301d060960864801650304012a0410", 16},
		{"a0800430", 48},
		{"00000000000000000000", 0},
	} {
		if got := hex.EncodeToString(envelope[at:min(at+len(part.fixed)/2, len(envelope))]); got != part.fixed {
			t.Fatalf("at %d: %s, want %s", at, got, part.fixed)
		}
		at += len(part.fixed)/2 + part.open
	}
	if at != len(envelope) {
		t.Errorf("%d bytes, want %d", len(envelope), at)
	}
}

// Envelopes are opened here, and by OpenSSL where there is one, of whatever length.
func TestEnvelope(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, missing := exec.LookPath("openssl")
	for _, size := range []int{0, 1, 15, 16, 17, 1218, 4096} {
		plaintext := make([]byte, size)
		rand.Read(plaintext)
		envelope, err := attestation.Envelope(&key.PublicKey, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := attestationtest.Open(key, envelope); err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: %v, %d bytes", size, err, len(got))
		}
		if missing != nil {
			continue
		}
		cmd := exec.Command("openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", keyFile)
		cmd.Stdin = bytes.NewReader(envelope)
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("OpenSSL, %d bytes: %v, %d bytes", size, err, len(got))
		}
	}
}

// FuzzParse: what is read has what AWS's rules want, and nothing is true that was not signed.
func FuzzParse(f *testing.F) {
	h := newHypervisor(f)
	payload := encode(f, h.fields())
	f.Add(h.sign(f, payload))
	f.Add(append([]byte{0xd2}, h.sign(f, payload)...))
	f.Add(h.sign(f, append(append([]byte{0xbf}, payload[1:]...), 0xff)))
	fields := h.fields()
	fields["nitrotpm_pcrs"] = fields["pcrs"]
	delete(fields, "pcrs")
	f.Add(h.sign(f, encode(f, fields)))
	f.Fuzz(func(t *testing.T, signed []byte) {
		d, err := attestation.Parse(signed)
		if err != nil {
			return
		}
		if d.ModuleID == "" || d.Timestamp == 0 || len(d.PCRs) == 0 || len(d.PCRs) > attestation.MaxPCR+1 || len(d.PublicKey) > 1024 || len(d.UserData) > 1024 || len(d.Nonce) > 1024 {
			t.Errorf("%+v", d)
		}
		d.Recipient()
		if d.Verify([]*x509.Certificate{h.root.Certificate}, now) == nil {
			again, err := attestation.Parse(h.sign(t, payload))
			if err != nil || !bytes.Equal(again.Nonce, d.Nonce) && !d.NitroTPM {
				t.Errorf("verified: %x", signed)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	h := newHypervisor(b)
	signed, roots := h.sign(b, encode(b, h.fields())), []*x509.Certificate{h.root.Certificate}
	b.Run("Parse", func(b *testing.B) {
		for b.Loop() {
			attestation.Parse(signed)
		}
	})
	b.Run("Verify", func(b *testing.B) {
		for b.Loop() {
			d, _ := attestation.Parse(signed)
			if err := d.Verify(roots, now); err != nil {
				b.Fatal(err)
			}
		}
	})
}
