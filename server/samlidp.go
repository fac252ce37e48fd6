package server

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"emulator/saml"
	"emulator/saml/samlidp"
	"emulator/store"
)

// samlEntityID is the name of the built-in identity provider. Nobody outside believes it.
const samlEntityID = "https://emulator.localhost/saml"

var samlKeyKey = store.Key("saml-idp-key")

// samlIDP returns the built-in SAML identity provider, whose key is made at its first use.
func (s *Server) samlIDP(ctx context.Context) (*samlidp.IDP, error) {
	var sealed []byte
	if err := s.store.View(ctx, func(r store.Reader) error {
		sealed = append(sealed, r.Get(samlKeyKey)...)
		return nil
	}); err != nil {
		return nil, err
	}
	if sealed == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		if err := s.store.Update(ctx, func(tx store.Tx) error {
			sealed = append([]byte(nil), tx.Get(samlKeyKey)...)
			if sealed != nil { // somebody else was first
				return nil
			}
			sealed = s.directory.Keyring.Seal(der, string(samlKeyKey))
			return tx.Put(samlKeyKey, sealed)
		}); err != nil {
			return nil, err
		}
	}
	der, err := s.directory.Keyring.Open(sealed, string(samlKeyKey))
	if err != nil {
		return nil, fmt.Errorf("key of the SAML identity provider: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key of the SAML identity provider: %w", err)
	}
	return samlidp.New(key.(crypto.Signer), samlEntityID, samlEntityID+"/sso", s.clock.Now())
}

// samlMetadata answers {"metadata": XML}, the document for CreateSAMLProvider.
func (s *Server) samlMetadata(w http.ResponseWriter, r *http.Request) {
	idp, err := s.samlIDP(r.Context())
	if err != nil {
		s.adminFailure(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"metadata": string(idp.Metadata(s.clock.Now()))})
}

// SAMLRequest is what the built-in identity provider is asked to say of a user.
type SAMLRequest struct {
	// Role and Provider are ARNs. Further pairs go into Attributes.
	Role     string `json:"role"`
	Provider string `json:"provider"`
	// SessionName is the RoleSessionName; "": Subject.
	SessionName string `json:"sessionName,omitempty"`
	// Subject is the user's name; "": user.
	Subject string `json:"subject,omitempty"`
	// Attributes are further ones, by name.
	Attributes map[string][]string `json:"attributes,omitempty"`
	// Audience and Recipient stand in for AWS's.
	Audience  string `json:"audience,omitempty"`
	Recipient string `json:"recipient,omitempty"`
	// Age makes the response older: "10m".
	Age string `json:"age,omitempty"`
}

// samlRespond answers {"response": base64}, a signed response as AssumeRoleWithSAML takes it.
func (s *Server) samlRespond(w http.ResponseWriter, r *http.Request) {
	var request SAMLRequest
	if err := decodeAdmin(w, r, &request); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	if request.Role == "" || request.Provider == "" {
		adminError(w, http.StatusBadRequest, "role and provider are the ARNs of a role and of a SAML provider")
		return
	}
	options := samlidp.Options{
		Now: s.clock.Now(), Subject: request.Subject, Audience: request.Audience, Recipient: request.Recipient,
		Attributes: map[string][]string{saml.RoleAttribute: {request.Role + "," + request.Provider}},
	}
	if request.Age != "" {
		age, err := time.ParseDuration(request.Age)
		if err != nil {
			adminError(w, http.StatusBadRequest, "age: "+err.Error())
			return
		}
		options.Now = options.Now.Add(-age)
	}
	if options.Subject == "" {
		options.Subject = "user"
	}
	options.Attributes[saml.RoleSessionNameAttribute] = []string{options.Subject}
	if request.SessionName != "" {
		options.Attributes[saml.RoleSessionNameAttribute] = []string{request.SessionName}
	}
	for name, values := range request.Attributes {
		options.Attributes[name] = append(options.Attributes[name], values...)
	}
	idp, err := s.samlIDP(r.Context())
	if err != nil {
		s.adminFailure(w, r, err)
		return
	}
	response, err := idp.Respond(options)
	if err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"response": response})
}
