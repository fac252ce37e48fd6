package kms

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// WrapKey is RFC 5649, 4.1, also for tests from outside of the package.
func WrapKey(kek, key []byte) []byte {
	block, err := aes.NewCipher(kek)
	if err != nil {
		panic(err)
	}
	n := (len(key) + 7) / 8
	b := make([]byte, 8+8*n)
	binary.BigEndian.PutUint32(b, keyWrapIV)
	binary.BigEndian.PutUint32(b[4:], uint32(len(key)))
	copy(b[8:], key)
	if n == 1 {
		block.Encrypt(b, b)
		return b
	}
	var buf [16]byte
	copy(buf[:8], b)
	t := uint64(0)
	for range 6 {
		for i := 1; i <= n; i++ {
			t++
			copy(buf[8:], b[8*i:])
			block.Encrypt(buf[:], buf[:])
			binary.BigEndian.PutUint64(buf[:], binary.BigEndian.Uint64(buf[:])^t)
			copy(b[8*i:8*i+8], buf[8:])
		}
	}
	copy(b, buf[:8])
	return b
}

// The examples of RFC 5649, 6.
func TestUnwrapKeyVectors(t *testing.T) {
	kek, _ := hex.DecodeString("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
	for _, v := range []struct{ key, wrapped string }{
		{"c37b7e6492584340bed12207808941155068f738", "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
		{"466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"},
	} {
		wrapped, _ := hex.DecodeString(v.wrapped)
		if key, err := unwrapKey(kek, wrapped); err != nil || hex.EncodeToString(key) != v.key {
			t.Errorf("%x, %v, want %s", key, err, v.key)
		}
	}
}

// What was wrapped unwraps, whatever its length; nothing else does.
func FuzzUnwrapKey(f *testing.F) {
	kek := bytes.Repeat([]byte{7}, 32)
	for _, size := range []int{1, 7, 8, 9, 16, 32, 33, 1217} {
		f.Add(bytes.Repeat([]byte{byte(size)}, size))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := unwrapKey(kek, b); err == nil && !bytes.Equal(WrapKey(kek, key), b) {
			t.Errorf("%x unwraps", b)
		}
		if len(b) == 0 {
			return
		}
		wrapped := WrapKey(kek, b)
		if key, err := unwrapKey(kek, wrapped); err != nil || !bytes.Equal(key, b) {
			t.Errorf("%x comes back as %x, %v", b, key, err)
		}
		wrapped[len(b)%len(wrapped)] ^= 1
		if _, err := unwrapKey(kek, wrapped); err == nil {
			t.Errorf("%x unwraps though it was changed", b)
		}
	})
}
