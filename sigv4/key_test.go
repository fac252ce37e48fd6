package sigv4

import (
	"strconv"
	"testing"
)

// Keys are kept of verified requests only, and not without bound.
func TestKeyCacheIsBounded(t *testing.T) {
	v := NewVerifier(nil)
	for i := range maxKeys + 10 {
		s := &Signature{AccessKeyID: strconv.Itoa(i), Date: "20150830", Region: "us-east-1", Service: "iam", scope: "20150830/us-east-1/iam/aws4_request"}
		key, kept := v.keys.get(s, "secret")
		if kept {
			t.Fatalf("key %d is kept already", i)
		}
		v.keys.keep(s, "secret", key)
		if _, kept := v.keys.get(s, "secret"); !kept {
			t.Fatalf("key %d is not kept", i)
		}
		if _, kept := v.keys.get(s, "changed"); kept {
			t.Fatalf("key %d is kept for another secret", i)
		}
		if len(v.keys.keys) > maxKeys {
			t.Fatalf("%d keys", len(v.keys.keys))
		}
	}
}
