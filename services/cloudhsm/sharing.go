package cloudhsm

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

func (s *Service) sharingOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutResourcePolicy", s.putResourcePolicy),
		api.Op("GetResourcePolicy", s.getResourcePolicy),
		api.Op("DeleteResourcePolicy", s.deleteResourcePolicy),
	}
}

// resourcePolicy is what authorization asks of a backup.
func (b *Backup) resourcePolicy() *authz.ResourcePolicy {
	return &authz.ResourcePolicy{Kind: policy.Resource, ARN: b.arn(), Text: b.Policy}
}

// sharedPrefix begins the keys of the index from an account to the backups whose policies name it, or its users and roles. Those that are shared
// with everybody are in nobody's list.
func sharedPrefix(account, region string) []byte {
	return store.Key("cloudhsm-shared", account, region)
}

// shares returns the keys of a backup's entries in that index.
func (b *Backup) shares() [][]byte {
	var keys [][]byte
	for _, account := range b.SharedWith {
		keys = append(keys, slices.Concat(sharedPrefix(account, b.Region), store.Key(b.Account, b.ID)))
	}
	return keys
}

// accountsIn returns the accounts that a policy names, sorted: of users and roles theirs.
func accountsIn(text string) ([]string, error) {
	var accounts []string
	_, err := policy.MapPrincipals(text, func(value string) (string, error) {
		account := value
		if parsed, ok := policy.ParseARN(value); ok {
			account = parsed.Account
		}
		if identity.IsAccountID(account) {
			accounts = append(accounts, account)
		}
		return value, nil
	})
	slices.Sort(accounts)
	return slices.Compact(accounts), err
}

// share gives a backup a policy, or none, in place of the one that it has.
func share(tx store.Tx, b *Backup, stored string, with []string) error {
	for _, key := range b.shares() {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	b.Policy, b.SharedWith = stored, with
	for _, key := range b.shares() {
		if err := tx.Put(key, []byte(b.ID)); err != nil {
			return err
		}
	}
	return nil
}

// sharedWith reports whether the owner of a backup lets the caller see it.
func (s *Service) sharedWith(r store.Reader, c api.Caller, b *Backup) (bool, error) {
	err := s.Authz.Authorize(r, c, authz.Request{
		Action: "cloudhsm:DescribeBackups", Resource: b.arn(), ResourceAccount: b.Account, ResourceTags: b.Tags, ResourcePolicy: b.resourcePolicy(),
	})
	if api.ErrorCode(err) != "" {
		return false, nil
	}
	return err == nil, err
}

// findShared returns the backup that an ARN names, and with whose policy the caller may do an operation.
func (s *Service) findShared(r store.Reader, c api.Caller, operation string, given *string) (*Backup, error) {
	if given == nil {
		if err := s.authorize(r, c, operation, "", authz.Request{}); err != nil {
			return nil, err
		}
		return nil, invalid("ResourceArn is required.")
	}
	parsed, _ := policy.ParseARN(*given) // the model has its pattern
	id := parsed.Resource[strings.LastIndexByte(parsed.Resource, '/')+1:]
	if !isBackup(id) || parsed.Account != c.Account || parsed.Region != c.Region || parsed.Partition != c.Partition {
		if err := s.Authz.Authorize(r, c, authz.Request{Action: "cloudhsm:" + operation, Resource: *given}); err != nil {
			return nil, err
		}
		switch {
		case !isBackup(id):
			return nil, invalid("Only backups have resource policies.")
		case parsed.Account != c.Account:
			return nil, api.Errorf("CloudHsmAccessDeniedException", "The resource %s is in another account.", *given)
		}
		return nil, noBackup(id)
	}
	return s.findBackup(r, c, operation, id, authz.Request{})
}

func (s *Service) putResourcePolicy(ctx context.Context, c api.Caller, in *cloudhsmv2.PutResourcePolicyInput) (*cloudhsmv2.PutResourcePolicyOutput, error) {
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		b, err := s.findShared(tx, c, "PutResourcePolicy", in.ResourceArn)
		if err != nil {
			return err
		}
		if in.Policy == nil {
			return invalid("Policy is required.")
		}
		if err := s.needReady(tx, b); err != nil {
			return err
		}
		if err := s.Authz.CheckPolicy("CloudHsmInvalidRequestException", policy.Resource, b.Partition, *in.Policy); err != nil {
			return err
		}
		stored, err := s.Authz.StorePrincipals(tx, b.Partition, *in.Policy)
		if e, ok := errors.AsType[*api.Error](err); ok {
			return invalid("%s", e.Message)
		}
		if err != nil {
			return err
		}
		accounts, err := accountsIn(*in.Policy)
		if err != nil {
			return err
		}
		if err := share(tx, b, stored, accounts); err != nil {
			return err
		}
		return saveBackup(tx, b)
	})
	if err != nil {
		return nil, err
	}
	return &cloudhsmv2.PutResourcePolicyOutput{Policy: in.Policy, ResourceArn: in.ResourceArn}, nil
}

// getResourcePolicy answers nothing for a backup that has no policy.
func (s *Service) getResourcePolicy(ctx context.Context, c api.Caller, in *cloudhsmv2.GetResourcePolicyInput) (*cloudhsmv2.GetResourcePolicyOutput, error) {
	out := &cloudhsmv2.GetResourcePolicyOutput{}
	err := s.Store.View(ctx, func(r store.Reader) error {
		b, err := s.findShared(r, c, "GetResourcePolicy", in.ResourceArn)
		if err != nil || b.Policy == "" {
			return err
		}
		text, err := s.Authz.ShowPrincipals(r, b.Policy)
		out.Policy = &text
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// deleteResourcePolicy does nothing to the clusters that were made of the backup.
func (s *Service) deleteResourcePolicy(ctx context.Context, c api.Caller, in *cloudhsmv2.DeleteResourcePolicyInput) (*cloudhsmv2.DeleteResourcePolicyOutput, error) {
	out := &cloudhsmv2.DeleteResourcePolicyOutput{ResourceArn: in.ResourceArn}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		b, err := s.findShared(tx, c, "DeleteResourcePolicy", in.ResourceArn)
		if err != nil {
			return err
		}
		if b.Policy == "" {
			return notFound("The resource %s has no resource policy.", *in.ResourceArn)
		}
		text, err := s.Authz.ShowPrincipals(tx, b.Policy)
		if err != nil {
			return err
		}
		out.Policy = &text
		if err := share(tx, b, "", nil); err != nil {
			return err
		}
		return saveBackup(tx, b)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
