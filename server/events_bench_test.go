package server

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"emulator/api"
	"emulator/audit"
	"emulator/identity"
)

// BenchmarkRecord is what an event costs a call that nobody looks at.
func BenchmarkRecord(b *testing.B) {
	s, err := Open(Config{DataDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	service := s.byName("kms")
	operation, _ := service.codec.Operation("Encrypt")
	user := &identity.User{Account: "111122223333", Partition: "aws", Name: "Alice", Path: "/", ID: "AIDAEXAMPLE"}
	c := &call{
		http: httptest.NewRequest("POST", "/", nil), requestID: "a9dea4f9-8395-46c0-942c-f509c02c2b71", service: service, operation: operation,
		caller: api.Caller{
			Principal: identity.Principal{Kind: identity.UserKind, Account: user.Account, ARN: user.ARN(), UserID: user.ID, AccessKeyID: "AKIAEXAMPLE", User: user},
			Region:    "us-east-1", Received: time.Now(),
		},
		in: &kms.EncryptInput{KeyId: aws.String("1234abcd-12ab-34cd-56ef-1234567890ab"), Plaintext: make([]byte, 1024), EncryptionContext: map[string]string{"app": "demo"}},
	}
	c.notes.Use(audit.Resource{Type: audit.KMSKey, Account: user.Account, ARN: "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}, "m")
	out := new(kms.EncryptOutput)
	b.ReportAllocs()
	for b.Loop() {
		s.record(c, out, nil)
	}
}
