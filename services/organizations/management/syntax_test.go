package management_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"emulator/services/organizations/management"
)

// good has of each type what its page shows, or allows.
var good = map[management.Type][]string{
	management.Tag: {
		policyA, policyB, policyC, policyD, tagKeys, `{"tags":{}}`,
		`{"tags":{"Owner":{"tag_value":{"@@assign":["*@example.com",100,true]},"enforced_for":{"@@assign":["kms:key","iam:ALL_SUPPORTED","organizations:ou","ecs:ALL_SUPPORTED"]},"report_required_tag_for":{"@@assign":["iam:role"]}}}}`,
	},
	management.Backup: {
		hourlyPlan, monthlyPlan, locked,
		`{"plans":{"a":{"selections":{"resources":{"all":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/R"},"resource_types":{"@@assign":["*"]},"not_resource_types":{"@@assign":["arn:aws:ec2:*:*:volume/*"]},
			"conditions":{"string_not_like":{"c":{"condition_key":{"@@assign":"aws:ResourceTag/key2"},"condition_value":{"@@assign":"*exclude*"}}}}}}}}}}`,
		`{"plans":{"a":{"rules":{"r":{"scan_actions":{"GUARDDUTY":{"scan_mode":{"@@assign":"FULL_SCAN"}}},"copy_actions":{"arn:aws:backup:us-east-1:$account:backup-vault:X":{"lifecycle":{"delete_after_days":{"@@assign":5}}}}}},
			"scan_settings":{"GUARDDUTY":{"resource_types":{"@@assign":["EBS"]},"scanner_role_arn":{"@@assign":"arn:aws:iam::$account:role/S"}}},
			"advanced_backup_settings":{"ec2":{"windows_vss":{"@@assign":"enabled"}},"s3":{"backup_acls":{"@@assign":"disabled"}}},"backup_plan_tags":{"stage":{"tag_key":{"@@assign":"Stage"},"tag_value":{"@@assign":"Beta"}}}}}}`,
	},
	management.AIServicesOptOut: {optOutAll, optInLex, optOutOne, `{"services":{"connecthealth::operations":{"opt_out_policy":{"@@assign":"optIn"}}}}`},
	management.Chatbot: {
		`{"chatbot":{"platforms":{"slack":{"client":{"@@assign":"enabled"},"workspaces":{"@@assign":["*","T0123"]},"default":{"supported_channel_types":{"@@assign":["private"]},"supported_role_settings":{"@@assign":["channel_role","user_role"]}},
			"overrides":{"T0123":{"supported_channel_types":{"@@assign":["public","private"]}}}},
			"microsoft_teams":{"client":{"@@assign":"enabled"},"tenants":{"12345678-1234-1234-1234-123456789abc":{"@@assign":["*"]}},
				"overrides":{"12345678-1234-1234-1234-123456789abc":{"12345678-abcd-1234-1234-123456789abc":{"supported_role_settings":{"@@assign":["user_role"]}}}}},
			"chime":{"client":{"@@assign":"disabled"}}},"default":{"client":{"@@assign":"disabled"}}}}`,
		`{"ChatBot":{"Platforms":{"Slack":{"Client":{"@@Assign":"enabled","@@Operators_Allowed_For_Child_Policies":["@@None"]}}}}}`,
	},
	management.DeclarativeEC2: {
		`{"ec2_attributes":{"exception_message":{"@@assign":"Ask us."},"vpc_block_public_access":{"internet_gateway_block":{"mode":{"@@assign":"block_ingress"},"exclusions_allowed":{"@@assign":"enabled"}}},
			"serial_console_access":{"status":{"@@assign":"disabled"}},"image_block_public_access":{"state":{"@@assign":"block_new_sharing"}},
			"allowed_images_settings":{"state":{"@@assign":"audit_mode"},"image_criteria":{"criteria_1":{"allowed_image_providers":{"@@append":["amazon","111111111111"]},"creation_date_condition":{"maximum_days_since_created":{"@@assign":"30"}}}}},
			"instance_metadata_defaults":{"http_tokens":{"@@assign":"required"},"http_put_response_hop_limit":{"@@assign":"-1"}},"snapshot_block_public_access":{"state":{"@@assign":"block_all_sharing"}}}}`,
	},
	management.SecurityHub: {
		`{"securityhub":{"enable_in_regions":{"@@append":["ALL_SUPPORTED"],"@@operators_allowed_for_child_policies":["@@all"]},"disable_in_regions":{"@@append":[],"@@operators_allowed_for_child_policies":["@@all"]}}}`,
		`{"securityhub":{"features":{"network_scanning":{"enable_in_regions":{"@@append":["us-west-2"]}}}}}`,
	},
	management.SecurityHubCSPM: {
		`{"securityhub":{"cspm_enablement":{"enable_in_regions":{"@@assign":["ALL_SUPPORTED"]},"disable_in_regions":{"@@assign":[]}},"standards":{"fsbp":{"state":{"@@assign":"enabled"},"controls":{"@@append":["IAM.1"]}}}}}`,
	},
	management.Inspector: {
		`{"inspector":{"enablement":{"lambda_standard_scanning":{"enable_in_regions":{"@@assign":["us-east-1","us-west-2"]},"disable_in_regions":{"@@assign":["eu-west-1"]},"lambda_code_scanning":{"enable_in_regions":{"@@assign":["us-gov-west-1"]},"disable_in_regions":{"@@assign":[]}}},
			"ecr_scanning":{"enable_in_regions":{"@@assign":[]},"disable_in_regions":{"@@assign":[]}},"code_repository_scanning":{}}}}`,
	},
	management.UpgradeRollout: {
		`{"upgrade_rollout":{"default":{"patch_order":{"@@assign":"last"}},"tags":{"devtag":{"tag_values":{"tag1":{"patch_order":{"@@assign":"first"}},"tag2":{"patch_order":{"@@assign":"second"}}}}}}}`,
	},
	management.Bedrock: {
		`{"bedrock":{"guardrail_inference":{"us-east-1":{"config_1":{"identifier":{"@@assign":"arn:aws:bedrock:us-east-1:123456789012:guardrail/hu1dlsv9wy1d:1"},"selective_content_guarding":{"system":{"@@assign":"selective"},"messages":{"@@assign":"comprehensive"}},"model_enforcement":{"included_models":{"@@assign":["ALL"]},"excluded_models":{"@@assign":["amazon.titan-embed-text-v2:0"]}}}}}}}`,
		`{"bedrock":{"guardrail_inference":{"us-east-1":{"config_1":{"input_tags":{"@@assign":"honor"}}}}}}`,
	},
	management.S3:                      {`{"s3_attributes":{"public_access_block_configuration":{"@@assign":"all"}}}`, `{"S3_Attributes":{"Public_Access_Block_Configuration":{"@@ASSIGN":"none"}}}`},
	management.NetworkSecurityDirector: {`{"network_security_director":{"enablement":{"network_security_scan":{"enable_in_regions":{"@@assign":["us-east-1","eu-west-1"]},"disable_in_regions":{"@@assign":[]}}}}}`},
	management.GuardDuty: {
		`{"guardduty":{"enablement":{"default":{"foundational":{"status":{"@@assign":"enabled"}}},"us-east-1":{"foundational":{"status":{"@@assign":"enabled"}},"runtime_monitoring":{"status":{"@@assign":"enabled"},"additional_configuration":{"ec2_agent_management":{"status":{"@@assign":"enabled"}}}}}}}}`,
	},
}

func TestGood(t *testing.T) {
	for _, kind := range management.Types() {
		if len(good[kind]) == 0 {
			t.Errorf("%s: no policies", kind)
		}
		for i, text := range good[kind] {
			t.Run(fmt.Sprintf("%s %d", kind, i), func(t *testing.T) {
				if _, err := management.Parse(kind, text); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestBad(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 10000) + `1` + strings.Repeat(`}`, 10000)
	for _, tt := range []struct {
		name string
		kind management.Type
		text string
		path string // of the fault
	}{
		{"empty", management.Tag, ``, ""},
		{"no JSON", management.Tag, `{`, ""},
		{"no object", management.Tag, `[]`, ""},
		{"null", management.Tag, `null`, ""},
		{"nothing in it", management.Tag, `{}`, ""},
		{"two values", management.Tag, policyA + policyA, ""},
		{"not UTF-8", management.Tag, "{\"tags\":{\"\xff\":{}}}", ""},
		{"deep", management.Tag, deep, "a"},
		{"deep where anything may be", management.SecurityHubCSPM, `{"securityhub":{"x":` + deep + `}}`, "securityhub/x/a/a/a/a/a/a/a/a/a"},
		{"a list nests", management.Tag, `{"tags":{"a":{"tag_value":{"@@assign":[[1]]}}}}`, "tags/a/tag_value/@@assign"},
		{"a long list of brackets", management.Tag, `{"tags":{"a":{"tag_value":{"@@assign":` + strings.Repeat("[", 100000) + `}}}}`, "tags/a/tag_value/@@assign"},
		{backups + "duplicate key names will be rejected", management.Backup, `{"plans":{"a":{},"a":{}}}`, ""},
		{tagsPage + "the policy key is not case sensitive, so these are the same", management.Tag, `{"tags":{"a":{},"A":{}}}`, "tags/A"},
		{"twice in other case", management.Chatbot, `{"chatbot":{},"ChatBot":{}}`, "ChatBot"},
		{"an operator twice in other case", management.S3, `{"s3_attributes":{"public_access_block_configuration":{"@@assign":"all","@@Assign":"none"}}}`, "s3_attributes/public_access_block_configuration/@@Assign"},
		{"names have case", management.Backup, `{"Plans":{}}`, "Plans"},
		{"operators have case", management.Tag, `{"tags":{"a":{"tag_key":{"@@Assign":"a"}}}}`, "tags/a/tag_key/@@Assign"},
		{"another type's", management.Backup, policyA, "tags"},
		{"more than its key", management.Tag, `{"tags":{},"more":{}}`, "more"},
		{"an unknown type", "NO_POLICY", policyA, ""},

		{operators + "@@append only for lists", management.Tag, `{"tags":{"a":{"tag_key":{"@@append":["a"]}}}}`, "tags/a/tag_key/@@append"},
		{operators + "@@remove only for lists", management.AIServicesOptOut, `{"services":{"lex":{"opt_out_policy":{"@@remove":["optIn"]}}}}`, "services/lex/opt_out_policy/@@remove"},
		{operators + "no such operator", management.Tag, `{"tags":{"a":{"tag_key":{"@@set":"a"}}}}`, "tags/a/tag_key/@@set"},
		{operators + "no values outside of settings", management.Tag, `{"tags":{"@@assign":["a"]}}`, "tags/@@assign"},
		{operators + "a value needs an operator", management.Tag, `{"tags":{"a":{"tag_key":"a"}}}`, "tags/a/tag_key"},
		{operators + "a list is needed", management.Tag, `{"tags":{"a":{"tag_value":{"@@assign":"a"}}}}`, "tags/a/tag_value/@@assign"},
		{operators + "one value is needed", management.Tag, `{"tags":{"a":{"tag_key":{"@@assign":["a"]}}}}`, "tags/a/tag_key/@@assign"},
		{operators + "null is none", management.Tag, `{"tags":{"a":{"tag_key":{"@@assign":null}}}}`, "tags/a/tag_key/@@assign"},
		{operators + "the controls are a list", management.Tag, `{"tags":{"@@operators_allowed_for_child_policies":"@@none"}}`, "tags/@@operators_allowed_for_child_policies"},
		{operators + "of something", management.Tag, `{"tags":{"@@operators_allowed_for_child_policies":[]}}`, "tags/@@operators_allowed_for_child_policies"},
		{operators + "@@none stands alone", management.Tag, `{"tags":{"@@operators_allowed_for_child_policies":["@@none","@@append"]}}`, "tags/@@operators_allowed_for_child_policies"},
		{operators + "none twice", management.Tag, `{"tags":{"@@operators_allowed_for_child_policies":["@@append","@@append"]}}`, "tags/@@operators_allowed_for_child_policies"},
		{operators + "no others", management.Tag, `{"tags":{"@@operators_allowed_for_child_policies":["@@some"]}}`, "tags/@@operators_allowed_for_child_policies"},
		{aiPage + "you can't use the @@enforced_for operator", management.AIServicesOptOut, `{"services":{"lex":{"opt_out_policy":{"@@enforced_for":["a"]}}}}`, "services/lex/opt_out_policy/@@enforced_for"},

		{examples + "3, enforced_for within tag_value", management.Tag, `{"tags":{"a":{"tag_value":{"enforced_for":{"@@remove":["redshift:*"]}}}}}`, "tags/a/tag_value/enforced_for"},
		{tagsPage + "the tag key must match the policy key", management.Tag, `{"tags":{"a":{"tag_key":{"@@assign":"b"}}}}`, "tags/a"},
		{tagsPage + "*@*.com is not allowed", management.Tag, `{"tags":{"a":{"tag_value":{"@@assign":["*@*.com"]}}}}`, "tags/a/tag_value/@@assign"},
		{tagsPage + "no wildcard for all services", management.Tag, `{"tags":{"a":{"enforced_for":{"@@assign":["*"]}}}}`, "tags/a/enforced_for/@@assign"},
		{tagsPage + "nor for a resource of all services", management.Tag, `{"tags":{"a":{"enforced_for":{"@@assign":["*:key"]}}}}`, "tags/a/enforced_for/@@assign"},
		{"supported-resources-enforcement.html: iam:role is not enforced", management.Tag, `{"tags":{"a":{"enforced_for":{"@@assign":["iam:role"]}}}}`, "tags/a/enforced_for/@@assign"},
		{"supported-resources-enforcement.html: kms has only keys", management.Tag, `{"tags":{"a":{"enforced_for":{"@@append":["kms:alias"]}}}}`, "tags/a/enforced_for/@@append"},
		{backups + "60 minutes at least", management.Backup, `{"plans":{"a":{"rules":{"r":{"start_backup_window_minutes":{"@@assign":"59"}}}}}}`, "plans/a/rules/r/start_backup_window_minutes/@@assign"},
		{backups + "a whole number", management.Backup, `{"plans":{"a":{"rules":{"r":{"start_backup_window_minutes":{"@@assign":60.0}}}}}}`, "plans/a/rules/r/start_backup_window_minutes/@@assign"},
		{backups + "the key must be the ARN of the vault", management.Backup, `{"plans":{"a":{"rules":{"r":{"copy_actions":{"vault":{}}}}}}}`, "plans/a/rules/r/copy_actions/vault"},
		{backups + "a cron expression", management.Backup, `{"plans":{"a":{"rules":{"r":{"schedule_expression":{"@@assign":"daily"}}}}}}`, "plans/a/rules/r/schedule_expression/@@assign"},
		{aiPage + "the capitalization of the values is important", management.AIServicesOptOut, `{"services":{"lex":{"opt_out_policy":{"@@assign":"OptOut"}}}}`, "services/lex/opt_out_policy/@@assign"},
		{aiPage + "the only key under a service", management.AIServicesOptOut, `{"services":{"lex":{"opt_in_policy":{}}}}`, "services/lex/opt_in_policy"},
		{"orgs_manage_policies_chatbot_syntax.html: enabled or disabled", management.Chatbot, `{"chatbot":{"default":{"client":{"@@assign":"on"}}}}`, "chatbot/default/client/@@assign"},
		{"orgs_manage_policies_chatbot_syntax.html: a workspace", management.Chatbot, `{"chatbot":{"platforms":{"slack":{"workspaces":{"@@assign":["my workspace"]}}}}}`, "chatbot/platforms/slack/workspaces/@@assign"},
		{"orgs_manage_policies_declarative_syntax.html: criteria_1 to criteria_10", management.DeclarativeEC2, `{"ec2_attributes":{"allowed_images_settings":{"image_criteria":{"criteria_11":{}}}}}`, "ec2_attributes/allowed_images_settings/image_criteria/criteria_11"},
		{"orgs_manage_policies_declarative_syntax.html: -1 to 64", management.DeclarativeEC2, `{"ec2_attributes":{"instance_metadata_defaults":{"http_put_response_hop_limit":{"@@assign":"65"}}}}`, "ec2_attributes/instance_metadata_defaults/http_put_response_hop_limit/@@assign"},
		{hubPage + "region names must be valid", management.SecurityHub, `{"securityhub":{"enable_in_regions":{"@@assign":["everywhere"]}}}`, "securityhub/enable_in_regions/@@assign"},
		{"orgs_manage_policies_inspector_syntax.html: scan types", management.Inspector, `{"inspector":{"enablement":{"s3_scanning":{}}}}`, "inspector/enablement/s3_scanning"},
		{"orgs_manage_policies_upgrade_syntax.html: first, second, last", management.UpgradeRollout, `{"upgrade_rollout":{"default":{"patch_order":{"@@assign":"third"}}}}`, "upgrade_rollout/default/patch_order/@@assign"},
		{"orgs_manage_policies_bedrock_syntax.html: the version cannot be DRAFT", management.Bedrock, `{"bedrock":{"guardrail_inference":{"us-east-1":{"c":{"identifier":{"@@assign":"arn:aws:bedrock:us-east-1:123456789012:guardrail/hu1dlsv9wy1d:DRAFT"}}}}}}`, "bedrock/guardrail_inference/us-east-1/c/identifier/@@assign"},
		{"orgs_manage_policies_s3_syntax.html: all or none", management.S3, `{"s3_attributes":{"public_access_block_configuration":{"@@assign":"some"}}}`, "s3_attributes/public_access_block_configuration/@@assign"},
		{"orgs_manage_policies_network_security_director_syntax.html", management.NetworkSecurityDirector, `{"network_security_director":{"enablement":{"scan":{}}}}`, "network_security_director/enablement/scan"},
		{"orgs_manage_policies_guardduty_syntax.html: default or a Region", management.GuardDuty, `{"guardduty":{"enablement":{"all":{}}}}`, "guardduty/enablement/all"},
		{"orgs_manage_policies_security_hub_cspm_syntax.html: Regions", management.SecurityHubCSPM, `{"securityhub":{"cspm_enablement":{"enable_in_regions":{"@@assign":["everywhere"]}}}}`, "securityhub/cspm_enablement/enable_in_regions/@@assign"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := management.Parse(tt.kind, tt.text)
			problem, ok := errors.AsType[*management.SyntaxError](err)
			if !ok || problem.Path != tt.path || problem.Problem == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzParse: whatever parses merges, with itself above and below, into JSON.
func FuzzParse(f *testing.F) {
	for i, kind := range management.Types() {
		for _, text := range good[kind] {
			f.Add(uint8(i), text)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, text string) {
		kinds := management.Types()
		kind := kinds[int(i)%len(kinds)]
		p, err := management.Parse(kind, text)
		if err != nil {
			return
		}
		attached := []management.Attached{{ID: "p-1", Policy: p}, {ID: "p-2", Policy: p}}
		e := management.Merge(kind, [][]management.Attached{attached, nil, attached[:1]})
		parsed(t, e.Text())
		e.Errors()
		e.Refused("kms:key", map[string]string{"a": "b"})
	})
}
