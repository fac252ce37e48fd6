package identity

import (
	"strings"
	"time"

	"emulator/store"
)

// ServerCertificate is the record of a server certificate.
type ServerCertificate struct {
	Account   string            `json:"account"`
	Partition string            `json:"partition"`
	Name      string            `json:"name"`
	ID        string            `json:"id"`
	Path      string            `json:"path"`
	Created   time.Time         `json:"created"`
	Tags      map[string]string `json:"tags,omitempty"`
	// Body and Chain are in PEM, as they were given.
	Body    string    `json:"body"`
	Chain   string    `json:"chain,omitempty"`
	Expires time.Time `json:"expires"`
	// PrivateKey is in PEM and sealed, bound to ID. No operation tells it.
	PrivateKey []byte `json:"privateKey"`
}

// ARN returns the server certificate's ARN.
func (s *ServerCertificate) ARN() string {
	return ARN(s.Partition, "iam", s.Account, "server-certificate"+s.Path+s.Name)
}

// ServerCertificateKey is the key of a ServerCertificate.
func ServerCertificateKey(account, name string) []byte {
	return store.Key("iam", account, "server-certificate", strings.ToLower(name))
}

// LoadServerCertificate returns the server certificate of that name; names differ if their case does.
func LoadServerCertificate(r store.Reader, account, name string) (*ServerCertificate, bool, error) {
	s, ok, err := store.Load[ServerCertificate](r, ServerCertificateKey(account, name))
	return &s, ok && s.Name == name, err
}
