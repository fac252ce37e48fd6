package keystore

import (
	"bytes"
	"compress/bzip2"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha3"
	"encoding/asn1"
	"encoding/hex"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// answers yields the cases of a file in the form of NIST's, in which an empty line ends each. What stands in brackets before cases is their "[]".
func answers(t *testing.T, r io.Reader) func(yield func(map[string]string) bool) {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(map[string]string) bool) {
		heading := ""
		for block := range strings.SplitSeq(strings.ReplaceAll(string(text), "\r", ""), "\n\n") {
			values := make(map[string]string)
			for line := range strings.Lines(block) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
				if strings.HasPrefix(name, "[") {
					heading = name
				} else if name = strings.TrimSuffix(name, " ="); name != "" && !strings.HasPrefix(name, "#") {
					values[name] = value
				}
			}
			values["[]"] = heading
			if len(values) > 1 && !yield(values) {
				return
			}
		}
	}
}

func opened(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// NIST's CAVP vectors for AES-256-GCM.
func TestNISTGCM(t *testing.T) {
	tried := 0
	for v := range answers(t, opened(t, "testdata/gcmDecrypt256.rsp")) {
		aead, err := gcm(unhex(t, v["Key"]))
		if err != nil {
			t.Fatal(err)
		}
		plaintext, err := aead.Open(nil, unhex(t, v["IV"]), append(unhex(t, v["CT"]), unhex(t, v["Tag"])...), unhex(t, v["AAD"]))
		if _, fails := v["FAIL"]; fails != (err != nil) || !fails && !bytes.Equal(plaintext, unhex(t, v["PT"])) {
			t.Errorf("%v: %x, %v", v, plaintext, err)
		}
		tried++
	}
	if tried != 100 {
		t.Errorf("%d vectors", tried)
	}
}

// NIST's examples of HMAC with keys of KMS's sizes
// (https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values).
func TestNISTHMAC(t *testing.T) {
	for algorithm, of := range map[types.MacAlgorithmSpec]struct {
		key int
		mac string
	}{
		types.MacAlgorithmSpecHmacSha224: {28, "e3d249a8cfb67ef8b7a169e9a0a599714a2cecba65999a51beb8fbbe"},
		types.MacAlgorithmSpecHmacSha256: {32, "a28cf43130ee696a98f14a37678b56bcfcbdd9e5cf69717fecf5480f0ebdf790"},
		types.MacAlgorithmSpecHmacSha384: {48, "6eb242bdbb582ca17bebfa481b1e23211464d2b7f8c20b9ff2201637b93646af5ae9ac316e98db45d9cae773675eeed0"},
		types.MacAlgorithmSpecHmacSha512: {64, "fd44c18bda0bb0a6ce0e82b031bf2818f6539bd56ec00bdc10a8a2d730b3634de2545d639b0f2cf710d0692c72a1896f1f211c2b922d1a96c392e07e7ea9fedc"},
	} {
		key := make([]byte, of.key)
		for i := range key {
			key[i] = byte(i)
		}
		if got := hex.EncodeToString(mac(key, algorithm, []byte("Sample message for keylen<blocklen"))); got != of.mac {
			t.Errorf("%s: %s", algorithm, got)
		}
	}
}

// NIST's CAVP vectors for verifying ECDSA, which come with Go.
func TestNISTECDSA(t *testing.T) {
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	curves := map[string]elliptic.Curve{"[P-256,SHA-256]": elliptic.P256(), "[P-384,SHA-384]": elliptic.P384(), "[P-521,SHA-512]": elliptic.P521()}
	tried := 0
	for v := range answers(t, bzip2.NewReader(opened(t, filepath.Join(strings.TrimSpace(string(root)), "src/crypto/ecdsa/testdata/SigVer.rsp.bz2")))) {
		curve := curves[v["[]"]]
		if curve == nil || v["Msg"] == "" {
			continue
		}
		number := func(name string) *big.Int {
			return new(big.Int).SetBytes(unhex(t, strings.Repeat("0", len(v[name])%2)+v[name]))
		}
		signature, err := asn1.Marshal(struct{ R, S *big.Int }{number("R"), number("S")})
		if err != nil {
			t.Fatal(err)
		}
		public := &ecdsa.PublicKey{Curve: curve, X: number("Qx"), Y: number("Qy")}
		algorithm := types.SigningAlgorithmSpec("ECDSA_SHA_" + v["[]"][len("[P-256,SHA-"):len(v["[]"])-1])
		ok, err := verify(public, algorithm, types.MessageTypeRaw, unhex(t, v["Msg"]), signature)
		if want := strings.HasPrefix(v["Result"], "P"); err != nil || ok != want {
			t.Errorf("%v: %v, %v", v, ok, err)
		}
		tried++
	}
	if tried != 45 {
		t.Errorf("%d vectors", tried)
	}
}

// NIST's ACVP vectors for verifying ML-DSA. Their messages are the ones inside (FIPS 204, algorithm 8), which are hashed to µ with the public key.
func TestACVPSignatures(t *testing.T) {
	const dir = "sign/mldsa/testdata/ML-DSA-sigVer-FIPS204"
	parameters := map[string]mldsa.Parameters{"ML-DSA-44": mldsa.MLDSA44(), "ML-DSA-65": mldsa.MLDSA65(), "ML-DSA-87": mldsa.MLDSA87()}
	prompt, expected := readACVP(t, dir+"/prompt.json.gz"), readACVP(t, dir+"/expectedResults.json.gz")
	passed, tried := 0, 0
	for i, group := range prompt.TestGroups {
		public, err := mldsa.NewPublicKey(parameters[group.ParameterSet], group.PK)
		if err != nil {
			t.Fatal(err)
		}
		for j, test := range group.Tests {
			mu := sha3.SumSHAKE256(append(sha3.SumSHAKE256(group.PK, 64), test.Message...), 64)
			ok, err := verify(public, types.SigningAlgorithmSpecMlDsaShake256, types.MessageTypeExternalMu, mu, test.Signature)
			if want := expected.TestGroups[i].Tests[j]; err != nil || ok != want.TestPassed || want.TcID != test.TcID {
				t.Errorf("%s %d: %v, %v", group.ParameterSet, test.TcID, ok, err)
			}
			if tried++; ok {
				passed++
			}
		}
	}
	if passed == 0 || passed == tried {
		t.Errorf("%d of %d verify", passed, tried)
	}
}

// Known answers for ML-KEM, from the seed: of ciphertexts that are the key's, and of some that are not.
func TestMLKEMAnswers(t *testing.T) {
	from := map[string]func([]byte) (decapsulator, error){"ML-KEM-512": newMLKEM512, "ML-KEM-768": newMLKEM768, "ML-KEM-1024": newMLKEM1024}
	tried := 0
	for v := range answers(t, opened(t, "testdata/kat_MLKEM.rsp")) {
		key, err := from[v["set"]](append(unhex(t, v["d"]), unhex(t, v["z"])...))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(key.Encapsulator().Bytes(), unhex(t, v["pk"])) {
			t.Errorf("%s: another public key", v["set"])
		}
		for ciphertext, secret := range map[string]string{"ct": "ss", "ct_n": "ss_n"} {
			if got, err := key.Decapsulate(unhex(t, v[ciphertext])); err != nil || !bytes.Equal(got, unhex(t, v[secret])) {
				t.Errorf("%s %s: %x, %v", v["set"], ciphertext, got, err)
			}
		}
		tried++
	}
	if tried != 6 {
		t.Errorf("%d vectors", tried)
	}
}

// RFC 8032, section 7.3: Ed25519ph of "abc". KMS hashes what it is given as a digest as well.
func TestEd25519ph(t *testing.T) {
	private := ed25519.NewKeyFromSeed(unhex(t, "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42"))
	want := unhex(t, "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406")
	message := []byte("abc")
	p, err := newPair(private)
	if err != nil {
		t.Fatal(err)
	}
	const algorithm = types.SigningAlgorithmSpecEd25519PhSha512
	signature, err := sign(p, algorithm, types.MessageTypeDigest, message)
	if err != nil || !bytes.Equal(signature, want) {
		t.Errorf("%x, %v", signature, err)
	}
	if ok, err := verify(p.public, algorithm, types.MessageTypeDigest, message, want); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
}
