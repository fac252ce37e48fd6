package kms

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/quota"
	"emulator/store"
)

// Quotas of resources (https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html).
var (
	keysQuota       = quota.Quota{Name: "kms.KeysPerRegion", Value: 100_000}
	aliasesQuota    = quota.Quota{Name: "kms.AliasesPerKey", Value: 50}
	grantsQuota     = quota.Quota{Name: "kms.GrantsPerKey", Value: 50_000}
	policySizeQuota = quota.Quota{Name: "kms.KeyPolicySize", Value: 32 << 10}
	keyStoresQuota  = quota.Quota{Name: "kms.CustomKeyStoresPerRegion", Value: 10}
	onDemandQuota   = quota.Quota{Name: "kms.OnDemandRotationsPerKey", Value: 25}
)

// Quotas of requests that operations share by the kind of key, as what they ask for says
// (https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html#rps-shared-limit).
var (
	keyStoreRateQuota  = quota.Quota{Name: "kms.CustomKeyStore/s", Value: 1800}
	symmetricRateQuota = quota.Quota{Name: "kms.Symmetric/s", Value: 10_000, In: map[string]float64{
		"us-east-2": 20_000, "ap-southeast-1": 20_000, "ap-southeast-2": 20_000, "ap-northeast-1": 20_000, "eu-central-1": 20_000, "eu-west-2": 20_000,
		"us-east-1": 100_000, "us-west-2": 100_000, "eu-west-1": 100_000,
	}}
	rsaRateQuota   = quota.Quota{Name: "kms.RSA/s", Value: 1000}
	eccRateQuota   = quota.Quota{Name: "kms.ECC/s", Value: 1000} // and SM2
	mlDSARateQuota = quota.Quota{Name: "kms.ML-DSA/s", Value: 1000}
	mlKEMRateQuota = quota.Quota{Name: "kms.ML-KEM/s", Value: 1000} // which AWS's table has not; that of ML-DSA
)

// operationRates are the requests in a second of operations that share theirs with no other
// (https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html).
var operationRates = map[string]float64{
	"CancelKeyDeletion": 5, "ConnectCustomKeyStore": 5, "CreateAlias": 5, "CreateCustomKeyStore": 5, "CreateGrant": 50, "CreateKey": 5, "DeleteAlias": 15,
	"DeleteCustomKeyStore": 5, "DeleteImportedKeyMaterial": 15, "DescribeCustomKeyStores": 5, "DescribeKey": 2000, "DisableKey": 5, "DisableKeyRotation": 5,
	"DisconnectCustomKeyStore": 5, "EnableKey": 5, "EnableKeyRotation": 15, "GetKeyLastUsage": 5, "GetKeyPolicy": 1000, "GetKeyRotationStatus": 1000,
	"GetParametersForImport": 1, "GetPublicKey": 2000, "ImportKeyMaterial": 15, "ListAliases": 500, "ListGrants": 100, "ListKeyPolicies": 100, "ListKeys": 500,
	"ListKeyRotations": 100, "ListResourceTags": 2000, "ListRetirableGrants": 100, "PutKeyPolicy": 15, "ReplicateKey": 5, "RetireGrant": 50, "RevokeGrant": 50,
	"RotateKeyOnDemand": 5, "ScheduleKeyDeletion": 15, "TagResource": 10, "UntagResource": 5, "UpdateAlias": 5, "UpdateCustomKeyStore": 5,
	"UpdateKeyDescription": 5, "UpdatePrimaryRegion": 5,
}

// pairRates are those of GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext, which share them, by the pair's spec.
var pairRates = map[types.DataKeyPairSpec]quota.Quota{
	types.DataKeyPairSpecRsa2048:             pairRate(types.DataKeyPairSpecRsa2048, 20, 1),
	types.DataKeyPairSpecRsa3072:             pairRate(types.DataKeyPairSpecRsa3072, 4, 0.5),
	types.DataKeyPairSpecRsa4096:             pairRate(types.DataKeyPairSpecRsa4096, 1, 0.1),
	types.DataKeyPairSpecEccNistP256:         pairRate(types.DataKeyPairSpecEccNistP256, 100, 100),
	types.DataKeyPairSpecEccNistP384:         pairRate(types.DataKeyPairSpecEccNistP384, 100, 100),
	types.DataKeyPairSpecEccNistP521:         pairRate(types.DataKeyPairSpecEccNistP521, 100, 100),
	types.DataKeyPairSpecEccSecgP256k1:       pairRate(types.DataKeyPairSpecEccSecgP256k1, 100, 100),
	types.DataKeyPairSpecEccNistEdwards25519: pairRate(types.DataKeyPairSpecEccNistEdwards25519, 100, 100),
	types.DataKeyPairSpecMlKem512:            pairRate(types.DataKeyPairSpecMlKem512, 100, 100), // which AWS's table has not; those of ECC
	types.DataKeyPairSpecMlKem768:            pairRate(types.DataKeyPairSpecMlKem768, 100, 100),
	types.DataKeyPairSpecMlKem1024:           pairRate(types.DataKeyPairSpecMlKem1024, 100, 100),
	types.DataKeyPairSpecSm2:                 pairRate(types.DataKeyPairSpecSm2, 25, 25),
}

// pairRate is the quota of a spec, and what it is in China.
func pairRate(spec types.DataKeyPairSpec, value, china float64) quota.Quota {
	q := quota.Quota{Name: "kms.GenerateDataKeyPair." + string(spec) + "/s", Value: value}
	if china != value {
		q.In = map[string]float64{"cn-north-1": china, "cn-northwest-1": china}
	}
	return q
}

func operationRate(operation string) quota.Quota {
	return quota.Quota{Name: "kms." + operation + "/s", Value: operationRates[operation]}
}

// Quotas returns all quotas of KMS.
func Quotas() []quota.Quota {
	all := []quota.Quota{
		keysQuota, aliasesQuota, grantsQuota, policySizeQuota, keyStoresQuota, onDemandQuota,
		keyStoreRateQuota, symmetricRateQuota, rsaRateQuota, eccRateQuota, mlDSARateQuota, mlKEMRateQuota,
	}
	for operation := range operationRates {
		all = append(all, operationRate(operation))
	}
	for _, q := range pairRates {
		all = append(all, q)
	}
	return all
}

// encryptionRate is the quota that cryptography with an algorithm shares.
func encryptionRate(algorithm types.EncryptionAlgorithmSpec) quota.Quota {
	switch algorithmOr(algorithm) {
	case types.EncryptionAlgorithmSpecSymmetricDefault:
		return symmetricRateQuota
	case types.EncryptionAlgorithmSpecSm2pke:
		return eccRateQuota
	}
	return rsaRateQuota
}

func signingRate(algorithm types.SigningAlgorithmSpec) quota.Quota {
	switch {
	case strings.HasPrefix(string(algorithm), "RSA"):
		return rsaRateQuota
	case algorithm == types.SigningAlgorithmSpecMlDsaShake256:
		return mlDSARateQuota
	}
	return eccRateQuota
}

// charges returns what a request takes of the caller's account's quotas. The kind of key is that of the algorithm which the
// request names, so that nothing is looked up for a request that is refused.
func charges(c api.Caller, operation string, in any) []quota.Charge {
	here := func(all ...quota.Quota) []quota.Charge {
		charges := make([]quota.Charge, len(all))
		for i, q := range all {
			charges[i] = quota.Charge{Quota: q, Of: c.Account, Region: c.Region}
		}
		return charges
	}
	there := func(operation, region string, count int) quota.Charge {
		return quota.Charge{Quota: operationRate(operation), Of: c.Account, Region: region, Count: count}
	}
	switch in := in.(type) {
	case *kms.EncryptInput:
		return here(encryptionRate(in.EncryptionAlgorithm))
	case *kms.DecryptInput:
		return here(encryptionRate(in.EncryptionAlgorithm))
	case *kms.ReEncryptInput:
		return here(encryptionRate(in.SourceEncryptionAlgorithm), encryptionRate(in.DestinationEncryptionAlgorithm))
	case *kms.GenerateDataKeyInput, *kms.GenerateDataKeyWithoutPlaintextInput, *kms.GenerateRandomInput, *kms.GenerateMacInput, *kms.VerifyMacInput:
		return here(symmetricRateQuota)
	case *kms.GenerateDataKeyPairInput:
		return here(pairRates[in.KeyPairSpec])
	case *kms.GenerateDataKeyPairWithoutPlaintextInput:
		return here(pairRates[in.KeyPairSpec])
	case *kms.SignInput:
		return here(signingRate(in.SigningAlgorithm))
	case *kms.VerifyInput:
		return here(signingRate(in.SigningAlgorithm))
	case *kms.DeriveSharedSecretInput:
		return here(eccRateQuota)
	case *kms.EncapsulateInput, *kms.DecapsulateInput:
		return here(mlKEMRateQuota)
	case *kms.ReplicateKeyInput: // of the two one tries whether there can be the key
		return append(here(operationRate(operation)), there("CreateKey", *in.ReplicaRegion, 2))
	case *kms.UpdatePrimaryRegionInput:
		return append(here(operationRate(operation)), there(operation, *in.PrimaryRegion, 1))
	}
	return here(operationRate(operation))
}

func throttled() error {
	return api.Errorf("Throttling", "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
}

// throttle has requests beyond the quotas refused before anything is looked up for them. Who asks is throttled, not whose key it is.
func (s *Service) throttle(operations []api.Operation) []api.Operation {
	operations = slices.Clone(operations)
	for i, op := range operations {
		operations[i].Call = func(ctx context.Context, c api.Caller, in any) (any, error) {
			if s.quotas.Throttles() && !s.quotas.Take(charges(c, op.Name, in)...) {
				return nil, throttled()
			}
			return op.Call(ctx, c, in)
		}
	}
	return operations
}

// takeOfKeyStore counts a use of a custom key store, whatever account asks for it.
func (s *Service) takeOfKeyStore(region, id string) error {
	if id != "" && !s.quotas.Take(quota.Charge{Quota: keyStoreRateQuota, Of: id, Region: region}) {
		return throttled()
	}
	return nil
}

// keyCountKey is where the number of a region's keys stands, but for those that AWS manages. An older version wrote none.
func keyCountKey(account, region string) []byte {
	return store.Key("kms", account, region, "key-count")
}

func keyCount(r store.Reader, account, region string) (int, error) {
	count, ok, err := store.Load[int](r, keyCountKey(account, region))
	if ok || err != nil {
		return count, err
	}
	for key := range r.Scan(store.Key("kms", account, region, "key"), nil) {
		k, _, err := store.Load[Key](r, key)
		if err != nil {
			return 0, err
		}
		if !k.AWSManaged {
			count++
		}
	}
	return count, nil
}

// countNew counts a key that is not saved yet, if there may be one more.
func (s *Service) countNew(tx store.Tx, k *Key) error {
	count, err := keyCount(tx, k.Account, k.Region)
	if err != nil {
		return err
	}
	if most := s.quotas.Max(keysQuota); count >= most {
		return api.Errorf("LimitExceededException", "Key quota for this account in this region is %d but the current usage is %d.", most, count)
	}
	return store.Save(tx, keyCountKey(k.Account, k.Region), count+1)
}

// countGone is for a key that goes, before its record does.
func countGone(tx store.Tx, k *Key) error {
	count, err := keyCount(tx, k.Account, k.Region)
	if err != nil {
		return err
	}
	if count == 1 {
		return tx.Delete(keyCountKey(k.Account, k.Region))
	}
	return store.Save(tx, keyCountKey(k.Account, k.Region), count-1)
}
