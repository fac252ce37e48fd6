package kms

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/services/kms/attestation"
)

// recipient is the enclave, or the instance with a NitroTPM, that alone is to read what an operation answers. The nil one is
// whoever called.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/cryptographic-attestation.html
type recipient struct {
	document *attestation.Document
	key      *rsa.PublicKey
}

// maxNitroTPMPCR is the last register of a NitroTPM that there is a condition key for.
const maxNitroTPMPCR = 23

// recipientOf reads what a request says of its recipient, nil if it says nothing. Whether it is true verifyRecipient
// knows, which costs more: it comes after permission, which is asked for with what the document says.
func recipientOf(in *types.RecipientInfo) (*recipient, error) {
	const missing = "1 validation error detected: Value null at 'recipient.%s' failed to satisfy constraint: Member must not be null"
	switch { // the model lets both be absent
	case in == nil:
		return nil, nil
	case in.AttestationDocument == nil:
		return nil, api.Errorf("ValidationError", missing, "attestationDocument")
	case in.KeyEncryptionAlgorithm == "":
		return nil, api.Errorf("ValidationError", missing, "keyEncryptionAlgorithm")
	}
	document, err := attestation.Parse(in.AttestationDocument)
	if err != nil {
		return nil, invalidDocument(err)
	}
	key, err := document.Recipient()
	if err != nil {
		return nil, invalidDocument(err)
	}
	return &recipient{document, key}, nil
}

func invalidDocument(err error) error {
	return api.Errorf("ValidationError", "The attestation document is not valid.").Because("%v", err)
}

const recipientPrefix = "kms:RecipientAttestation:"

// RecipientConditionKeys returns the condition keys that there are of recipients.
func RecipientConditionKeys() []string {
	names := []string{recipientPrefix + "ImageSha384"}
	for index := range attestation.MaxPCR + 1 {
		names = append(names, recipientPrefix+"PCR"+strconv.Itoa(index))
	}
	for index := range maxNitroTPMPCR + 1 {
		names = append(names, recipientPrefix+"NitroTPMPCR"+strconv.Itoa(index))
	}
	return names
}

// describe adds the condition keys of a recipient. PCRs of zeros, as an enclave in debug mode has them, are values like others.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-attestation.html
func (to *recipient) describe(context map[string][]string) {
	if to == nil {
		return
	}
	for index, pcr := range to.document.PCRs {
		value := []string{hex.EncodeToString(pcr)}
		switch {
		case !to.document.NitroTPM:
			context[recipientPrefix+"PCR"+strconv.Itoa(index)] = value
			if index == 0 {
				context[recipientPrefix+"ImageSha384"] = value
			}
		case index <= maxNitroTPMPCR:
			context[recipientPrefix+"NitroTPMPCR"+strconv.Itoa(index)] = value
		}
	}
}

// verifyRecipient checks that a recipient is who it says. Until then nothing may be made or opened for it.
func (s *Service) verifyRecipient(ctx context.Context, c api.Caller, to *recipient) error {
	if to == nil {
		return nil
	}
	roots, err := s.attestationRoots(ctx)
	if err != nil {
		return err
	}
	if err := to.document.Verify(roots, s.clock.Now()); err != nil {
		return invalidDocument(err)
	}
	c.Notes.Attested(to.shown())
	return nil
}

// shown is a recipient as CloudTrail has it: the PCRs that AWS's examples have.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/ct-attestation.html
func (to *recipient) shown() []string {
	const prefix = "attestationDocument"
	all := []string{prefix + "ModuleId", to.document.ModuleID}
	add := func(name string, index int) {
		if pcr, ok := to.document.PCRs[index]; ok {
			all = append(all, prefix+name, base64.StdEncoding.EncodeToString(pcr))
		}
	}
	if to.document.NitroTPM {
		for _, index := range []int{4, 7, 8, 9, 16, 23} {
			add("NitroTPMPCR"+strconv.Itoa(index), index)
		}
		return all
	}
	add("EnclaveImageDigest", 0)
	for _, index := range []int{1, 2, 3, 4, 8} {
		add("EnclavePCR"+strconv.Itoa(index), index)
	}
	return all
}

// deliver returns a plaintext as it is, or if there is a recipient, sealed for it.
func (to *recipient) deliver(plaintext []byte) (plain, sealed []byte, err error) {
	if to == nil {
		return plaintext, nil, nil
	}
	defer clear(plaintext)
	sealed, err = attestation.Envelope(to.key, plaintext)
	return nil, sealed, err
}
