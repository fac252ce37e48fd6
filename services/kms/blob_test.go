package kms

import (
	"bytes"
	"testing"
	"testing/quick"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func testKey(t testing.TB) (*Key, *material) {
	t.Helper()
	raw, err := newMaterial(types.KeySpecSymmetricDefault)
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseMaterial(types.KeySpecSymmetricDefault, raw)
	if err != nil {
		t.Fatal(err)
	}
	return &Key{Account: "000000000000", Region: "us-east-1", ID: "id", MaterialID: "material"}, m
}

// What was sealed opens with the same context, and with no other.
func TestBlobProperty(t *testing.T) {
	k, m := testKey(t)
	property := func(plaintext []byte, context, other map[string]string) bool {
		sealed, err := sealBlob(k, m, plaintext, context)
		if err != nil {
			return false
		}
		b, err := parseBlob(sealed)
		if err != nil || b.account != k.Account || b.region != k.Region || b.keyID != k.ID || b.materialID != k.MaterialID {
			return false
		}
		opened, err := b.open(m, context)
		if err != nil || !bytes.Equal(opened, plaintext) {
			return false
		}
		same := bytes.Equal(additionalData(nil, context), additionalData(nil, other))
		_, err = b.open(m, other)
		return same == (err == nil)
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func FuzzParseBlob(f *testing.F) {
	k, m := testKey(f)
	sealed, err := sealBlob(k, m, []byte("plaintext"), map[string]string{"a": "b"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{blobVersion, 255})
	f.Add(append([]byte{blobVersion, 255}, bytes.Repeat([]byte("0"), 300)...))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseBlob(b)
		if err != nil {
			return
		}
		if _, err := p.open(m, map[string]string{"a": "b"}); err == nil && !bytes.Equal(b, sealed) {
			t.Errorf("%x opens", b)
		}
	})
}
