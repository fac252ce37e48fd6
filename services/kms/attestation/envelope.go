package attestation

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
)

// Names of CMS (RFC 5652) and of its algorithms.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEnvelopedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidOAEP          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7}
	oidMGF1          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidAES256CBC     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

// keyTransport is a KeyTransRecipientInfo whose recipient is named by a subjectKeyIdentifier.
type keyTransport struct {
	Version      int
	KeyID        []byte `asn1:"tag:0"`
	Algorithm    pkix.AlgorithmIdentifier
	EncryptedKey []byte
}

type oaepParameters struct {
	Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
	MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
}

// Envelope encrypts a plaintext to a key: CMS EnvelopedData with RSAES_OAEP_SHA_256 and AES-256 in CBC mode. It is BER, byte for
// byte in the shape that KMS answers: AWS's Nitro Enclaves SDK for C reads no other, DER in particular.
//
// https://github.com/aws/aws-nitro-enclaves-sdk-c/blob/main/source/cms.c
func Envelope(key *rsa.PublicKey, plaintext []byte) ([]byte, error) {
	contentKey, iv := make([]byte, 32), make([]byte, aes.BlockSize)
	rand.Read(contentKey)
	rand.Read(iv)
	defer clear(contentKey)
	encryptedKey, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, key, contentKey, nil)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	keyID := sha256.Sum256(spki)
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return nil, err
	}
	padding := aes.BlockSize - len(plaintext)%aes.BlockSize
	content := append(slices.Clone(plaintext), slices.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(content, content)

	hash := pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue}
	hashDER := mustDER(hash)
	oaep := mustDER(oaepParameters{hash, pkix.AlgorithmIdentifier{Algorithm: oidMGF1, Parameters: asn1.RawValue{FullBytes: hashDER}}})
	recipient := mustDER(keyTransport{2, keyID[:], pkix.AlgorithmIdentifier{Algorithm: oidOAEP, Parameters: asn1.RawValue{FullBytes: oaep}}, encryptedKey})
	const sequence, explicit, indefinite = 0x30, 0xa0, 0x80
	return slices.Concat(
		[]byte{sequence, indefinite}, mustDER(oidEnvelopedData),
		[]byte{explicit, indefinite, sequence, indefinite}, mustDER(2), // the version
		mustDER(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: recipient}),
		[]byte{sequence, indefinite}, mustDER(oidData),
		mustDER(pkix.AlgorithmIdentifier{Algorithm: oidAES256CBC, Parameters: asn1.RawValue{FullBytes: mustDER(iv)}}),
		[]byte{explicit, indefinite}, mustDER(content),
		make([]byte, 2*5), // the end of each of the five
	), nil
}

// mustDER encodes what has no way to fail.
func mustDER(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return der
}
