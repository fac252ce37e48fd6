package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

const (
	trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`
	allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:*","kms:*","iam:*"],"Resource":"*"}]}`

	iamVersion = "2010-05-08"
	stsVersion = "2011-06-15"
)

// figure is one measured row.
type figure struct {
	perSecond float64
	cpu       time.Duration // per call, of the serving process
}

func measure(ctx context.Context, length time.Duration, clients, many int, profile string) error {
	dir, err := os.MkdirTemp("", "bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	empty, err := start("-serve", "empty")
	if err != nil {
		return err
	}
	defer empty.stop()
	begin := time.Now()
	emulator, err := start("-serve", "emulator", "-dir", dir, "-profile", profile)
	if err != nil {
		return err
	}
	defer emulator.stop()
	caller, err := sign(emulator.addr, "sts", "", query("GetCallerIdentity", stsVersion))
	if err != nil {
		return err
	}
	if _, err := call(emulator.addr, caller); err != nil {
		return err
	}
	fmt.Printf("from exec to the first answered signed call: %v\n", time.Since(begin).Round(100*time.Microsecond))
	rss, err := emulator.resident()
	if err != nil {
		return err
	}
	fmt.Printf("resident after it: %.1f MB\n\n", rss)

	calls, err := prepare(emulator.addr)
	if err != nil {
		return err
	}
	fmt.Printf("%-46s %10s %12s %8s\n", fmt.Sprintf("%d clients, %v each", clients, length), "calls/s", "CPU/call", "of empty")
	yardstick, err := run(empty, clients, length, always(caller))
	if err != nil {
		return err
	}
	report("empty handler", yardstick, yardstick)
	for _, c := range calls {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f, err := run(emulator, clients, length, always(c.request))
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		report(c.name, f, yardstick)
	}
	if yardstick, err = run(empty, clients, length, always(caller)); err != nil {
		return err
	}
	report("empty handler, again", yardstick, yardstick)

	if err := durable(emulator, dir, length, yardstick); err != nil {
		return err
	}
	if err := compareMoto(length); err != nil {
		return err
	}
	if err := byRoles(clients, length, many, yardstick); err != nil {
		return err
	}
	if many > 0 {
		return large(emulator, calls, clients, length, many)
	}
	return nil
}

func report(name string, f, yardstick figure) {
	fmt.Printf("%-46s %10.0f %12v %8.2f\n", name, f.perSecond, f.cpu.Round(100*time.Nanosecond), float64(f.cpu)/float64(yardstick.cpu))
}

// run measures one load on p, after a short warm-up.
func run(p *process, clients int, length time.Duration, next func() request) (figure, error) {
	if _, _, err := load(p.addr, clients, length/10, next); err != nil {
		return figure{}, err
	}
	before, err := p.cpu()
	if err != nil {
		return figure{}, err
	}
	n, took, err := load(p.addr, clients, length, next)
	if err != nil {
		return figure{}, err
	}
	after, err := p.cpu()
	if err != nil {
		return figure{}, err
	}
	if n == 0 {
		return figure{}, fmt.Errorf("no call was answered")
	}
	return figure{perSecond: float64(n) / took.Seconds(), cpu: (after - before) / time.Duration(n)}, nil
}

type namedRequest struct {
	name    string
	request request
}

var (
	accessKeyPattern = regexp.MustCompile(`<AccessKeyId>(.*)</AccessKeyId>`)
	secretPattern    = regexp.MustCompile(`<SecretAccessKey>(.*)</SecretAccessKey>`)
)

// prepare makes a role, a user whose policy allows everything measured, and a key,
// and returns the calls to measure.
func prepare(addr string) ([]namedRequest, error) {
	var bodies []string
	do := func(service, target, body string) ([]byte, error) {
		r, err := sign(addr, service, target, body)
		if err != nil {
			return nil, err
		}
		return call(addr, r)
	}
	bodies = append(bodies,
		query("CreateRole", iamVersion, "RoleName", "app", "AssumeRolePolicyDocument", trust),
		query("CreateUser", iamVersion, "UserName", "bob"),
		query("PutUserPolicy", iamVersion, "UserName", "bob", "PolicyName", "p", "PolicyDocument", allow))
	for i := range 100 { // so that a page of ListRoles is full from the start
		bodies = append(bodies, query("CreateRole", iamVersion, "RoleName", fmt.Sprintf("first-%02d", i), "AssumeRolePolicyDocument", trust))
	}
	for _, body := range bodies {
		if _, err := do("iam", "", body); err != nil {
			return nil, err
		}
	}
	key, err := do("iam", "", query("CreateAccessKey", iamVersion, "UserName", "bob"))
	if err != nil {
		return nil, err
	}
	bob := credentials
	bob.AccessKeyID = string(accessKeyPattern.FindSubmatch(key)[1])
	bob.SecretAccessKey = string(secretPattern.FindSubmatch(key)[1])

	created, err := do("kms", "TrentService.CreateKey", "{}")
	if err != nil {
		return nil, err
	}
	var kmsKey struct{ KeyMetadata struct{ KeyId string } }
	if err := json.Unmarshal(created, &kmsKey); err != nil {
		return nil, err
	}
	encrypt := fmt.Sprintf(`{"KeyId":%q,"Plaintext":%q,"EncryptionContext":{"app":"bench","tenant":"t-1234"}}`,
		kmsKey.KeyMetadata.KeyId, base64.StdEncoding.EncodeToString(make([]byte, 1024)))
	encrypted, err := do("kms", "TrentService.Encrypt", encrypt)
	if err != nil {
		return nil, err
	}
	var blob struct{ CiphertextBlob string }
	if err := json.Unmarshal(encrypted, &blob); err != nil {
		return nil, err
	}
	decrypt := fmt.Sprintf(`{"CiphertextBlob":%q,"EncryptionContext":{"app":"bench","tenant":"t-1234"}}`, blob.CiphertextBlob)

	var calls []namedRequest
	for _, c := range []struct{ name, service, target, body string }{
		{"sts:GetCallerIdentity", "sts", "", query("GetCallerIdentity", stsVersion)},
		{"sts:AssumeRole", "sts", "", query("AssumeRole", stsVersion, "RoleArn", "arn:aws:iam::000000000000:role/app", "RoleSessionName", "bench")},
		{"kms:Encrypt, 1 KiB, encryption context", "kms", "TrentService.Encrypt", encrypt},
		{"kms:Decrypt of that", "kms", "TrentService.Decrypt", decrypt},
		{"iam:GetRole", "iam", "", query("GetRole", iamVersion, "RoleName", "app")},
		{"iam:ListRoles, a page of 100", "iam", "", query("ListRoles", iamVersion)},
		{"iam:GetAccountAuthorizationDetails, as many", "iam", "", query("GetAccountAuthorizationDetails", iamVersion)},
	} {
		// Bob goes the whole way: access key record, user, policies, decision.
		r, err := signAs(bob, addr, c.service, c.target, c.body)
		if err != nil {
			return nil, err
		}
		calls = append(calls, namedRequest{c.name, r})
	}
	return calls, nil
}

// durable compares creates, each on disk before its answer, with bbolt's own Batch
// of records of that size on the same disk.
func durable(emulator *process, dir string, length time.Duration, yardstick figure) error {
	const clients = 64
	var creates []request
	for i := range int(length.Seconds() * 10_000) {
		r, err := sign(emulator.addr, "iam", "", query("CreateRole", iamVersion,
			"RoleName", fmt.Sprintf("durable-%06d", i), "AssumeRolePolicyDocument", trust))
		if err != nil {
			return err
		}
		creates = append(creates, r)
	}
	f, err := run(emulator, clients, length, each(creates))
	if err != nil {
		return fmt.Errorf("CreateRole: %w", err)
	}
	fmt.Println()
	report(fmt.Sprintf("iam:CreateRole, %d clients, on disk", clients), f, yardstick)
	batches, err := batchRate(filepath.Join(dir, "batch.db"), clients, length)
	if err != nil {
		return err
	}
	fmt.Printf("%-46s %10.0f %12s %8s   CreateRole is %.2f of it\n", "bbolt's Batch, as many writers", batches, "", "", f.perSecond/batches)
	return nil
}

func batchRate(path string, writers int, length time.Duration) (float64, error) {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	bucket := []byte("b")
	if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucket); return err }); err != nil {
		return 0, err
	}
	value := []byte(strings.Repeat("x", 700)) // a role's record
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		total int
		fail  error
	)
	begin := time.Now()
	for w := range writers {
		wg.Go(func() {
			n := 0
			var err error
			for err == nil && time.Since(begin) < length {
				// Three records, as a role has: itself and two index entries.
				err = db.Batch(func(tx *bbolt.Tx) error {
					b := tx.Bucket(bucket)
					for part, v := range [][]byte{value, {}, {}} {
						if err := b.Put(fmt.Appendf(nil, "%d/%d/%d", part, w, n), v); err != nil {
							return err
						}
					}
					return nil
				})
				n++
			}
			mu.Lock()
			defer mu.Unlock()
			total += n
			if err != nil {
				fail = err
			}
		})
	}
	wg.Wait()
	return float64(total) / time.Since(begin).Seconds(), fail
}

// large fills the database with many roles and keys and measures the reads again.
func large(emulator *process, calls []namedRequest, clients int, length time.Duration, many int) error {
	fmt.Printf("\nwith %d roles and %d keys (filling takes a while)\n", many, many)
	begin := time.Now()
	if err := fill(emulator.addr, many); err != nil {
		return err
	}
	fmt.Printf("%d creates in %v\n", 2*many, time.Since(begin).Round(time.Second))
	for _, c := range calls {
		f, err := run(emulator, clients, length, always(c.request))
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("%-46s %10.0f %12v\n", c.name, f.perSecond, f.cpu.Round(100*time.Nanosecond))
	}
	rss, err := emulator.resident()
	if err != nil {
		return err
	}
	fmt.Printf("resident: %.1f MB\n", rss)
	return nil
}

func fill(addr string, many int) error {
	const clients, chunk = 64, 10_000
	for done := 0; done < many; done += chunk {
		var requests []request
		for i := done; i < min(done+chunk, many); i++ {
			role, err := sign(addr, "iam", "", query("CreateRole", iamVersion,
				"RoleName", fmt.Sprintf("many-%06d", i), "AssumeRolePolicyDocument", trust))
			if err != nil {
				return err
			}
			key, err := sign(addr, "kms", "TrentService.CreateKey", "{}")
			if err != nil {
				return err
			}
			requests = append(requests, role, key)
		}
		if _, _, err := load(addr, clients, time.Hour, each(requests)); err != nil {
			return err
		}
	}
	return nil
}
