package iam

import (
	"strings"

	"emulator/api"
	"emulator/identity"
	"emulator/identity/awspolicies"
	"emulator/store"
)

// awsAccount is the account in the ARNs of AWS's own policies.
const awsAccount = "aws"

// splitPolicyARN returns the parts of an ARN that parsePolicyARN accepts.
func splitPolicyARN(arn string) (account, path, name string) {
	parts := strings.SplitN(arn, ":", 6)
	resource := strings.TrimPrefix(parts[5], "policy")
	i := strings.LastIndexByte(resource, '/') + 1
	return parts[4], resource[:i], resource[i:]
}

// parsePolicyARN returns the account in the ARN of a managed policy. An error is for
// an ARN that can be none, or is of another partition than the call.
func parsePolicyARN(c api.Caller, arn string) (account string, err error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return "", api.Errorf("ValidationError", "Invalid ARN:  Could not be parsed!") // with two blanks
	}
	if parts[2] != "iam" || parts[3] != "" ||
		parts[4] != awsAccount && !identity.IsAccountID(parts[4]) ||
		!strings.HasPrefix(parts[5], "policy/") || strings.HasSuffix(parts[5], "/") ||
		strings.ContainsFunc(parts[5], func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", api.Errorf("InvalidInput", "ARN %s is not valid.", arn)
	}
	if parts[1] != c.Partition {
		return "", api.Errorf("ValidationError", "Invalid ARN partition")
	}
	return parts[4], nil
}

func noPolicy(arn string) error {
	return api.Errorf("NoSuchEntity", "Policy %s was not found.", arn)
}

func notAttachable(arn string) error {
	return api.Errorf("NoSuchEntity", "Policy %s does not exist or is not attachable.", arn)
}

// managedPolicy is a managed policy, either of the account or of AWS.
type managedPolicy struct {
	local *identity.ManagedPolicy // nil if it is AWS's
	aws   awspolicies.Policy
}

// text returns the policy's document in force.
func (p *managedPolicy) text(r store.Reader) (string, error) {
	return p.versionText(r, p.defaultVersion())
}

// versionText returns the document of one of the policy's versions; of AWS's, the one in force alone is known.
func (p *managedPolicy) versionText(r store.Reader, id string) (string, error) {
	if p.local == nil {
		return p.aws.Document(), nil
	}
	text, _, err := store.Load[string](r, identity.PolicyVersionKey(p.local.Account, p.local.Name, id))
	return text, err
}

// findPolicy returns the policy that the caller's account knows by an ARN, its own
// or AWS's, or nil. An ARN that can be none is an error.
func findPolicy(r store.Reader, c api.Caller, arn string) (*managedPolicy, error) {
	account, err := parsePolicyARN(c, arn)
	if err != nil {
		return nil, err
	}
	switch account {
	case awsAccount:
		if p, ok := awspolicies.Find(c.Partition, arn); ok {
			return &managedPolicy{aws: p}, nil
		}
	case c.Account:
		_, _, name := splitPolicyARN(arn)
		p, ok, err := store.Load[identity.ManagedPolicy](r, identity.PolicyKey(account, name))
		if err != nil {
			return nil, err
		}
		if ok && p.ARN() == arn {
			return &managedPolicy{local: &p}, nil
		}
	}
	return nil, nil
}

func (p *managedPolicy) arn() string {
	if p.local != nil {
		return p.local.ARN()
	}
	return p.aws.ARN()
}

// serviceLinked reports whether only service-linked roles can have the policy.
func (p *managedPolicy) serviceLinked() bool { return p.local == nil && p.aws.ServiceLinked() }

func (p *managedPolicy) path() string {
	if p.local != nil {
		return p.local.Path
	}
	return p.aws.Path
}

// versions of the policy, the oldest first.
func (p *managedPolicy) versions() []identity.PolicyVersion {
	if p.local != nil {
		return p.local.Versions
	}
	return p.aws.Versions()
}

// defaultVersion is the ID of the version in force.
func (p *managedPolicy) defaultVersion() string {
	if p.local != nil {
		return p.local.Default
	}
	return p.aws.DefaultVersion()
}

func (p *managedPolicy) tags() map[string]string {
	if p.local != nil {
		return p.local.Tags
	}
	return nil
}
