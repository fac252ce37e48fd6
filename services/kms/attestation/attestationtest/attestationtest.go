// Package attestationtest opens what KMS sealed for an enclave, as an enclave does.
package attestationtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
)

// node is an element of BER.
type node struct {
	tag      byte
	content  []byte
	children []node
}

// Open returns what is in a CiphertextForRecipient, with the private key whose public key the attestation document had.
func Open(key *rsa.PrivateKey, envelope []byte) (plaintext []byte, err error) {
	defer func() {
		if recover() != nil { // an element that is not there
			plaintext, err = nil, errors.New("the envelope has not the shape of KMS's")
		}
	}()
	top, rest, err := read(envelope)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow the envelope", len(rest))
	}
	data := top.children[1].children[0]          // ContentInfo, [0], EnvelopedData
	recipient := data.children[1].children[0]    // RecipientInfos, KeyTransRecipientInfo
	encrypted := data.children[2]                // EncryptedContentInfo
	iv := encrypted.children[1].children[1]      // ContentEncryptionAlgorithmIdentifier
	content := encrypted.children[2].children[0] // [0], OCTET STRING
	contentKey, err := rsa.DecryptOAEP(sha256.New(), nil, key, recipient.children[3].content, nil)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return nil, err
	}
	plaintext = make([]byte, len(content.content))
	cipher.NewCBCDecrypter(block, iv.content).CryptBlocks(plaintext, content.content)
	padding := int(plaintext[len(plaintext)-1])
	return plaintext[:len(plaintext)-padding], nil
}

// read reads an element, of definite or indefinite length, and returns what follows it.
func read(ber []byte) (n node, rest []byte, err error) {
	const constructed, indefinite = 0x20, 0x80
	if len(ber) < 2 {
		return n, nil, errors.New("the envelope is cut")
	}
	n.tag = ber[0]
	if ber[1] == indefinite {
		rest = ber[2:]
		for len(rest) < 2 || rest[0] != 0 || rest[1] != 0 {
			var child node
			if child, rest, err = read(rest); err != nil {
				return n, nil, err
			}
			n.children = append(n.children, child)
		}
		return n, rest[2:], nil
	}
	var value asn1.RawValue
	if rest, err = asn1.Unmarshal(ber, &value); err != nil {
		return n, nil, err
	}
	n.content = value.Bytes
	for inner := n.content; n.tag&constructed != 0 && len(inner) > 0; {
		var child node
		if child, inner, err = read(inner); err != nil {
			return n, nil, err
		}
		n.children = append(n.children, child)
	}
	return n, rest, nil
}
