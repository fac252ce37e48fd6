package kms

import (
	"crypto/aes"
	"encoding/binary"
	"errors"
)

// keyWrapIV is the constant half of RFC 5649's initial value, the other half of which is the length.
const keyWrapIV = 0xa65959a6

var errKeyWrap = errors.New("no wrapped key")

// unwrapKey returns the key that AES Key Wrap with Padding wrapped under kek, of 16, 24 or 32 bytes (RFC 5649, 4.2).
func unwrapKey(kek, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	n := len(wrapped)/8 - 1
	if len(wrapped)%8 != 0 || n < 1 {
		return nil, errKeyWrap
	}
	b := append([]byte(nil), wrapped...)
	if n == 1 {
		block.Decrypt(b, b)
	} else { // the inverse of RFC 3394's wrapping, 2.2.2
		var buf [16]byte
		copy(buf[:8], b)
		for t := uint64(6 * n); t > 0; t-- {
			r := b[8*((t-1)%uint64(n)+1):][:8]
			binary.BigEndian.PutUint64(buf[:], binary.BigEndian.Uint64(buf[:])^t)
			copy(buf[8:], r)
			block.Decrypt(buf[:], buf[:])
			copy(r, buf[8:])
		}
		copy(b, buf[:8])
	}
	size, padded := int64(binary.BigEndian.Uint32(b[4:])), int64(8*n)
	if binary.BigEndian.Uint32(b) != keyWrapIV || size <= padded-8 || size > padded {
		return nil, errKeyWrap
	}
	for _, padding := range b[8+size:] {
		if padding != 0 {
			return nil, errKeyWrap
		}
	}
	return b[8 : 8+size], nil
}
