package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/server"
)

// TestInstanceRole takes the role of an instance as the SDK on it does: first before there is one, then one
// that does not trust EC2, then one that does.
func TestInstanceRole(t *testing.T) {
	s, err := server.Open(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	endpoint := httptest.NewServer(s.Handler())
	defer endpoint.Close()
	handler, err := s.MetadataHandler(server.Metadata{Region: "eu-west-1", Role: "arn:aws:iam::000000000000:role/instance"})
	if err != nil {
		t.Fatal(err)
	}
	metadata := httptest.NewServer(handler)
	defer metadata.Close()
	if _, err := s.MetadataHandler(server.Metadata{Role: "instance"}); err == nil {
		t.Error("took a name for an ARN")
	}

	config := aws.Config{Region: "eu-west-1", BaseEndpoint: &endpoint.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	admin := iam.NewFromConfig(config)
	whoAmI := func() (string, error) {
		client := imds.New(imds.Options{Endpoint: metadata.URL, Retryer: aws.NopRetryer{}})
		as := config.Copy()
		as.Credentials = ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client })
		out, err := sts.NewFromConfig(as).GetCallerIdentity(t.Context(), nil)
		if err != nil {
			return "", err
		}
		return *out.Arn, nil
	}
	trust := func(service string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`)
	}
	if arn, err := whoAmI(); err == nil {
		t.Errorf("a role that does not exist: %s", arn)
	}
	if _, err := admin.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("instance"), AssumeRolePolicyDocument: trust("lambda.amazonaws.com")}); err != nil {
		t.Fatal(err)
	}
	if _, err := whoAmI(); err == nil || !strings.Contains(err.Error(), "AssumeRoleUnauthorizedAccess") {
		t.Errorf("a role that trusts another service: %v", err)
	}
	if _, err := admin.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("instance"), PolicyDocument: trust("ec2.amazonaws.com")}); err != nil {
		t.Fatal(err)
	}
	if arn, err := whoAmI(); err != nil || arn != "arn:aws:sts::000000000000:assumed-role/instance/i-1234567890abcdef0" {
		t.Errorf("got %s, %v", arn, err)
	}
}

// TestInstanceProfile takes the role of an instance profile that is made, and given its roles, while the instance runs.
func TestInstanceProfile(t *testing.T) {
	s, err := server.Open(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	endpoint := httptest.NewServer(s.Handler())
	defer endpoint.Close()
	const arn = "arn:aws:iam::000000000000:instance-profile/fleet/web"
	handler, err := s.MetadataHandler(server.Metadata{Region: "eu-west-1", Role: arn})
	if err != nil {
		t.Fatal(err)
	}
	metadata := httptest.NewServer(handler)
	defer metadata.Close()
	for _, bad := range []string{"web", "arn:aws:iam::000000000000:user/web", "arn:aws:iam::0:instance-profile/web", "arn:aws:iam::000000000000:role/"} {
		if _, err := s.MetadataHandler(server.Metadata{Region: "eu-west-1", Role: bad}); err == nil {
			t.Errorf("took %s", bad)
		}
	}
	config := aws.Config{Region: "eu-west-1", BaseEndpoint: &endpoint.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	admin := iam.NewFromConfig(config)
	whoAmI := func() string {
		client := imds.New(imds.Options{Endpoint: metadata.URL, Retryer: aws.NopRetryer{}})
		as := config.Copy()
		as.Credentials = ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client })
		out, err := sts.NewFromConfig(as).GetCallerIdentity(t.Context(), nil)
		if err != nil {
			return "nobody"
		}
		return *out.Arn
	}
	web := aws.String("web")
	want := func(when, want string) {
		t.Helper()
		if got := whoAmI(); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	want("without the profile", "nobody")
	profile := must(admin.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: web, Path: aws.String("/fleet/")}))(t).InstanceProfile
	want("without a role", "nobody")
	for _, name := range []string{"blue", "green"} {
		trust := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
		must(admin.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, Path: aws.String("/team/"), AssumeRolePolicyDocument: trust}))(t)
		must(admin.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: web, RoleName: &name}))(t)
		want(name, "arn:aws:sts::000000000000:assumed-role/"+name+"/i-1234567890abcdef0")
		info := must(imds.New(imds.Options{Endpoint: metadata.URL, Retryer: aws.NopRetryer{}}).GetIAMInfo(t.Context(), nil))(t)
		if info.InstanceProfileArn != arn || info.InstanceProfileID != *profile.InstanceProfileId {
			t.Errorf("the profile is %+v", info)
		}
		must(admin.RemoveRoleFromInstanceProfile(t.Context(), &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: web, RoleName: &name}))(t)
	}
}
