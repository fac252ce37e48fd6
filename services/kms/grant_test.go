package kms

import (
	"fmt"
	"iter"
	"path/filepath"
	"testing"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/authz"
	"emulator/clock"
	"emulator/identity"
	"emulator/store"
	"emulator/store/bolt"
)

// opened returns a service, and a root user to call it.
func opened(tb testing.TB) (*Service, api.Caller) {
	db, err := bolt.Open(filepath.Join(tb.TempDir(), "db"), bolt.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	keyring, err := identity.NewKeyring(make([]byte, identity.MasterKeySize))
	if err != nil {
		tb.Fatal(err)
	}
	c := new(clock.Clock)
	root := identity.Principal{Kind: identity.Root, Account: identity.DefaultAccount, ARN: identity.ARN("aws", "iam", identity.DefaultAccount, "root")}
	return New(Config{Store: db, Authz: authz.New(c, keyring, authz.Enforce), Clock: c, Keyring: keyring}), api.Caller{Principal: root, Region: "us-east-1", Partition: "aws"}
}

// counting counts what is read.
type counting struct {
	store.Reader
	reads int
}

func (c *counting) Get(key []byte) []byte {
	c.reads++
	return c.Reader.Get(key)
}

func (c *counting) Scan(prefix, after []byte) iter.Seq2[[]byte, []byte] {
	c.reads++
	return func(yield func(key, value []byte) bool) {
		for key, value := range c.Reader.Scan(prefix, after) {
			c.reads++
			if !yield(key, value) {
				return
			}
		}
	}
}

// manyGrants makes a key with n grants to one user, all with a pair in common, and to n others.
func manyGrants(tb testing.TB, s *Service, c api.Caller, n int) (*Key, api.Caller) {
	made, err := s.createKey(tb.Context(), c, &awskms.CreateKeyInput{})
	if err != nil {
		tb.Fatal(err)
	}
	user := &identity.User{Account: c.Account, Partition: "aws", Name: "ann", Path: "/", ID: "AIDAAAAAAAAAAAAAAAAAA"}
	grantee := c
	grantee.Principal = identity.Principal{Kind: identity.UserKind, Account: user.Account, ARN: user.ARN(), UserID: user.ID, User: user}
	k := &Key{}
	err = s.store.Update(tb.Context(), func(tx store.Tx) error {
		if k, err = s.loadKey(tx, c.Account, c.Region, *made.KeyMetadata.KeyId); err != nil {
			return err
		}
		for i := range n {
			g := Grant{
				Account: c.Account, Region: c.Region, Partition: c.Partition, Key: k.ID, Issuer: c.Account, ID: fmt.Sprintf("%064d", i), Grantee: user.ID,
				Operations: []types.GrantOperation{"DescribeKey", "Decrypt"},
			}
			g.Constraints.Subset = map[string]string{"acct": c.Account, "table": fmt.Sprint(i)}
			if i%2 == 1 {
				g.Constraints.Equals, g.Constraints.Subset = g.Constraints.Subset, nil
			}
			g.Anchor = anchorOf(tx, &g)
			other := g
			other.ID, other.Grantee, other.Constraints, other.Anchor = "other"+g.ID, fmt.Sprintf("AIDA%017d", i), grantConstraints{}, ""
			for _, g := range []Grant{g, other} {
				if err := saveGrant(tx, &g); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return k, grantee
}

// A decision reads as little of thousands of grants as of a few, whether or not one allows it.
func TestDecisionsAmongManyGrants(t *testing.T) {
	s, c := opened(t)
	reads := func(n int, action, table string) (count int, allowed bool) {
		k, grantee := manyGrants(t, s, c, n)
		err := s.store.View(t.Context(), func(r store.Reader) error {
			counted := &counting{Reader: r}
			found, err := s.grants(counted, grantee, k, encryptionAccess(action, "", map[string]string{"acct": c.Account, "table": table}))
			count, allowed = counted.reads, len(found) > 0
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return count, allowed
	}
	for _, tt := range []struct {
		action, table string
		allowed       bool
	}{
		{"kms:Decrypt", "8", true}, {"kms:Decrypt", "9", true}, {"kms:Decrypt", "none", false}, {"kms:Encrypt", "8", false}, {"kms:DescribeKey", "none", true},
		{"kms:PutKeyPolicy", "8", false},
	} {
		few, allowed := reads(20, tt.action, tt.table)
		many, stillAllowed := reads(2000, tt.action, tt.table)
		if allowed != tt.allowed || stillAllowed != tt.allowed {
			t.Errorf("%s of table %s: allowed %v and %v", tt.action, tt.table, allowed, stillAllowed)
		}
		if many > few || many > 30 {
			t.Errorf("%s of table %s: %d reads among 20 grants, %d among 2000", tt.action, tt.table, few, many)
		}
	}
}

// A key has so many grants and no more, until one goes.
func TestGrantLimit(t *testing.T) {
	s, c := opened(t)
	k, _ := manyGrants(t, s, c, 1)
	create := func() error {
		grantee := identity.ARN("aws", "iam", c.Account, "root")
		_, err := s.createGrant(t.Context(), c, &awskms.CreateGrantInput{KeyId: &k.ID, GranteePrincipal: &grantee, Operations: []types.GrantOperation{"Decrypt"}})
		return err
	}
	key := grantCountKey(k.Account, k.Region, k.ID)
	if err := s.store.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, key, int(grantsQuota.Value)-1) }); err != nil {
		t.Fatal(err)
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	if err := create(); api.ErrorCode(err) != "LimitExceededException" {
		t.Errorf("one more: %v", err)
	}
	id := fmt.Sprintf("%064d", 0)
	if _, err := s.revokeGrant(t.Context(), c, &awskms.RevokeGrantInput{KeyId: &k.ID, GrantId: &id}); err != nil {
		t.Fatal(err)
	}
	if err := create(); err != nil {
		t.Errorf("in place of one: %v", err)
	}
}

// BenchmarkGrants is what grants add to a decision.
func BenchmarkGrants(b *testing.B) {
	for _, n := range []int{0, 1, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, c := opened(b)
			k, grantee := manyGrants(b, s, c, n)
			a := encryptionAccess("kms:Decrypt", "", map[string]string{"acct": c.Account, "table": "0"})
			err := s.store.View(b.Context(), func(r store.Reader) error {
				b.ReportAllocs()
				for b.Loop() {
					if found, err := s.grants(r, grantee, k, a); err != nil || len(found) != min(n, 1) {
						b.Fatal(found, err)
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
