package sts

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/api"
	"emulator/identity"
	"emulator/identity/awspolicies"
	"emulator/policy"
	"emulator/store"
)

// AWS's limits of session policies
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-limits-entity-length).
const (
	maxPolicyText = 2048
	maxPolicyARNs = 10
)

// packedSpace is how large the packed form of policies and tags may be, in bytes. AWS tells neither the form nor the space, only
// the percentage. What users saw of theirs fits tags that are not compressed, and of which each byte takes tagBytes
// (https://github.com/aws/containers-roadmap/issues/2413).
const (
	packedSpace = 1024
	tagBytes    = 2
)

// sessionPolicies are what limits a session.
type sessionPolicies struct {
	texts []string
	arns  []string
}

func (s *Service) newSessionPolicies(partition string, text *string, descriptors []types.PolicyDescriptorType) (sessionPolicies, error) {
	var p sessionPolicies
	size := 0
	if text != nil {
		if err := s.authz.CheckPolicy("MalformedPolicyDocument", policy.Session, partition, *text); err != nil {
			return p, err
		}
		p.texts = []string{*text}
		size = utf8.RuneCountInString(*text)
	}
	if len(descriptors) > maxPolicyARNs {
		return p, api.Errorf("ValidationError", "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxPolicyARNs)
	}
	for _, d := range descriptors {
		p.arns = append(p.arns, aws.ToString(d.Arn))
		size += len(aws.ToString(d.Arn))
	}
	if size > maxPolicyText {
		return p, api.Errorf("ValidationError", "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to %d", maxPolicyText)
	}
	return p, nil
}

// check refuses managed policies that are neither AWS's nor of the session's account.
func (p sessionPolicies) check(r store.Reader, account string) error {
	for _, arn := range p.arns {
		ok, err := policyExists(r, account, arn)
		if err != nil {
			return err
		}
		if !ok {
			return api.Errorf("ValidationError", "Policy %s does not exist or is not attachable.", arn)
		}
	}
	return nil
}

func policyExists(r store.Reader, account, arn string) (bool, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return false, nil
	}
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	if parts[4] == "aws" {
		_, ok := awspolicies.Find(parts[1], arn)
		return ok, nil
	}
	if parts[4] != account || !isName(name) {
		return false, nil
	}
	p, ok, err := store.Load[identity.ManagedPolicy](r, identity.PolicyKey(account, name))
	return ok && p.ARN() == arn, err
}

// pack returns the size of policies and tags in percent of the space that there is for them, or nil if there are none. Of tags that
// are handed on the keys count twice.
func pack(p sessionPolicies, tags map[string]string, transitive []string) (*int32, error) {
	if len(p.texts)+len(p.arns)+len(tags) == 0 {
		return nil, nil
	}
	size := packedSize(p)
	for key, value := range tags {
		size += tagBytes * (len(key) + len(value) + 1)
	}
	for _, key := range transitive {
		size += tagBytes * len(key)
	}
	percent := (size*100 + packedSpace - 1) / packedSpace
	if percent <= 100 {
		return aws.Int32(int32(percent)), nil
	}
	if len(p.texts)+len(p.arns) == 0 {
		return nil, api.Errorf("PackedPolicyTooLarge", "Packed size of session tags consumes %d%% of allotted space.", percent)
	}
	return nil, api.Errorf("PackedPolicyTooLarge", "Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
}

// compressors are kept because making one costs more than using it.
var compressors = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

// packedSize returns the size of the packed form of policies: without white space, and the ARNs, deflated.
func packedSize(p sessionPolicies) int {
	if len(p.texts)+len(p.arns) == 0 {
		return 0
	}
	var plain bytes.Buffer
	for _, text := range p.texts {
		if json.Compact(&plain, []byte(text)) != nil { // it was parsed, so that can't be
			plain.WriteString(text)
		}
	}
	for _, arn := range p.arns {
		plain.WriteString(arn)
		plain.WriteByte(0)
	}
	var packed bytes.Buffer
	w := compressors.Get().(*flate.Writer)
	defer compressors.Put(w)
	w.Reset(&packed)
	w.Write(plain.Bytes()) // to memory: no errors
	w.Close()
	return packed.Len()
}
