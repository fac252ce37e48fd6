package server_test

import (
	"net/http"
	"strings"
	"testing"

	"emulator/emulatortest"
)

// A client of a service that is not answered here gets an error that it understands. The requests are those that AWS's SDKs send.
func TestElsewhere(t *testing.T) {
	e := emulatortest.Start(t)
	const id = "<RequestId>"
	json10 := http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"DynamoDB_20120810.ListTables"}}
	refused := func(service string) string {
		return `{"__type":"UnknownOperationException","message":"The service ` + service + ` is not answered here."}`
	}
	for _, c := range []struct {
		name              string
		call              call
		contentType, body string
		errorType         string
	}{
		{"Lambda: REST-JSON", call{method: "GET", path: "/2015-03-31/functions", service: "lambda"}, "application/json", refused("lambda"), "UnknownOperationException"},
		{"Lambda: another method", call{method: "DELETE", path: "/2015-03-31/functions/x", service: "lambda"}, "application/json", refused("lambda"), "UnknownOperationException"},
		{"Access Analyzer: a body", call{method: "PUT", path: "/analyzer", body: `{"type":"ACCOUNT"}`, header: http.Header{"Content-Type": {"application/json"}}, service: "access-analyzer"},
			"application/json", refused("access-analyzer"), "UnknownOperationException"},
		{"DynamoDB: JSON 1.0", call{body: "{}", header: json10, service: "dynamodb"}, "application/x-amz-json-1.0", refused("dynamodb"), "UnknownOperationException"},
		{"CloudWatch Logs: JSON 1.1", call{body: "{}", header: jsonFor("Logs_20140328.DescribeLogGroups"), service: "logs"}, "application/x-amz-json-1.1", refused("logs"), "UnknownOperationException"},
		{"JSON, not signed", call{body: "{}", header: jsonFor("AWSEvents.ListRules")}, "application/x-amz-json-1.1", refused("AWSEvents"), "UnknownOperationException"},
		{"JSON of another type", call{body: "{}", header: http.Header{"Content-Type": {"text/html"}, "X-Amz-Target": {"AWSEvents.ListRules"}}, service: "events"}, "application/x-amz-json-1.1", refused("events"), "UnknownOperationException"},
		{"SNS: query", call{body: "Action=ListTopics&Version=2010-03-31", header: form, service: "sns"}, "text/xml",
			"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>The service sns is not answered here.</Message></Error>" + id, ""},
		{"SNS: query by GET", call{method: "GET", path: "/?Action=ListTopics&Version=2010-03-31", service: "sns"}, "text/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>", ""},
		{"EC2", call{body: "Action=DescribeInstances&Version=2016-11-15", header: form, service: "ec2"}, "text/xml",
			"<Response><Errors><Error><Code>InvalidAction</Code><Message>The service ec2 is not answered here.</Message></Error></Errors><RequestID>", ""},
		{"S3", call{method: "GET", path: "/", service: "s3"}, "text/xml", "<Error><Code>InvalidAction</Code><Message>The service s3 is not answered here.</Message>" + id, ""},
		{"S3: an object", call{method: "PUT", path: "/bucket/key?x-id=PutObject", body: "hello", service: "s3"}, "text/xml", "<Error><Code>InvalidAction</Code>", ""},
		{"S3: no body", call{method: "HEAD", path: "/bucket", service: "s3"}, "text/xml", "", ""},
		{"Route 53", call{method: "GET", path: "/2013-04-01/hostedzone", service: "route53"}, "text/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>", ""},
		{"CloudFront", call{method: "GET", path: "/2020-05-31/distribution", service: "cloudfront"}, "text/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>", ""},
		{"CloudWatch: CBOR", call{path: "/service/GraniteServiceVersion20100801/operation/ListMetrics", body: "\xa0", header: http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}}, service: "monitoring"},
			"application/cbor", "\xa2\x79\x00\x06__type\x79\x00\x19UnknownOperationException\x79\x00\x07message\x79\x00\x2cThe service monitoring is not answered here.", "UnknownOperationException"},
		{"a long name", call{method: "GET", path: "/", service: strings.Repeat("a", 100)}, "application/json", refused(strings.Repeat("a", 64)), "UnknownOperationException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := send(t, e, c.call)
			if resp.StatusCode != 400 || resp.Header.Get("Content-Type") != c.contentType || resp.Header.Get("X-Amzn-Errortype") != c.errorType || !strings.HasPrefix(body, c.body) {
				t.Errorf("got %d %q %q %q, want %q %q %q", resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("X-Amzn-Errortype"), body, c.contentType, c.errorType, c.body)
			}
			if got := resp.Header.Get("Smithy-Protocol"); (got == "rpc-v2-cbor") != (c.contentType == "application/cbor") {
				t.Errorf("Smithy-Protocol %q", got)
			}
		})
	}
	if resp, _ := send(t, e, call{method: "PUT", path: "/", service: "sts"}); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a method that STS has not: %s", resp.Status)
	}
}
