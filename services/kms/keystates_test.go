package kms_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"emulator/api/model"
	"emulator/emulatortest"
)

// subject is the key that an operation is tried with, and what the operation needs besides it.
type subject struct {
	*testing.T
	c *kms.Client // of the key's Region
	// maker is a client of a related key that can be used: c, but of a key that is being created.
	maker    *kms.Client
	id, arn  *string
	material []byte // that was imported, nil if none was
	importer importer
	grant    *string
	made     []byte // a ciphertext, a signature or a MAC
	other    *types.KeyMetadata
}

// driven is an operation of the table.
type driven struct {
	spec  types.KeySpec
	usage types.KeyUsageType
	// imported is set if imported material is of interest in each state.
	imported bool
	// multiRegion is set for operations that take multi-Region keys only.
	multiRegion bool
	// swaps is set for the one that is asked of a primary key and changes a replica, too, which is the one in the transient states.
	swaps bool
	// before makes what the operation needs, while the key can be used.
	before func(*subject)
	call   func(*subject) error
}

// bogus stands for what is not looked at: the operation is refused before.
const bogus = "bogus"

var drivenOperations = map[string]driven{
	"CancelKeyDeletion": {call: func(s *subject) error {
		return err(s.c.CancelKeyDeletion(s.Context(), &kms.CancelKeyDeletionInput{KeyId: s.id}))
	}},
	"CreateAlias": {call: newAlias},
	"CreateGrant": {call: func(s *subject) error {
		return err(s.c.CreateGrant(s.Context(), &kms.CreateGrantInput{KeyId: s.id, GranteePrincipal: aws.String(account + "root"), Operations: []types.GrantOperation{types.GrantOperationEncrypt}}))
	}},
	"Decapsulate": {spec: types.KeySpecMlKem768, usage: types.KeyUsageTypeEncapsulateDecapsulate, call: func(s *subject) error {
		return err(s.c.Decapsulate(s.Context(), &kms.DecapsulateInput{KeyId: s.id, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem, SharedSecretCiphertextBlob: random(1088)}))
	}},
	"Decrypt": {imported: true, before: sealed, call: func(s *subject) error {
		return err(s.c.Decrypt(s.Context(), &kms.DecryptInput{CiphertextBlob: s.made}))
	}},
	"DeleteAlias": {before: func(s *subject) { newAlias(s) }, call: func(s *subject) error {
		return err(s.c.DeleteAlias(s.Context(), &kms.DeleteAliasInput{AliasName: aws.String("alias/" + *s.id)}))
	}},
	"DeleteImportedKeyMaterial": {imported: true, call: func(s *subject) error {
		return err(s.c.DeleteImportedKeyMaterial(s.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: s.id}))
	}},
	"DeriveSharedSecret": {spec: types.KeySpecEccNistP256, usage: types.KeyUsageTypeKeyAgreement, call: func(s *subject) error {
		peer := must[*ecdh.PrivateKey](s.T)(ecdh.P256().GenerateKey(rand.Reader))
		return err(s.c.DeriveSharedSecret(s.Context(), &kms.DeriveSharedSecretInput{
			KeyId: s.id, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: must[[]byte](s.T)(x509.MarshalPKIXPublicKey(peer.PublicKey())),
		}))
	}},
	"DescribeKey": {call: func(s *subject) error {
		return err(s.c.DescribeKey(s.Context(), &kms.DescribeKeyInput{KeyId: s.id}))
	}},
	"DisableKey": {call: func(s *subject) error {
		return err(s.c.DisableKey(s.Context(), &kms.DisableKeyInput{KeyId: s.id}))
	}},
	"DisableKeyRotation": {imported: true, call: func(s *subject) error {
		return err(s.c.DisableKeyRotation(s.Context(), &kms.DisableKeyRotationInput{KeyId: s.id}))
	}},
	"EnableKey": {call: func(s *subject) error {
		return err(s.c.EnableKey(s.Context(), &kms.EnableKeyInput{KeyId: s.id}))
	}},
	"EnableKeyRotation": {imported: true, call: func(s *subject) error {
		return err(s.c.EnableKeyRotation(s.Context(), &kms.EnableKeyRotationInput{KeyId: s.id}))
	}},
	"Encapsulate": {spec: types.KeySpecMlKem768, usage: types.KeyUsageTypeEncapsulateDecapsulate, call: func(s *subject) error {
		return err(s.c.Encapsulate(s.Context(), &kms.EncapsulateInput{KeyId: s.id, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem}))
	}},
	"Encrypt": {call: func(s *subject) error {
		return err(s.c.Encrypt(s.Context(), &kms.EncryptInput{KeyId: s.id, Plaintext: []byte("hello")}))
	}},
	"GenerateDataKey": {call: func(s *subject) error {
		return err(s.c.GenerateDataKey(s.Context(), &kms.GenerateDataKeyInput{KeyId: s.id, KeySpec: types.DataKeySpecAes256}))
	}},
	"GenerateDataKeyPair": {call: func(s *subject) error {
		return err(s.c.GenerateDataKeyPair(s.Context(), &kms.GenerateDataKeyPairInput{KeyId: s.id, KeyPairSpec: types.DataKeyPairSpecEccNistP256}))
	}},
	"GenerateDataKeyPairWithoutPlaintext": {call: func(s *subject) error {
		return err(s.c.GenerateDataKeyPairWithoutPlaintext(s.Context(), &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: s.id, KeyPairSpec: types.DataKeyPairSpecEccNistP256}))
	}},
	"GenerateDataKeyWithoutPlaintext": {call: func(s *subject) error {
		return err(s.c.GenerateDataKeyWithoutPlaintext(s.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: s.id, KeySpec: types.DataKeySpecAes256}))
	}},
	"GenerateMac": {spec: types.KeySpecHmac256, usage: types.KeyUsageTypeGenerateVerifyMac, call: func(s *subject) error {
		return err(s.c.GenerateMac(s.Context(), &kms.GenerateMacInput{KeyId: s.id, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, Message: []byte("hello")}))
	}},
	"GetKeyLastUsage": {call: func(s *subject) error {
		return err(s.c.GetKeyLastUsage(s.Context(), &kms.GetKeyLastUsageInput{KeyId: s.id}))
	}},
	"GetKeyPolicy": {call: func(s *subject) error {
		return err(s.c.GetKeyPolicy(s.Context(), &kms.GetKeyPolicyInput{KeyId: s.id}))
	}},
	"GetKeyRotationStatus": {imported: true, call: func(s *subject) error {
		return err(s.c.GetKeyRotationStatus(s.Context(), &kms.GetKeyRotationStatusInput{KeyId: s.id}))
	}},
	"GetParametersForImport": {imported: true, call: func(s *subject) error {
		return err(s.c.GetParametersForImport(s.Context(), &kms.GetParametersForImportInput{KeyId: s.id, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048}))
	}},
	"GetPublicKey": {spec: types.KeySpecEccNistP256, usage: types.KeyUsageTypeSignVerify, call: func(s *subject) error {
		return err(s.c.GetPublicKey(s.Context(), &kms.GetPublicKeyInput{KeyId: s.id}))
	}},
	"ImportKeyMaterial": {imported: true, call: func(s *subject) error {
		if s.importer.c == s.c {
			return err(s.importer.put(s.T, s.material, kms.ImportKeyMaterialInput{}))
		}
		return err(s.c.ImportKeyMaterial(s.Context(), &kms.ImportKeyMaterialInput{
			KeyId: s.id, ImportToken: []byte(bogus), EncryptedKeyMaterial: []byte(bogus), ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
		}))
	}},
	"ListAliases": {call: func(s *subject) error {
		return err(s.c.ListAliases(s.Context(), &kms.ListAliasesInput{KeyId: s.id}))
	}},
	"ListGrants": {call: func(s *subject) error {
		return err(s.c.ListGrants(s.Context(), &kms.ListGrantsInput{KeyId: s.id}))
	}},
	"ListKeyPolicies": {call: func(s *subject) error {
		return err(s.c.ListKeyPolicies(s.Context(), &kms.ListKeyPoliciesInput{KeyId: s.id}))
	}},
	"ListKeyRotations": {imported: true, call: func(s *subject) error {
		return err(s.c.ListKeyRotations(s.Context(), &kms.ListKeyRotationsInput{KeyId: s.id}))
	}},
	"ListResourceTags": {call: func(s *subject) error {
		return err(s.c.ListResourceTags(s.Context(), &kms.ListResourceTagsInput{KeyId: s.id}))
	}},
	"PutKeyPolicy": {call: func(s *subject) error {
		return err(s.c.PutKeyPolicy(s.Context(), &kms.PutKeyPolicyInput{KeyId: s.id, Policy: aws.String(keyPolicy(account + "root"))}))
	}},
	"ReEncrypt (destination)": {before: func(s *subject) {
		s.made = encrypt(s.T, s.c, createKey(s.T, s.c, "", "").KeyId)
	}, call: func(s *subject) error {
		return err(s.c.ReEncrypt(s.Context(), &kms.ReEncryptInput{CiphertextBlob: s.made, DestinationKeyId: s.id}))
	}},
	"ReEncrypt (source)": {imported: true, before: func(s *subject) {
		sealed(s)
		s.other = createKey(s.T, s.c, "", "")
	}, call: func(s *subject) error {
		return err(s.c.ReEncrypt(s.Context(), &kms.ReEncryptInput{CiphertextBlob: s.made, DestinationKeyId: s.other.KeyId}))
	}},
	"ReplicateKey": {multiRegion: true, call: func(s *subject) error {
		return err(s.c.ReplicateKey(s.Context(), &kms.ReplicateKeyInput{KeyId: s.id, ReplicaRegion: aws.String("us-west-2")}))
	}},
	"RetireGrant": {imported: true, before: granted, call: func(s *subject) error {
		return err(s.c.RetireGrant(s.Context(), &kms.RetireGrantInput{KeyId: s.arn, GrantId: s.grant}))
	}},
	"RevokeGrant": {imported: true, before: granted, call: func(s *subject) error {
		return err(s.c.RevokeGrant(s.Context(), &kms.RevokeGrantInput{KeyId: s.id, GrantId: s.grant}))
	}},
	"RotateKeyOnDemand": {imported: true, before: func(s *subject) {
		if s.material != nil && s.importer.c == s.c && describe(s.T, s.c, s.id).MultiRegionConfiguration == nil {
			must[*kms.ImportKeyMaterialOutput](s.T)(s.importer.put(s.T, random(32), kms.ImportKeyMaterialInput{ImportType: types.ImportTypeNewKeyMaterial}))
		}
	}, call: func(s *subject) error {
		return err(s.c.RotateKeyOnDemand(s.Context(), &kms.RotateKeyOnDemandInput{KeyId: s.id}))
	}},
	"ScheduleKeyDeletion": {call: func(s *subject) error {
		return err(s.c.ScheduleKeyDeletion(s.Context(), &kms.ScheduleKeyDeletionInput{KeyId: s.id}))
	}},
	"Sign": {spec: types.KeySpecEccNistP256, usage: types.KeyUsageTypeSignVerify, call: func(s *subject) error {
		return err(s.c.Sign(s.Context(), &kms.SignInput{KeyId: s.id, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, Message: []byte("hello")}))
	}},
	"TagResource": {call: func(s *subject) error {
		return err(s.c.TagResource(s.Context(), &kms.TagResourceInput{KeyId: s.id, Tags: tagged("a", "b")}))
	}},
	"UntagResource": {call: func(s *subject) error {
		return err(s.c.UntagResource(s.Context(), &kms.UntagResourceInput{KeyId: s.id, TagKeys: []string{"a"}}))
	}},
	"UpdateAlias (destination)": {before: func(s *subject) {
		key := createKey(s.T, s.c, "", "")
		must[*kms.CreateAliasOutput](s.T)(s.c.CreateAlias(s.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/" + *s.id), TargetKeyId: key.KeyId}))
	}, call: func(s *subject) error {
		return err(s.c.UpdateAlias(s.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/" + *s.id), TargetKeyId: s.id}))
	}},
	"UpdateAlias (source)": {before: func(s *subject) { newAlias(s) }, call: func(s *subject) error {
		return err(s.c.UpdateAlias(s.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/" + *s.id), TargetKeyId: createKey(s.T, s.c, "", "").KeyId}))
	}},
	"UpdateKeyDescription": {call: func(s *subject) error {
		return err(s.c.UpdateKeyDescription(s.Context(), &kms.UpdateKeyDescriptionInput{KeyId: s.id, Description: aws.String("new")}))
	}},
	"UpdatePrimaryRegion": {multiRegion: true, swaps: true, call: func(s *subject) error {
		region := elsewhere
		if strings.Contains(*s.arn, elsewhere) {
			region = "us-east-1"
		}
		return err(s.c.UpdatePrimaryRegion(s.Context(), &kms.UpdatePrimaryRegionInput{KeyId: s.id, PrimaryRegion: &region}))
	}},
	"Verify": {spec: types.KeySpecEccNistP256, usage: types.KeyUsageTypeSignVerify, before: func(s *subject) {
		if s.made = random(64); describe(s.T, s.maker, s.id).KeyState == types.KeyStatePendingImport {
			return
		}
		s.made = must[*kms.SignOutput](s.T)(s.maker.Sign(s.Context(), &kms.SignInput{KeyId: s.id, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, Message: []byte("hello")})).Signature
	}, call: func(s *subject) error {
		return err(s.c.Verify(s.Context(), &kms.VerifyInput{KeyId: s.id, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, Message: []byte("hello"), Signature: s.made}))
	}},
	"VerifyMac": {spec: types.KeySpecHmac256, usage: types.KeyUsageTypeGenerateVerifyMac, before: func(s *subject) {
		if s.made = random(32); describe(s.T, s.maker, s.id).KeyState == types.KeyStatePendingImport {
			return
		}
		s.made = must[*kms.GenerateMacOutput](s.T)(s.maker.GenerateMac(s.Context(), &kms.GenerateMacInput{KeyId: s.id, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, Message: []byte("hello")})).Mac
	}, call: func(s *subject) error {
		return err(s.c.VerifyMac(s.Context(), &kms.VerifyMacInput{KeyId: s.id, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, Message: []byte("hello"), Mac: s.made}))
	}},
}

func err[T any](_ T, err error) error { return err }

func newAlias(s *subject) error {
	return err(s.c.CreateAlias(s.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/" + *s.id), TargetKeyId: s.id}))
}

func sealed(s *subject) { s.made = encrypt(s.T, s.maker, s.id) }

func granted(s *subject) {
	s.grant = grant(s.T, s.c, *s.id, account+"root", nil, types.GrantOperationDescribeKey).GrantId
}

// stateTable is AWS's table as the file has it.
type stateTable struct {
	rows  map[string]map[string]string // operation, column
	notes map[string]stateNote
}

type stateNote struct{ condition, code, text string }

var (
	noteLine = regexp.MustCompile("^- \\[(\\d+)\\] (.*?)(?:`(\\w+): <key ARN> ([^`]*)`.*)?$")
	noteMark = regexp.MustCompile(`\[(\d+)\]`)
)

func readStateTable(t *testing.T) stateTable {
	t.Helper()
	table := stateTable{rows: make(map[string]map[string]string), notes: make(map[string]stateNote)}
	var columns []string
	for line := range strings.Lines(string(must[[]byte](t)(os.ReadFile("testdata/keystates.md")))) {
		line = strings.TrimSpace(line)
		if n := noteLine.FindStringSubmatch(line); n != nil {
			table.notes[n[1]] = stateNote{n[2], n[3], n[4]}
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| --- ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if columns == nil {
			columns = cells
			continue
		}
		table.rows[cells[0]] = make(map[string]string)
		for i, column := range columns[1:] {
			table.rows[cells[0]][column] = cells[i+1]
		}
	}
	return table
}

// columnOf is the column of a state in the table.
var columnOf = map[types.KeyState]string{
	types.KeyStateEnabled: "Enabled", types.KeyStateDisabled: "Disabled", types.KeyStatePendingImport: "Pending import",
	types.KeyStatePendingDeletion: "Pending deletion, pending replica deletion", types.KeyStatePendingReplicaDeletion: "Pending deletion, pending replica deletion",
	types.KeyStateUnavailable: "Unavailable", types.KeyStateCreating: "Creating", types.KeyStateUpdating: "Updating",
}

// wants returns the notes of the errors of which an operation is to have one, none if it is to succeed.
func (table stateTable) wants(t *testing.T, cell string, origin types.OriginType) (either []stateNote) {
	t.Helper()
	for _, mark := range noteMark.FindAllStringSubmatch(cell, -1) {
		n, ok := table.notes[mark[1]]
		applies := false
		switch n.condition {
		case "":
			either = append(either, n)
		case "If the key has imported key material or is in a custom key store: ":
			applies = origin != types.OriginTypeAwsKms
		case "If the key is in a custom key store: ":
			applies = origin == types.OriginTypeAwsCloudhsm
		case "If the key has imported key material: ":
			applies = origin == types.OriginTypeExternal
		case "If the key cannot or does not have imported key material: ":
			applies = origin != types.OriginTypeExternal
		default:
			ok = n.code == "" // a remark
		}
		if !ok {
			t.Fatalf("cell %q: note %s: %+v", cell, mark[1], n)
		}
		if applies {
			return []stateNote{n}
		}
	}
	if (len(either) > 0) != strings.HasPrefix(cell, "X ") && !strings.HasPrefix(cell, "? ") {
		t.Fatalf("cell %q is not understood", cell)
	}
	return either
}

// matches reports whether an error is the one of a note. A text in parentheses is that of another state.
func (n stateNote) matches(e smithy.APIError, arn string) bool {
	text, other, _ := strings.Cut(strings.TrimSuffix(n.text, ")."), " (or ")
	other, negation := strings.TrimSpace(other), ""
	if strings.HasPrefix(text, "is not ") {
		negation = "not "
	}
	return e.ErrorCode() == n.code && (strings.HasPrefix(e.ErrorMessage(), arn+" "+strings.TrimSuffix(text, ".")) || other != "" && strings.HasPrefix(e.ErrorMessage(), arn+" is "+negation+other))
}

// stateWorld makes keys and puts them into states.
type stateWorld struct {
	e           *emulatortest.Emulator
	here, there *kms.Client
	keyStore    *string
	connected   bool
}

func (w *stateWorld) connect(t *testing.T, on bool) {
	t.Helper()
	if w.connected == on {
		return
	}
	if w.connected = on; on {
		must[*kms.ConnectCustomKeyStoreOutput](t)(w.here.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: w.keyStore}))
	} else {
		must[*kms.DisconnectCustomKeyStoreOutput](t)(w.here.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: w.keyStore}))
	}
	w.e.Clock.Advance(transition)
}

// key returns a key for an operation, in a state.
func (w *stateWorld) key(t *testing.T, o driven, state types.KeyState, origin types.OriginType) *subject {
	t.Helper()
	in := kms.CreateKeyInput{KeySpec: o.spec, KeyUsage: o.usage, Origin: origin}
	multi := o.multiRegion || slices.Contains([]types.KeyState{types.KeyStatePendingReplicaDeletion, types.KeyStateCreating, types.KeyStateUpdating}, state)
	in.MultiRegion = &multi
	if origin == types.OriginTypeAwsCloudhsm {
		in.CustomKeyStoreId = w.keyStore
		w.connect(t, true)
	}
	made := must[*kms.CreateKeyOutput](t)(w.here.CreateKey(t.Context(), &in)).KeyMetadata
	s := &subject{T: t, c: w.here, maker: w.here, id: made.KeyId, arn: made.Arn}
	importInto := func(c *kms.Client) {
		s.importer = newImporter(t, c, s.id)
		must[*kms.ImportKeyMaterialOutput](t)(s.importer.put(t, s.material, kms.ImportKeyMaterialInput{}))
	}
	if origin == types.OriginTypeExternal && o.imported {
		s.material = random(32)
		importInto(w.here)
	}
	replicas := func() {
		replicate(t, w.here, s.id, elsewhere)
		w.e.Clock.Advance(transition)
		if s.material != nil {
			importInto(w.there)
		}
	}
	move := func() {
		s.c = w.there
		s.arn = aws.String(strings.Replace(*s.arn, "us-east-1", elsewhere, 1))
	}
	if o.swaps && (state == types.KeyStateEnabled || state == types.KeyStateDisabled) || state == types.KeyStateUpdating {
		replicas()
	}
	if state == types.KeyStateUpdating {
		must[*kms.UpdatePrimaryRegionOutput](t)(w.here.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: s.id, PrimaryRegion: aws.String(elsewhere)}))
		move()
		s.maker = w.there
	}
	if state == types.KeyStateCreating {
		replicate(t, w.here, s.id, elsewhere)
		if !o.swaps {
			move()
		}
	}
	if o.before != nil {
		o.before(s)
	}
	schedule := func() {
		must[*kms.ScheduleKeyDeletionOutput](t)(s.c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: s.id}))
	}
	switch state {
	case types.KeyStateDisabled:
		must[*kms.DisableKeyOutput](t)(s.c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: s.id}))
	case types.KeyStatePendingImport:
		if s.material != nil {
			must[*kms.DeleteImportedKeyMaterialOutput](t)(s.c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: s.id}))
		}
	case types.KeyStatePendingDeletion:
		schedule()
	case types.KeyStatePendingReplicaDeletion:
		replicas()
		schedule()
	case types.KeyStateUnavailable:
		w.connect(t, false)
	}
	at := s.c
	if state == types.KeyStateCreating {
		at = w.there
	}
	if got := describe(t, at, s.id).KeyState; got != state {
		t.Fatalf("the key is %s, not %s", got, state)
	}
	return s
}

// Every operation that takes a key is tried with a key in every state, and does what AWS's table says.
func TestKeyStates(t *testing.T) {
	table := readStateTable(t)
	if got, want := slices.Sorted(maps.Keys(drivenOperations)), slices.Sorted(maps.Keys(table.rows)); !slices.Equal(got, want) {
		t.Fatalf("driven:\n%q\nin the table:\n%q", got, want)
	}
	service := must[*model.Service](t)(model.Load("kms"))
	for name, o := range service.Operations {
		takesKey := o.Input != nil && slices.ContainsFunc(o.Input.Members, func(m model.Member) bool {
			return slices.Contains([]string{"KeyId", "TargetKeyId", "DestinationKeyId"}, m.Name)
		})
		if takesKey && !slices.ContainsFunc(slices.Collect(maps.Keys(table.rows)), func(row string) bool { return row == name || strings.HasPrefix(row, name+" (") }) {
			t.Errorf("%s is not in the table", name)
		}
	}
	e, here := startSlow(t)
	w := &stateWorld{e: e, here: here, there: inRegion(e, elsewhere)}
	w.keyStore = must[*kms.CreateCustomKeyStoreOutput](t)(here.CreateCustomKeyStore(t.Context(), &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: aws.String("hsm"), CloudHsmClusterId: aws.String("cluster-abcdefghijk"), KeyStorePassword: aws.String("password"), TrustAnchorCertificate: aws.String(certificate(t)),
	})).CustomKeyStoreId
	tried := 0
	for _, name := range slices.Sorted(maps.Keys(drivenOperations)) {
		o := drivenOperations[name]
		for _, state := range types.KeyState("").Values() {
			cell := table.rows[name][columnOf[state]]
			origins := []types.OriginType{types.OriginTypeAwsKms}
			switch {
			case cell == "N/A":
				continue
			case state == types.KeyStatePendingImport:
				origins = []types.OriginType{types.OriginTypeExternal}
			case state == types.KeyStateUnavailable:
				origins = []types.OriginType{types.OriginTypeAwsCloudhsm}
			case o.imported:
				origins = append(origins, types.OriginTypeExternal)
			}
			for _, origin := range origins {
				t.Run(name+" "+string(state)+" "+string(origin), func(t *testing.T) {
					s := w.key(t, o, state, origin)
					want := table.wants(t, cell, origin)
					err := o.call(s)
					got, isAPI := errors.AsType[smithy.APIError](err)
					arn := *s.arn
					if o.swaps && state == types.KeyStateCreating {
						arn = strings.Replace(arn, "us-east-1", elsewhere, 1)
					}
					switch {
					case len(want) == 0 && err != nil:
						t.Errorf("%v, want success", err)
					case len(want) > 0 && (!isAPI || !slices.ContainsFunc(want, func(n stateNote) bool { return n.matches(got, arn) })):
						t.Errorf("%v, want %q", err, want)
					}
				})
				tried++
			}
		}
	}
	if tried < 400 {
		t.Errorf("%d cases", tried)
	}
}
