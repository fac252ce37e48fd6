// Command whoami prints the caller's ARN. Credentials are those of the SDK's default chain, or
// of a profile.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	c, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(strings.Join(os.Args[1:], "")), config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) {
		o.TokenProvider = func() (string, error) { return os.Getenv("MFA_CODE"), nil }
	}))
	if err != nil {
		return err
	}
	out, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
	if err != nil {
		return err
	}
	fmt.Println(*out.Arn)
	return nil
}
