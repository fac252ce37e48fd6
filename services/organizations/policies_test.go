package organizations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"emulator/server"
)

const (
	scp     = types.PolicyTypeServiceControlPolicy
	rcp     = types.PolicyTypeResourceControlPolicy
	full    = "p-FullAWSAccess"
	fullRCP = "p-RCPFullAWSAccess"
	denyIAM = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}`
)

func (o *tree) enable(policyTypes ...types.PolicyType) {
	o.t.Helper()
	for _, name := range policyTypes {
		_, err := o.EnablePolicyType(o.t.Context(), &organizations.EnablePolicyTypeInput{RootId: &o.root, PolicyType: name})
		check(o.t, err)
	}
}

// policy makes a policy and returns its ID.
func (o *tree) policy(policyType types.PolicyType, name, content string) string {
	o.t.Helper()
	out, err := o.CreatePolicy(o.t.Context(), &organizations.CreatePolicyInput{Type: policyType, Name: &name, Description: aws.String("of a test"), Content: &content})
	check(o.t, err)
	return *out.Policy.PolicySummary.Id
}

func (o *tree) attach(policy, target string) error {
	_, err := o.AttachPolicy(o.t.Context(), &organizations.AttachPolicyInput{PolicyId: &policy, TargetId: &target})
	return err
}

func (o *tree) detach(policy, target string) error {
	_, err := o.DetachPolicy(o.t.Context(), &organizations.DetachPolicyInput{PolicyId: &policy, TargetId: &target})
	return err
}

// on returns the IDs of the policies of a type on a target.
func (o *tree) on(target string, policyType types.PolicyType) (ids []string) {
	o.t.Helper()
	for p := organizations.NewListPoliciesForTargetPaginator(o, &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: policyType, MaxResults: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(o.t.Context())
		check(o.t, err)
		for _, p := range page.Policies {
			ids = append(ids, *p.Id)
		}
	}
	return ids
}

// targets returns what a policy is attached to, as "type name".
func (o *tree) targets(policy string) (targets []string) {
	o.t.Helper()
	for p := organizations.NewListTargetsForPolicyPaginator(o, &organizations.ListTargetsForPolicyInput{PolicyId: &policy, MaxResults: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(o.t.Context())
		check(o.t, err)
		for _, t := range page.Targets {
			targets = append(targets, string(t.Type)+" "+*t.Name)
		}
	}
	slices.Sort(targets)
	return targets
}

// A policy of each type from its making to its end.
func TestPoliciesOfEachType(t *testing.T) {
	o := newTree(t)
	_, err := o.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("inspector2.amazonaws.com")})
	check(t, err)
	_, err = o.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("securityhub.amazonaws.com")})
	check(t, err)
	contents := map[types.PolicyType]string{
		scp: denyIAM, rcp: strings.Replace(strings.Replace(denyIAM, `"Deny"`, `"Deny","Principal":"*"`, 1), "iam:*", "kms:*", 1),
		types.PolicyTypeTagPolicy: `{"tags":{}}`, types.PolicyTypeBackupPolicy: `{"plans":{}}`, types.PolicyTypeAiservicesOptOutPolicy: `{"services":{}}`,
		types.PolicyTypeChatbotPolicy: `{"chatbot":{}}`, types.PolicyTypeDeclarativePolicyEc2: `{"ec2_attributes":{}}`, types.PolicyTypeSecurityhubPolicy: `{"securityhub":{}}`,
		"SECURITYHUB_CSPM_POLICY": `{"securityhub":{}}`, types.PolicyTypeInspectorPolicy: `{"inspector":{}}`, types.PolicyTypeUpgradeRolloutPolicy: `{"upgrade_rollout":{}}`,
		types.PolicyTypeBedrockPolicy: `{"bedrock":{}}`, types.PolicyTypeS3Policy: `{"s3_attributes":{}}`, types.PolicyTypeGuarddutyPolicy: `{"guardduty":{}}`,
		types.PolicyTypeNetworkSecurityDirectorPolicy: `{"network_security_director":{}}`,
	}
	for _, policyType := range append(types.PolicyType("").Values(), "SECURITYHUB_CSPM_POLICY") {
		t.Run(string(policyType), func(t *testing.T) {
			content := contents[policyType]
			made, err := o.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Type: policyType, Name: aws.String("mine"), Description: aws.String(""), Content: &content, Tags: tagsOf("a", "b")})
			check(t, err)
			p := made.Policy.PolicySummary
			if want := "arn:aws:organizations::000000000000:policy/" + o.id + "/" + strings.ToLower(string(policyType)) + "/" + *p.Id; *p.Arn != want || *made.Policy.Content != content || p.AwsManaged || *p.Description != "" || p.Type != policyType {
				t.Errorf("got %+v", made.Policy)
			}
			if got := o.tags(*p.Id); got != "a=b " {
				t.Errorf("tags %s", got)
			}
			_, err = o.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Type: policyType, Name: aws.String("mine"), Description: aws.String(""), Content: &content})
			wantCode(t, err, "DuplicatePolicyException")
			bad := "{"
			_, err = o.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Type: policyType, Name: aws.String("bad"), Description: aws.String(""), Content: &bad})
			wantCode(t, err, "MalformedPolicyDocumentException")
			_, err = o.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: p.Id, Content: &bad})
			wantCode(t, err, "MalformedPolicyDocumentException")
			large := strings.Repeat(" ", 10_241)
			_, err = o.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: p.Id, Content: &large})
			wantConstraint(t, err, types.ConstraintViolationExceptionReasonPolicyContentLimitExceeded)

			wantCode(t, o.attach(*p.Id, o.root), "PolicyTypeNotEnabledException")
			_, err = o.DisablePolicyType(t.Context(), &organizations.DisablePolicyTypeInput{RootId: &o.root, PolicyType: policyType})
			wantCode(t, err, "PolicyTypeNotEnabledException")
			o.enable(policyType)
			_, err = o.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: &o.root, PolicyType: policyType})
			wantCode(t, err, "PolicyTypeAlreadyEnabledException")
			wantCode(t, o.detach(*p.Id, o.root), "PolicyNotAttachedException")
			check(t, o.attach(*p.Id, o.root))
			wantCode(t, o.attach(*p.Id, o.root), "DuplicatePolicyAttachmentException")
			if got := o.on(o.root, policyType); !slices.Contains(got, *p.Id) {
				t.Errorf("on the root: %v", got)
			}
			if got := o.targets(*p.Id); !slices.Equal(got, []string{"ROOT Root"}) {
				t.Errorf("targets %v", got)
			}
			_, err = o.DeletePolicy(t.Context(), &organizations.DeletePolicyInput{PolicyId: p.Id})
			wantCode(t, err, "PolicyInUseException")
			updated, err := o.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: p.Id, Name: aws.String("renamed")})
			check(t, err)
			described, err := o.DescribePolicy(t.Context(), &organizations.DescribePolicyInput{PolicyId: p.Id})
			check(t, err)
			for _, got := range []*types.Policy{updated.Policy, described.Policy} {
				if *got.PolicySummary.Name != "renamed" || *got.Content != content {
					t.Errorf("got %+v", got)
				}
			}
			other := o.policy(policyType, "mine", content) // the name is free again
			_, err = o.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &other, Name: aws.String("renamed")})
			wantCode(t, err, "DuplicatePolicyException")
			list, err := o.ListPolicies(t.Context(), &organizations.ListPoliciesInput{Filter: policyType})
			check(t, err)
			own := slices.DeleteFunc(list.Policies, func(p types.PolicySummary) bool { return p.AwsManaged })
			if len(own) != 2 {
				t.Errorf("policies %+v", own)
			}
			_, err = o.DisablePolicyType(t.Context(), &organizations.DisablePolicyTypeInput{RootId: &o.root, PolicyType: policyType})
			check(t, err)
			if got := o.on(o.root, policyType); len(got) > 0 {
				t.Errorf("on the root after the type was disabled: %v", got)
			}
			_, err = o.DeletePolicy(t.Context(), &organizations.DeletePolicyInput{PolicyId: p.Id})
			check(t, err)
			for name, err := range map[string]error{
				"describe": func() error {
					_, err := o.DescribePolicy(t.Context(), &organizations.DescribePolicyInput{PolicyId: p.Id})
					return err
				}(),
				"delete": func() error {
					_, err := o.DeletePolicy(t.Context(), &organizations.DeletePolicyInput{PolicyId: p.Id})
					return err
				}(),
				"attach": o.attach(*p.Id, o.root),
				"detach": o.detach(*p.Id, o.root),
			} {
				t.Log(name)
				wantCode(t, err, "PolicyNotFoundException")
			}
		})
	}
}

// What enabling gives everything there is and everything that comes, and what is left of it.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html
func TestAWSManagedPolicies(t *testing.T) {
	o := newTree(t)
	unit := o.unit(o.root, "before")
	account := o.account(unit, "early")
	o.enable(scp, rcp)
	o.account(o.unit(unit, "after"), "late")
	want := []string{"ACCOUNT Management", "ACCOUNT early", "ACCOUNT late", "ORGANIZATIONAL_UNIT after", "ORGANIZATIONAL_UNIT before", "ROOT Root"}
	for policyType, id := range map[types.PolicyType]string{scp: full, rcp: fullRCP} {
		if got := o.targets(id); !slices.Equal(got, want) {
			t.Errorf("targets of %s: %v", id, got)
		}
		p, err := o.DescribePolicy(t.Context(), &organizations.DescribePolicyInput{PolicyId: &id})
		check(t, err)
		if s := p.Policy.PolicySummary; !s.AwsManaged || *s.Arn != "arn:aws:organizations::aws:policy/"+strings.ToLower(string(policyType))+"/"+id || *s.Name != id[2:] {
			t.Errorf("got %+v", s)
		}
		list, err := o.ListPolicies(t.Context(), &organizations.ListPoliciesInput{Filter: policyType})
		check(t, err)
		if len(list.Policies) != 1 || *list.Policies[0].Id != id {
			t.Errorf("policies %+v", list.Policies)
		}
		_, err = o.UpdatePolicy(t.Context(), &organizations.UpdatePolicyInput{PolicyId: &id, Name: aws.String("x")})
		wantInput(t, err, types.InvalidInputExceptionReasonImmutablePolicy)
		_, err = o.DeletePolicy(t.Context(), &organizations.DeletePolicyInput{PolicyId: &id})
		wantInput(t, err, types.InvalidInputExceptionReasonImmutablePolicy)
		_, err = o.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &id, Tags: tagsOf("a", "b")})
		wantInput(t, err, types.InvalidInputExceptionReasonTargetNotSupported)
		if got := o.tags(id); got != "" {
			t.Errorf("tags %s", got)
		}
	}
	wantConstraint(t, o.detach(full, account), types.ConstraintViolationExceptionReasonMinPolicyTypeAttachmentLimitExceeded)
	wantInput(t, o.detach(fullRCP, account), types.InvalidInputExceptionReasonNonDetachablePolicy)
	deny := o.policy(scp, "deny", denyIAM)
	check(t, o.attach(deny, account))
	check(t, o.detach(full, account))
	wantConstraint(t, o.detach(deny, account), types.ConstraintViolationExceptionReasonMinPolicyTypeAttachmentLimitExceeded)
	// All attachments are lost, and AWS's come again.
	_, err := o.DisablePolicyType(t.Context(), &organizations.DisablePolicyTypeInput{RootId: &o.root, PolicyType: scp})
	check(t, err)
	if got := o.targets(deny); len(got) > 0 {
		t.Errorf("targets %v", got)
	}
	o.enable(scp)
	if got := o.on(account, scp); !slices.Equal(got, []string{full}) {
		t.Errorf("policies %v", got)
	}
}

// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
func TestPoliciesHaveLimits(t *testing.T) {
	o := newTree(t, server.Config{Quotas: []string{"organizations.TagPolicies=2"}})
	o.enable(scp, rcp, types.PolicyTypeTagPolicy, types.PolicyTypeAiservicesOptOutPolicy)
	for policyType, most := range map[types.PolicyType]int{scp: 10, rcp: 5, types.PolicyTypeAiservicesOptOutPolicy: 5} {
		content := map[types.PolicyType]string{scp: denyIAM, rcp: strings.Replace(denyIAM, `"Deny"`, `"Deny","Principal":"*"`, 1)}[policyType]
		if content == "" {
			content = `{"services":{}}`
		}
		content = strings.ReplaceAll(content, "iam:*", "kms:*")
		for i := len(o.on(o.root, policyType)); i < most; i++ {
			check(t, o.attach(o.policy(policyType, fmt.Sprint(i), content), o.root))
		}
		wantConstraint(t, o.attach(o.policy(policyType, "more", content), o.root), types.ConstraintViolationExceptionReasonMaxPolicyTypeAttachmentLimitExceeded)
	}
	o.policy(types.PolicyTypeTagPolicy, "a", `{"tags":{}}`)
	o.policy(types.PolicyTypeTagPolicy, "b", `{"tags":{}}`)
	_, err := o.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Type: types.PolicyTypeTagPolicy, Name: aws.String("c"), Description: aws.String(""), Content: aws.String(`{"tags":{}}`)})
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonPolicyNumberLimitExceeded)
	for policyType, size := range map[types.PolicyType]int{scp: 10_240, rcp: 5120, types.PolicyTypeAiservicesOptOutPolicy: 2500} {
		content := map[types.PolicyType]string{scp: denyIAM, rcp: strings.Replace(strings.Replace(denyIAM, `"Deny"`, `"Deny","Principal":"*"`, 1), "iam:*", "kms:*", 1)}[policyType]
		if content == "" {
			content = `{"services":{}}`
		}
		fits := content + strings.Repeat(" ", size-len(content)) // white space counts, as it does not through the console
		o.policy(policyType, "large", fits)
		fits += " "
		_, err := o.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Type: policyType, Name: aws.String("larger"), Description: aws.String(""), Content: &fits})
		wantConstraint(t, err, types.ConstraintViolationExceptionReasonPolicyContentLimitExceeded)
	}
}

// AWS's policies come first, on pages of any size, and none comes twice.
func TestListPoliciesInPages(t *testing.T) {
	o := newTree(t)
	want := []string{full}
	for i := range 3 {
		want = append(want, o.policy(scp, fmt.Sprint(i), denyIAM))
	}
	slices.Sort(want[1:])
	none, err := o.ListPolicies(t.Context(), &organizations.ListPoliciesInput{Filter: types.PolicyTypeTagPolicy})
	check(t, err)
	if none.Policies == nil || len(none.Policies) > 0 || none.NextToken != nil {
		t.Errorf("of a type without policies: %+v", none)
	}
	for size := range int32(5) {
		var got []string
		for p := organizations.NewListPoliciesPaginator(o, &organizations.ListPoliciesInput{Filter: scp, MaxResults: aws.Int32(size + 1)}); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			check(t, err)
			if len(page.Policies) > int(size)+1 {
				t.Errorf("%d in a page of %d", len(page.Policies), size+1)
			}
			for _, p := range page.Policies {
				got = append(got, *p.Id)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", size+1, got, want)
		}
	}
}

func TestPolicyTypesAreRefused(t *testing.T) {
	o := newTree(t)
	enable := func(root string, policyType types.PolicyType) error {
		_, err := o.EnablePolicyType(t.Context(), &organizations.EnablePolicyTypeInput{RootId: &root, PolicyType: policyType})
		return err
	}
	wantCode(t, enable("r-zzzz0", scp), "RootNotFoundException")
	wantInput(t, enable(o.root, "NO_POLICY"), types.InvalidInputExceptionReasonInvalidEnumPolicyType)
	wantConstraint(t, enable(o.root, types.PolicyTypeSecurityhubPolicy), types.ConstraintViolationExceptionReasonServiceAccessNotEnabled)
	hub := aws.String("securityhub.amazonaws.com")
	_, err := o.EnableAWSServiceAccess(t.Context(), &organizations.EnableAWSServiceAccessInput{ServicePrincipal: hub})
	check(t, err)
	check(t, enable(o.root, types.PolicyTypeSecurityhubPolicy))
	_, err = o.DisableAWSServiceAccess(t.Context(), &organizations.DisableAWSServiceAccessInput{ServicePrincipal: hub})
	wantConstraint(t, err, types.ConstraintViolationExceptionReasonPolicyTypeEnabledForThisService)
	roots, err := o.ListRoots(t.Context(), nil)
	check(t, err)
	if p := roots.Roots[0].PolicyTypes; len(p) != 1 || p[0].Type != types.PolicyTypeSecurityhubPolicy || p[0].Status != types.PolicyTypeStatusEnabled {
		t.Errorf("got %+v", p)
	}
	for _, target := range []string{"999999999999", "ou-" + o.root[2:] + "-aaaaaaaa", "r-zzzz0"} {
		wantCode(t, o.attach(full, target), "TargetNotFoundException")
		wantCode(t, o.detach(full, target), "TargetNotFoundException")
		_, err := o.ListPoliciesForTarget(t.Context(), &organizations.ListPoliciesForTargetInput{TargetId: &target, Filter: scp})
		wantCode(t, err, "TargetNotFoundException")
	}

	// Only consolidated billing.
	check(t, func() error { _, err := o.DeleteOrganization(t.Context(), nil); return err }())
	_, err = o.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetConsolidatedBilling})
	check(t, err)
	roots, err = o.ListRoots(t.Context(), nil)
	check(t, err)
	wantCode(t, enable(*roots.Roots[0].Id, scp), "PolicyTypeNotAvailableForOrganizationException")
	_, err = o.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Type: scp, Name: aws.String("x"), Description: aws.String(""), Content: aws.String(denyIAM)})
	wantCode(t, err, "PolicyTypeNotAvailableForOrganizationException")
}

// What is no policy of its type.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_syntax.html
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html
func TestMalformedPolicies(t *testing.T) {
	o := newTree(t)
	statement := func(s string) string { return `{"Version":"2012-10-17","Statement":[` + s + `]}` }
	for name, c := range map[string]struct {
		policyType types.PolicyType
		content    string
	}{
		"SCP with a principal":        {scp, statement(`{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)},
		"SCP without an action":       {scp, statement(`{"Effect":"Deny","Resource":"*"}`)},
		"SCP of two objects":          {scp, denyIAM + denyIAM},
		"SCP with an unknown element": {scp, statement(`{"Effect":"Deny","Action":"*","Resource":"*","Why":"x"}`)},
		"RCP that allows":             {rcp, statement(`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}`)},
		"RCP without a principal":     {rcp, statement(`{"Effect":"Deny","Action":"kms:*","Resource":"*"}`)},
		"RCP of some principal":       {rcp, statement(`{"Effect":"Deny","Principal":{"AWS":"111111111111"},"Action":"kms:*","Resource":"*"}`)},
		"RCP of some service":         {rcp, statement(`{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)},
		"RCP of a service's pattern":  {rcp, statement(`{"Effect":"Deny","Principal":"*","Action":["sts:*","k*:Decrypt"],"Resource":"*"}`)},
		"RCP with NotAction":          {rcp, statement(`{"Effect":"Deny","Principal":"*","NotAction":"kms:*","Resource":"*"}`)},
		"RCP without a version":       {rcp, `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}]}`},
		"SCP without a version":       {scp, `{"Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}`},
		"SCP of the old version":      {scp, `{"Version":"2008-10-17","Statement":[{"Effect":"Deny","Action":"kms:*","Resource":"*"}]}`},
		"tag policy that is a list":   {types.PolicyTypeTagPolicy, `[]`},
		"tag policy that is null":     {types.PolicyTypeTagPolicy, `null`},
		"tag policy of two objects":   {types.PolicyTypeTagPolicy, `{"tags":{}}{}`},
		"tag policy of a backup plan": {types.PolicyTypeTagPolicy, `{"plans":{}}`},
		"tag policy for roles":        {types.PolicyTypeTagPolicy, `{"tags":{"a":{"enforced_for":{"@@assign":["iam:role"]}}}}`},
	} {
		_, err := o.CreatePolicy(t.Context(), &organizations.CreatePolicyInput{Type: c.policyType, Name: &name, Description: aws.String(""), Content: &c.content})
		wantCode(t, err, "MalformedPolicyDocumentException")
		if err != nil && !strings.Contains(err.Error(), "The provided policy document does not meet the requirements of the specified policy type.") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
