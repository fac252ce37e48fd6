package kms

import (
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/audit"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/services/kms/keystore"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// Key is the record of a KMS key. Records read from the store are shared: they are
// copied before they are changed.
type Key struct {
	Account     string             `json:"account"`
	Region      string             `json:"region"`
	Partition   string             `json:"partition"`
	ID          string             `json:"id"`
	Created     time.Time          `json:"created"`
	Description string             `json:"description,omitempty"`
	Spec        types.KeySpec      `json:"spec"`
	Usage       types.KeyUsageType `json:"usage"`
	Origin      types.OriginType   `json:"origin"`
	Enabled     bool               `json:"enabled"`
	// AWSManaged is set for the keys that AWS manages (awsManaged).
	AWSManaged bool `json:"awsManaged,omitempty"`
	// Deletion is when the key ceases to exist; zero if its deletion is not scheduled.
	Deletion time.Time `json:"deletion,omitzero"`
	// PendingWindow is the waiting period in days.
	PendingWindow int32 `json:"pendingWindow,omitempty"`
	// AwaitsReplicas is set while a primary key that is to be deleted has replicas: its waiting period begins when the last is gone.
	AwaitsReplicas bool `json:"awaitsReplicas,omitempty"`
	// MultiRegion is what a multi-Region key is among those related to it (MultiRegion), "" of a key of one Region.
	MultiRegion types.MultiRegionKeyType `json:"multiRegion,omitempty"`
	// Policy with users and roles as their unique IDs.
	Policy string            `json:"policy"`
	Tags   map[string]string `json:"tags,omitempty"`
	// MaterialID names the material in force.
	MaterialID string `json:"materialId"` // "" until the first is imported
	// Materials counts the records of materials that it has had (KeyMaterial).
	Materials int `json:"materials,omitempty"`
	// Incomplete is set while material that was imported is missing; Expires is when the first of it expires, zero if never.
	Incomplete bool      `json:"incomplete,omitempty"`
	Expires    time.Time `json:"expires,omitzero"`
	// RotationPeriod is in days, 0 if the key does not rotate by itself.
	RotationPeriod int32     `json:"rotationPeriod,omitempty"`
	NextRotation   time.Time `json:"nextRotation,omitzero"`
	// OnDemand counts the rotations on demand.
	OnDemand int `json:"onDemand,omitempty"`
	// OnDemandSince is when a rotation on demand that has not ended was asked for, zero if none was.
	OnDemandSince time.Time `json:"onDemandSince,omitzero"`
	// Transient is the state that the key takes for the time of a transition, which began at TransientSince: Creating or Updating.
	Transient      types.KeyState `json:"transient,omitempty"`
	TransientSince time.Time      `json:"transientSince,omitzero"`
	// CustomKeyStore is the ID of the custom key store with the material, or "".
	CustomKeyStore string `json:"customKeyStore,omitempty"`
	Cluster        string `json:"cluster,omitempty"`
}

// ARN returns the key's ARN.
func (k *Key) ARN() string { return arn(k.Partition, k.Region, k.Account, "key/"+k.ID) }

func (k *Key) ref() keystore.Ref { return k.refOf(k.MaterialID) }

func (k *Key) refOf(materialID string) keystore.Ref {
	return keystore.Ref{Account: k.Account, Region: k.Region, KeyID: k.ID, MaterialID: materialID}
}

func arn(partition, region, account, resource string) string {
	return "arn:" + partition + ":kms:" + region + ":" + account + ":" + resource
}

func keyKey(account, region, id string) []byte { return store.Key("kms", account, region, "key", id) }

// loadKey returns a key that exists at this time, or nil.
func (s *Service) loadKey(r store.Reader, account, region, id string) (*Key, error) {
	k, err := store.LoadShared(r, keyKey(account, region, id), &s.records)
	if err != nil || k == nil || s.gone(k) {
		return nil, err
	}
	return k, nil
}

func (s *Service) gone(k *Key) bool { return !k.Deletion.IsZero() && !s.clock.Now().Before(k.Deletion) }

func saveKey(tx store.Tx, k *Key) error {
	if err := tagindex.Put(tx, k.ARN(), k.Tags); err != nil {
		return err
	}
	return store.Save(tx, keyKey(k.Account, k.Region, k.ID), k)
}

// keyID is what a request names a key by, parsed.
type keyID struct {
	account, region string
	id, alias       string // one of them
}

// parseKeyID takes a key ID, an alias name, or the ARN of either.
func parseKeyID(c api.Caller, given string) (keyID, error) {
	k := keyID{account: c.Account, region: c.Region}
	resource := given
	if strings.HasPrefix(given, "arn:") {
		parts := strings.SplitN(given, ":", 6)
		if len(parts) != 6 || parts[2] != "kms" || !identity.IsAccountID(parts[4]) {
			return k, api.Errorf("NotFoundException", "Invalid arn %s", given)
		}
		if parts[1] != c.Partition || parts[3] != c.Region {
			return k, api.Errorf("NotFoundException", "Invalid arn %s", parts[3])
		}
		k.account, resource = parts[4], parts[5]
		if id, ok := strings.CutPrefix(resource, "key/"); ok {
			if !isKeyID(id) {
				return k, api.Errorf("NotFoundException", "Invalid keyId %s", id)
			}
			k.id = id
			return k, nil
		}
	}
	if strings.HasPrefix(resource, "alias/") {
		k.alias = resource
		return k, nil
	}
	if resource != given || !isKeyID(given) {
		return k, api.Errorf("NotFoundException", "Invalid keyId '%s'", given)
	}
	k.id = given
	return k, nil
}

// isKeyID reports whether s has the form of a key ID: a UUID, or one of a multi-Region key. The form is that of upper
// case, too, which no key has.
func isKeyID(s string) bool {
	if rest, ok := strings.CutPrefix(s, "mrk-"); ok {
		return len(rest) == 32 && strings.Trim(rest, hexadecimal) == ""
	}
	return len(s) == 36 && strings.Trim(s, hexadecimal+"-") == "" && strings.Count(s, "-") == 4
}

const hexadecimal = "0123456789abcdefABCDEF"

// access is what an operation wants to do with a key.
type access struct {
	action string
	// anyAccount is set for operations that AWS lets be called on another account's key.
	anyAccount bool
	// grant is the one that is to be made or retired.
	grant *Grant
	// recipient is who is to read the answer.
	recipient *recipient
	request   authz.Request
}

// readBy returns the access for a recipient.
func (a access) readBy(to *recipient) access {
	to.describe(a.request.Context)
	a.recipient = to
	return a
}

// findByID is findKey for operations that take key IDs and key ARNs, but no aliases.
func (s *Service) findByID(r store.Reader, c api.Caller, given string, a access) (*Key, error) {
	if id, err := parseKeyID(c, given); err == nil && id.alias != "" {
		return nil, api.Errorf("InvalidArnException", "Key Aliases are not supported for this operation.")
	}
	return s.findKey(r, c, given, a)
}

// findKey returns the key that a request names once the caller may do with it what the
// access says. Who may not, does not learn whether the key exists.
func (s *Service) findKey(r store.Reader, c api.Caller, given string, a access) (*Key, error) {
	id, err := parseKeyID(c, given)
	if err != nil {
		return nil, err
	}
	if id.account != c.Account && !a.anyAccount {
		return nil, api.Errorf("AccessDenied", "User: %s is not authorized to perform: %s on this resource because the resource does not exist in this account", c.ARN, a.action)
	}
	return s.lookUpKey(r, c, id, a)
}

// lookUpKey is findKey for a name that was parsed.
func (s *Service) lookUpKey(r store.Reader, c api.Caller, id keyID, a access) (*Key, error) {
	named := arn(c.Partition, id.region, id.account, "key/"+id.id)
	if id.alias != "" {
		named = arn(c.Partition, id.region, id.account, id.alias)
		alias, ok, err := loadAlias(r, id.account, id.region, id.alias)
		if err != nil {
			return nil, err
		}
		if ok {
			id.id = alias.Target
		}
	}
	k, err := s.loadKey(r, id.account, id.region, id.id)
	if err != nil {
		return nil, err
	}
	if id.account != c.Account {
		return s.foreignKey(r, c, id, k, a, named)
	}
	if k == nil {
		return nil, s.noKey(r, c, id, a, named)
	}
	return k, s.authorizeNamed(r, c, id, k, a)
}

// authorizeNamed is authorize for a key that a request names.
func (s *Service) authorizeNamed(r store.Reader, c api.Caller, id keyID, k *Key, a access) error {
	if id.alias != "" {
		a.request.Context = with(a.request.Context, "kms:RequestAlias", id.alias)
	}
	return s.authorize(r, c, k, a)
}

// foreignKey is lookUpKey's answer about a key of another account, nil if there is none. Only whom its own policy allows is told
// that it is his policies that do not. All others are told, in AWS's words, what they would be if there were none: neither
// whether there is one, nor, of an alias, which. It takes as long, too.
func (s *Service) foreignKey(r store.Reader, c api.Caller, id keyID, k *Key, a access, named string) (*Key, error) {
	tried := k
	if k == nil {
		tried = &Key{Account: id.account, Region: id.region, Partition: c.Partition, ID: id.id} // whose policy allows nobody anything
	}
	asked := a
	asked.request.Context = maps.Clone(a.request.Context) // to which authorize adds what it knows of the key
	err := s.authorizeNamed(r, c, id, tried, asked)
	if e, ok := errors.AsType[*api.Error](err); k != nil && (!ok || strings.HasSuffix(e.Message, "because no identity-based policy allows the "+a.action+" action")) {
		return k, err
	}
	err = s.noKey(r, c, id, a, named)
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "AccessDenied" {
		if who, reasonless := strings.CutSuffix(e.Message, " on resource: "+named); reasonless {
			e.Message = who + " on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
		}
	}
	return nil, err
}

// noKey is the answer about a key that does not exist.
func (s *Service) noKey(r store.Reader, c api.Caller, id keyID, a access, named string) error {
	request := a.request
	request.Action, request.Resource, request.ResourceAccount = a.action, named, id.account
	if err := s.authz.Authorize(r, c, request); err != nil {
		return err
	}
	return notFound(id, named)
}

// notFound is AWS's error for a key or alias, named in full, that does not exist.
func notFound(id keyID, named string) error {
	if id.alias != "" {
		return api.Errorf("NotFoundException", "Alias %s is not found.", named)
	}
	return api.Errorf("NotFoundException", "Key '%s' does not exist", named)
}

// authorize asks whether the caller may do with the key what the access says.
func (s *Service) authorize(r store.Reader, c api.Caller, k *Key, a access) error {
	request := a.request
	request.Action, request.Resource, request.ResourceAccount, request.ResourceTags = a.action, k.ARN(), k.Account, k.Tags
	request.AWSManaged = k.AWSManaged
	request.ResourcePolicy = &authz.ResourcePolicy{Kind: policy.KeyPolicy, ARN: k.ARN(), Text: k.Policy}
	request.Context = with(request.Context, "kms:CallerAccount", c.Account)
	k.describe(request.Context)
	k.describeMultiRegion(request.Context)
	if aliases := aliasesOf(r, k); aliases != nil {
		request.Context["kms:ResourceAliases"] = aliases
	}
	var err error
	switch a.action {
	case "kms:RetireGrant":
		request.ResourcePolicy.Text = "" // which has no effect on it
	case "kms:DisableKey", "kms:ScheduleKeyDeletion":
		err = s.describeUse(r, k, request.Context)
	}
	if err != nil {
		return err
	}
	if request.Grants, err = s.grants(r, c, k, a); err != nil {
		return err
	}
	err = s.authz.Authorize(r, c, request)
	if denied, ok := errors.AsType[*api.Error](err); ok && request.Grants == nil {
		if others := s.otherGrants(r, c, k); others != "" {
			return denied.Because("%s", others)
		}
	}
	if err != nil {
		return err
	}
	if err := checkManaged(c, k, a.action); err != nil {
		return err
	}
	c.Notes.Resource(k.resource())
	return nil
}

// resource is the key in the event of a call.
func (k *Key) resource() audit.Resource {
	return audit.Resource{Type: audit.KMSKey, Account: k.Account, ARN: k.ARN()}
}

// describe adds the condition keys that a key and a new one have in common. Two have the names that they had before, too.
func (k *Key) describe(context map[string][]string) {
	context["kms:KeySpec"] = []string{string(k.Spec)}
	context["kms:CustomerMasterKeySpec"] = context["kms:KeySpec"]
	context["kms:KeyUsage"] = []string{string(k.Usage)}
	context["kms:CustomerMasterKeyUsage"] = context["kms:KeyUsage"]
	context["kms:KeyOrigin"] = []string{string(k.Origin)}
}

func with(context map[string][]string, key string, values ...string) map[string][]string {
	if context == nil {
		context = make(map[string][]string, 8)
	}
	context[key] = values
	return context
}

// changeKey runs f on a copy of the key and saves it.
func (s *Service) changeKey(tx store.Tx, c api.Caller, given string, a access, f func(*Key) error) error {
	found, err := s.findByID(tx, c, given, a)
	if err != nil {
		return err
	}
	if err := s.upToDate(tx, found); err != nil {
		return err
	}
	k := *found
	if err := f(&k); err != nil {
		return err
	}
	return s.saveShared(tx, &k)
}

// metadata returns the key as DescribeKey shows it.
func (s *Service) metadata(r store.Reader, k *Key) (*types.KeyMetadata, error) {
	if err := s.upToDate(r, k); err != nil {
		return nil, err
	}
	state, err := s.state(r, k)
	if err != nil {
		return nil, err
	}
	m := &types.KeyMetadata{
		AWSAccountId: &k.Account, KeyId: &k.ID, Arn: aws.String(k.ARN()), CreationDate: &k.Created, Enabled: state == types.KeyStateEnabled,
		Description: &k.Description, KeyUsage: k.Usage, KeyState: state, Origin: k.Origin, KeyManager: types.KeyManagerTypeCustomer,
		KeySpec: k.Spec, CustomerMasterKeySpec: types.CustomerMasterKeySpec(k.Spec), MultiRegion: aws.Bool(k.MultiRegion != ""),
	}
	if k.AWSManaged {
		m.KeyManager = types.KeyManagerTypeAws
	}
	if k.Origin == types.OriginTypeExternal && !s.pendingImport(k) {
		m.ExpirationModel, m.ValidTo = expiration(k.Expires)
	}
	if k.Spec == types.KeySpecSymmetricDefault && k.MaterialID != "" {
		m.CurrentKeyMaterialId = &k.MaterialID
	}
	if !k.Deletion.IsZero() {
		m.DeletionDate = &k.Deletion
	}
	if k.AwaitsReplicas {
		m.PendingDeletionWindowInDays = &k.PendingWindow
	}
	if k.MultiRegion != "" {
		if m.MultiRegionConfiguration, err = s.multiRegionConfiguration(r, k); err != nil {
			return nil, err
		}
	}
	if k.CustomKeyStore != "" {
		m.CustomKeyStoreId, m.CloudHsmClusterId = &k.CustomKeyStore, &k.Cluster
	}
	of := k.algorithms()
	m.EncryptionAlgorithms, m.SigningAlgorithms, m.MacAlgorithms = of.encryption, of.signing, of.mac
	m.KeyAgreementAlgorithms, m.EncapsulationAlgorithms = of.agreement, of.encapsulation
	return m, nil
}
