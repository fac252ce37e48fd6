package emulatortest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
)

var queryVersions = map[string]string{"sts": "2011-06-15", "iam": "2010-05-08"}

// Query sends an operation to STS or IAM without the SDK's client: operations and parameters that the SDK does not have
// yet. Names are those on the wire: "ContextProvider.KeyDefinitionList.member.1.SourceKey". It returns the answer's XML,
// and an error as the SDK's clients do.
func Query(ctx context.Context, config aws.Config, service, operation string, parameters map[string]string) ([]byte, error) {
	form := url.Values{"Action": {operation}, "Version": {queryVersions[service]}}
	for name, value := range parameters {
		form.Set(name, value)
	}
	body := form.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, *config.BaseEndpoint, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if !aws.IsCredentialsProvider(config.Credentials, aws.AnonymousCredentials{}) {
		credentials, err := config.Credentials.Retrieve(ctx)
		if err != nil {
			return nil, err
		}
		hash := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), service, config.Region, time.Now()); err != nil {
			return nil, err
		}
	}
	resp, err := config.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode == http.StatusOK {
		return answer, err
	}
	var failure struct {
		Error struct{ Code, Message string }
	}
	if err := xml.Unmarshal(answer, &failure); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", operation, resp.Status, err)
	}
	return nil, &smithy.OperationError{
		ServiceID: strings.ToUpper(service), OperationName: operation,
		Err: &smithy.GenericAPIError{Code: failure.Error.Code, Message: failure.Error.Message},
	}
}
