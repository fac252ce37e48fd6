package iam

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// Credentials of users that are good for one service.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_service-specific-creds.html

func (s *Service) serviceCredentialOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateServiceSpecificCredential", s.createServiceSpecificCredential),
		api.Op("ListServiceSpecificCredentials", s.listServiceSpecificCredentials),
		api.Op("UpdateServiceSpecificCredential", s.updateServiceSpecificCredential),
		api.Op("ResetServiceSpecificCredential", s.resetServiceSpecificCredential),
		api.Op("DeleteServiceSpecificCredential", s.deleteServiceSpecificCredential),
	}
}

// credentialServices are the services by name, with what an API key for them begins with. Two take a user name and a password.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_api_keys_for_aws_services.html
var credentialServices = map[string]string{
	"codecommit.amazonaws.com":             "",
	"cassandra.amazonaws.com":              "",
	"bedrock.amazonaws.com":                "ABSK",
	"logs.amazonaws.com":                   "ACWL",
	"cloudwatch.amazonaws.com":             "APIAACWM",
	"aws-external-anthropic.amazonaws.com": "AEAA",
}

// credentialService returns the name of a service as it is kept: however it is spelt at the call.
func credentialService(given string) (string, error) {
	name := strings.ToLower(given)
	if _, ok := credentialServices[name]; !ok {
		// [rec] localstack has the sentence
		return "", api.Errorf("NoSuchEntity", "No such service %s is supported for Service Specific Credentials", given)
	}
	return name, nil
}

// The condition keys of these operations.
const (
	credentialServiceKey = "iam:ServiceSpecificCredentialServiceName"
	credentialAgeKey     = "iam:ServiceSpecificCredentialAgeDays"
)

// serviceContext is what conditions know of the credential that an operation is about, if there is one.
func serviceContext(r store.Reader, c api.Caller, q chosen) (map[string][]string, error) {
	name, err := userName(c, q.owner)
	if err != nil {
		return nil, err
	}
	u, ok, err := identity.LoadUser(r, c.Account, name)
	if err != nil || !ok {
		return nil, err
	}
	k, ok, err := store.Load[credential](r, serviceKind.key(c.Account, u.ID, q.id))
	if err != nil || !ok {
		return nil, err
	}
	return map[string][]string{credentialServiceKey: {k.Service}}, nil
}

// renew gives a credential a secret, which is told once.
func (k *credential) renew() (secret string) {
	var random [45]byte
	rand.Read(random[:])
	secret = base64.StdEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(secret))
	k.Hash = sum[:]
	if prefix := credentialServices[k.Service]; prefix != "" {
		return prefix + base64.StdEncoding.EncodeToString([]byte(k.Name+":"+secret))
	}
	return secret
}

// wireServiceCredential tells the secret, too.
func (s *Service) wireServiceCredential(o owner, k *credential, secret string) *types.ServiceSpecificCredential {
	w := &types.ServiceSpecificCredential{
		UserName: o.name, ServiceSpecificCredentialId: &k.ID, ServiceName: &k.Service, CreateDate: &k.Created, ExpirationDate: timeOrNil(k.Expires), Status: k.status(s.now()),
	}
	if credentialServices[k.Service] != "" {
		w.ServiceCredentialAlias, w.ServiceCredentialSecret = &k.Name, &secret
	} else {
		w.ServiceUserName, w.ServicePassword = &k.Name, &secret
	}
	return w
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// wireServiceMetadata is what lists have of it.
func (s *Service) wireServiceMetadata(userName *string, k *credential) types.ServiceSpecificCredentialMetadata {
	w := types.ServiceSpecificCredentialMetadata{
		UserName: userName, ServiceSpecificCredentialId: &k.ID, ServiceName: &k.Service, CreateDate: &k.Created, ExpirationDate: timeOrNil(k.Expires), Status: k.status(s.now()),
	}
	if credentialServices[k.Service] != "" {
		w.ServiceCredentialAlias = &k.Name
	} else {
		w.ServiceUserName = &k.Name
	}
	return w
}

// nameAtService gives the credential a name that no other has at its service: jane-at-123456789012, jane+1-at-123456789012 …
func (k *credential) nameAtService(r store.Reader, account, user string) {
	for n := 0; ; n++ {
		suffix := ""
		if n > 0 {
			suffix = "+" + strconv.Itoa(n)
		}
		k.Name = fmt.Sprintf("%s%s-at-%s", user, suffix, account)
		k.Unique = k.Service + "/" + k.Name
		if r.Get(serviceKind.uniqueKey(account, k.Unique)) == nil {
			return
		}
	}
}

func (s *Service) createServiceSpecificCredential(ctx context.Context, c api.Caller, in *iam.CreateServiceSpecificCredentialInput) (*iam.CreateServiceSpecificCredentialOutput, error) {
	service, serviceErr := credentialService(*in.ServiceName)
	k := &credential{ID: identity.NewUniqueID(identity.PrefixServiceCredential), Created: s.now(), Service: service}
	conditions := map[string][]string{credentialServiceKey: {strings.ToLower(*in.ServiceName)}}
	if in.CredentialAgeDays != nil {
		conditions[credentialAgeKey] = []string{strconv.Itoa(int(*in.CredentialAgeDays))}
		k.Expires = k.Created.Add(time.Duration(*in.CredentialAgeDays) * 24 * time.Hour)
	}
	out := &iam.CreateServiceSpecificCredentialOutput{}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		o, err := s.findOwner(tx, c, in.UserName, authz.Request{Action: "iam:CreateServiceSpecificCredential", Context: conditions})
		if err != nil {
			return err
		}
		if serviceErr != nil {
			return serviceErr
		}
		if in.CredentialAgeDays != nil && credentialServices[service] == "" { // "only valid for services that support long-term API keys"
			return api.Errorf("ValidationError", "CredentialAgeDays is not supported for service %s.", service)
		}
		others, err := serviceKind.of(tx, c.Account, o.id)
		if err != nil {
			return err
		}
		ofService := 0
		for _, other := range others {
			if other.Service == service {
				ofService++
			}
		}
		if err := s.within(serviceKind.quota, ofService+1); err != nil {
			return err
		}
		k.nameAtService(tx, c.Account, *o.name)
		out.ServiceSpecificCredential = s.wireServiceCredential(o, k, k.renew())
		return serviceKind.save(tx, c.Account, o.id, k)
	})
	return out, err
}

// listServiceSpecificCredentials lists those of one user, or of all.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServiceSpecificCredentials.html
func (s *Service) listServiceSpecificCredentials(ctx context.Context, c api.Caller, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	all := aws.ToBool(in.AllUsers)
	if all && in.UserName != nil {
		return nil, api.Errorf("ValidationError", "AllUsers and UserName cannot be specified together.")
	}
	if !all {
		if err := noRoot(c, in.UserName); err != nil {
			return nil, err
		}
	}
	page, err := newPage(api.ListOf(c, in))
	if err != nil {
		return nil, err
	}
	out := &iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{}} // AWS sends empty lists
	err = s.store.View(ctx, func(r store.Reader) error {
		request := authz.Request{Action: "iam:ListServiceSpecificCredentials", Resource: identity.ARN(c.Partition, "iam", c.Account, "user/*")}
		var o owner
		if all {
			err = s.authz.Authorize(r, c, request)
		} else {
			o, err = s.findOwner(r, c, in.UserName, request)
		}
		if err != nil {
			return err
		}
		service := aws.ToString(in.ServiceName)
		if service != "" {
			if service, err = credentialService(service); err != nil {
				return err
			}
		}
		root := serviceKind.prefix(c.Account, o.id)
		for key := range r.Scan(root, page.startBelow(root)) {
			k, _, err := store.Load[credential](r, key)
			if err != nil {
				return err
			}
			position := string(key[len(root):])
			if service != "" && k.Service != service {
				if page.skip(position) {
					continue
				}
				return nil
			}
			if !page.take(position) {
				return nil
			}
			name := o.name
			if all {
				u, err := userByID(r, c.Account, store.Parts(key)[3])
				if err != nil {
					return err
				}
				name = &u.Name
			}
			out.ServiceSpecificCredentials = append(out.ServiceSpecificCredentials, s.wireServiceMetadata(name, &k))
		}
		return nil
	})
	out.Marker = page.next()
	out.IsTruncated = out.Marker != nil
	return out, err
}

func (s *Service) updateServiceSpecificCredential(ctx context.Context, c api.Caller, in *iam.UpdateServiceSpecificCredentialInput) (*iam.UpdateServiceSpecificCredentialOutput, error) {
	return nil, s.setStatus(ctx, c, chosen{serviceKind, in.UserName, *in.ServiceSpecificCredentialId}, "iam:UpdateServiceSpecificCredential", in.Status, "ValidationError")
}

func (s *Service) resetServiceSpecificCredential(ctx context.Context, c api.Caller, in *iam.ResetServiceSpecificCredentialInput) (*iam.ResetServiceSpecificCredentialOutput, error) {
	out := &iam.ResetServiceSpecificCredentialOutput{}
	err := s.store.Update(ctx, func(tx store.Tx) error {
		o, k, err := s.findCredential(tx, c, chosen{serviceKind, in.UserName, *in.ServiceSpecificCredentialId}, "iam:ResetServiceSpecificCredential")
		if err != nil {
			return err
		}
		out.ServiceSpecificCredential = s.wireServiceCredential(o, k, k.renew())
		return store.Save(tx, serviceKind.key(c.Account, o.id, k.ID), k)
	})
	return out, err
}

func (s *Service) deleteServiceSpecificCredential(ctx context.Context, c api.Caller, in *iam.DeleteServiceSpecificCredentialInput) (*iam.DeleteServiceSpecificCredentialOutput, error) {
	return nil, s.deleteCredential(ctx, c, chosen{serviceKind, in.UserName, *in.ServiceSpecificCredentialId}, "iam:DeleteServiceSpecificCredential")
}
