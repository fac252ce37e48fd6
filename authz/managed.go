package authz

import (
	"strings"

	"emulator/identity"
	"emulator/identity/awspolicies"
	"emulator/policy"
	"emulator/store"
)

// managedPolicy returns the version in force of a managed policy, of AWS's or of an account's own, and
// whether it exists.
func managedPolicy(r store.Reader, arn string) (d document, ok bool, err error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || !strings.HasPrefix(parts[5], "policy/") {
		return document{}, false, nil
	}
	partition, account, name := parts[1], parts[4], parts[5][strings.LastIndexByte(parts[5], '/')+1:]
	if account == "aws" {
		p, ok := awspolicies.Find(partition, arn)
		if !ok {
			return document{}, false, nil
		}
		return document{kind: policy.Identity, stored: p.Document()}, true, nil
	}
	p, ok, err := store.Load[identity.ManagedPolicy](r, identity.PolicyKey(account, name))
	if err != nil || !ok || p.ARN() != arn {
		return document{}, false, err
	}
	version := r.Get(identity.PolicyVersionKey(account, name, p.Default))
	return document{kind: policy.Identity, managed: true, stored: string(version)}, version != nil, nil
}
