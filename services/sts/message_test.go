package sts_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// A denial's message, which the record of decisions has, can be decoded; another text can't.
func TestDecodeAuthorizationMessage(t *testing.T) {
	w := newWorld(t)
	ann, _ := w.user("000000000000", "ann", "")
	_, err := iam.NewFromConfig(ann).ListUsers(t.Context(), nil)
	denied, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok {
		t.Fatal(err)
	}
	resp, err := http.Get(w.URL + "/_emulator/decisions/" + denied.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var kept struct {
		Decisions []struct{ EncodedMessage string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&kept); err != nil || len(kept.Decisions) != 1 {
		t.Fatalf("%v: %+v", err, kept)
	}
	root := sts.NewFromConfig(w.Config())
	out, err := root.DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &kept.Decisions[0].EncodedMessage})
	if err != nil || !strings.Contains(*out.DecodedMessage, `"action":"iam:ListUsers"`) {
		t.Errorf("%v %+v", err, out)
	}
	_, err = root.DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String("nonsense")})
	expect(t, err, "InvalidAuthorizationMessageException", "Message is not valid")
}
