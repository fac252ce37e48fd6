package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"emulator/emulatortest"
)

// inCBOR is a call of CloudHSM's in CBOR.
func inCBOR(operation string, body any) call {
	b, ok := body.(string)
	if !ok {
		made, err := cbor.Marshal(body)
		if err != nil {
			panic(err)
		}
		b = string(made)
	}
	return call{path: "/service/BaldrApiService/operation/" + operation, body: b, service: "cloudhsm", header: http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}}}
}

// cborAnswer sends the call and returns the answer, which must be in CBOR and have this status.
func cborAnswer(t *testing.T, e *emulatortest.Emulator, c call, status int) map[string]any {
	t.Helper()
	resp, body := send(t, e, c)
	if resp.StatusCode != status || resp.Header.Get("Content-Type") != "application/cbor" || resp.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
		t.Errorf("%s: %s %v %q", c.path, resp.Status, resp.Header, body)
	}
	var answer map[string]any
	if err := cbor.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%s: %v in %q", c.path, err, body)
	}
	return answer
}

// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
func TestCBOR(t *testing.T) {
	e := emulatortest.Start(t)
	made := cborAnswer(t, e, inCBOR("CreateCluster", map[string]any{
		"HsmType": "hsm2m.medium", "SubnetIds": []string{"subnet-00000000"}, "BackupRetentionPolicy": map[string]any{"Type": "DAYS", "Value": "8"}, "Mode": nil, "Unknown": []any{1.5},
		"TagList": []any{map[string]any{"Key": "team", "Value": "ä"}},
	}), 200)["Cluster"].(map[any]any)
	if at, ok := made["CreateTimestamp"].(time.Time); !ok || time.Since(at).Abs() > time.Minute {
		t.Errorf("made at %v", made["CreateTimestamp"])
	}
	// A filter of indefinite lengths, and a number of any size.
	indefinite := "\xbf\x67Filters\xbf\x6aclusterIds\x9f\x7f\x68cluster-\x6b" + strings.TrimPrefix(made["ClusterId"].(string), "cluster-") + "\xff\xff\xff\x6aMaxResults\x1a\x00\x00\x00\x05\xff"
	clusters := cborAnswer(t, e, inCBOR("DescribeClusters", indefinite), 200)["Clusters"].([]any)
	if len(clusters) != 1 {
		t.Fatalf("clusters %v", clusters)
	}
	k := clusters[0].(map[any]any)
	if k["State"] != "UNINITIALIZED" || k["SubnetMapping"].(map[any]any)["us-east-1a"] != "subnet-00000000" || k["TagList"].([]any)[0].(map[any]any)["Value"] != "ä" || k["NetworkType"] != "IPV4" {
		t.Errorf("cluster %v", k)
	}
	if _, present := k["SourceBackupId"]; present {
		t.Error("what is absent is there")
	}
	cborAnswer(t, e, inCBOR("DescribeBackups", ""), 200)
	cborAnswer(t, e, inCBOR("DescribeBackups", map[string]any{"SortAscending": true}), 200)

	unsigned := inCBOR("DescribeClusters", "")
	unsigned.service = ""
	targeted := inCBOR("DescribeClusters", "")
	targeted.header.Set("X-Amz-Target", "BaldrApiService.DescribeClusters")
	elsewhere := inCBOR("DescribeClusters", "")
	elsewhere.service = "kms"
	asJSON := inCBOR("DescribeClusters", "{}")
	asJSON.header.Set("Content-Type", "application/x-amz-json-1.1")
	deep := strings.Repeat("\x81", 100) + "\x00"
	for _, c := range []struct {
		name       string
		call       call
		code, text string
	}{
		{"an error of the operation", inCBOR("DeleteCluster", map[string]any{"ClusterId": "cluster-aaaaaaaaaaa"}), "CloudHsmResourceNotFoundException", "Cluster 'cluster-aaaaaaaaaaa' not found."},
		{"a constraint", inCBOR("DeleteCluster", map[string]any{"ClusterId": "x"}), "ValidationException", "1 validation error detected"},
		{"a member missing", inCBOR("DeleteCluster", map[string]any{}), "ValidationException", "'clusterId'"},
		{"a number in place of text", inCBOR("DeleteCluster", map[string]any{"ClusterId": 7}), "SerializationException", "can not be converted to String"},
		{"text in place of a list", inCBOR("CreateCluster", map[string]any{"SubnetIds": "x"}), "SerializationException", "can not be converted to a list"},
		{"a number that is too great", inCBOR("DescribeClusters", map[string]any{"MaxResults": uint64(1) << 40}), "SerializationException", "can not be converted to Integer"},
		{"a list in place of the input", inCBOR("DescribeClusters", []any{}), "SerializationException", ""},
		{"a NUL", inCBOR("DescribeClusters", map[string]any{"NextToken": "a\x00"}), "SerializationException", ""},
		{"no CBOR", inCBOR("DescribeClusters", "{}"), "SerializationException", "not valid CBOR"},
		{"cut off", inCBOR("DescribeClusters", "\xa1"), "SerializationException", "not valid CBOR"},
		{"more behind it", inCBOR("DescribeClusters", "\xa0\xa0"), "SerializationException", "not valid CBOR"},
		{"a key twice", inCBOR("DescribeClusters", "\xa2\x61a\x00\x61a\x00"), "SerializationException", "not valid CBOR"},
		{"a key that is none", inCBOR("DescribeClusters", "\xa1\x00\x00"), "SerializationException", "not valid CBOR"},
		{"text that is no UTF-8", inCBOR("DescribeClusters", "\xa1\x69NextToken\x61\xff"), "SerializationException", "not valid CBOR"},
		{"a length of what is not there", inCBOR("DescribeClusters", "\x9b\x00\x00\x00\xff\xff\xff\xff\xff"), "SerializationException", "not valid CBOR"},
		{"nested", inCBOR("DescribeClusters", deep), "SerializationException", "not valid CBOR"},
		{"JSON", asJSON, "SerializationException", "application/cbor"},
		{"no operation", inCBOR("Nonsense", ""), "UnknownOperationException", ""},
		{"not signed", unsigned, "MissingAuthenticationTokenException", ""},
		{"signed for another service", elsewhere, "InvalidSignatureException", "cloudhsm"},
		{"a target", targeted, "SerializationException", "X-Amz-Target"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := cborAnswer(t, e, c.call, 400)
			text, _ := answer["message"].(string)
			if declared, ok := answer["Message"].(string); ok { // as the model has it
				text = declared
			}
			if answer["__type"] != c.code || !strings.Contains(text, c.text) {
				t.Errorf("got %v, want %s: %s", answer, c.code, c.text)
			}
		})
	}
	for _, c := range []call{ // which are not CloudHSM's in CBOR
		{path: "/service/TrentService/operation/ListKeys", service: "kms", header: http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}}},
		{path: "/service/BaldrApiService/operation/DescribeClusters", service: "cloudhsm"},
	} {
		if resp, body := send(t, e, c); resp.StatusCode != 400 || resp.Header.Get("Content-Type") != "application/x-amz-json-1.1" || !strings.Contains(body, "UnknownOperationException") {
			t.Errorf("%s: %s %s", c.path, resp.Status, body)
		}
	}
	if all, _ := events(t, e, "name=CreateCluster"); len(all) != 2 || !strings.Contains(string(all[1].RequestParameters), `"hsmType":"hsm2m.medium"`) {
		t.Errorf("events %+v", all)
	}
}
