package keystore

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha3"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/emmansun/gmsm/sm2"

	"emulator/wycheproof"
)

// acvp is a file of NIST's ACVP vectors for making keys, or for verifying.
type acvp struct {
	TestGroups []struct {
		ParameterSet string
		PK           wycheproof.Hex
		Tests        []struct {
			TcID               int
			Seed, D, Z, PK, EK wycheproof.Hex
			Message, Signature wycheproof.Hex
			TestPassed         bool
		}
	}
}

// readACVP reads a file that the module of circl has.
func readACVP(t *testing.T, path string) (v acvp) {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cloudflare/circl").Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(unzipped).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A seed, through PKCS #8 as it is kept, gives the public key that NIST says, through X.509 as it is given.
func TestACVPKeys(t *testing.T) {
	parameters := map[string]mldsa.Parameters{"ML-DSA-44": mldsa.MLDSA44(), "ML-DSA-65": mldsa.MLDSA65(), "ML-DSA-87": mldsa.MLDSA87()}
	kems := map[string]func([]byte) (decapsulator, error){"ML-KEM-512": newMLKEM512, "ML-KEM-768": newMLKEM768, "ML-KEM-1024": newMLKEM1024}
	for _, dir := range []string{"sign/mldsa/testdata/ML-DSA-keyGen-FIPS204", "kem/mlkem/testdata/ML-KEM-keyGen-FIPS203"} {
		prompt, expected := readACVP(t, dir+"/prompt.json.gz"), readACVP(t, dir+"/expectedResults.json.gz")
		tried := 0
		for i, group := range prompt.TestGroups {
			for j, test := range group.Tests {
				var key any
				var err error
				if p, ok := parameters[group.ParameterSet]; ok {
					key, err = mldsa.NewPrivateKey(p, test.Seed)
				} else {
					key, err = kems[group.ParameterSet](append(test.D, test.Z...))
				}
				if err != nil {
					t.Fatal(err)
				}
				material, err := marshalPrivate(key)
				if err != nil {
					t.Fatal(err)
				}
				public, err := PublicKey(material)
				if err != nil {
					t.Fatal(err)
				}
				want := expected.TestGroups[i].Tests[j]
				if encoded := append(want.PK, want.EK...); want.TcID != test.TcID || len(encoded) == 0 || !bytes.HasSuffix(public, encoded) {
					t.Errorf("%s %d: another public key", group.ParameterSet, test.TcID)
				}
				tried++
			}
		}
		if tried == 0 {
			t.Errorf("%s has no vectors", dir)
		}
	}
}

// A ciphertext that the key did not make holds the secret that FIPS 203 says (algorithm 18): SHAKE256 of the second half of the seed
// and the ciphertext.
func TestImplicitRejection(t *testing.T) {
	for size, from := range map[int]func([]byte) (decapsulator, error){768: newMLKEM512, 1088: newMLKEM768, 1568: newMLKEM1024} {
		seed, ciphertext := make([]byte, 64), make([]byte, size)
		rand.Read(seed)
		rand.Read(ciphertext)
		key, err := from(seed)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := key.Decapsulate(ciphertext)
		if want := sha3.SumSHAKE256(append(seed[32:], ciphertext...), 32); err != nil || !bytes.Equal(secret, want) {
			t.Errorf("%d bytes: %x, %v, want %x", size, secret, err, want)
		}
	}
}

// The example of GB/T 32918.5-2017, annex A.2.
func TestSM2Vector(t *testing.T) {
	d, _ := hex.DecodeString("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
	r, _ := new(big.Int).SetString("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3", 16)
	s, _ := new(big.Int).SetString("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa", 16)
	private, err := sm2.NewPrivateKey(d)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	for message, want := range map[string]bool{"message digest": true, "message Digest": false} {
		ok, err := verify(&private.PublicKey, types.SigningAlgorithmSpecSm2dsa, types.MessageTypeRaw, []byte(message), signature)
		if err != nil || ok != want {
			t.Errorf("%s: %v, %v", message, ok, err)
		}
	}
}

// Keys of every spec are the same after they were kept, and secrets do not pass for pairs.
func TestMaterial(t *testing.T) {
	secrets := map[types.KeySpec]int{
		types.KeySpecSymmetricDefault: sm4KeySize, types.KeySpecHmac224: 28, types.KeySpecHmac256: 32, types.KeySpecHmac384: 48, types.KeySpecHmac512: 64,
	}
	for spec := range generators {
		material, err := Generate(spec, China)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parsePair(material)
		if size := secrets[spec]; size > 0 {
			if err == nil || len(material) != size {
				t.Errorf("%s: %d bytes, %v", spec, len(material), err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		again, err := marshalPrivate(p.private)
		if err != nil || !bytes.Equal(again, material) {
			t.Errorf("%s: %x, %v, was %x", spec, again, err, material)
		}
		public, err := marshalPublic(p.public)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := p.private.(decapsulator); ok {
			continue
		}
		parsed, err := parsePublic(public)
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		if same, err := marshalPublic(parsed); err != nil || !bytes.Equal(same, public) {
			t.Errorf("%s: %x, %v, was %x", spec, same, err, public)
		}
	}
	if elsewhere, err := Generate(types.KeySpecSymmetricDefault, "aws"); err != nil || len(elsewhere) != 32 {
		t.Errorf("%d bytes, %v", len(elsewhere), err)
	}
}

// FuzzParsePublic feeds what DeriveSharedSecret takes from anybody.
func FuzzParsePublic(f *testing.F) {
	for _, spec := range []types.KeySpec{types.KeySpecEccNistP256, types.KeySpecEccSecgP256k1, types.KeySpecSm2, types.KeySpecMlKem512} {
		material, err := Generate(spec, China)
		if err != nil {
			f.Fatal(err)
		}
		public, err := PublicKey(material)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(public)
	}
	var privates []any
	for _, spec := range []types.KeySpec{types.KeySpecEccNistP256, types.KeySpecSm2} {
		private, err := generators[spec]()
		if err != nil {
			f.Fatal(err)
		}
		privates = append(privates, private)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, private := range privates {
			if secret, err := deriveSharedSecret(private, der); err == nil && len(secret) != 32 {
				t.Errorf("%x gives %x", der, secret)
			}
		}
	})
}
