package server

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"emulator/services/kms/attestation/nsm"
)

// attestationRoots are those that attestation documents have to lead to: those named, or else the built-in one, if it was made.
func (s *Server) attestationRoots(ctx context.Context) ([]*x509.Certificate, error) {
	if s.config.AttestationRoots != nil {
		return s.config.AttestationRoots, nil
	}
	root, err := s.nsm.Root(ctx)
	if err != nil || root == nil {
		return nil, err
	}
	return []*x509.Certificate{root}, nil
}

// AttestationRequest is what an attestation document is to say.
type AttestationRequest struct {
	// ModuleID; "": one of its kind.
	ModuleID string `json:"moduleId,omitempty"`
	// NitroTPM asks for the document of an instance rather than of an enclave.
	NitroTPM bool `json:"nitroTPM,omitempty"`
	// PCRs are values in hexadecimal by index. The others that such a document has are zeros.
	PCRs map[int]string `json:"pcrs,omitempty"`
	// PublicKey is in DER. It and those that follow are base64 in JSON, and not there if they are absent.
	PublicKey []byte `json:"publicKey,omitzero"`
	UserData  []byte `json:"userData,omitzero"`
	Nonce     []byte `json:"nonce,omitzero"`
	// Age makes the document older: "4h".
	Age string `json:"age,omitempty"`
}

// adminAttest answers {"document": base64}, an attestation document under the built-in root, of an AttestationRequest.
func (s *Server) adminAttest(w http.ResponseWriter, r *http.Request) {
	var in AttestationRequest
	if err := decodeAdmin(w, r, &in); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	if s.config.AttestationRoots != nil {
		adminError(w, http.StatusConflict, "attestation documents have to lead to a root of --attestation-root here: those made here do not")
		return
	}
	document, err := s.attest(r.Context(), &in)
	switch {
	case errors.Is(err, nsm.ErrRequest):
		adminError(w, http.StatusBadRequest, err.Error())
	case err != nil:
		s.adminFailure(w, r, err)
	default:
		writeJSON(w, http.StatusOK, map[string][]byte{"document": document})
	}
}

func (s *Server) attest(ctx context.Context, in *AttestationRequest) ([]byte, error) {
	request := nsm.Request{
		ModuleID: in.ModuleID, NitroTPM: in.NitroTPM, PCRs: make(map[int][]byte), PublicKey: in.PublicKey, UserData: in.UserData, Nonce: in.Nonce,
	}
	for index, text := range in.PCRs {
		pcr, err := hex.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%w: PCR %d is not in hexadecimal", nsm.ErrRequest, index)
		}
		request.PCRs[index] = pcr
	}
	now := s.clock.Now()
	if in.Age != "" {
		age, err := time.ParseDuration(in.Age)
		if err != nil {
			return nil, fmt.Errorf("%w: age: %w", nsm.ErrRequest, err)
		}
		now = now.Add(-age)
	}
	return s.nsm.Attest(ctx, now, &request)
}
