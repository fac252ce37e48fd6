package kms

import (
	"crypto"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/services/kms/keystore"
	"emulator/store"
)

// algorithms are what keys can be asked for.
type algorithms struct {
	encryption    []types.EncryptionAlgorithmSpec
	signing       []types.SigningAlgorithmSpec
	mac           []types.MacAlgorithmSpec
	agreement     []types.KeyAgreementAlgorithmSpec
	encapsulation []types.EncapsulationAlgorithmSpec
}

// spec is what keys of a KeySpec are good for.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
type spec struct {
	usages []types.KeyUsageType
	algorithms
	bits int // of an RSA key
	// only and not are partitions: the only one with such keys, and one without.
	only, not string
}

var (
	rsaEncryption = []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecRsaesOaepSha1, types.EncryptionAlgorithmSpecRsaesOaepSha256}
	rsaSigning    = []types.SigningAlgorithmSpec{
		types.SigningAlgorithmSpecRsassaPkcs1V15Sha256, types.SigningAlgorithmSpecRsassaPkcs1V15Sha384, types.SigningAlgorithmSpecRsassaPkcs1V15Sha512,
		types.SigningAlgorithmSpecRsassaPssSha256, types.SigningAlgorithmSpecRsassaPssSha384, types.SigningAlgorithmSpecRsassaPssSha512,
	}
	encryptOrSign = []types.KeyUsageType{types.KeyUsageTypeEncryptDecrypt, types.KeyUsageTypeSignVerify}
	signOrAgree   = []types.KeyUsageType{types.KeyUsageTypeSignVerify, types.KeyUsageTypeKeyAgreement}
	signOnly      = []types.KeyUsageType{types.KeyUsageTypeSignVerify}
	ecdhAgreement = []types.KeyAgreementAlgorithmSpec{types.KeyAgreementAlgorithmSpecEcdh}

	mlKEM = spec{
		usages:     []types.KeyUsageType{types.KeyUsageTypeEncapsulateDecapsulate},
		algorithms: algorithms{encapsulation: []types.EncapsulationAlgorithmSpec{types.EncapsulationAlgorithmSpecMlKem}},
		not:        keystore.China,
	}
)

func rsaSpec(bits int) spec {
	return spec{usages: encryptOrSign, algorithms: algorithms{encryption: rsaEncryption, signing: rsaSigning}, bits: bits}
}

func signingSpec(signing ...types.SigningAlgorithmSpec) spec {
	return spec{usages: signOnly, algorithms: algorithms{signing: signing}}
}

func nistSpec(signing types.SigningAlgorithmSpec) spec {
	return spec{usages: signOrAgree, algorithms: algorithms{signing: []types.SigningAlgorithmSpec{signing}, agreement: ecdhAgreement}}
}

func macSpec(mac types.MacAlgorithmSpec) spec {
	return spec{usages: []types.KeyUsageType{types.KeyUsageTypeGenerateVerifyMac}, algorithms: algorithms{mac: []types.MacAlgorithmSpec{mac}}}
}

var specs = map[types.KeySpec]spec{
	types.KeySpecSymmetricDefault: {
		usages:     []types.KeyUsageType{types.KeyUsageTypeEncryptDecrypt},
		algorithms: algorithms{encryption: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault}},
	},
	types.KeySpecRsa2048:             rsaSpec(2048),
	types.KeySpecRsa3072:             rsaSpec(3072),
	types.KeySpecRsa4096:             rsaSpec(4096),
	types.KeySpecEccNistP256:         nistSpec(types.SigningAlgorithmSpecEcdsaSha256),
	types.KeySpecEccNistP384:         nistSpec(types.SigningAlgorithmSpecEcdsaSha384),
	types.KeySpecEccNistP521:         nistSpec(types.SigningAlgorithmSpecEcdsaSha512),
	types.KeySpecEccSecgP256k1:       signingSpec(types.SigningAlgorithmSpecEcdsaSha256),
	types.KeySpecEccNistEdwards25519: signingSpec(types.SigningAlgorithmSpecEd25519Sha512, types.SigningAlgorithmSpecEd25519PhSha512),
	types.KeySpecHmac224:             macSpec(types.MacAlgorithmSpecHmacSha224),
	types.KeySpecHmac256:             macSpec(types.MacAlgorithmSpecHmacSha256),
	types.KeySpecHmac384:             macSpec(types.MacAlgorithmSpecHmacSha384),
	types.KeySpecHmac512:             macSpec(types.MacAlgorithmSpecHmacSha512),
	types.KeySpecSm2: {
		usages: []types.KeyUsageType{types.KeyUsageTypeEncryptDecrypt, types.KeyUsageTypeSignVerify, types.KeyUsageTypeKeyAgreement},
		algorithms: algorithms{
			encryption: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSm2pke},
			signing:    []types.SigningAlgorithmSpec{types.SigningAlgorithmSpecSm2dsa}, agreement: ecdhAgreement,
		},
		only: keystore.China,
	},
	types.KeySpecMlDsa44:   signingSpec(types.SigningAlgorithmSpecMlDsaShake256),
	types.KeySpecMlDsa65:   signingSpec(types.SigningAlgorithmSpecMlDsaShake256),
	types.KeySpecMlDsa87:   signingSpec(types.SigningAlgorithmSpecMlDsaShake256),
	types.KeySpecMlKem512:  mlKEM,
	types.KeySpecMlKem768:  mlKEM,
	types.KeySpecMlKem1024: mlKEM,
}

// specIn returns the spec that a partition has by that name.
func specIn(partition string, name types.KeySpec) (s spec, ok bool) {
	s, ok = specs[name]
	return s, ok && partition != s.not && (s.only == "" || s.only == partition)
}

// asymmetric reports whether keys of a spec are pairs.
func (s spec) asymmetric() bool {
	return s.mac == nil && !slices.Contains(s.encryption, types.EncryptionAlgorithmSpecSymmetricDefault)
}

// longest returns how many bytes an algorithm encrypts with a key of a spec.
func (s spec) longest(algorithm types.EncryptionAlgorithmSpec) int {
	switch algorithm {
	case types.EncryptionAlgorithmSpecRsaesOaepSha1:
		return s.bits/8 - 2*crypto.SHA1.Size() - 2 // RFC 8017, 7.1.1
	case types.EncryptionAlgorithmSpecRsaesOaepSha256:
		return s.bits/8 - 2*crypto.SHA256.Size() - 2
	case types.EncryptionAlgorithmSpecSm2pke:
		return 1024
	}
	return 4096
}

// algorithms returns what a key can be asked for: of its spec's, those of its usage.
func (k *Key) algorithms() algorithms {
	switch of := specs[k.Spec]; k.Usage {
	case types.KeyUsageTypeEncryptDecrypt:
		return algorithms{encryption: of.encryption}
	case types.KeyUsageTypeSignVerify:
		return algorithms{signing: of.signing}
	case types.KeyUsageTypeGenerateVerifyMac:
		return algorithms{mac: of.mac}
	case types.KeyUsageTypeKeyAgreement:
		return algorithms{agreement: of.agreement}
	case types.KeyUsageTypeEncapsulateDecapsulate:
		return algorithms{encapsulation: of.encapsulation}
	}
	return algorithms{}
}

// useFor returns a key for use by an operation with an algorithm, which has to be one of those given. AWS looks at the usage first,
// then at the state, and at the algorithm last.
func useFor[A ~string](s *Service, r store.Reader, c api.Caller, k *Key, usage types.KeyUsageType, operation string, of []A, algorithm A) (usable, error) {
	if k.Usage != usage {
		return usable{}, api.Errorf("InvalidKeyUsageException", "%s key usage is %s which is not valid for %s.", k.ARN(), k.Usage, operation)
	}
	key, err := s.use(r, c, k)
	if err == nil && !slices.Contains(of, algorithm) {
		err = api.Errorf("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", algorithm, k.Spec)
	}
	return key, err
}
