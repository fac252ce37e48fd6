package kms

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

// fill makes n keys, each with an alias and the last with as many grants as it may have of n, and returns the IDs of all.
func fill(b *testing.B, s *Service, c api.Caller, n int) (ids []string) {
	const atOnce, mostGrants = 1000, 50_000
	for len(ids) < n {
		err := s.store.Update(b.Context(), func(tx store.Tx) error {
			for range min(atOnce, n-len(ids)) {
				k, err := s.newKey(c, &awskms.CreateKeyInput{})
				if err != nil {
					return err
				}
				k.Policy = defaultPolicy(k.Partition, k.Account)
				now := s.now()
				for _, err := range []error{
					s.place(tx, k, make([]byte, 32)), saveKey(tx, k), saveAlias(tx, k, Alias{Name: "alias/" + k.ID, Target: k.ID, Created: now, Updated: now}),
				} {
					if err != nil {
						return err
					}
				}
				ids = append(ids, k.ID)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for done := 0; done < min(n, mostGrants); {
		err := s.store.Update(b.Context(), func(tx store.Tx) error {
			for range min(atOnce, n-done) {
				g := Grant{
					Account: c.Account, Region: c.Region, Partition: c.Partition, Key: ids[n-1], Issuer: c.Account, ID: fmt.Sprintf("%064d", done),
					Grantee: fmt.Sprintf("AIDA%017d", done), Operations: ofSymmetric,
				}
				if err := saveGrant(tx, &g); err != nil {
					return err
				}
				done++
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return ids
}

// BenchmarkMany is what operations cost among many keys, aliases and grants: the same among few. Keys are used in no order, so that no cache
// has them all. "heap-MB" is what is in use when they have been.
func BenchmarkMany(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		s, c := opened(b)
		ids := fill(b, s, c, n)
		calls := make(map[string]func(any) (any, error))
		for _, op := range s.Operations() {
			calls[op.Name] = func(in any) (any, error) { return op.Call(b.Context(), c, in) }
		}
		random := rand.New(rand.NewPCG(1, 2))
		some := func() *string { return &ids[random.IntN(len(ids))] }
		for _, measured := range []struct {
			name string
			do   func() (any, error)
		}{
			{"DescribeKey", func() (any, error) { return calls["DescribeKey"](&awskms.DescribeKeyInput{KeyId: some()}) }},
			{"DescribeKey by alias", func() (any, error) {
				return calls["DescribeKey"](&awskms.DescribeKeyInput{KeyId: aws.String("alias/" + *some())})
			}},
			{"Encrypt", func() (any, error) {
				return calls["Encrypt"](&awskms.EncryptInput{KeyId: some(), Plaintext: make([]byte, 64)})
			}},
			{"Encrypt of the key with grants", func() (any, error) {
				return calls["Encrypt"](&awskms.EncryptInput{KeyId: &ids[n-1], Plaintext: make([]byte, 64)})
			}},
			{"ListKeys", func() (any, error) { return calls["ListKeys"](&awskms.ListKeysInput{Limit: aws.Int32(100)}) }},
			{"ListAliases", func() (any, error) { return calls["ListAliases"](&awskms.ListAliasesInput{Limit: aws.Int32(50)}) }},
			{"ListAliases of a key", func() (any, error) {
				return calls["ListAliases"](&awskms.ListAliasesInput{KeyId: some()})
			}},
			{"ListGrants", func() (any, error) {
				return calls["ListGrants"](&awskms.ListGrantsInput{KeyId: &ids[n-1], Limit: aws.Int32(50)})
			}},
			{"ListGrants of a grantee", func() (any, error) {
				return calls["ListGrants"](&awskms.ListGrantsInput{KeyId: &ids[n-1], GranteePrincipal: aws.String(identity.ARN("aws", "iam", c.Account, "root"))})
			}},
		} {
			b.Run(fmt.Sprint(measured.name, "/", n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := measured.do(); err != nil {
						b.Fatal(err)
					}
				}
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "heap-MB")
			})
		}
	}
}
