package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// proofSkew is how far the time in a proof may be from ours: as for a signature.
	proofSkew = 5 * time.Minute
	// maxProof and maxProofID bound what has to be read and remembered of a proof.
	maxProof   = 4096
	maxProofID = 256
	// maxProofs is how many proofs are remembered: a client needs one in 15 minutes.
	maxProofs = 10_000
)

var (
	errProofReplayed = errors.New("the DPoP proof was used before")
	errProofsFull    = errors.New("too many DPoP proofs at once")
)

// proofs remembers the DPoP proofs that were used, for as long as they could be used again. Its zero
// value is empty. It is safe for concurrent use.
type proofs struct {
	mu   sync.Mutex
	used map[[sha256.Size]byte]time.Time // until when a proof is good
}

// verifyProof checks the DPoP proof of a request, but for whether it was used before. now is real time, as the age of a
// signature is told by it.
//
// https://www.rfc-editor.org/rfc/rfc9449#section-4.3
func verifyProof(r *http.Request, now time.Time) (*proof, error) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 {
		return nil, errors.New("one DPoP header is required")
	}
	p, err := parseProof(headers[0])
	if err != nil {
		return nil, err
	}
	if p.method != r.Method {
		return nil, errors.New("the DPoP proof is for another method")
	}
	if !sameURL(p.url, r) {
		return nil, errors.New("the DPoP proof is for another URL")
	}
	if math.Abs(p.issued-float64(now.Unix())) > proofSkew.Seconds() {
		return nil, errors.New("the time of the DPoP proof is too far from now")
	}
	return p, nil
}

// take remembers a proof. It may be of a time ahead of now by proofSkew, and is good for as long after that. Anybody can make
// proofs: only those are remembered that come with a code or token that is good.
func (p *proofs) take(used *proof, now time.Time) error {
	id := sha256.Sum256([]byte(used.thumbprint + " " + used.id))
	p.mu.Lock()
	defer p.mu.Unlock()
	if until, ok := p.used[id]; ok && now.Before(until) {
		return errProofReplayed
	}
	if len(p.used) >= maxProofs {
		for id, until := range p.used {
			if !now.Before(until) {
				delete(p.used, id)
			}
		}
		if len(p.used) >= maxProofs {
			return errProofsFull
		}
	}
	if p.used == nil {
		p.used = make(map[[sha256.Size]byte]time.Time)
	}
	p.used[id] = now.Add(2*proofSkew + time.Second)
	return nil
}

// proof is what a DPoP proof says, its signature having been verified.
type proof struct {
	thumbprint      string // of its key: what tokens are bound to
	id, method, url string
	issued          float64
}

var proofParser = jwt.NewParser(jwt.WithValidMethods([]string{"ES256"}), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())

func parseProof(text string) (*proof, error) {
	if len(text) > maxProof {
		return nil, errors.New("the DPoP proof is too long")
	}
	var p proof
	claims := jwt.MapClaims{}
	_, err := proofParser.ParseWithClaims(text, claims, func(t *jwt.Token) (any, error) {
		if t.Header["typ"] != "dpop+jwt" {
			return nil, errors.New("typ is not dpop+jwt")
		}
		if _, ok := t.Header["crit"]; ok {
			return nil, errors.New("crit names what is not understood")
		}
		jwk, _ := t.Header["jwk"].(map[string]any)
		key, thumbprint, err := publicKey(jwk)
		p.thumbprint = thumbprint
		return key, err
	})
	if err != nil {
		return nil, fmt.Errorf("the DPoP proof is not valid: %w", err)
	}
	var ok [4]bool
	p.id, ok[0] = claims["jti"].(string)
	p.method, ok[1] = claims["htm"].(string)
	p.url, ok[2] = claims["htu"].(string)
	p.issued, ok[3] = claims["iat"].(float64)
	if ok != [4]bool{true, true, true, true} || p.id == "" || len(p.id) > maxProofID {
		return nil, errors.New("the DPoP proof lacks jti, htm, htu or iat")
	}
	return &p, nil
}

// publicKey returns a key on P-256 with its thumbprint (https://www.rfc-editor.org/rfc/rfc7638).
// The SDK for Go drops zeros at the head of a coordinate, against RFC 7518; the thumbprint is that of the full form.
func publicKey(jwk map[string]any) (*ecdsa.PublicKey, string, error) {
	if jwk["kty"] != "EC" || jwk["crv"] != "P-256" {
		return nil, "", errors.New("jwk is not a key on P-256")
	}
	if _, private := jwk["d"]; private {
		return nil, "", errors.New("jwk holds a private key")
	}
	point := make([]byte, 65)
	point[0] = 4 // uncompressed
	for i, name := range []string{"x", "y"} {
		text, _ := jwk[name].(string)
		coordinate, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || len(coordinate) == 0 || len(coordinate) > 32 {
			return nil, "", fmt.Errorf("%s of jwk is not a coordinate", name)
		}
		end := 33 + 32*i
		copy(point[end-len(coordinate):end], coordinate)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, "", fmt.Errorf("jwk: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + encode(point[1:33]) + `","y":"` + encode(point[33:]) + `"}`))
	return key, encode(sum[:]), nil
}

// sameURL reports whether a proof is for the URL that r came in on, but for query and fragment. Which of http and https
// it was can't be told behind a proxy that ends TLS.
func sameURL(htu string, r *http.Request) bool {
	u, err := url.Parse(htu)
	if err != nil || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return u.EscapedPath() == r.URL.EscapedPath() && strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(r.Host, port))
}
