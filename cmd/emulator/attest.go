package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"emulator/server"
	"emulator/services/kms/attestation"
)

// newAttestCommand makes attestation documents for tests.
func newAttestCommand(env settings) *cobra.Command {
	var (
		request                              server.AttestationRequest
		pcrs                                 []string
		key, userData, nonce, file, endpoint string
	)
	cmd := &cobra.Command{
		Use:   "attest",
		Short: "Print an attestation document, as of a Nitro enclave",
		Long: `Prints an attestation document in base64, as KMS's Recipient takes it. It says of an
enclave, or of an instance with a NitroTPM, what it is told to, and leads to a root of
the emulator's own. PCRs that are not given are zeros, as an enclave has them in debug
mode. It is good for three hours.`,
		Example: `  openssl genrsa -out enclave.pem 2048
  openssl rsa -in enclave.pem -pubout -out enclave.pub
  emulator attest --public-key enclave.pub --pcr 0=$PCR0 --pcr 8=$PCR8
  emulator attest --public-key enclave.pub --nitrotpm --pcr 4=$PCR4 --out document.cbor`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if request.PCRs, err = parsePCRs(pcrs); err != nil {
				return err
			}
			if request.PublicKey, err = readOptional(key); err != nil {
				return err
			}
			if request.UserData, err = readOptional(userData); err != nil {
				return err
			}
			if request.Nonce, err = readOptional(nonce); err != nil {
				return err
			}
			if block, _ := pem.Decode(request.PublicKey); block != nil {
				if block.Type != "PUBLIC KEY" {
					return fmt.Errorf("--public-key %s: %s, want PUBLIC KEY", key, block.Type)
				}
				request.PublicKey = block.Bytes
			}
			if key != "" {
				if _, err := x509.ParsePKIXPublicKey(request.PublicKey); err != nil {
					return fmt.Errorf("--public-key %s: no public key in PEM or DER", key)
				}
			}
			var answer struct {
				Document []byte `json:"document"`
			}
			if err := callAdmin(cmd.Context(), env, http.MethodPost, endpoint+"/_emulator/attestation-document", &request, &answer); err != nil {
				return err
			}
			if file != "" {
				return os.WriteFile(file, answer.Document, 0o644)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), base64.StdEncoding.EncodeToString(answer.Document))
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&key, "public-key", "", "`file` of the public key to encrypt to, in PEM or DER")
	flags.StringArrayVar(&pcrs, "pcr", nil, "a PCR as `index=hexadecimal`, any number of them")
	flags.BoolVar(&request.NitroTPM, "nitrotpm", false, "the document of an EC2 instance with a NitroTPM")
	flags.StringVar(&userData, "user-data", "", "`file` of the user data")
	flags.StringVar(&nonce, "nonce", "", "`file` of the nonce")
	flags.StringVar(&request.ModuleID, "module-id", "", "`name` of the enclave or instance (default: some)")
	flags.StringVar(&request.Age, "age", "", "make it that much older, to see it refused: 4h")
	flags.StringVar(&file, "out", "", "`file` to write the document to, as it is")
	flags.StringVar(&endpoint, "endpoint", defaultEndpoint(), "`URL` of the emulator")
	return cmd
}

func parsePCRs(texts []string) (map[int]string, error) {
	pcrs := make(map[int]string, len(texts))
	for _, text := range texts {
		name, value, _ := strings.Cut(text, "=")
		index, err := strconv.Atoi(name)
		if _, notHex := hex.DecodeString(value); err != nil || index < 0 || index > attestation.MaxPCR || notHex != nil || value == "" {
			return nil, fmt.Errorf("--pcr %q: want an index from 0 to %d, and a value in hexadecimal: 0=000102…", text, attestation.MaxPCR)
		}
		if _, twice := pcrs[index]; twice {
			return nil, fmt.Errorf("--pcr %d is given twice", index)
		}
		pcrs[index] = value
	}
	return pcrs, nil
}

// readOptional returns what is in a file, nil without one.
func readOptional(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	return os.ReadFile(file)
}

// readRoots returns the certificates in a PEM file, of which there is one at least.
func readRoots(file string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var roots []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s is no certificate", block.Type)
		}
		roots = append(roots, root)
	}
	if len(roots) == 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("want certificates in PEM and nothing else")
	}
	return roots, nil
}
