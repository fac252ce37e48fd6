package management_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"emulator/services/organizations/management"
)

// level is what is attached to a root, organizational unit or account, in that order.
type level []string

// merged merges levels of policies, whose IDs are p-0, p-1 and so on.
func merged(t *testing.T, kind management.Type, levels ...level) *management.Effective {
	t.Helper()
	var all [][]management.Attached
	n := 0
	for _, texts := range levels {
		var attached []management.Attached
		for _, text := range texts {
			p, err := management.Parse(kind, text)
			if err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			attached = append(attached, management.Attached{ID: "p-" + string(rune('0'+n)), Policy: p})
			n++
		}
		all = append(all, attached)
	}
	return management.Merge(kind, all)
}

func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	if !reflect.DeepEqual(parsed(t, got), parsed(t, want)) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

const (
	policyA = `{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["Development","Support"]}}}}`
	policyB = `{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["Sandbox"]},"enforced_for":{"@@assign":["redshift:*","dynamodb:table"]}}}}`
	policyC = `{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@append":["Marketing"]},"enforced_for":{"@@append":["redshift:*","dynamodb:table"]}}}}`
	// The page has enforced_for within tag_value, but says what it does where it belongs.
	policyD = `{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@remove":["Development","Marketing"]},"enforced_for":{"@@remove":["redshift:*","dynamodb:table"]}}}}`
	policyE = `{"tags":{"project":{"tag_key":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"Project"},
		"tag_value":{"@@operators_allowed_for_child_policies":["@@append"],"@@assign":["Maintenance","Escalations"]}}}}`
	policyF = `{"tags":{"project":{"tag_key":{"@@assign":"PROJECT"},"tag_value":{"@@append":["Escalations - research"]}}}}`
	policyG = `{"tags":{"project":{"tag_value":{"@@operators_allowed_for_child_policies":["@@append"],"@@assign":["Maintenance"]}}}}`
	policyH = `{"tags":{"project":{"tag_value":{"@@operators_allowed_for_child_policies":["@@append","@@remove"]}}}}`
	policyJ = `{"tags":{"project":{"tag_key":{"@@assign":"PROJECT"},"tag_value":{"@@append":["Maintenance"]}}}}`
	policyK = `{"tags":{"project":{"tag_key":{"@@assign":"project"}}}}`

	tagKeys   = `{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter","@@operators_allowed_for_child_policies":["@@none"]}},"Project":{"tag_key":{"@@assign":"Project","@@operators_allowed_for_child_policies":["@@none"]}}}}`
	tagValues = `{"tags":{"CostCenter":{"tag_value":{"@@assign":["Production","Test"]}},"Project":{"tag_value":{"@@assign":["A","B"]}}}}`

	optOutAll     = `{"services":{"@@operators_allowed_for_child_policies":["@@none"],"default":{"@@operators_allowed_for_child_policies":["@@none"],"opt_out_policy":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"optOut"}}}}`
	optOutDefault = `{"services":{"default":{"@@operators_allowed_for_child_policies":["@@none"],"opt_out_policy":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"optOut"}}}}`
	optInLex      = `{"services":{"lex":{"opt_out_policy":{"@@assign":"optIn"}}}}`
	optOutOne     = `{"services":{"rekognition":{"opt_out_policy":{"@@assign":"optOut","@@operators_allowed_for_child_policies":["@@none"]}}}}`

	hourlyPlan = `{"plans":{"PII_Backup_Plan":{
		"regions":{"@@append":["us-east-1","ap-northeast-3","eu-north-1"]},
		"rules":{"Hourly":{
			"schedule_expression":{"@@assign":"cron(0 0/1 ? * * *)"},"start_backup_window_minutes":{"@@assign":"60"},"target_backup_vault_name":{"@@assign":"FortKnox"},
			"index_actions":{"resource_types":{"@@assign":["EBS","S3"]}},
			"lifecycle":{"move_to_cold_storage_after_days":{"@@assign":"28"},"delete_after_days":{"@@assign":"180"},"opt_in_to_archive_for_supported_resources":{"@@assign":false}}}},
		"selections":{"tags":{"datatype":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/MyIamRole"},"tag_key":{"@@assign":"dataType"},"tag_value":{"@@assign":["PII","RED"]}}}}}}}`
	hourlyPlanEffective = `{"regions":["us-east-1","ap-northeast-3","eu-north-1"],
		"rules":{"hourly":{"schedule_expression":"cron(0 0/1 ? * * *)","start_backup_window_minutes":"60","target_backup_vault_name":"FortKnox",
			"index_actions":{"resource_types":["EBS","S3"]},
			"lifecycle":{"move_to_cold_storage_after_days":"28","delete_after_days":"180","opt_in_to_archive_for_supported_resources":"false"}}},
		"selections":{"tags":{"datatype":{"iam_role_arn":"arn:aws:iam::$account:role/MyIamRole","tag_key":"dataType","tag_value":["PII","RED"]}}}}`
	monthlyPlan = `{"plans":{"Monthly_Backup_Plan":{
		"regions":{"@@append":["us-east-1","eu-central-1"]},
		"rules":{"Monthly":{"schedule_expression":{"@@assign":"cron(0 5 1 * ? *)"},"target_backup_vault_name":{"@@assign":"Default"}}},
		"selections":{"tags":{"MonthlyDatatype":{"iam_role_arn":{"@@assign":"arn:aws:iam::$account:role/MyMonthlyBackupIamRole"},"tag_key":{"@@assign":"BackupType"},"tag_value":{"@@assign":["MONTHLY","RED"]}}}}}}}`
	monthlyPlanEffective = `{"regions":["us-east-1","eu-central-1"],
		"rules":{"monthly":{"schedule_expression":"cron(0 5 1 * ? *)","target_backup_vault_name":"Default"}},
		"selections":{"tags":{"monthlydatatype":{"iam_role_arn":"arn:aws:iam::$account:role/MyMonthlyBackupIamRole","tag_key":"BackupType","tag_value":["MONTHLY","RED"]}}}}`
	otherHours = `{"plans":{"PII_Backup_Plan":{
		"regions":{"@@assign":["us-west-2","eu-central-1"]},
		"rules":{"Hourly":{"schedule_expression":{"@@assign":"cron(0 0/2 ? * * *)"},"start_backup_window_minutes":{"@@assign":"80"},"target_backup_vault_name":{"@@assign":"Default"},
			"lifecycle":{"move_to_cold_storage_after_days":{"@@assign":"30"},"delete_after_days":{"@@assign":"365"},"opt_in_to_archive_for_supported_resources":{"@@assign":false}}}}}}}`
)

// locked is hourlyPlan as its example 3 has it: nothing of it can be changed.
const locked = `{"plans":{"@@operators_allowed_for_child_policies":["@@none"],"PII_Backup_Plan":{"@@operators_allowed_for_child_policies":["@@none"],
	"regions":{"@@operators_allowed_for_child_policies":["@@none"],"@@append":["us-east-1","ap-northeast-3","eu-north-1"]},
	"rules":{"@@operators_allowed_for_child_policies":["@@none"],"Hourly":{"@@operators_allowed_for_child_policies":["@@none"],
		"schedule_expression":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"cron(0 0/1 ? * * *)"},
		"start_backup_window_minutes":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"60"},
		"target_backup_vault_name":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"FortKnox"},
		"index_actions":{"resource_types":{"@@assign":["EBS","S3"]}},
		"lifecycle":{"@@operators_allowed_for_child_policies":["@@none"],
			"move_to_cold_storage_after_days":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"28"},
			"delete_after_days":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"180"},
			"opt_in_to_archive_for_supported_resources":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"false"}}}},
	"selections":{"@@operators_allowed_for_child_policies":["@@none"],"tags":{"@@operators_allowed_for_child_policies":["@@none"],"datatype":{"@@operators_allowed_for_child_policies":["@@none"],
		"iam_role_arn":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"arn:aws:iam::$account:role/MyIamRole"},
		"tag_key":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"dataType"},
		"tag_value":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":["PII","RED"]}}}}}}}`

const (
	examples  = "inheritance-examples.html: "
	operators = "policy-operators.html: "
	concepts  = "orgs_manage_policies_inheritance_mgmt.html: "
	tagsPage  = "orgs_manage_policies_example-tag-policies.html: "
	aiPage    = "orgs_manage_policies_ai-opt-out_syntax.html: "
	backups   = "orgs_manage_policies_backup_syntax.html: "
	hubPage   = "orgs_manage_policies_security_hub_syntax.html: "
)

func TestInheritance(t *testing.T) {
	for _, tt := range []struct {
		name   string
		kind   management.Type
		levels []level
		want   string
	}{
		{examples + "1, allow child policies to overwrite only tag values", management.Tag, []level{{policyA}, {policyB}, nil},
			`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Sandbox"],"enforced_for":["redshift:*","dynamodb:table"]}}}`},
		{examples + "2, append new values to inherited tags", management.Tag, []level{{policyA}, {policyC}, nil},
			`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Development","Support","Marketing"],"enforced_for":["redshift:*","dynamodb:table"]}}}`},
		{examples + "3, remove values from inherited tags", management.Tag, []level{{policyA}, {policyC}, {policyD}},
			`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Support"]}}}`},
		{examples + "4, restrict changes to child policies", management.Tag, []level{{policyE}, {policyF}, nil},
			`{"tags":{"project":{"tag_key":"Project","tag_value":["Maintenance","Escalations","Escalations - research"]}}}`},
		{examples + "5, conflicts with child control operators: a child can append", management.Tag,
			[]level{{policyG, policyH}, {`{"tags":{"project":{"tag_value":{"@@append":["More"]}}}}`}},
			`{"tags":{"project":{"tag_key":"project","tag_value":["Maintenance","More"]}}}`},
		{examples + "5, conflicts with child control operators: it can't remove, whichever was attached first", management.Tag,
			[]level{{policyH, policyG}, {`{"tags":{"project":{"tag_value":{"@@remove":["Maintenance"]}}}}`}},
			`{"tags":{"project":{"tag_key":"project","tag_value":["Maintenance"]}}}`},
		{examples + "6, conflicts with appending values at same hierarchy level", management.Tag, []level{{policyJ, policyK}},
			`{"tags":{"project":{"tag_key":"PROJECT","tag_value":["Maintenance"]}}}`},
		{examples + "6, detached and attached again", management.Tag, []level{{policyK, policyJ}},
			`{"tags":{"project":{"tag_key":"project","tag_value":["Maintenance"]}}}`},

		{operators + "@@assign adds what is not inherited", management.Tag, []level{nil, {policyA}},
			`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Development","Support"]}}}`},
		{operators + "@@append adds what is not inherited", management.Inspector,
			[]level{{`{"inspector":{"enablement":{"ec2_scanning":{"enable_in_regions":{"@@append":["us-east-1"]},"disable_in_regions":{"@@append":[]}}}}}`}},
			`{"inspector":{"enablement":{"ec2_scanning":{"enable_in_regions":["us-east-1"],"disable_in_regions":[]}}}}`},
		{operators + "@@append does not add what is there", management.Tag, []level{{policyA}, {`{"tags":{"costcenter":{"tag_value":{"@@append":["Support"]}}}}`}},
			`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Development","Support"]}}}`},
		{operators + "@@remove removes only what it names, if it exists", management.Tag, []level{{policyA}, {`{"tags":{"costcenter":{"tag_value":{"@@remove":["Support","Nothing"]}}}}`}},
			`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Development"]}}}`},
		{operators + "@@remove of all leaves no value to be accepted", management.Tag, []level{{policyA}, {`{"tags":{"costcenter":{"tag_value":{"@@remove":["Support","Development"]}}}}`}},
			`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":[]}}}`},
		{operators + "in one node assignments come before what is appended, and that before what is removed", management.Tag,
			[]level{{
				`{"tags":{"a":{"tag_value":{"@@remove":["x"]}}}}`, `{"tags":{"a":{"tag_value":{"@@append":["x","y"]}}}}`, `{"tags":{"a":{"tag_value":{"@@assign":["z"]}}}}`,
			}},
			`{"tags":{"a":{"tag_key":"a","tag_value":["z","y"]}}}`},
		{operators + "@@all is the default", management.Tag,
			[]level{{`{"tags":{"a":{"tag_value":{"@@assign":["x"],"@@operators_allowed_for_child_policies":["@@all"]}}}}`}, {`{"tags":{"a":{"tag_value":{"@@assign":["y"]}}}}`}},
			`{"tags":{"a":{"tag_key":"a","tag_value":["y"]}}}`},
		{operators + "some operators", management.Tag,
			[]level{{`{"tags":{"a":{"tag_value":{"@@assign":["x"],"@@operators_allowed_for_child_policies":["@@append","@@remove"]}}}}`}, {`{"tags":{"a":{"tag_value":{"@@assign":["y"],"@@append":["z"],"@@remove":["x"]}}}}`}},
			`{"tags":{"a":{"tag_key":"a","tag_value":["z"]}}}`},
		{operators + "@@none locks the values", management.Tag,
			[]level{{`{"tags":{"a":{"tag_value":{"@@assign":["x"],"@@operators_allowed_for_child_policies":["@@none"]}}}}`}, {`{"tags":{"a":{"tag_value":{"@@assign":["y"],"@@append":["z"],"@@remove":["x"]}}}}`}},
			`{"tags":{"a":{"tag_key":"a","tag_value":["x"]}}}`},
		{operators + "a child policy can't reverse a limit", management.Tag,
			[]level{
				{`{"tags":{"a":{"tag_value":{"@@assign":["x"],"@@operators_allowed_for_child_policies":["@@append"]}}}}`},
				{`{"tags":{"a":{"tag_value":{"@@operators_allowed_for_child_policies":["@@all"]}}}}`},
				{`{"tags":{"a":{"tag_value":{"@@assign":["y"]}}}}`},
			},
			`{"tags":{"a":{"tag_key":"a","tag_value":["x"]}}}`},
		{operators + "what a level allows binds the next, not itself", management.Tag,
			[]level{{policyG, `{"tags":{"project":{"tag_value":{"@@remove":["Maintenance"]}}}}`}},
			`{"tags":{"project":{"tag_key":"project","tag_value":[]}}}`},

		{concepts + "policies of the root, two units and the account", management.AIServicesOptOut,
			[]level{{`{"services":{"default":{"opt_out_policy":{"@@assign":"optOut"}}}}`}, {optInLex}, {optOutOne}, {`{"services":{"lex":{"opt_out_policy":{"@@assign":"optOut"}}}}`}},
			`{"services":{"default":{"opt_out_policy":"optOut"},"lex":{"opt_out_policy":"optOut"},"rekognition":{"opt_out_policy":"optOut"}}}`},
		{concepts + "no policies", management.Backup, []level{nil, nil}, `{}`},

		{tagsPage + "example 1, the case of keys", management.Tag, []level{{tagKeys}},
			`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["*"]},"project":{"tag_key":"Project","tag_value":["*"]}}}`},
		{tagsPage + "example 1, next step: define values; the names of blocks have no case", management.Tag, []level{{tagKeys}, {tagValues}},
			`{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Production","Test"]},"project":{"tag_key":"Project","tag_value":["A","B"]}}}`},
		{tagsPage + "example 2, prevent use of a tag key", management.Tag,
			[]level{{`{"tags":{"Color":{"tag_key":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":"Color"},"tag_value":{"@@operators_allowed_for_child_policies":["@@none"],"@@assign":[]},"enforced_for":{"@@assign":["dynamodb:table"]}}}}`},
				{`{"tags":{"color":{"tag_value":{"@@append":["red"]}}}}`}},
			`{"tags":{"color":{"tag_key":"Color","tag_value":[],"enforced_for":["dynamodb:table"]}}}`},

		{aiPage + "example 1, opt out of all AI services", management.AIServicesOptOut, []level{{optOutAll}, {optInLex}, {`{"services":{"default":{"opt_out_policy":{"@@assign":"optIn"}}}}`}},
			`{"services":{"default":{"opt_out_policy":"optOut"}}}`},
		{aiPage + "example 2, a default, but child policies override it for individual services", management.AIServicesOptOut, []level{{optOutDefault}, {optInLex}},
			`{"services":{"default":{"opt_out_policy":"optOut"},"lex":{"opt_out_policy":"optIn"}}}`},
		{aiPage + "example 3, a single service", management.AIServicesOptOut, []level{{optOutOne}, {`{"services":{"rekognition":{"opt_out_policy":{"@@assign":"optIn"}},"lex":{"opt_out_policy":{"@@assign":"optIn"}}}}`}},
			`{"services":{"rekognition":{"opt_out_policy":"optOut"},"lex":{"opt_out_policy":"optIn"}}}`},

		{backups + "example 1, policy assigned to a parent node", management.Backup, []level{{hourlyPlan}, nil},
			`{"plans":{"PII_Backup_Plan":` + hourlyPlanEffective + `}}`},
		{backups + "example 2, a parent policy is merged with a child policy", management.Backup, []level{{hourlyPlan}, {monthlyPlan}},
			`{"plans":{"PII_Backup_Plan":` + hourlyPlanEffective + `,"Monthly_Backup_Plan":` + monthlyPlanEffective + `}}`},
		{backups + "example 3, a parent policy prevents any changes by a child policy", management.Backup, []level{{locked}, {otherHours, monthlyPlan}},
			`{"plans":{"PII_Backup_Plan":` + hourlyPlanEffective + `}}`},
		{backups + "example 4, a parent policy prevents changes to one backup plan by a child policy", management.Backup,
			[]level{{`{"plans":{"@@operators_allowed_for_child_policies":["@@append"]}}`, locked[:len(`{"plans":{`)] + locked[len(`{"plans":{"@@operators_allowed_for_child_policies":["@@none"],`):]}, {otherHours, monthlyPlan}},
			`{"plans":{"PII_Backup_Plan":` + hourlyPlanEffective + `,"Monthly_Backup_Plan":` + monthlyPlanEffective + `}}`},
		{backups + "example 5, a child policy overrides settings in a parent policy", management.Backup, []level{{hourlyPlan}, {otherHours}},
			`{"plans":{"PII_Backup_Plan":{"regions":["us-west-2","eu-central-1"],
				"rules":{"hourly":{"schedule_expression":"cron(0 0/2 ? * * *)","start_backup_window_minutes":"80","target_backup_vault_name":"Default",
					"index_actions":{"resource_types":["EBS","S3"]},
					"lifecycle":{"move_to_cold_storage_after_days":"30","delete_after_days":"365","opt_in_to_archive_for_supported_resources":"false"}}},
				"selections":{"tags":{"datatype":{"iam_role_arn":"arn:aws:iam::$account:role/MyIamRole","tag_key":"dataType","tag_value":["PII","RED"]}}}}}}`},

		{hubPage + "a child policy modifies the parent's", management.SecurityHub,
			[]level{{`{"securityhub":{"enable_in_regions":{"@@assign":["us-east-1"]},"disable_in_regions":{"@@assign":["us-west-2"]}}}`},
				{`{"securityhub":{"enable_in_regions":{"@@append":["eu-central-1"]},"disable_in_regions":{"@@remove":["us-west-2"]}}}`}},
			`{"securityhub":{"enable_in_regions":["us-east-1","eu-central-1"],"disable_in_regions":[]}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := merged(t, tt.kind, tt.levels...)
			sameJSON(t, e.Text(), tt.want)
			if errs := e.Errors(); len(errs) != 0 {
				t.Errorf("invalid: %v", errs)
			}
		})
	}
}
