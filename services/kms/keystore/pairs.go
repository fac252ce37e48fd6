package keystore

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// The uses of asymmetric and HMAC keys, which only KMS's own store holds. Errors are ErrNoMaterial and those that they name. That
// the key is of a spec that does what it is asked for is the caller's to know.

// pair returns the key pair.
func (d *Default) pair(ctx context.Context, ref Ref) (*pair, error) {
	sealed, err := d.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	return d.pairs.Get(sealed, func(sealed []byte) (*pair, error) {
		material, err := d.keyring.Open(sealed, d.binding(ref))
		if err != nil {
			return nil, err
		}
		defer clear(material)
		return parsePair(material)
	})
}

// withPair calls f with the key pair.
func withPair[T any](ctx context.Context, d *Default, ref Ref, f func(*pair) (T, error)) (T, error) {
	p, err := d.pair(ctx, ref)
	if err != nil {
		var none T
		return none, err
	}
	return f(p)
}

// PublicKey returns the public key as an X.509 SubjectPublicKeyInfo.
func (d *Default) PublicKey(ctx context.Context, ref Ref) ([]byte, error) {
	return withPair(ctx, d, ref, func(p *pair) ([]byte, error) { return marshalPublic(p.public) })
}

// Encrypt encrypts with the public key. The plaintext is no longer than the algorithm takes.
func (d *Default) Encrypt(ctx context.Context, ref Ref, algorithm types.EncryptionAlgorithmSpec, plaintext []byte) ([]byte, error) {
	return withPair(ctx, d, ref, func(p *pair) ([]byte, error) { return encrypt(p.public, algorithm, plaintext) })
}

// Decrypt decrypts with the private key, or returns ErrCiphertext.
func (d *Default) Decrypt(ctx context.Context, ref Ref, algorithm types.EncryptionAlgorithmSpec, ciphertext []byte) ([]byte, error) {
	return withPair(ctx, d, ref, func(p *pair) ([]byte, error) { return decrypt(p.private, algorithm, ciphertext) })
}

// Sign signs a message, or what its type says it is of one.
func (d *Default) Sign(ctx context.Context, ref Ref, algorithm types.SigningAlgorithmSpec, t types.MessageType, message []byte) ([]byte, error) {
	return withPair(ctx, d, ref, func(p *pair) ([]byte, error) { return sign(p, algorithm, t, message) })
}

// Verify reports whether the signature is one of the message.
func (d *Default) Verify(ctx context.Context, ref Ref, algorithm types.SigningAlgorithmSpec, t types.MessageType, message, signature []byte) (bool, error) {
	return withPair(ctx, d, ref, func(p *pair) (bool, error) { return verify(p.public, algorithm, t, message, signature) })
}

// MAC returns the HMAC of a message.
func (d *Default) MAC(ctx context.Context, ref Ref, algorithm types.MacAlgorithmSpec, message []byte) ([]byte, error) {
	return d.secret(ctx, ref, func(secret []byte) ([]byte, error) { return mac(secret, algorithm, message), nil })
}

// DeriveSharedSecret returns what ECDH derives from the private key and a peer's public key, a SubjectPublicKeyInfo, or
// ErrPublicKey.
func (d *Default) DeriveSharedSecret(ctx context.Context, ref Ref, peer []byte) ([]byte, error) {
	return withPair(ctx, d, ref, func(p *pair) ([]byte, error) { return deriveSharedSecret(p.private, peer) })
}

// Encapsulate returns a new secret and its ciphertext under the public key.
func (d *Default) Encapsulate(ctx context.Context, ref Ref) (secret, ciphertext []byte, err error) {
	p, err := d.pair(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	key, ok := p.private.(decapsulator)
	if !ok {
		return nil, nil, errKind
	}
	secret, ciphertext = key.Encapsulator().Encapsulate()
	return secret, ciphertext, nil
}

// Decapsulate returns the secret that a ciphertext holds. It returns ErrCiphertext for one of another length; one that was changed,
// or made under another key, holds a secret that nobody knows (implicit rejection, FIPS 203).
func (d *Default) Decapsulate(ctx context.Context, ref Ref, ciphertext []byte) ([]byte, error) {
	return withPair(ctx, d, ref, func(p *pair) ([]byte, error) {
		key, ok := p.private.(decapsulator)
		if !ok {
			return nil, errKind
		}
		secret, err := key.Decapsulate(ciphertext)
		if err != nil {
			return nil, ErrCiphertext
		}
		return secret, nil
	})
}

var errKind = errors.New("the material is not of the kind that the algorithm needs")
