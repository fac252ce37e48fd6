package kms

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
)

// A ciphertext blob of a symmetric key is a header, which says with which material of
// which key it was made, a salt and the AES-256-GCM ciphertext. The header and the
// encryption context are authenticated. Only we read it: AWS keeps its form to itself.
const blobVersion = 1

// blob is a parsed ciphertext blob.
type blob struct {
	account, region, keyID, materialID string

	header, salt, ciphertext []byte
}

var errBlob = errors.New("no ciphertext blob")

// parseBlob splits a blob. It does not verify anything.
func parseBlob(b []byte) (*blob, error) {
	if len(b) == 0 || b[0] != blobVersion {
		return nil, errBlob
	}
	p := &blob{}
	rest := b[1:]
	for _, field := range []*string{&p.account, &p.region, &p.keyID, &p.materialID} {
		if len(rest) == 0 {
			return nil, errBlob
		}
		end := 1 + int(rest[0])
		if len(rest) < end {
			return nil, errBlob
		}
		*field, rest = string(rest[1:end]), rest[end:]
		if *field == "" || strings.IndexByte(*field, 0) >= 0 {
			return nil, errBlob
		}
	}
	if len(rest) < saltSize {
		return nil, errBlob
	}
	p.header = b[:len(b)-len(rest)]
	p.salt, p.ciphertext = rest[:saltSize], rest[saltSize:]
	return p, nil
}

// materialOf returns the ID of the material that a blob says it was made with, nil if it is none.
func materialOf(ciphertext []byte) *string {
	b, err := parseBlob(ciphertext)
	if err != nil {
		return nil
	}
	return &b.materialID
}

// sealBlob encrypts with the key's material, bound to the encryption context.
func sealBlob(k *Key, m *material, plaintext []byte, context map[string]string) ([]byte, error) {
	out := make([]byte, 0, 256+len(plaintext))
	out = append(out, blobVersion)
	for _, field := range []string{k.Account, k.Region, k.ID, k.MaterialID} {
		out = append(out, byte(len(field)))
		out = append(out, field...)
	}
	header := out
	var salt [saltSize]byte
	rand.Read(salt[:])
	aead, err := messageCipher(m.secret, salt[:])
	if err != nil {
		return nil, err
	}
	data := additionalData(header, context)
	out = append(out, salt[:]...)
	return aead.Seal(out, zeroNonce, plaintext, data), nil
}

// open returns the plaintext, or an error if anything differs from what was sealed.
func (p *blob) open(m *material, context map[string]string) ([]byte, error) {
	aead, err := messageCipher(m.secret, p.salt)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, zeroNonce, p.ciphertext, additionalData(p.header, context))
}

// additionalData is the header and the context, sorted and with lengths, so that no two
// contexts look alike.
func additionalData(header []byte, context map[string]string) []byte {
	data := bytes.Clone(header)
	for _, key := range slices.Sorted(maps.Keys(context)) {
		for _, s := range []string{key, context[key]} {
			data = binary.BigEndian.AppendUint32(data, uint32(len(s)))
			data = append(data, s...)
		}
	}
	return data
}
