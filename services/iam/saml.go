package iam

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/saml"
	"emulator/store"
)

// samlLifetime is how long metadata is valid that does not say so.
const samlLifetime = 100 * 365 * 24 * time.Hour

func (s *Service) samlOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateSAMLProvider", s.createSAMLProvider),
		api.Op("GetSAMLProvider", s.getSAMLProvider),
		api.Op("ListSAMLProviders", s.listSAMLProviders),
		api.Op("UpdateSAMLProvider", s.updateSAMLProvider),
		api.Op("DeleteSAMLProvider", s.deleteSAMLProvider),
	}
}

func samlARN(c api.Caller, name string) string {
	return identity.ARN(c.Partition, "iam", c.Account, "saml-provider/"+name)
}

// findSAMLProvider returns the provider of that ARN once the caller may do with it what
// request says.
func (s *Service) findSAMLProvider(r store.Reader, c api.Caller, arn string, request authz.Request) (*identity.SAMLProvider, error) {
	var p *identity.SAMLProvider
	// Another partition's or account's ARN is one that is not found.
	if name, ok := strings.CutPrefix(arn, samlARN(c, "")); ok && !strings.ContainsRune(name, 0) {
		found, ok, err := store.Load[identity.SAMLProvider](r, identity.SAMLProviderKey(c.Account, name))
		if err != nil {
			return nil, err
		}
		if ok {
			p, request.ResourceTags = &found, found.Tags
			request.Context = withResource(request.Context, found.Issuer, found.Propagation)
		}
	}
	request.Resource = arn
	if err := s.authz.Authorize(r, c, request); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, api.Errorf("NoSuchEntity", "Manifest not found for arn %s", arn)
	}
	return p, nil
}

// samlInput is what a request gives a provider, read: that may take a while. What is not given is nil.
type samlInput struct {
	metadata *saml.Metadata
	key      *identity.SAMLKey
}

func (s *Service) readSAML(document, key *string) (in samlInput, err error) {
	if document != nil {
		if in.metadata, err = saml.ParseMetadata([]byte(*document)); err != nil {
			// What is wrong in detail tells those who may create a provider nothing secret.
			return in, api.Errorf("InvalidInput", "%s", err)
		}
		if in.metadata.EntityID != saml.EntityID([]byte(*document)) { // which permission was asked for
			return in, api.Errorf("InvalidInput", "The metadata document does not begin with the entityID.")
		}
	}
	if key != nil {
		in.key, err = s.readKey(*key)
	}
	return in, err
}

// setMetadata puts a metadata document, which was read, into the provider.
func setMetadata(p *identity.SAMLProvider, document string, metadata *saml.Metadata) {
	p.Metadata, p.ValidUntil, p.Issuer = document, metadata.ValidUntil, metadata.EntityID
	p.KeyHashes = nil
	for _, certificate := range metadata.Certificates {
		p.KeyHashes = append(p.KeyHashes, saml.KeyHash(certificate))
	}
	if p.ValidUntil.IsZero() {
		p.ValidUntil = p.Created.Add(samlLifetime)
	}
}

// readKey reads a private key in PEM.
func (s *Service) readKey(text string) (*identity.SAMLKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, invalidPrivateKey()
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	key, ok := private.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, invalidPrivateKey()
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	id := newLongID()
	return &identity.SAMLKey{ID: id, Created: s.now(), Private: s.keyring.Seal(der, id)}, nil
}

func invalidPrivateKey() error {
	return api.Errorf("InvalidInput", "Invalid private key")
}

// checkEncryption refuses a provider whose assertions nobody could read.
func checkEncryption(p *identity.SAMLProvider) error {
	if p.Encrypted && len(p.Keys) == 0 {
		return api.Errorf("InvalidInput", "Unable to set assertion encryption mode to Required because no private key is provided")
	}
	return nil
}

// newLongID returns an ID as AWS gives them to SAML providers, their keys, and signing certificates: 32 capital letters
// and digits.
func newLongID() string {
	var b [20]byte
	rand.Read(b[:])
	return base32.StdEncoding.EncodeToString(b[:])
}

func (s *Service) createSAMLProvider(ctx context.Context, c api.Caller, in *createSAMLProviderInput) (*iam.CreateSAMLProviderOutput, error) {
	tags, tagsErr := newTags(in.Tags, caseSensitive)
	p := &identity.SAMLProvider{
		Account: c.Account, Partition: c.Partition, Name: *in.Name, ID: newLongID(), Created: s.now(), Tags: tags,
		Encrypted: in.AssertionEncryptionMode == types.AssertionEncryptionModeTypeRequired,
	}
	arn := p.ARN()
	propagated := propagation{context: in.ContextProvider, instance: in.IdentityCenterInstanceArn}
	err := store.Make(ctx, s.store, func(r store.Reader) error {
		request := authz.Request{
			Action: "iam:CreateSAMLProvider", Resource: arn, RequestTags: tags, TagAction: "iam:TagSAMLProvider",
			Context: propagated.requestKeys(saml.EntityID([]byte(*in.SAMLMetadataDocument)), true),
		}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		if tagsErr != nil {
			return tagsErr
		}
		return propagated.check()
	}, func() (samlInput, error) {
		return s.readSAML(in.SAMLMetadataDocument, in.AddPrivateKey)
	}, func(tx store.Tx, given samlInput) error {
		setMetadata(p, *in.SAMLMetadataDocument, given.metadata)
		if err := propagated.apply(&p.Propagation); err != nil {
			return err
		}
		if given.key != nil {
			p.Keys = []identity.SAMLKey{*given.key}
		}
		if err := checkEncryption(p); err != nil {
			return err
		}
		if tx.Get(identity.SAMLProviderKey(c.Account, p.Name)) != nil {
			return api.Errorf("EntityAlreadyExists", "SAMLProvider %s already exists.", p.Name)
		}
		if err := s.addNew(tx, countedSAMLProviders, c.Account); err != nil {
			return err
		}
		return saveSAMLProvider(tx, p)
	})
	return &iam.CreateSAMLProviderOutput{SAMLProviderArn: &arn, Tags: in.Tags}, err
}

func (s *Service) getSAMLProvider(ctx context.Context, c api.Caller, in *iam.GetSAMLProviderInput) (*getSAMLProviderOutput, error) {
	var out *getSAMLProviderOutput
	err := s.store.View(ctx, func(r store.Reader) error {
		p, err := s.findSAMLProvider(r, c, *in.SAMLProviderArn, authz.Request{Action: "iam:GetSAMLProvider"})
		if err != nil {
			return err
		}
		out = &getSAMLProviderOutput{
			GetSAMLProviderOutput: iam.GetSAMLProviderOutput{
				SAMLProviderUUID: &p.ID, SAMLMetadataDocument: &p.Metadata, CreateDate: &p.Created, ValidUntil: &p.ValidUntil, Tags: wireTags(p.Tags),
				AssertionEncryptionMode: types.AssertionEncryptionModeTypeAllowed, PrivateKeyList: []types.SAMLPrivateKey{},
			},
			SAMLKeyHashes:             []samlKeyHashes{{IssuerURL: &p.Issuer, KeyHashes: p.KeyHashes}},
			ContextProvider:           wireContextProvider(p.ContextProvider),
			IdentityCenterInstanceArn: filled(p.IdentityCenter), IdentityStoreArn: filled(p.IdentityStore(p.Account)),
		}
		if p.Encrypted {
			out.AssertionEncryptionMode = types.AssertionEncryptionModeTypeRequired
		}
		for _, key := range p.Keys {
			out.PrivateKeyList = append(out.PrivateKeyList, types.SAMLPrivateKey{KeyId: &key.ID, Timestamp: &key.Created})
		}
		return nil
	})
	return out, err
}

func (s *Service) listSAMLProviders(ctx context.Context, c api.Caller, _ *iam.ListSAMLProvidersInput) (*listSAMLProvidersOutput, error) {
	out := &listSAMLProvidersOutput{SAMLProviderList: []samlProviderEntry{}} // AWS sends empty lists
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:ListSAMLProviders", Resource: samlARN(c, "*")}); err != nil {
			return err
		}
		for key := range r.Scan(identity.SAMLProvidersPrefix(c.Account), nil) {
			p, _, err := store.Load[identity.SAMLProvider](r, key)
			if err != nil {
				return err
			}
			out.SAMLProviderList = append(out.SAMLProviderList, samlProviderEntry{
				SAMLProviderListEntry:               types.SAMLProviderListEntry{Arn: aws.String(p.ARN()), CreateDate: &p.Created, ValidUntil: &p.ValidUntil},
				IsTrustedIdentityPropagationEnabled: p.IdentityCenter != "", // so AWS says
			})
		}
		return nil
	})
	return out, err
}

// updateSAMLProvider changes what is given of the provider.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSAMLProvider.html
func (s *Service) updateSAMLProvider(ctx context.Context, c api.Caller, in *updateSAMLProviderInput) (*iam.UpdateSAMLProviderOutput, error) {
	var p *identity.SAMLProvider
	propagated := propagation{in.ContextProvider, in.IdentityCenterInstanceArn, in.RemoveContextProvider, in.RemoveIdentityCenterInstance}
	issuer := saml.EntityID([]byte(aws.ToString(in.SAMLMetadataDocument)))
	err := store.Make(ctx, s.store, func(r store.Reader) (err error) {
		request := authz.Request{Action: "iam:UpdateSAMLProvider", Context: propagated.requestKeys(issuer, false)}
		if p, err = s.findSAMLProvider(r, c, *in.SAMLProviderArn, request); err != nil {
			return err
		}
		if err := propagated.check(); err != nil {
			return err
		}
		metadata := in.SAMLMetadataDocument != nil || in.AssertionEncryptionMode != "" || in.AddPrivateKey != nil || in.RemovePrivateKey != nil
		if propagated.changesContext() && (metadata || propagated.changesInstance()) {
			return api.Errorf("InvalidInput", "A request can change either the context provider or the provider metadata, but not both.")
		}
		if in.AddPrivateKey != nil && in.RemovePrivateKey != nil {
			return api.Errorf("InvalidInput", "Unable to add and remove private keys in the same request. Set a value for only one of the two parameters.")
		}
		return nil
	}, func() (samlInput, error) {
		return s.readSAML(in.SAMLMetadataDocument, in.AddPrivateKey)
	}, func(tx store.Tx, given samlInput) error {
		if err := propagated.apply(&p.Propagation); err != nil {
			return err
		}
		if given.metadata != nil {
			setMetadata(p, *in.SAMLMetadataDocument, given.metadata)
		}
		if id := in.RemovePrivateKey; id != nil {
			kept := slices.DeleteFunc(slices.Clone(p.Keys), func(k identity.SAMLKey) bool { return k.ID == *id })
			if len(kept) == len(p.Keys) {
				return api.Errorf("NoSuchEntity", "Failed to remove private key because the Key ID does not match a private key")
			}
			p.Keys = kept
		}
		if given.key != nil {
			if most := s.quotas.Max(keysPerSAMLProvider); len(p.Keys) >= most {
				return api.Errorf("LimitExceeded", "Private key limit of %d is reached", most)
			}
			p.Keys = append(p.Keys, *given.key)
		}
		if in.AssertionEncryptionMode != "" {
			p.Encrypted = in.AssertionEncryptionMode == types.AssertionEncryptionModeTypeRequired
		}
		if err := checkEncryption(p); err != nil {
			return err
		}
		return saveSAMLProvider(tx, p)
	})
	return &iam.UpdateSAMLProviderOutput{SAMLProviderArn: in.SAMLProviderArn}, err
}

func (s *Service) deleteSAMLProvider(ctx context.Context, c api.Caller, in *iam.DeleteSAMLProviderInput) (*iam.DeleteSAMLProviderOutput, error) {
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		p, err := s.findSAMLProvider(tx, c, *in.SAMLProviderArn, authz.Request{Action: "iam:DeleteSAMLProvider"})
		if err != nil {
			return err
		}
		if err := countedSAMLProviders.add(tx, c.Account, -1); err != nil {
			return err
		}
		return deleteTagged(tx, identity.SAMLProviderKey(c.Account, p.Name), p.ARN())
	})
}

func saveSAMLProvider(tx store.Tx, p *identity.SAMLProvider) error {
	return saveTagged(tx, identity.SAMLProviderKey(p.Account, p.Name), p, p.ARN(), p.Tags)
}
