package issuer

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"emulator/jwk"
	"emulator/store"
)

// What becomes of keys that were rotated away: they stay in the key set longer than a token
// lives that was signed with them, which for EKS is a day, but never so many that AWS's limit
// of 100 keys were near.
const (
	retiredKeysStay = 25 * time.Hour
	maxRetiredKeys  = 10
)

// Algorithms are those that tokens can be signed with, the default first. AWS takes more
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html).
var Algorithms = []string{"RS256", "ES256", "EdDSA"}

// keyRecord is a key in the store.
type keyRecord struct {
	Public jwk.Key
	// Private is PKCS #8, sealed.
	Private []byte
	Created time.Time
	// Retired is zero for the key that signs.
	Retired time.Time `json:",omitzero"`
}

func (k *keyRecord) published(now time.Time) bool {
	return k.Retired.IsZero() || now.Sub(k.Retired) < retiredKeysStay
}

// The keys belong to the URL, not to the name: a name can come to stand for another issuer.
func recordKey(issuerURL string) []byte { return store.Key("oidc-issuer", issuerURL) }

func binding(issuerURL, kid string) string { return "oidc-issuer " + issuerURL + " " + kid }

// Keys returns the JSON Web Key Set of an issuer by its URL, and whether the keys held
// here stand in for those that it publishes: it is in the alias table, and a token was
// minted for it. It has the form of oidc.Config's Local.
func (p *Provider) Keys(ctx context.Context, issuerURL string) (keySet []byte, ok bool, err error) {
	if !slices.ContainsFunc(p.issuers, func(i Issuer) bool { return i.URL == issuerURL }) {
		return nil, false, nil
	}
	set := struct {
		Keys []jwk.Key `json:"keys"`
	}{[]jwk.Key{}}
	now := p.clock.Now()
	err = p.store.View(ctx, func(r store.Reader) error {
		keys, found, err := store.Load[[]keyRecord](r, recordKey(issuerURL))
		ok = found
		for _, k := range keys {
			if k.published(now) {
				set.Keys = append(set.Keys, k.Public)
			}
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	keySet, err = json.Marshal(set)
	return keySet, ok, err
}

// Rotate gives an issuer a new RS256 key and returns its ID. The old ones sign no more, but
// stay in the key set for a day. Those of other algorithms are made anew at their next use.
func (p *Provider) Rotate(ctx context.Context, now time.Time, name string) (kid string, err error) {
	i, err := p.find(name)
	if err != nil {
		return "", err
	}
	_, made, err := p.newKey(i, now, Algorithms[0])
	if err != nil {
		return "", err
	}
	return made.Public.ID, p.store.Update(ctx, func(tx store.Tx) error {
		keys, _, err := store.Load[[]keyRecord](tx, recordKey(i.URL))
		if err != nil {
			return err
		}
		for at := range keys {
			if keys[at].Retired.IsZero() {
				keys[at].Retired = now
			}
		}
		return store.Save(tx, recordKey(i.URL), append(prune(keys, now), *made))
	})
}

// prune drops the retired keys that need not be published any more, and the oldest of too many.
func prune(keys []keyRecord, now time.Time) []keyRecord {
	keys = slices.DeleteFunc(keys, func(k keyRecord) bool { return !k.published(now) })
	retired := 0
	for _, k := range keys {
		if !k.Retired.IsZero() {
			retired++
		}
	}
	return slices.DeleteFunc(keys, func(k keyRecord) bool { // the oldest come first
		if k.Retired.IsZero() || retired <= maxRetiredKeys {
			return false
		}
		retired--
		return true
	})
}

// signingKey returns the issuer's key of an algorithm, which is made if there is none.
func (p *Provider) signingKey(ctx context.Context, now time.Time, i Issuer, algorithm string) (kid string, key crypto.Signer, err error) {
	var found *keyRecord
	read := func(r store.Reader) ([]keyRecord, error) {
		keys, _, err := store.Load[[]keyRecord](r, recordKey(i.URL))
		found = nil
		for at := range keys {
			if k := &keys[at]; k.Retired.IsZero() && k.Public.Algorithm == algorithm {
				found = k
			}
		}
		return keys, err
	}
	if err := p.store.View(ctx, func(r store.Reader) error { _, err := read(r); return err }); err != nil {
		return "", nil, err
	}
	if found != nil {
		key, err := p.open(i, found)
		return found.Public.ID, key, err
	}
	// Making an RSA key takes a while, in which nobody else should wait to write.
	key, made, err := p.newKey(i, now, algorithm)
	if err != nil {
		return "", nil, err
	}
	err = p.store.Update(ctx, func(tx store.Tx) error {
		keys, err := read(tx)
		if err != nil || found != nil { // somebody else was first
			return err
		}
		return store.Save(tx, recordKey(i.URL), append(prune(keys, now), *made))
	})
	if err != nil {
		return "", nil, err
	}
	if found != nil {
		key, err := p.open(i, found)
		return found.Public.ID, key, err
	}
	return made.Public.ID, key, nil
}

func (p *Provider) open(i Issuer, k *keyRecord) (crypto.Signer, error) {
	der, err := p.keyring.Open(k.Private, binding(i.URL, k.Public.ID))
	if err != nil {
		return nil, fmt.Errorf("key %s of %s: %w", k.Public.ID, i.URL, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key %s of %s: %w", k.Public.ID, i.URL, err)
	}
	return key.(crypto.Signer), nil
}

func (p *Provider) newKey(i Issuer, now time.Time, algorithm string) (crypto.Signer, *keyRecord, error) {
	key, public, err := jwk.New(algorithm)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, &keyRecord{Public: public, Private: p.keyring.Seal(der, binding(i.URL, public.ID)), Created: now}, nil
}

// algorithmOf returns the algorithm asked for, or the default.
func algorithmOf(asked string) (string, error) {
	algorithm := cmp.Or(asked, Algorithms[0])
	if !slices.Contains(Algorithms, algorithm) {
		return "", fmt.Errorf("%w: unknown algorithm %q: want RS256, ES256 or EdDSA", ErrRequest, asked)
	}
	return algorithm, nil
}
