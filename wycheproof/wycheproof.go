// Package wycheproof runs the test vectors of Project Wycheproof, for tests: what attacks on cryptography
// there are, and whether one falls for them.
//
// The vectors are a Go module without packages, which nothing can import. Tests fetch it through Go's module
// proxy, or from its cache, and check its hash.
//
// https://github.com/C2SP/wycheproof
package wycheproof

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

const (
	module = "github.com/C2SP/wycheproof@v0.0.0-20250901140545-b51abcfb8daf"
	sum    = "h1:5BKKVVVj676FUWirLcouEEL6GCYR9X0opkMlEUck8FY=" // as go.sum would have it
)

// Hex is bytes that are written in hexadecimal.
type Hex []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// Group is vectors with a key in common. Which members it has depends on the file.
type Group struct {
	Type    string `json:"type"`
	Comment string `json:"comment"`
	SHA     string `json:"sha"`
	MGFSHA  string `json:"mgfSha"`
	// SaltLength in bytes, of PSS; TagSize in bits, of a MAC.
	SaltLength int `json:"sLen"`
	TagSize    int `json:"tagSize"`
	// PublicKey is an object, or of ML-DSA a string in hexadecimal.
	PublicKey       json.RawMessage `json:"publicKey"`
	PublicKeyDER    Hex             `json:"publicKeyDer"`
	PrivateKeyPKCS8 Hex             `json:"privateKeyPkcs8"`
	PrivateSeed     Hex             `json:"privateSeed"`
	// ParameterSet and Curve are the names that the standards have.
	ParameterSet string `json:"parameterSet"`
	Curve        string `json:"curve"`
	// PublicKeyJWK and KeyJWK are the same member, by file; Public and Private are keys or sets of them.
	PublicKeyJWK json.RawMessage `json:"publicKeyJwk"`
	KeyJWK       json.RawMessage `json:"keyJwk"`
	Public       json.RawMessage `json:"public"`
	Private      json.RawMessage `json:"private"`
	Tests        []*Vector       `json:"tests"`
}

// Vector is one test.
type Vector struct {
	ID      int      `json:"tcId"`
	Comment string   `json:"comment"`
	Flags   []string `json:"flags"`
	// Result is valid, invalid or acceptable.
	Result     string `json:"result"`
	Message    Hex    `json:"msg"`
	Signature  Hex    `json:"sig"`
	Ciphertext Hex    `json:"ct"`
	Label      Hex    `json:"label"`
	Key        Hex    `json:"key"`
	IV         Hex    `json:"iv"`
	AAD        Hex    `json:"aad"`
	Tag        Hex    `json:"tag"`
	// Context of a signature of ML-DSA.
	Context Hex `json:"ctx"`
	// Public, Private and Shared are what two agree on a key with.
	Public  Hex `json:"public"`
	Private Hex `json:"private"`
	Shared  Hex `json:"shared"`
	// Seed, EncapsulationKey, Encapsulated and Secret are of ML-KEM.
	Seed             Hex `json:"seed"`
	EncapsulationKey Hex `json:"ek"`
	Encapsulated     Hex `json:"c"`
	Secret           Hex `json:"K"`
	// JWS is a string, or an object where the flag JsonSerialization is set.
	JWS json.RawMessage `json:"jws"`
}

var directory = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = os.TempDir() // no module's: its go.sum is not to know of this
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &got); jsonErr != nil || got.Error != "" || err != nil {
		return "", fmt.Errorf("go mod download %s: %w: %s", module, err, got.Error)
	}
	if got.Sum != sum {
		return "", fmt.Errorf("%s has the hash %s, want %s", module, got.Sum, sum)
	}
	return filepath.Join(got.Dir, "testvectors_v1"), nil
})

// Run calls accepts with each vector of a file. It must accept those that are valid and refuse those that are not. decided
// answers for the acceptable ones, and stands before the file's word if its second result is set; nil decides nothing.
func Run(t *testing.T, file string, decided func(*Group, *Vector) (want, ok bool), accepts func(*Group, *Vector) bool) {
	t.Helper()
	dir, err := directory()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, file+"_test.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Groups []*Group `json:"testGroups"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	accepted, refused := 0, 0
	for _, g := range vectors.Groups {
		for _, v := range g.Tests {
			want, ok := v.Result == "valid", v.Result != "acceptable"
			if decided != nil {
				if w, d := decided(g, v); d {
					want, ok = w, true
				}
			}
			got := accepts(g, v)
			switch {
			case !ok:
				t.Errorf("%s %d: nobody decided on it: %s %v", file, v.ID, v.Comment, v.Flags)
			case got != want:
				t.Errorf("%s %d: accepted: %v, want %v (%s): %s %s %v", file, v.ID, got, want, v.Result, g.Comment, v.Comment, v.Flags)
			case got:
				accepted++
			default:
				refused++
			}
		}
	}
	if accepted+refused == 0 {
		t.Errorf("%s has no vectors", file)
	}
	t.Logf("%s: %d accepted, %d refused", file, accepted, refused)
}
