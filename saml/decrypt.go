package saml

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

const (
	nsEncryption   = "http://www.w3.org/2001/04/xmlenc#"
	nsEncryption11 = "http://www.w3.org/2009/xmlenc11#"
	// maxEncryptedKeys bounds the private key operations that a document may ask for.
	maxEncryptedKeys = 4
)

// contentCipher is an algorithm of content encryption.
type contentCipher struct {
	keySize int
	open    func(block cipher.Block, data []byte) ([]byte, error)
}

// contentCiphers are AES in the two modes that AWS takes: GCM, and CBC, which protects
// nothing by itself. What is decrypted must be signed, in any mode.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateSAMLProvider.html
var contentCiphers = map[string]contentCipher{
	nsEncryption + "aes128-cbc":   {16, openCBC},
	nsEncryption + "aes192-cbc":   {24, openCBC},
	nsEncryption + "aes256-cbc":   {32, openCBC},
	nsEncryption11 + "aes128-gcm": {16, openGCM},
	nsEncryption11 + "aes192-gcm": {24, openGCM},
	nsEncryption11 + "aes256-gcm": {32, openGCM},
}

// Hashes of OAEP. SHA-1 is sound here, and what most have.
var (
	oaepDigests = map[string]crypto.Hash{
		"http://www.w3.org/2000/09/xmldsig#sha1":        crypto.SHA1,
		"http://www.w3.org/2001/04/xmlenc#sha256":       crypto.SHA256,
		"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
		"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
	}
	oaepMasks = map[string]crypto.Hash{
		nsEncryption11 + "mgf1sha1":   crypto.SHA1,
		nsEncryption11 + "mgf1sha256": crypto.SHA256,
		nsEncryption11 + "mgf1sha384": crypto.SHA384,
		nsEncryption11 + "mgf1sha512": crypto.SHA512,
	}
)

// decrypt returns what is in an EncryptedAssertion. Callers must not tell how it failed.
//
// https://www.w3.org/TR/xmlenc-core1/
func decrypt(encrypted *etree.Element, keys []*rsa.PrivateKey) ([]byte, error) {
	data, err := one(encrypted, nsEncryption, "EncryptedData")
	if err != nil {
		return nil, err
	}
	method, err := one(data, nsEncryption, "EncryptionMethod")
	if err != nil {
		return nil, err
	}
	algorithm, _ := attribute(method, "Algorithm")
	content, ok := contentCiphers[algorithm]
	if !ok {
		return nil, fmt.Errorf("content encryption by %q", algorithm)
	}
	ciphertext, err := cipherValue(data)
	if err != nil {
		return nil, err
	}
	// The key is in the data, or beside it.
	encryptedKeys := childrenOf(encrypted, nsEncryption, "EncryptedKey")
	if info := child(data, nsSignature, "KeyInfo"); info != nil {
		encryptedKeys = append(encryptedKeys, childrenOf(info, nsEncryption, "EncryptedKey")...)
	}
	if len(encryptedKeys) > maxEncryptedKeys {
		return nil, errors.New("too many encrypted keys")
	}
	for _, e := range encryptedKeys {
		for _, k := range keys {
			key, err := decryptKey(e, k)
			if err != nil || len(key) != content.keySize {
				continue
			}
			block, err := aes.NewCipher(key)
			if err != nil {
				return nil, err
			}
			if plain, err := content.open(block, ciphertext); err == nil {
				return plain, nil
			}
		}
	}
	return nil, errors.New("no key opens it")
}

// decryptKey decrypts the key of the content. It is RSA-OAEP only: the older padding of RSA lets
// whoever can ask often enough decrypt, and AWS does not say that it takes it.
func decryptKey(e *etree.Element, key *rsa.PrivateKey) ([]byte, error) {
	method, err := one(e, nsEncryption, "EncryptionMethod")
	if err != nil {
		return nil, err
	}
	options := &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}
	known := true
	if digest := child(method, nsSignature, "DigestMethod"); digest != nil {
		algorithm, _ := attribute(digest, "Algorithm")
		options.Hash, known = oaepDigests[algorithm]
	}
	switch algorithm, _ := attribute(method, "Algorithm"); algorithm {
	case nsEncryption + "rsa-oaep-mgf1p":
	case nsEncryption11 + "rsa-oaep":
		if mask := child(method, nsEncryption11, "MGF"); known && mask != nil {
			algorithm, _ := attribute(mask, "Algorithm")
			options.MGFHash, known = oaepMasks[algorithm]
		}
	default:
		return nil, fmt.Errorf("key encryption by %q", algorithm)
	}
	if !known {
		return nil, errors.New("unknown hash of OAEP")
	}
	if label := child(method, nsEncryption, "OAEPparams"); label != nil {
		if options.Label, err = decodeText(label); err != nil {
			return nil, err
		}
	}
	ciphertext, err := cipherValue(e)
	if err != nil {
		return nil, err
	}
	return key.Decrypt(nil, ciphertext, options)
}

// cipherValue returns the ciphertext in an EncryptedData or EncryptedKey. One that is elsewhere is not fetched.
func cipherValue(e *etree.Element) ([]byte, error) {
	data, err := one(e, nsEncryption, "CipherData")
	if err != nil {
		return nil, err
	}
	value, err := one(data, nsEncryption, "CipherValue")
	if err != nil {
		return nil, err
	}
	return decodeText(value)
}

func decodeText(e *etree.Element) ([]byte, error) {
	encoded, err := text(e)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
}

func openGCM(block cipher.Block, data []byte) ([]byte, error) {
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(data) < gcm.NonceSize() {
		return nil, errors.New("no nonce")
	}
	return gcm.Open(nil, data[:gcm.NonceSize()], data[gcm.NonceSize():], nil)
}

// openCBC removes the padding of XML encryption, too: its last byte is its length, and
// the others may be any.
func openCBC(block cipher.Block, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(data) < 2*size || len(data)%size != 0 {
		return nil, errors.New("ciphertext is not whole blocks")
	}
	plain := make([]byte, len(data)-size)
	cipher.NewCBCDecrypter(block, data[:size]).CryptBlocks(plain, data[size:])
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > size {
		return nil, errors.New("wrong padding")
	}
	return plain[:len(plain)-padding], nil
}
