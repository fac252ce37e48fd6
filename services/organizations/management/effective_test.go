package management_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"emulator/services/organizations/management"
)

func rules(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"rule_%d":{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"},"target_backup_vault_name":{"@@assign":"V"}}`, i)
	}
	return `{"plans":{"PII_Backup_Plan":{"rules":{` + strings.Join(all, ",") + `}}}}`
}

func rule(settings string) string {
	return `{"plans":{"PII_Backup_Plan":{"rules":{"hourly":{` + settings + `}}}}}`
}

func requiredTags(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`"k%03d":{"report_required_tag_for":{"@@assign":["kms:key"]}}`, i)
	}
	return `{"tags":{` + strings.Join(all, ",") + `}}`
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kind   management.Type
		levels []level
		want   []management.ValidationError
	}{
		{"cloudtrail-integration.html, invalid effective policy: too many rules", management.Backup, []level{{hourlyPlan}, {rules(10)}}, []management.ValidationError{
			{"ELEMENTS_TOO_MANY", "'rules' exceeds the allowed maximum limit 10", "plans/PII_Backup_Plan/rules", []string{"p-0", "p-1"}},
		}},
		{backups + "rules, regions and selections are required", management.Backup, []level{{`{"plans":{"a":{"backup_plan_tags":{"b":{"tag_key":{"@@assign":"b"},"tag_value":{"@@assign":"c"}}}}}}`}}, []management.ValidationError{
			{"KEY_REQUIRED", "'rules' is missing", "plans/a", []string{"p-0"}},
			{"KEY_REQUIRED", "'regions' is missing", "plans/a", []string{"p-0"}},
			{"KEY_REQUIRED", "'selections' is missing", "plans/a", []string{"p-0"}},
		}},
		{backups + "a vault is required", management.Backup, []level{{hourlyPlan}, {`{"plans":{"PII_Backup_Plan":{"rules":{"daily":{"schedule_expression":{"@@assign":"cron(0 5 ? * * *)"}}}}}}`}}, []management.ValidationError{
			{"KEY_REQUIRED", "'target_backup_vault_name' is missing", "plans/PII_Backup_Plan/rules/daily", []string{"p-1"}},
		}},
		{backups + "no Regions are left", management.Backup, []level{{hourlyPlan}, {`{"plans":{"PII_Backup_Plan":{"regions":{"@@remove":["us-east-1","ap-northeast-3","eu-north-1"]}}}}`}}, []management.ValidationError{
			{"ELEMENTS_TOO_FEW", "'regions' is less than the allowed minimum limit 1", "plans/PII_Backup_Plan/regions", []string{"p-0", "p-1"}},
		}},
		{backups + "scan_actions need scan_settings", management.Backup, []level{{hourlyPlan}, {rule(`"scan_actions":{"GUARDDUTY":{"scan_mode":{"@@assign":"FULL_SCAN"}}}`)}}, []management.ValidationError{
			{"CROSS_ATTRIBUTE_VALIDATION", "Dependent fields scan_actions(undefined),scan_settings(undefined) in policy block hourly are invalid when used together", "plans/PII_Backup_Plan/rules/hourly", []string{"p-0", "p-1"}},
		}},
		{backups + "PITR-enabled backups have 35-day maximum retention", management.Backup, []level{{hourlyPlan}, {rule(`"enable_continuous_backup":{"@@assign":true}`)}}, []management.ValidationError{
			{"CROSS_ATTRIBUTE_VALIDATION", "Dependent fields enable_continuous_backup=true,delete_after_days=180 in policy block hourly are invalid when used together", "plans/PII_Backup_Plan/rules/hourly", []string{"p-0", "p-1"}},
		}},
		{backups + "cold storage for 90 days at least, also of copies, told once", management.Backup,
			[]level{{hourlyPlan}, {rule(`"lifecycle":{"delete_after_days":{"@@assign":"117"}},"copy_actions":{"arn:a":{"lifecycle":{"delete_after_days":{"@@assign":"117"},"move_to_cold_storage_after_days":{"@@assign":"28"}}}}`)}}, []management.ValidationError{
				{"CROSS_ATTRIBUTE_VALIDATION", "Dependent fields delete_after_days=117,move_to_cold_storage_after_days=28 in policy block hourly are invalid when used together", "plans/PII_Backup_Plan/rules/hourly", []string{"p-0", "p-1"}},
			}},
		{hubPage + "both lists are required", management.SecurityHub, []level{{`{"securityhub":{"enable_in_regions":{"@@assign":["ALL_SUPPORTED"]}}}`}}, []management.ValidationError{
			{"KEY_REQUIRED", "'disable_in_regions' is missing", "securityhub", []string{"p-0"}},
		}},
		{"orgs_manage_policies_guardduty_syntax.html: foundational must be enabled", management.GuardDuty, []level{{`{"guardduty":{"enablement":{"default":{"s3_data_events":{"status":{"@@assign":"enabled"}}}}}}`}}, []management.ValidationError{
			{"CROSS_ATTRIBUTE_VALIDATION", "Dependent fields foundational=undefined,s3_data_events=enabled in policy block default are invalid when used together", "guardduty/enablement/default", []string{"p-0"}},
		}},
		{"orgs_manage_policies_bedrock_syntax.html: identifier (Required)", management.Bedrock, []level{{`{"bedrock":{"guardrail_inference":{"us-east-1":{"c":{"input_tags":{"@@assign":"honor"}}}}}}`}}, []management.ValidationError{
			{"KEY_REQUIRED", "'identifier' is missing", "bedrock/guardrail_inference/us-east-1/c", []string{"p-0"}},
		}},
		{"50 required tags of a type", management.Tag, []level{{requiredTags(50)}}, nil},
		{"51 required tags of a type", management.Tag, []level{{requiredTags(51)}}, []management.ValidationError{
			{"ELEMENTS_TOO_MANY", "Resource type 'kms:key' has 51 tags for 'report_required_tag_for', which exceeds the maximum limit of 50. Contributing tag keys include: k000, k001, k002, k003, k004 and 46 more", "tags", []string{"p-0"}},
		}},
		{"nothing", management.Backup, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := merged(t, tt.kind, tt.levels...).Errors(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestGoodAlone: what the pages show as whole policies is valid where nothing else is attached.
func TestGoodAlone(t *testing.T) {
	for _, kind := range management.Types() {
		if errs := merged(t, kind, level{good[kind][0]}).Errors(); len(errs) != 0 {
			t.Errorf("%s: %v", kind, errs)
		}
	}
}

func TestRefused(t *testing.T) {
	e := merged(t, management.Tag, level{
		`{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["100","2*"]},"enforced_for":{"@@assign":["kms:key","iam:ALL_SUPPORTED","organizations:*"]}},
			"color":{"tag_value":{"@@assign":["red"]}},
			"nothing":{"tag_value":{"@@assign":[]},"enforced_for":{"@@assign":["kms:key"]}},
			"any":{"tag_key":{"@@assign":"Any"},"enforced_for":{"@@assign":["kms:key"]}}}}`,
	})
	for _, tt := range []struct {
		resource string
		tags     map[string]string
		refused  string
	}{
		{"kms:key", map[string]string{"CostCenter": "100"}, ""},
		{"kms:key", map[string]string{"CostCenter": "2"}, ""},
		{"kms:key", map[string]string{"CostCenter": "200"}, ""},
		{"kms:key", map[string]string{"CostCenter": "300"}, "CostCenter"},
		{"kms:key", map[string]string{"CostCenter": ""}, "CostCenter"},
		{"kms:key", map[string]string{"costcenter": "100"}, "costcenter"},
		{"kms:key", map[string]string{"Other": "100"}, ""},
		{"kms:key", map[string]string{"color": "blue"}, ""},
		{"kms:key", map[string]string{"nothing": ""}, "nothing"},
		{"kms:key", map[string]string{"Any": ""}, ""},
		{"kms:key", map[string]string{"any": ""}, "any"},
		{"kms:key", map[string]string{"any": "x", "CostCenter": "x"}, "CostCenter"},
		{"iam:policy", map[string]string{"CostCenter": "300"}, "CostCenter"},
		{"organizations:ou", map[string]string{"CostCenter": "300"}, "CostCenter"},
		{"sqs:queue", map[string]string{"CostCenter": "300"}, ""},
		{"kms:key", nil, ""},
	} {
		if key, refused := e.Refused(tt.resource, tt.tags); key != tt.refused || refused != (tt.refused != "") {
			t.Errorf("%s %v: got %q, %v", tt.resource, tt.tags, key, refused)
		}
	}
}

func TestEnforced(t *testing.T) {
	for resource, want := range map[string]bool{"kms:key": true, "iam:policy": true, "iam:role": false, "organizations:ou": true, "sts:session": false, "": false} {
		if management.Enforced(resource) != want {
			t.Errorf("%s: not %v", resource, want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := management.Parse(management.Backup, locked); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMerge merges the ten policies that each of seven nodes can have.
func BenchmarkMerge(b *testing.B) {
	for name, text := range map[string]func(int) string{
		"small": func(int) string { return policyB },
		"worst": func(n int) string {
			values := make([]string, 1300)
			for i := range values {
				values[i] = fmt.Sprintf(`"%x"`, n*len(values)+i)
			}
			return `{"tags":{"a":{"tag_value":{"@@append":[` + strings.Join(values, ",") + `]}}}}`
		},
	} {
		b.Run(name, func(b *testing.B) {
			levels := make([][]management.Attached, 7)
			for i := range levels {
				for j := range 10 {
					p, err := management.Parse(management.Tag, text(10*i+j))
					if err != nil {
						b.Fatal(err)
					}
					levels[i] = append(levels[i], management.Attached{ID: "p-1", Policy: p})
				}
			}
			for b.Loop() {
				management.Merge(management.Tag, levels)
			}
		})
	}
}
