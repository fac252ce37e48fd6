package kms

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"

	"emulator/services/kms/keystore"
)

// A ciphertext blob of a symmetric key is a header, which says with which material of
// which key it was made, a salt and the ciphertext of AES-256-GCM,
// in China of SM4-GCM. The header and the
// encryption context are authenticated. Only we read it: AWS keeps its form to itself.
const blobVersion = 1

// blob is a parsed ciphertext blob.
type blob struct {
	account, region, keyID, materialID string

	header, sealed []byte
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
	if len(rest) < keystore.SaltSize {
		return nil, errBlob
	}
	p.header, p.sealed = b[:len(b)-len(rest)], rest
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

// salt tells blobs apart.
func (p *blob) salt() [keystore.SaltSize]byte { return [keystore.SaltSize]byte(p.sealed) }

// sealBlob encrypts with the key, bound to the encryption context.
func sealBlob(ctx context.Context, k usable, plaintext []byte, encryptionContext map[string]string) ([]byte, error) {
	header := append(make([]byte, 0, 256+len(plaintext)), blobVersion) // with room for what follows
	for _, field := range []string{k.Account, k.Region, k.ID, k.MaterialID} {
		header = append(header, byte(len(field)))
		header = append(header, field...)
	}
	sealed, err := k.store.Seal(ctx, k.ref(), plaintext, additionalData(header, encryptionContext))
	return append(header, sealed...), err
}

// open returns the plaintext, or keystore.ErrCiphertext if anything differs from what was sealed.
func (p *blob) open(ctx context.Context, k usable, encryptionContext map[string]string) ([]byte, error) {
	ref := k.ref()
	ref.MaterialID = p.materialID
	return k.store.Open(ctx, ref, p.sealed, additionalData(p.header, encryptionContext))
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
