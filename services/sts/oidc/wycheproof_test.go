package oidc

import (
	"encoding/json"
	"strings"
	"testing"

	"emulator/wycheproof"
)

// keySet returns the keys of a group as an issuer would publish them.
func keySet(t *testing.T, keys ...json.RawMessage) []key {
	t.Helper()
	for _, k := range keys {
		if k == nil {
			continue
		}
		set := `{"keys":[` + string(k) + `]}`
		if strings.Contains(string(k), `"keys"`) {
			set = string(k)
		}
		parsed, err := parseKeys([]byte(set))
		if err != nil {
			t.Logf("key set: %v", err)
		}
		return parsed
	}
	t.Fatal("a group without a key")
	return nil
}

// verifies takes a signed text as Verifier does a token, but that its payload need not be claims.
func verifies(raw string, keys []key) bool {
	parts := strings.Split(raw, ".")
	if len(parts) == 3 {
		if _, err := strict.DecodeSegment(parts[1]); err != nil {
			return false
		}
		raw = parts[0] + ".e30." + parts[2]
	}
	token, err := parse(raw)
	if err != nil {
		return false
	}
	token.signed = parts[0] + "." + parts[1]
	return token.verify(keys) == nil
}

func TestWycheproofTokens(t *testing.T) {
	for _, file := range []string{"json_web_signature", "json_web_key"} {
		wycheproof.Run(t, file, func(g *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
			// Symmetric keys are not accepted; of two tokens of RFC 7520 the file's keys are for other algorithms.
			symmetric := strings.Contains(strings.ReplaceAll(string(g.Private), " ", ""), `"kty":"oct"`)
			mistaken := strings.HasPrefix(g.Comment, "rfc7520") && (v.Comment == "Figure20" || v.Comment == "Figure27")
			return false, symmetric || mistaken
		}, func(g *wycheproof.Group, v *wycheproof.Vector) bool {
			var raw string
			if json.Unmarshal(v.JWS, &raw) != nil {
				raw = string(v.JWS)
			}
			return verifies(raw, keySet(t, g.Public, g.Private))
		})
	}
}

// TestWycheproofSignatures has signatures of anything.
func TestWycheproofSignatures(t *testing.T) {
	for file, algorithm := range map[string]string{
		"ecdsa_secp256r1_sha256_p1363": "ES256", "ecdsa_secp384r1_sha384_p1363": "ES384", "ecdsa_secp521r1_sha512_p1363": "ES512",
		"ecdsa_secp256r1_webcrypto": "ES256", "ecdsa_secp384r1_webcrypto": "ES384", "ecdsa_secp521r1_webcrypto": "ES512",
		"rsa_signature_2048_sha256": "RS256", "rsa_signature_3072_sha256": "RS256", "rsa_signature_4096_sha256": "RS256", "rsa_signature_8192_sha256": "RS256",
		"rsa_signature_2048_sha384": "RS384", "rsa_signature_3072_sha384": "RS384", "rsa_signature_4096_sha384": "RS384", "rsa_signature_8192_sha384": "RS384",
		"rsa_signature_2048_sha512": "RS512", "rsa_signature_3072_sha512": "RS512", "rsa_signature_4096_sha512": "RS512", "rsa_signature_8192_sha512": "RS512",
		"rsa_pss_2048_sha256_mgf1_32": "PS256", "rsa_pss_3072_sha256_mgf1_32": "PS256", "rsa_pss_4096_sha256_mgf1_32": "PS256",
		"rsa_pss_2048_sha384_mgf1_48": "PS384", "rsa_pss_4096_sha384_mgf1_48": "PS384", "rsa_pss_4096_sha512_mgf1_64": "PS512",
		"ed25519": "EdDSA",
	} {
		// Acceptable are signatures of RSA that lack NULL in their algorithm: RFC 8017 lets one refuse them.
		wycheproof.Run(t, file, func(_ *wycheproof.Group, v *wycheproof.Vector) (want, ok bool) {
			return false, v.Result == "acceptable"
		}, func(g *wycheproof.Group, v *wycheproof.Vector) bool {
			token := Token{method: algorithms[algorithm], signed: string(v.Message), signature: v.Signature}
			return token.verify(keySet(t, g.PublicKeyJWK, g.KeyJWK)) == nil
		})
	}
}
