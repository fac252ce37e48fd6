package keystore

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// BenchmarkCryptography is the cryptography alone, with a key at hand, of the operations in package kms's benchmark of the same
// names.
func BenchmarkCryptography(b *testing.B) {
	message := bytes.Repeat([]byte("x"), 64)
	generate := func(spec types.KeySpec) []byte {
		material, err := Generate(spec, "aws")
		if err != nil {
			b.Fatal(err)
		}
		return material
	}
	generatePair := func(spec types.KeySpec) *pair {
		p, err := parsePair(generate(spec))
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	bare := func(operation string, spec types.KeySpec, do func() ([]byte, error)) []byte {
		b.Run(operation+"/"+string(spec), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
		out, err := do()
		if err != nil {
			b.Fatal(err)
		}
		return out
	}
	secret := generate(types.KeySpecSymmetricDefault)
	sealed := bare("Encrypt", types.KeySpecSymmetricDefault, func() ([]byte, error) { return seal(secret, message, nil) })
	bare("Decrypt", types.KeySpecSymmetricDefault, func() ([]byte, error) { return open(secret, sealed, nil) })
	for _, bits := range []int{2048, 3072, 4096} {
		spec := types.KeySpec(fmt.Sprint("RSA_", bits))
		p := generatePair(spec)
		const algorithm = types.EncryptionAlgorithmSpecRsaesOaepSha256
		ciphertext := bare("Encrypt", spec, func() ([]byte, error) { return encrypt(p.public, algorithm, message) })
		bare("Decrypt", spec, func() ([]byte, error) { return decrypt(p.private, algorithm, ciphertext) })
	}
	for _, of := range []struct {
		spec      types.KeySpec
		algorithm types.SigningAlgorithmSpec
	}{
		{types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPkcs1V15Sha256},
		{types.KeySpecRsa3072, types.SigningAlgorithmSpecRsassaPkcs1V15Sha256},
		{types.KeySpecRsa4096, types.SigningAlgorithmSpecRsassaPkcs1V15Sha256},
		{types.KeySpecEccNistP256, types.SigningAlgorithmSpecEcdsaSha256},
		{types.KeySpecEccNistP384, types.SigningAlgorithmSpecEcdsaSha384},
		{types.KeySpecEccNistP521, types.SigningAlgorithmSpecEcdsaSha512},
		{types.KeySpecEccSecgP256k1, types.SigningAlgorithmSpecEcdsaSha256},
		{types.KeySpecEccNistEdwards25519, types.SigningAlgorithmSpecEd25519Sha512},
		{types.KeySpecMlDsa44, types.SigningAlgorithmSpecMlDsaShake256},
		{types.KeySpecMlDsa65, types.SigningAlgorithmSpecMlDsaShake256},
		{types.KeySpecMlDsa87, types.SigningAlgorithmSpecMlDsaShake256},
	} {
		p := generatePair(of.spec)
		signature := bare("Sign", of.spec, func() ([]byte, error) { return sign(p, of.algorithm, types.MessageTypeRaw, message) })
		bare("Verify", of.spec, func() ([]byte, error) {
			ok, err := verify(p.public, of.algorithm, types.MessageTypeRaw, message, signature)
			if !ok {
				b.Error("not valid")
			}
			return nil, err
		})
	}
	for spec, algorithm := range map[types.KeySpec]types.MacAlgorithmSpec{
		types.KeySpecHmac224: types.MacAlgorithmSpecHmacSha224, types.KeySpecHmac256: types.MacAlgorithmSpecHmacSha256,
		types.KeySpecHmac384: types.MacAlgorithmSpecHmacSha384, types.KeySpecHmac512: types.MacAlgorithmSpecHmacSha512,
	} {
		secret := generate(spec)
		bare("GenerateMac", spec, func() ([]byte, error) { return mac(secret, algorithm, message), nil })
	}
	for _, spec := range []types.KeySpec{types.KeySpecEccNistP256, types.KeySpecEccNistP384, types.KeySpecEccNistP521} {
		p := generatePair(spec)
		peer, err := marshalPublic(generatePair(spec).public)
		if err != nil {
			b.Fatal(err)
		}
		bare("DeriveSharedSecret", spec, func() ([]byte, error) { return deriveSharedSecret(p.private, peer) })
	}
	for _, spec := range []types.KeySpec{types.KeySpecMlKem512, types.KeySpecMlKem768, types.KeySpecMlKem1024} {
		key := generatePair(spec).private.(decapsulator)
		ciphertext := bare("Encapsulate", spec, func() ([]byte, error) {
			_, ciphertext := key.Encapsulator().Encapsulate()
			return ciphertext, nil
		})
		bare("Decapsulate", spec, func() ([]byte, error) { return key.Decapsulate(ciphertext) })
	}
	for _, spec := range types.DataKeyPairSpec("").Values() {
		if spec != types.DataKeyPairSpecSm2 {
			bare("GenerateDataKeyPair", types.KeySpec(spec), func() ([]byte, error) { return Generate(types.KeySpec(spec), "aws") })
		}
	}
}
