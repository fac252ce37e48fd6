package server

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"emulator/identity"
)

// authorityFile holds the certificate and the key of the local authority: it is one file so
// that one rename makes both.
const authorityFile = "authority.key"

// CertificateFile has the authority's certificate alone, for clients.
const CertificateFile = "ca.pem"

const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 90 * 24 * time.Hour // anew at every start
)

// Authority is a local certificate authority, kept in the data directory. By the name constraints
// of its certificate (https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10) it is good for
// this machine's loopback names, AWS's domains and the names it was made with: whoever gets hold
// of its key can't be somebody else to those who trust it.
type Authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	// Replaced: it was made in place of one that was not limited, or not good for all the names.
	// Clients have to be given its certificate.
	Replaced bool
}

// OpenAuthority reads the authority in dir, or makes one there that is good for the given names
// or addresses besides ours.
func OpenAuthority(dir string, names []string) (*Authority, error) {
	path := filepath.Join(dir, authorityFile)
	a, err := readAuthority(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, statErr := os.Stat(filepath.Join(dir, CertificateFile)) // once it had an unlimited authority with its key
		if a, err = createAuthority(dir, names, os.Link); errors.Is(err, fs.ErrExist) {
			return OpenAuthority(dir, names) // another process was first
		}
		if err == nil {
			a.Replaced = statErr == nil
		}
	case err == nil && !a.permits(names):
		if a, err = createAuthority(dir, names, os.Rename); err == nil {
			a.Replaced = true
		}
	}
	if err != nil {
		return nil, err
	}
	certificate := filepath.Join(dir, CertificateFile)
	if text, err := os.ReadFile(certificate); err == nil && bytes.Equal(text, a.PEM()) {
		return a, nil
	}
	return a, writeFile(certificate, a.PEM(), os.Rename)
}

func readAuthority(path string) (*Authority, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := onlyOwners(path); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Authority{certificate: pair.Leaf, key: pair.PrivateKey.(crypto.Signer)}, nil
}

// createAuthority makes an authority, which place, os.Link or os.Rename, puts into its place.
func createAuthority(dir string, names []string, place func(from, to string) error) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	domains, ranges := permitted(names)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber:                serialNumber(),
		Subject:                     pkix.Name{CommonName: "AWS emulator local authority"},
		NotBefore:                   now.Add(-time.Hour),
		NotAfter:                    now.Add(authorityLife),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         domains,
		PermittedIPRanges:           ranges,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "AWS emulator local authority"}}, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, authorityFile)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	if err := writeFile(path, text, place); err != nil {
		return nil, err
	}
	return readAuthority(path)
}

// permits reports whether the authority is limited, and yet good for our names and the given ones.
func (a *Authority) permits(names []string) bool {
	domains, ranges := permitted(names)
	for _, domain := range domains {
		if !slices.ContainsFunc(a.certificate.PermittedDNSDomains, func(p string) bool { return domain == p || strings.HasSuffix(domain, "."+p) }) {
			return false
		}
	}
	for _, r := range ranges {
		if !slices.ContainsFunc(a.certificate.PermittedIPRanges, func(p *net.IPNet) bool { return p.Contains(r.IP) }) {
			return false
		}
	}
	return true
}

// permitted returns what the authority is limited to: the domains of our names, without regions,
// and loopback addresses, and the given names or addresses.
func permitted(names []string) (domains []string, ranges []*net.IPNet) {
	ours, _ := certificateNames(nil)
	for _, name := range ours {
		name, regional := strings.CutPrefix(name, "*.")
		if label, rest, _ := strings.Cut(name, "."); regional && strings.Contains(label, "-") {
			name = rest
		}
		domains = append(domains, name)
	}
	all, ips := certificateNames(names)
	for _, name := range all[len(ours):] {
		domains = append(domains, strings.TrimPrefix(name, "*."))
	}
	slices.Sort(domains)
	ranges = []*net.IPNet{{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}}
	for _, ip := range ips {
		if ip4 := ip.To4(); ip4 != nil {
			ip = ip4
		}
		ranges = append(ranges, &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))})
	}
	return slices.Compact(domains), ranges
}

// certificateNames are what the certificate is good for: this machine's loopback names, the host
// names of the services, and the given names or addresses.
func certificateNames(names []string) (dns []string, ips []net.IP) {
	dns = append([]string{"localhost", "*.amazonaws.com", "signin.aws.amazon.com", "*.signin.aws.amazon.com"}, regionalNames()...)
	ips = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			ips = append(ips, ip)
		} else {
			dns = append(dns, strings.ToLower(name))
		}
	}
	return dns, ips
}

// PEM returns the authority's certificate, for AWS_CA_BUNDLE.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// TLSConfig returns a configuration with a new certificate for our names and the given
// names or addresses, for which the authority must be good.
func (a *Authority) TLSConfig(names []string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serialNumber(),
		Subject:      pkix.Name{CommonName: "AWS emulator"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	template.DNSNames, template.IPAddresses = certificateNames(names)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key}},
	}, nil
}

// regionalNames are wildcards for the services' regional host names, such as
// sts.eu-west-1.amazonaws.com: a wildcard stands for one label only.
func regionalNames() []string {
	regions, _ := identity.NewRegions(nil)
	names := regions.Hosts()
	for i, name := range names {
		names[i] = "*." + name
	}
	return names
}

func serialNumber() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}
