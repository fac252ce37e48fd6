package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
)

func TestEvents(t *testing.T) {
	e := emulatortest.Start(t)
	e.Clock.Freeze(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	events := func(args ...string) (int, string) {
		return command(t, append([]string{"events", "--endpoint", e.URL}, args...)...)
	}
	if status, text := events(); status != 0 || text != "there is no such event\n" {
		t.Errorf("%d %s", status, text)
	}
	if _, err := sts.NewFromConfig(e.Config()).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := kms.NewFromConfig(e.Config()).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/none")}); err == nil {
		t.Fatal("no error")
	}
	const described, called = "  000000000000  kms:DescribeKey  arn:aws:iam::000000000000:root  NotFoundException\n", "  000000000000  sts:GetCallerIdentity  arn:aws:iam::000000000000:root  ok\n"
	status, text := events()
	lines := strings.SplitAfter(text, "\n")
	if status != 0 || len(lines) != 3 || !strings.HasPrefix(lines[0], "2030-01-02T03:04:05Z  ") || !strings.HasSuffix(lines[0], described) || !strings.HasSuffix(lines[1], called) {
		t.Errorf("%d %s", status, text)
	}
	id := strings.Fields(lines[1])[1]
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{id}, called},
		{[]string{"--errors"}, described},
		{[]string{"--name", "GetCallerIdentity"}, called},
		{[]string{"--limit", "1"}, described},
		{[]string{"--caller", "test", "--name", "DescribeKey"}, described},
		{[]string{"--caller", "111111111111"}, "there is no such event\n"},
		{[]string{"--limit", "0"}, "emulator: limit: want 1 to 1000\n"},
	} {
		if _, text := events(test.args...); !strings.HasSuffix(text, test.want) || strings.Count(text, "\n") != 1 {
			t.Errorf("%v: %s", test.args, text)
		}
	}
	status, text = events("--json", id)
	var answer struct {
		Records []struct{ EventName, RequestID, EventSource string }
	}
	if err := json.Unmarshal([]byte(text), &answer); status != 0 || err != nil || len(answer.Records) != 1 || answer.Records[0].RequestID != id || answer.Records[0].EventSource != "sts.amazonaws.com" {
		t.Errorf("%d %v %s", status, err, text)
	}
	if got := strings.Map(printable, "a\x1b[2Jé\n"); got != "a\uFFFD[2Jé\uFFFD" {
		t.Errorf("%q", got)
	}
}
