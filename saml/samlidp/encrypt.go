package samlidp

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"

	"github.com/beevik/etree"
)

const (
	nsEncryption   = "http://www.w3.org/2001/04/xmlenc#"
	nsEncryption11 = "http://www.w3.org/2009/xmlenc11#"
)

// Algorithms to encrypt assertions with.
const (
	AES128CBC = nsEncryption + "aes128-cbc"
	AES256CBC = nsEncryption + "aes256-cbc"
	AES128GCM = nsEncryption11 + "aes128-gcm"
	AES256GCM = nsEncryption11 + "aes256-gcm"
)

var keySizes = map[string]int{AES128CBC: 16, AES256CBC: 32, AES128GCM: 16, AES256GCM: 32}

// oaepHash are the URIs of a hash, by itself and for masks.
type oaepHash struct{ digest, mask string }

var oaepHashes = map[crypto.Hash]oaepHash{
	crypto.SHA1:   {"http://www.w3.org/2000/09/xmldsig#sha1", nsEncryption11 + "mgf1sha1"},
	crypto.SHA256: {"http://www.w3.org/2001/04/xmlenc#sha256", nsEncryption11 + "mgf1sha256"},
	crypto.SHA512: {"http://www.w3.org/2001/04/xmlenc#sha512", nsEncryption11 + "mgf1sha512"},
}

// encrypt returns an EncryptedAssertion.
//
// https://www.w3.org/TR/xmlenc-core1/
func encrypt(assertion *etree.Element, o *Options) (*etree.Element, error) {
	public, err := recipientKey(o.EncryptTo)
	if err != nil {
		return nil, err
	}
	size, ok := keySizes[o.Cipher]
	if !ok {
		return nil, fmt.Errorf("unknown cipher %s", o.Cipher)
	}
	hash, ok := oaepHashes[o.OAEPHash]
	if !ok {
		return nil, fmt.Errorf("unknown hash %s", o.OAEPHash)
	}
	key := make([]byte, size)
	rand.Read(key) // does not fail
	content, err := seal(o.Cipher, key, write(etree.NewDocumentWithRoot(assertion.Copy())))
	if err != nil {
		return nil, err
	}
	sealedKey, err := rsa.EncryptOAEP(o.OAEPHash.New(), rand.Reader, public, key, nil)
	if err != nil {
		return nil, err
	}

	e := element("saml:EncryptedAssertion", "xmlns:saml", nsAssertion)
	data := add(e, "xenc:EncryptedData", "xmlns:xenc", nsEncryption, "Type", nsEncryption+"Element")
	add(data, "xenc:EncryptionMethod", "Algorithm", o.Cipher)
	encryptedKey := add(add(data, "ds:KeyInfo", "xmlns:ds", nsSignature), "xenc:EncryptedKey")
	if o.OAEPHash == crypto.SHA1 {
		method := add(encryptedKey, "xenc:EncryptionMethod", "Algorithm", nsEncryption+"rsa-oaep-mgf1p")
		add(method, "ds:DigestMethod", "Algorithm", hash.digest)
	} else {
		method := add(encryptedKey, "xenc:EncryptionMethod", "Algorithm", nsEncryption11+"rsa-oaep")
		add(method, "ds:DigestMethod", "Algorithm", hash.digest)
		add(method, "xenc11:MGF", "xmlns:xenc11", nsEncryption11, "Algorithm", hash.mask)
	}
	addCipherValue(encryptedKey, sealedKey)
	addCipherValue(data, content)
	return e, nil
}

func addCipherValue(e *etree.Element, ciphertext []byte) {
	add(add(e, "xenc:CipherData"), "xenc:CipherValue").SetText(base64.StdEncoding.EncodeToString(ciphertext))
}

// seal encrypts with the nonce or initialization vector before the ciphertext.
func seal(algorithm string, key, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if algorithm == AES128GCM || algorithm == AES256GCM {
		gcm, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		return gcm.Seal(nil, nil, plain, nil), nil
	}
	size := block.BlockSize()
	padding := size - len(plain)%size
	plain = append(plain, make([]byte, padding)...)
	plain[len(plain)-1] = byte(padding)
	out := make([]byte, size+len(plain))
	rand.Read(out[:size])
	cipher.NewCBCEncrypter(block, out[:size]).CryptBlocks(out[size:], plain)
	return out, nil
}
