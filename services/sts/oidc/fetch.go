package oidc

import (
	"context"
	"crypto/sha1" // of thumbprints: that is what AWS uses
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
)

// Limits of what is fetched from an issuer.
const (
	maxDocument  = 1 << 20
	maxHeader    = 64 << 10
	maxRedirects = 3
	fetchTimeout = 5 * time.Second // for both documents together
)

// source is where keys come from, and what makes it trusted.
type source struct {
	issuer      string
	thumbprints []string
}

func (s source) key() string { return s.issuer + "\x00" + strings.Join(s.thumbprints, "\x00") }

type fetcher struct {
	// client is nil if none was configured.
	client *http.Client
	// insecure are the hosts to which plain http is spoken, besides loopback ones.
	insecure []string
}

// keys fetches the issuer's discovery document and from there its keys
// (https://openid.net/specs/openid-connect-discovery-1_0.html). The error is
// ErrUnreachable, ErrCertificate or ErrNoKey, with the reason.
func (f *fetcher) keys(ctx context.Context, s source) ([]key, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	document, err := f.get(ctx, s, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	var discovery struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(document, &discovery); err != nil {
		return nil, fmt.Errorf("%w: discovery document: %w", ErrNoKey, err)
	}
	if discovery.Issuer != s.issuer {
		return nil, fmt.Errorf("%w: the discovery document of %s is for %q", ErrNoKey, s.issuer, discovery.Issuer)
	}
	if document, err = f.get(ctx, s, discovery.JWKSURI); err != nil {
		return nil, err
	}
	keys, err := parseKeys(document)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	return keys, nil
}

// check refuses URLs that are not for fetching.
func (f *fetcher) check(u *url.URL) error {
	if u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is no address of an issuer", u.Redacted())
	}
	if u.Scheme == "https" || u.Scheme == "http" && f.plain(u) {
		return nil
	}
	return fmt.Errorf("%q: the scheme must be https", u.Redacted())
}

// leadsTo reports whether a URL is of the issuer's host and port, with which a provider was
// registered. They may be of this machine; what a document names may not.
func (s source) leadsTo(u *url.URL) bool {
	issuer, err := url.Parse(s.issuer)
	return err == nil && authority(issuer) == authority(u)
}

func authority(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// thisMachine reports whether an address leads to this machine, or to what only it reaches: the
// metadata service of a cloud. If that can't be told, it does.
func thisMachine(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() || addr.IsUnspecified() || addr.IsLinkLocalUnicast() {
		return true
	}
	own, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(own, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err != nil || prefix.Addr().Unmap().WithZone("") == addr
	})
}

// plain reports whether plain http may be spoken to the host: it is this machine, or
// one that the configuration names.
func (f *fetcher) plain(u *url.URL) bool {
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		slices.Contains(f.insecure, host) || slices.Contains(f.insecure, u.Host)
}

var errRedirect = errors.New("redirected to another host")

// clientFor returns a client for the host of u that trusts what the source says, and follows
// no redirects to other hosts: who can make an issuer redirect would otherwise choose
// whom we talk to. Whatever a name resolves to and however an address is written, this machine
// is refused as it is dialed, but for the issuer's own address; here is set if that is of this
// machine. A configured proxy goes where it will.
func (f *fetcher) clientFor(s source, u *url.URL, here *atomic.Bool) *http.Client {
	var client http.Client
	if f.client != nil {
		client = *f.client
	} else {
		var proxied atomic.Bool
		dialer := &net.Dialer{Timeout: fetchTimeout, Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if proxied.Load() || err == nil && !thisMachine(to.Addr()) {
				return nil
			}
			if !s.leadsTo(u) {
				return ErrThisMachine
			}
			here.Store(true)
			return nil
		}}
		client.Transport = &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				proxy, err := http.ProxyFromEnvironment(r)
				proxied.Store(proxy != nil)
				return proxy, err
			},
			DialContext:            dialer.DialContext,
			TLSClientConfig:        s.tlsConfig(u.Hostname()),
			MaxResponseHeaderBytes: maxHeader,
			// A fetch is rare, and a connection is verified for one source and host only.
			DisableKeepAlives: true,
		}
	}
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme || len(via) > maxRedirects {
			return fmt.Errorf("%w: %s", errRedirect, r.URL.Redacted())
		}
		return nil
	}
	return &client
}

// tlsConfig accepts a host's certificate from the system's authorities, and else one
// whose chain ends in a certificate with one of the source's thumbprints, as AWS does.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html
func (s source) tlsConfig(host string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does it, with two sets of roots
		VerifyConnection: func(state tls.ConnectionState) error {
			chain := state.PeerCertificates
			// Not state.ServerName, which is empty for addresses.
			options := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
			for _, c := range chain[1:] {
				options.Intermediates.AddCert(c)
			}
			_, err := chain[0].Verify(options)
			if err == nil {
				return nil
			}
			top := chain[len(chain)-1]
			sum := sha1.Sum(top.Raw)
			thumbprint := hex.EncodeToString(sum[:])
			if slices.ContainsFunc(s.thumbprints, func(t string) bool { return strings.EqualFold(t, thumbprint) }) {
				options.Roots = x509.NewCertPool()
				options.Roots.AddCert(top)
				if _, err = chain[0].Verify(options); err == nil {
					return nil
				}
			}
			return fmt.Errorf("%w: %w", ErrCertificate, err)
		},
	}
}

func (f *fetcher) get(ctx context.Context, s source, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err == nil {
		err = f.check(u)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	request.Header.Set("Accept", "application/json")
	var here atomic.Bool
	unreachable := func(err error) error {
		if here.Load() {
			err = fmt.Errorf("%w: %w", ErrThisMachine, err)
		}
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	response, err := f.clientFor(s, u, &here).Do(request)
	switch {
	case errors.Is(err, errRedirect), errors.Is(err, ErrThisMachine):
		return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
	case errors.Is(err, ErrCertificate):
		return nil, err
	case err != nil:
		return nil, unreachable(err)
	}
	defer response.Body.Close()
	if status := response.StatusCode; status != http.StatusOK {
		if status >= 500 || status == http.StatusTooManyRequests {
			return nil, fmt.Errorf("%w: %s: %s", ErrUnreachable, address, response.Status)
		}
		return nil, fmt.Errorf("%w: %s: %s", ErrNoKey, address, response.Status)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, unreachable(fmt.Errorf("%s: %w", address, err))
	}
	if len(document) > maxDocument {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrNoKey, address, maxDocument)
	}
	return document, nil
}
