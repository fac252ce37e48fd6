package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"emulator/server"
)

// httpClient returns the client with which commands call an emulator. Besides the system's authorities it
// trusts those that AWS_CA_BUNDLE names, as every SDK does, and the local one of the data directory.
func httpClient() (*awshttp.BuildableClient, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if bundle := os.Getenv("AWS_CA_BUNDLE"); bundle != "" {
		text, err := os.ReadFile(bundle)
		if err != nil {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: %w", err)
		}
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: no certificate in %s", bundle)
		}
	}
	local := filepath.Join(cmp.Or(os.Getenv("EMULATOR_DATA_DIR"), defaultDataDir), server.CertificateFile)
	if text, err := os.ReadFile(local); err == nil {
		roots.AppendCertsFromPEM(text)
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = new(tls.Config)
		}
		t.TLSClientConfig.RootCAs = roots
	}), nil
}
