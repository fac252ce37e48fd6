package server_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/emulatortest"
	"emulator/server"
	"emulator/services/kms/attestation"
	"emulator/services/kms/attestation/attestationtest"
)

// attest returns a document that the emulator made for a new key.
func attest(t *testing.T, e *emulatortest.Emulator, body string) (*rsa.PrivateKey, []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	document, err := base64.StdEncoding.DecodeString(ask(t, e, "attestation-document", `{"publicKey":"`+base64.StdEncoding.EncodeToString(der)+`"`+body+`}`, "document"))
	if err != nil {
		t.Fatal(err)
	}
	return key, document
}

func random(t *testing.T, e *emulatortest.Emulator, document []byte) (*kms.GenerateRandomOutput, error) {
	return kms.NewFromConfig(e.Config()).GenerateRandom(t.Context(), &kms.GenerateRandomInput{
		NumberOfBytes: aws.Int32(8), Recipient: &types.RecipientInfo{AttestationDocument: document, KeyEncryptionAlgorithm: "RSAES_OAEP_SHA_256"}})
}

// A document is good after a restart, and no more after a reset, nor where other roots are named.
func TestAttestationRoot(t *testing.T) {
	config := server.Config{DataDir: t.TempDir()}
	var key *rsa.PrivateKey
	var document []byte
	t.Run("first", func(t *testing.T) {
		e := emulatortest.Start(t, config)
		key, document = attest(t, e, `,"pcrs":{"0":"`+strings.Repeat("AB", 48)+`","31":"`+strings.Repeat("cd", 32)+`"},"userData":"","nonce":"bg==","moduleId":"i-1"`)
		d, err := attestation.Parse(document)
		if err != nil || d.ModuleID != "i-1" || len(d.PCRs) != 17 || d.PCRs[0][0] != 0xab || d.UserData == nil || string(d.Nonce) != "n" {
			t.Errorf("%+v, %v", d, err)
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		e := emulatortest.Start(t, config)
		out, err := random(t, e, document)
		if err != nil {
			t.Fatal(err)
		}
		if plaintext, err := attestationtest.Open(key, out.CiphertextForRecipient); err != nil || len(plaintext) != 8 {
			t.Errorf("%x, %v", plaintext, err)
		}
	})
	other := emulatortest.Start(t)
	_, others := attest(t, other, "")
	d, err := attestation.Parse(others)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(d.Root())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("with the roots of another", func(t *testing.T) {
		e := emulatortest.Start(t, server.Config{DataDir: config.DataDir, AttestationRoots: []*x509.Certificate{root}})
		if _, err := random(t, e, others); err != nil {
			t.Error(err)
		}
		_, err := random(t, e, document)
		wantCode(t, err, "ValidationException")
		resp, err := http.Post(e.URL+"/_emulator/attestation-document", "application/json", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct{ Error string }
		if json.NewDecoder(resp.Body).Decode(&answer); resp.StatusCode != http.StatusConflict || !strings.Contains(answer.Error, "--attestation-root") {
			t.Errorf("%s: %s", resp.Status, answer.Error)
		}
	})
	t.Run("after a reset", func(t *testing.T) {
		e := emulatortest.Start(t, config)
		if resp, err := http.Post(e.URL+"/_emulator/reset", "application/json", strings.NewReader(`{"account":"111111111111"}`)); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v", resp, err)
		}
		if _, err := random(t, e, document); err != nil {
			t.Error(err)
		}
		if resp, err := http.Post(e.URL+"/_emulator/reset", "application/json", nil); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v", resp, err)
		}
		_, err := random(t, e, document)
		wantCode(t, err, "ValidationException")
	})
}

// An event tells who an answer was for, once that was attested, in AWS's words.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/ct-attestation.html
func TestAttestationEvents(t *testing.T) {
	e := emulatortest.Start(t)
	value := strings.Repeat("q6ur", 16) // of 48 bytes ab
	for _, test := range []struct{ body, want string }{
		{`,"moduleId":"i-1","pcrs":{"0":"PCR","8":"PCR","31":"PCR"}`, `{"recipient":{"attestationDocumentEnclaveImageDigest":"VALUE","attestationDocumentEnclavePCR1":"ZEROS","attestationDocumentEnclavePCR2":"ZEROS",` +
			`"attestationDocumentEnclavePCR3":"ZEROS","attestationDocumentEnclavePCR4":"ZEROS","attestationDocumentEnclavePCR8":"VALUE","attestationDocumentModuleId":"i-1"}}`},
		{`,"moduleId":"i-2","nitroTPM":true,"pcrs":{"4":"PCR","0":"PCR"}`, `{"recipient":{"attestationDocumentModuleId":"i-2","attestationDocumentNitroTPMPCR16":"ZEROS","attestationDocumentNitroTPMPCR23":"ZEROS",` +
			`"attestationDocumentNitroTPMPCR4":"VALUE","attestationDocumentNitroTPMPCR7":"ZEROS","attestationDocumentNitroTPMPCR8":"ZEROS","attestationDocumentNitroTPMPCR9":"ZEROS"}}`},
		{`,"age":"4h"`, `null`},
	} {
		_, document := attest(t, e, strings.ReplaceAll(test.body, "PCR\"", strings.Repeat("ab", 48)+`"`))
		random(t, e, document)
		all, _ := events(t, e, "name=GenerateRandom&limit=1")
		got, _ := json.Marshal(all[0].AdditionalEventData)
		if want := strings.NewReplacer("VALUE", value, "ZEROS", strings.Repeat("A", 64)).Replace(test.want); string(got) != want {
			t.Errorf("%s\ngot  %s\nwant %s", test.body, got, want)
		}
		if parameters := string(all[0].RequestParameters); strings.Contains(parameters, "attestationDocument") {
			t.Errorf("the document is kept: %s", parameters)
		}
	}
}

func TestAttestationRefusals(t *testing.T) {
	e := emulatortest.Start(t, server.Config{AdminToken: "secret"})
	for _, tt := range []struct {
		name, body, token string
		status            int
	}{
		{"nothing", ``, "", 200},
		{"zeros", `{}`, "secret", 200},
		{"another token", `{}`, "x", 403},
		{"an unknown member", `{"pcr":{}}`, "", 400},
		{"an index that is none", `{"pcrs":{"a":"00"}}`, "", 400},
		{"an index too high", `{"pcrs":{"32":"` + strings.Repeat("0", 96) + `"}}`, "", 400},
		{"a negative index", `{"pcrs":{"-1":"` + strings.Repeat("0", 96) + `"}}`, "", 400},
		{"a PCR too short", `{"pcrs":{"0":"00"}}`, "", 400},
		{"a PCR that is not in hexadecimal", `{"pcrs":{"0":"xy"}}`, "", 400},
		{"no base64", `{"nonce":"?"}`, "", 400},
		{"an empty key", `{"publicKey":""}`, "", 400},
		{"a nonce too long", `{"nonce":"` + strings.Repeat("A", 4*171+4) + `"}`, "", 400},
		{"no age", `{"age":"long"}`, "", 400},
		{"a time before 1970", `{"age":"2500000h"}`, "", 400},
		{"a far time", `{"age":"-2500000h"}`, "", 200},
		{"more than one value", `{}{}`, "", 400},
		{"more than the limit", `{"moduleId":"` + strings.Repeat("a", 64<<10) + `"}`, "", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL+"/_emulator/attestation-document", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.token != "" {
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
}
