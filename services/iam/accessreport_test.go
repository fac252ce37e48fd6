package iam_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/emulatortest"
	"emulator/server"
)

// accessed generates a report and returns its services by namespace.
func accessed(t *testing.T, client *iam.Client, arn string, granularity types.AccessAdvisorUsageGranularityType) (jobID *string, services map[string]types.ServiceLastAccessed) {
	t.Helper()
	ctx := t.Context()
	jobID = must(client.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: &arn, Granularity: granularity}))(t).JobId
	services = make(map[string]types.ServiceLastAccessed)
	in := &iam.GetServiceLastAccessedDetailsInput{JobId: jobID}
	for {
		out := must(client.GetServiceLastAccessedDetails(ctx, in))(t)
		if out.JobStatus != types.JobStatusTypeCompleted || out.JobCompletionDate == nil || out.JobCreationDate == nil || out.IsTruncated != (out.Marker != nil) {
			t.Fatalf("job %+v", out)
		}
		if granularity != "" && out.JobType != granularity {
			t.Errorf("job type %s", out.JobType)
		}
		for _, s := range out.ServicesLastAccessed {
			services[*s.ServiceNamespace] = s
		}
		if in.Marker = out.Marker; in.Marker == nil {
			return jobID, services
		}
	}
}

// world has ann with two services, bob with all, both in a group, and a role.
func accessWorld(t *testing.T) (e *emulatortest.Emulator, root, ann *iam.Client, annKeys, bobKeys *kms.Client) {
	ctx := t.Context()
	e = emulatortest.Start(t)
	root = iam.NewFromConfig(e.Config())
	must(root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("staff"), Path: aws.String("/g/")}))(t)
	must(root.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("staff"), PolicyName: aws.String("keys"), PolicyDocument: aws.String(allow("kms:*"))}))(t)
	configs := make(map[string]aws.Config)
	for name, actions := range map[string]string{"ann": "iam:List*", "bob": "*"} {
		must(root.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))(t)
		must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("own"), PolicyDocument: aws.String(allow(actions))}))(t)
		must(root.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: &name, GroupName: aws.String("staff")}))(t)
		key := must(root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name}))(t).AccessKey
		configs[name] = e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", "eu-west-1")
	}
	return e, root, iam.NewFromConfig(configs["ann"]), kms.NewFromConfig(configs["ann"]), kms.NewFromConfig(configs["bob"])
}

func TestServiceLastAccessed(t *testing.T) {
	ctx := t.Context()
	e, root, ann, annKeys, bobKeys := accessWorld(t)
	const annARN, group = "arn:aws:iam::000000000000:user/ann", "arn:aws:iam::000000000000:group/g/staff"
	const bobARN = "arn:aws:iam::000000000000:user/bob"

	_, services := accessed(t, root, annARN, "")
	if len(services) != 2 || services["kms"].ServiceName == nil || *services["kms"].ServiceName != "AWS Key Management Service" || *services["kms"].TotalAuthenticatedEntities != 0 || services["kms"].LastAuthenticated != nil {
		t.Fatalf("before: %v", services)
	}
	must(annKeys.CreateKey(ctx, nil))(t)
	first := e.Clock.Now()
	e.Clock.Advance(time.Hour)
	must(bobKeys.ListKeys(ctx, nil))(t)
	if _, err := ann.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("x")}); err == nil { // an attempt counts
		t.Fatal("ann made a user")
	}

	_, services = accessed(t, root, annARN, "SERVICE_LEVEL")
	key := services["kms"]
	if *key.TotalAuthenticatedEntities != 1 || *key.LastAuthenticatedEntity != annARN || *key.LastAuthenticatedRegion != "eu-west-1" || key.LastAuthenticated.Sub(first).Abs() > 2*time.Minute || key.TrackedActionsLastAccessed != nil {
		t.Errorf("ann's keys: %+v", key)
	}
	if iamUse := services["iam"]; *iamUse.TotalAuthenticatedEntities != 1 || *iamUse.LastAuthenticatedRegion != "us-east-1" {
		t.Errorf("ann's IAM: %+v", iamUse)
	}

	// Of actions those are told that are allowed and change something.
	_, services = accessed(t, root, annARN, "ACTION_LEVEL")
	actions := make(map[string]types.TrackedActionLastAccessed)
	for _, a := range services["kms"].TrackedActionsLastAccessed {
		actions[*a.ActionName] = a
	}
	if made := actions["CreateKey"]; made.LastAccessedTime == nil || *made.LastAccessedEntity != annARN || *made.LastAccessedRegion != "eu-west-1" {
		t.Errorf("CreateKey: %+v", made)
	}
	if unused, ok := actions["ScheduleKeyDeletion"]; !ok || unused.LastAccessedTime != nil || unused.LastAccessedEntity != nil {
		t.Errorf("ScheduleKeyDeletion: %+v", unused)
	}
	if _, ok := actions["ListKeys"]; ok || len(services["iam"].TrackedActionsLastAccessed) > 0 {
		t.Errorf("actions %v, of IAM %v", actions, services["iam"].TrackedActionsLastAccessed)
	}

	// A group's report is of its policies and of its members.
	job, services := accessed(t, root, group, "")
	if got := services["kms"]; len(services) != 1 || *got.TotalAuthenticatedEntities != 2 || *got.LastAuthenticatedEntity != bobARN {
		t.Errorf("group: %v", services)
	}
	entities := func(job *string, namespace string) (names []string) {
		t.Helper()
		return pages(t, func(marker *string, max int32) ([]string, *string, error) {
			out, err := root.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: &namespace, Marker: marker, MaxItems: &max})
			if err != nil {
				return nil, nil, err
			}
			var names []string
			for _, d := range out.EntityDetailsList {
				name := string(d.EntityInfo.Type) + " " + *d.EntityInfo.Path + *d.EntityInfo.Name
				if d.LastAuthenticated != nil {
					name += " used"
				}
				if !strings.HasPrefix(*d.EntityInfo.Id, "A") || !strings.HasSuffix(*d.EntityInfo.Arn, *d.EntityInfo.Name) {
					t.Errorf("entity %+v", d.EntityInfo)
				}
				names = append(names, name)
			}
			return names, out.Marker, nil
		})
	}
	if got := entities(job, "kms"); !slices.Equal(got, []string{"USER /bob used", "USER /ann used"}) {
		t.Errorf("members: %v", got)
	}

	// A policy's is of those who have it, none twice.
	policyARN := makePolicyOf(t, root, "p", allow("kms:*", "sqs:*"))
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}`
	must(root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), Path: aws.String("/r/"), AssumeRolePolicyDocument: &trust}))(t)
	must(root.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: &policyARN}))(t)
	must(root.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("staff"), PolicyArn: &policyARN}))(t)
	must(root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: &policyARN}))(t)
	job, services = accessed(t, root, policyARN, "")
	if len(services) != 2 || *services["kms"].TotalAuthenticatedEntities != 2 || *services["sqs"].TotalAuthenticatedEntities != 0 {
		t.Errorf("policy: %v", services)
	}
	if got := entities(job, "kms"); !slices.Equal(got, []string{"USER /bob used", "USER /ann used", "ROLE /r/app"}) {
		t.Errorf("with the policy: %v", got)
	}
	if got := entities(job, "sqs"); len(got) != 3 {
		t.Errorf("with the policy, of another service: %v", got)
	}
	// It has what was known when it was made, and no one who is gone.
	must(root.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: &policyARN}))(t)
	must(root.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: &policyARN}))(t)
	must(root.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("app")}))(t)
	if got := entities(job, "kms"); len(got) != 2 {
		t.Errorf("afterwards: %v", got)
	}
	if _, services := accessed(t, root, administrator, "ACTION_LEVEL"); len(services) < 400 {
		t.Errorf("AdministratorAccess allows %d services", len(services))
	}
	wantSound(t, e)
}

func makePolicyOf(t testing.TB, client *iam.Client, name, document string) string {
	t.Helper()
	return *must(client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document}))(t).Policy.Arn
}

// What a role's sessions do is the role's, is kept over a restart for 400 days, and ends with the role.
func TestLastAccessedIsKept(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	const arn = "arn:aws:iam::000000000000:role/app"
	var began time.Time
	t.Run("use", func(t *testing.T) {
		e := emulatortest.Start(t, server.Config{DataDir: dir})
		root := iam.NewFromConfig(e.Config())
		userClient(t, e, "bob", allow("sts:AssumeRole"))
		key := must(root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("bob")}))(t).AccessKey
		trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}`
		must(root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: &trust}))(t)
		must(root.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("kms:*"))}))(t)
		bob := sts.NewFromConfig(e.ConfigWith(*key.AccessKeyId, *key.SecretAccessKey, "", emulatortest.Region))
		c := must(bob.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(arn), RoleSessionName: aws.String("session")}))(t).Credentials
		must(kms.NewFromConfig(e.ConfigWith(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, "eu-west-1")).ListKeys(ctx, nil))(t)
		began = e.Clock.Now()
	})
	e := emulatortest.Start(t, server.Config{DataDir: dir})
	root := iam.NewFromConfig(e.Config())
	if _, services := accessed(t, root, arn, ""); services["kms"].LastAuthenticated == nil || *services["kms"].LastAuthenticatedEntity != arn || services["kms"].LastAuthenticated.Sub(began).Abs() > 2*time.Minute {
		t.Errorf("after a restart: %+v", services)
	}
	e.Clock.Advance(401 * 24 * time.Hour)
	if _, services := accessed(t, root, arn, ""); services["kms"].LastAuthenticated != nil || *services["kms"].TotalAuthenticatedEntities != 0 {
		t.Errorf("after 401 days: %+v", services)
	}
	must(root.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("p")}))(t)
	must(root.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("app")}))(t)
	wantSound(t, e)
}

func TestAccessReportErrors(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t, server.Config{Transition: time.Minute})
	root := iam.NewFromConfig(e.Config())
	ann := userClient(t, e, "ann", allow("iam:*"))
	generate := func(arn string) error {
		_, err := root.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: &arn})
		return err
	}
	wantError(t, generate("arn:aws:iam::000000000000:user/nobody"), "NoSuchEntity", "The user with name nobody cannot be found.")
	wantError(t, generate("arn:aws:iam::000000000000:policy/none"), "NoSuchEntity", "Policy arn:aws:iam::000000000000:policy/none was not found.")
	wantError(t, generate("arn:aws:iam::000000000000:user/team/ann"), "NoSuchEntity", "The user with name ann cannot be found.")
	const key = "arn:aws:kms:us-east-1:000000000000:key/abc"
	wantError(t, generate(key), "InvalidInput", "Invalid Entity Arn: "+key+" does not clearly define entity type and name.")

	job := must(ann.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: aws.String("arn:aws:iam::000000000000:user/ann")}))(t).JobId
	if len(*job) != 36 {
		t.Errorf("job ID %s", *job)
	}
	out := must(ann.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: job}))(t)
	with := must(ann.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: aws.String("iam")}))(t)
	if out.JobStatus != types.JobStatusTypeInProgress || with.JobStatus != types.JobStatusTypeInProgress || out.JobCompletionDate != nil || len(out.ServicesLastAccessed) > 0 {
		t.Errorf("at first: %+v, %+v", out, with)
	}
	e.Clock.Advance(2 * time.Minute)
	if out := must(ann.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: job}))(t); out.JobStatus != types.JobStatusTypeCompleted || len(out.ServicesLastAccessed) != 1 {
		t.Errorf("at last: %+v", out)
	}
	// Only who generated a report may see it.
	missing := "The job with ID " + *job + " cannot be found."
	_, err := root.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: job})
	wantError(t, err, "NoSuchEntity", missing)
	_, err = root.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: aws.String("iam")})
	wantError(t, err, "NoSuchEntity", missing)
	_, err = ann.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: aws.String("s3")})
	wantError(t, err, "InvalidInput", "The service namespace s3 is not in the report of the job with ID "+*job+".")
	e.Clock.Advance(25 * time.Hour)
	_, err = ann.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: job})
	wantError(t, err, "NoSuchEntity", missing)
}

func TestListPoliciesGrantingServiceAccess(t *testing.T) {
	ctx := t.Context()
	_, root, _, _, _ := accessWorld(t)
	must(root.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: aws.String(administrator)}))(t)
	granting := func(arn string, namespaces ...string) (found []string) {
		t.Helper()
		out := must(root.ListPoliciesGrantingServiceAccess(ctx, &iam.ListPoliciesGrantingServiceAccessInput{Arn: &arn, ServiceNamespaces: namespaces}))(t)
		for _, entry := range out.PoliciesGrantingServiceAccess {
			for _, p := range entry.Policies {
				found = append(found, strings.Join([]string{*entry.ServiceNamespace, *p.PolicyName, string(p.PolicyType), aws.ToString(p.PolicyArn), string(p.EntityType), aws.ToString(p.EntityName)}, " "))
			}
			if len(entry.Policies) == 0 {
				found = append(found, *entry.ServiceNamespace)
			}
		}
		return found
	}
	const all = " AdministratorAccess MANAGED " + administrator + "  "
	if got := granting("arn:aws:iam::000000000000:user/ann", "kms", "iam", "s3"); !slices.Equal(got, []string{"kms" + all, "kms keys INLINE  GROUP staff", "iam own INLINE  USER ann", "iam" + all, "s3" + all}) {
		t.Errorf("ann: %q", got)
	}
	if got := granting("arn:aws:iam::000000000000:group/g/staff", "s3", "kms"); !slices.Equal(got, []string{"s3", "kms keys INLINE  GROUP staff"}) {
		t.Errorf("group: %q", got)
	}
	list := func(arn, namespace string) error {
		_, err := root.ListPoliciesGrantingServiceAccess(ctx, &iam.ListPoliciesGrantingServiceAccessInput{Arn: &arn, ServiceNamespaces: []string{namespace}})
		return err
	}
	wantError(t, list("arn:aws:iam::000000000000:role/none", "kms"), "NoSuchEntity", "The role with name none cannot be found.")
	wantError(t, list("arn:aws:iam::000000000000:policy/p", "kms"), "InvalidInput", "Invalid Entity Arn: arn:aws:iam::000000000000:policy/p does not clearly define entity type and name.")
	wantError(t, list("arn:aws:iam::000000000000:user/ann", "nosuch"), "InvalidInput", "The service namespace nosuch is not valid.")
}

func TestOrganizationsAccessReport(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t, server.Config{Transition: 30 * time.Second})
	root, orgs := iam.NewFromConfig(e.Config()), organizations.NewFromConfig(e.Config())
	generate := func(client *iam.Client, path string, policy *string) (*string, error) {
		out, err := client.GenerateOrganizationsAccessReport(ctx, &iam.GenerateOrganizationsAccessReportInput{EntityPath: &path, OrganizationsPolicyId: policy})
		if err != nil {
			return nil, err
		}
		return out.JobId, nil
	}
	const notManagement = "because the account is not the management account of an organization"
	if _, err := generate(root, "o-a1b2c3d4e5/r-ab12", nil); err == nil || !strings.Contains(err.Error(), notManagement) {
		t.Errorf("without an organization: %v", err)
	}
	o := must(orgs.CreateOrganization(ctx, nil))(t).Organization
	made := must(orgs.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String("team"), Email: aws.String("team@example.com")}))(t)
	e.Clock.Advance(time.Hour)
	account := *must(orgs.DescribeCreateAccountStatus(ctx, &organizations.DescribeCreateAccountStatusInput{CreateAccountRequestId: made.CreateAccountStatus.Id}))(t).CreateAccountStatus.AccountId
	member := e.ConfigWith(account, "test", "", "eu-west-1")
	must(kms.NewFromConfig(member).ListKeys(ctx, nil))(t)
	e.Clock.Advance(time.Hour)
	must(iam.NewFromConfig(member).ListUsers(ctx, nil))(t)
	if _, err := generate(iam.NewFromConfig(member), *o.Id+"/r-ab12", nil); err == nil || !strings.Contains(err.Error(), notManagement) {
		t.Errorf("as a member: %v", err)
	}

	orgRoot := must(orgs.ListRoots(ctx, nil))(t).Roots[0].Id
	path := *o.Id + "/" + *orgRoot
	must(orgs.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: orgRoot, PolicyType: "SERVICE_CONTROL_POLICY"}))(t)
	report := func(path string, policy *string, key types.SortKeyType) (out *iam.GetOrganizationsAccessReportOutput, details []types.AccessDetail) {
		t.Helper()
		job, err := generate(root, path, policy)
		if err != nil {
			t.Fatal(err)
		}
		in := &iam.GetOrganizationsAccessReportInput{JobId: job, SortKey: key}
		if out := must(root.GetOrganizationsAccessReport(ctx, in))(t); out.JobStatus != types.JobStatusTypeInProgress || out.JobCompletionDate != nil || out.JobCreationDate == nil {
			t.Errorf("at first: %+v", out)
		}
		e.Clock.Advance(time.Minute)
		for {
			out = must(root.GetOrganizationsAccessReport(ctx, in))(t)
			details = append(details, out.AccessDetails...)
			if in.Marker = out.Marker; in.Marker == nil {
				return out, details
			}
		}
	}
	find := func(details []types.AccessDetail, namespace string) types.AccessDetail {
		t.Helper()
		i := slices.IndexFunc(details, func(d types.AccessDetail) bool { return *d.ServiceNamespace == namespace })
		if i < 0 {
			t.Fatalf("%s is not among %d", namespace, len(details))
		}
		return details[i]
	}
	out, details := report(path, nil, "")
	if int(*out.NumberOfServicesAccessible) != len(details) || int(*out.NumberOfServicesNotAccessed) != len(details)-2 || len(details) < 400 ||
		!slices.IsSortedFunc(details, func(a, b types.AccessDetail) int { return strings.Compare(*a.ServiceNamespace, *b.ServiceNamespace) }) {
		t.Errorf("root: %d services of %d, %d not used", len(details), *out.NumberOfServicesAccessible, *out.NumberOfServicesNotAccessed)
	}
	if d := find(details, "kms"); *d.EntityPath != path+"/"+account || *d.Region != "eu-west-1" || *d.TotalAuthenticatedEntities != 1 || d.LastAuthenticatedTime == nil || *d.ServiceName == "" {
		t.Errorf("kms: %+v", d)
	}
	if d := find(details, "organizations"); d.LastAuthenticatedTime != nil || *d.TotalAuthenticatedEntities != 0 {
		t.Errorf("what the management account used: %+v", d)
	}
	for key, want := range map[types.SortKeyType]string{"LAST_AUTHENTICATED_TIME_DESCENDING": "iam kms", "LAST_AUTHENTICATED_TIME_ASCENDING": "kms iam"} {
		_, details := report(path+"/"+account, aws.String("p-FullAWSAccess"), key)
		used := slices.DeleteFunc(slices.Clone(details), func(d types.AccessDetail) bool { return d.LastAuthenticatedTime == nil })
		if got := *used[0].ServiceNamespace + " " + *used[1].ServiceNamespace; got != want || (details[0].LastAuthenticatedTime != nil) != (want == "iam kms") {
			t.Errorf("%s: %s", key, got)
		}
	}
	if _, details := report(path, nil, "SERVICE_NAMESPACE_DESCENDING"); *details[len(details)-1].ServiceNamespace > *details[0].ServiceNamespace {
		t.Error("descending: ascends")
	}
	if _, details := report(path+"/000000000000", aws.String("p-whatever1"), ""); find(details, "organizations").LastAuthenticatedTime == nil {
		t.Error("the management account's own report")
	}
	for what, text := range map[string]string{path + "/999999999999": "The entity path", *o.Id + "/r-zzzz": "The entity path", path: "The policy"} {
		var policy *string
		if what == path {
			policy = aws.String("p-whatever1")
		}
		if out, _ := report(what, policy, ""); out.JobStatus != types.JobStatusTypeFailed || !strings.HasPrefix(*out.ErrorDetails.Message, text) || *out.ErrorDetails.Code != "NoSuchEntity" {
			t.Errorf("%s: %+v", what, out)
		}
	}
	// Every level must allow a service; a policy alone allows what it does.
	unit := must(orgs.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: orgRoot, Name: aws.String("empty")}))(t).OrganizationalUnit.Id
	attach := func(name, statement, target string) *string {
		p := must(orgs.CreatePolicy(ctx, &organizations.CreatePolicyInput{
			Type: "SERVICE_CONTROL_POLICY", Name: &name, Description: aws.String(""), Content: aws.String(`{"Version":"2012-10-17","Statement":[` + statement + `]}`),
		}))(t).Policy.PolicySummary.Id
		must(orgs.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: p, TargetId: &target}))(t)
		return p
	}
	attach("deny", `{"Effect":"Deny","Action":"kms:*","Resource":"*"}`, *orgRoot)
	two := attach("two", `{"Effect":"Allow","Action":["kms:*","iam:*"],"Resource":"*"}`, *unit)
	must(orgs.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: aws.String("p-FullAWSAccess"), TargetId: unit}))(t)
	for _, c := range []struct {
		path   string
		policy *string
		want   string
	}{{path + "/" + *unit, nil, "iam"}, {path + "/" + *unit + "/", two, "iam kms"}} {
		var got []string
		_, details := report(c.path, c.policy, "")
		for _, d := range details {
			got = append(got, *d.ServiceNamespace)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.path, got, c.want)
		}
	}
	if _, details := report(path, nil, ""); len(details) < 400 || slices.ContainsFunc(details, func(d types.AccessDetail) bool { return *d.ServiceNamespace == "kms" }) {
		t.Errorf("what the root denies is among %d", len(details))
	}

	e.Clock.Advance(time.Hour)
	_, err := root.GetOrganizationsAccessReport(ctx, &iam.GetOrganizationsAccessReportInput{JobId: aws.String("00000000-0000-0000-0000-000000000000")})
	wantError(t, err, "NoSuchEntity", "The job with ID 00000000-0000-0000-0000-000000000000 cannot be found.")
}

// As many reports of an organization are made at a time, and no more.
func TestOrganizationsAccessReportsAreLimited(t *testing.T) {
	ctx, e := t.Context(), emulatortest.Start(t, server.Config{Transition: time.Hour})
	root, orgs := iam.NewFromConfig(e.Config()), organizations.NewFromConfig(e.Config())
	o := must(orgs.CreateOrganization(ctx, nil))(t).Organization
	in := &iam.GenerateOrganizationsAccessReportInput{EntityPath: aws.String(*o.Id + "/" + *must(orgs.ListRoots(ctx, nil))(t).Roots[0].Id)}
	for range 5 {
		must(root.GenerateOrganizationsAccessReport(ctx, in))(t)
	}
	_, err := root.GenerateOrganizationsAccessReport(ctx, in)
	wantError(t, err, "ReportGenerationLimitExceeded", "The maximum number of concurrent requests for this account are already running.")
	e.Clock.Advance(2 * time.Hour)
	must(root.GenerateOrganizationsAccessReport(ctx, in))(t)
}
