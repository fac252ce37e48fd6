package management

import (
	"regexp"
	"strconv"
	"strings"
)

// languages has what policies of each type may say. Above each stands the page it was written from, of
// https://docs.aws.amazon.com/organizations/latest/userguide/; what a page does not say is not checked.
var languages = map[Type]language{
	Tag:                     {root: tags, complete: completeTags, check: checkTags},
	Backup:                  {root: backup, check: checkBackup},
	AIServicesOptOut:        {root: aiServices},
	Chatbot:                 {root: chatbot, anyCase: true},
	DeclarativeEC2:          {root: ec2},
	SecurityHub:             {root: securityHub},
	SecurityHubCSPM:         {root: securityHubCSPM},
	Inspector:               {root: inspector},
	UpgradeRollout:          {root: upgradeRollout},
	Bedrock:                 {root: bedrock},
	S3:                      {root: s3, anyCase: true},
	NetworkSecurityDirector: {root: networkSecurityDirector},
	GuardDuty:               {root: guardDuty, check: checkGuardDuty},
}

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	decimal = "0123456789"
)

var (
	enabled = oneOf("enabled", "disabled")
	boolean = oneOf("true", "false")
	natural = number(0, 1<<53)
	arn     = pattern(`^arn:`, "is not an ARN")
	region  = pattern(`^[a-z]{2,4}(-[a-z]+)+-\d+$`, "is not a Region")
	regions = anyOf(oneOf("ALL_SUPPORTED"), region)
)

func pattern(expression, why string) rule {
	compiled := regexp.MustCompile(expression)
	return func(v string) string {
		if compiled.MatchString(v) {
			return ""
		}
		return why
	}
}

func wholeNumber(v string) (int64, bool) {
	n, err := strconv.ParseInt(v, 10, 64)
	return n, err == nil
}

// filled is the rule of what is not empty and not long.
func filled(v string) string {
	if v == "" || len(v) > 1024 {
		return "must have 1 to 1024 bytes"
	}
	return ""
}

// enablement is where a feature is on and off: both lists are required, though they can be empty.
func enablement(more ...field) *schema {
	return fields(append([]field{need("enable_in_regions", list(regions)), need("disable_in_regions", list(regions))}, more...)...)
}

// orgs_manage_policies_example-tag-policies.html
var tags = fields(
	may("tags", named(filled, &schema{
		fields: []field{
			may("tag_key", value(filled)),
			may("tag_value", list(oneWildcard)),
			may("enforced_for", list(enforceable)),
			may("report_required_tag_for", list(resourceType)),
		},
		also: keyIsItsName,
	})),
)

// keyIsItsName: "The value for the tag key must match the value for the policy key. … the capitalization can be different."
func keyIsItsName(b *block) string {
	if key := b.member("tag_key"); key != nil && key.values[assign] != nil && !strings.EqualFold(key.values[assign][0], b.name) {
		return "tag_key must be the name of its block, in any case"
	}
	return ""
}

// oneWildcard: "You can use one wildcard per tag value."
func oneWildcard(v string) string {
	switch {
	case strings.Count(v, "*") > 1:
		return "has more than one wildcard"
	case len(v) > 1024:
		return "is too long"
	}
	return ""
}

var resourceType = pattern(`^[a-z0-9-]+:([A-Za-z0-9/:-]+|\*|ALL_SUPPORTED)$`, "is not of the form service:type")

// enforced has the types that can be enforced of the services that are here. Of others, all types can be named.
//
// orgs_manage_policies_supported-resources-enforcement.html
var enforced = map[string][]string{
	"iam":           {"instance-profile", "mfa", "oidc-provider", "policy", "saml-provider", "server-certificate"},
	"kms":           {"key"},
	"organizations": {"account", "ou", "policy", "root"},
}

func enforceable(v string) string {
	if why := resourceType(v); why != "" {
		return why
	}
	service, kind, _ := strings.Cut(v, ":")
	if types, ok := enforced[service]; ok && !allTypes(kind) && oneOf(types...)(kind) != "" {
		return "can't be enforced"
	}
	return ""
}

// allTypes reports whether a type stands for all of its service.
func allTypes(kind string) bool { return kind == "*" || kind == "ALL_SUPPORTED" }

// orgs_manage_policies_backup_syntax.html
var backup = fields(may("plans", &schema{name: filled, keep: true, others: fields(
	need("rules", named(filled, fields(
		need("schedule_expression", value(pattern(`^cron\(.+\)$`, "is not a cron expression"))),
		need("target_backup_vault_name", value(filled)),
		may("target_logically_air_gapped_backup_vault_arn", value(arn)),
		may("start_backup_window_minutes", value(number(60, 1<<53))),
		may("complete_backup_window_minutes", value(natural)),
		may("enable_continuous_backup", value(boolean)),
		may("lifecycle", lifecycle()),
		may("copy_actions", named(arn, fields(
			may("target_backup_vault_arn", value(arn)),
			may("lifecycle", lifecycle()),
		))),
		may("recovery_point_tags", backupTags()),
		may("index_actions", fields(may("resource_types", list(oneOf("EBS", "S3"))))),
		may("scan_actions", fields(may("GUARDDUTY", fields(need("scan_mode", value(oneOf("INCREMENTAL_SCAN", "FULL_SCAN"))))))),
	)).atMost(10)),
	need("regions", list(region).atLeast(1)),
	need("selections", fields(
		may("tags", named(filled, fields(
			need("iam_role_arn", value(arn)),
			need("tag_key", value(filled)),
			need("tag_value", list(anything).atLeast(1)),
			may("conditions", conditions()),
		))),
		may("resources", named(filled, fields(
			need("iam_role_arn", value(arn)),
			may("resource_types", list(backedUp).atLeast(1)),
			may("not_resource_types", list(backedUp)),
			may("conditions", conditions()),
		))),
	)),
	may("advanced_backup_settings", fields(
		may("ec2", fields(may("windows_vss", value(enabled)), may("WindowsVSS", value(enabled)))), // the name until 2025, too
		may("s3", fields(may("backup_acls", value(enabled)), may("backup_object_tags", value(enabled)))),
	)),
	may("backup_plan_tags", backupTags()),
	may("scan_settings", fields(may("GUARDDUTY", fields(
		need("resource_types", list(oneOf("EBS", "EC2", "S3", "ALL")).atLeast(1)),
		need("scanner_role_arn", value(arn)),
	)))),
)}))

var backedUp = anyOf(oneOf("*"), arn)

func lifecycle() *schema {
	return fields(
		may("move_to_cold_storage_after_days", value(natural)),
		may("delete_after_days", value(natural)),
		may("opt_in_to_archive_for_supported_resources", value(boolean)),
	)
}

func backupTags() *schema {
	return named(filled, fields(need("tag_key", value(filled)), need("tag_value", value(anything))))
}

// conditions: "Limited to 30 conditions for each selection", which is checked of each operator.
func conditions() *schema {
	operator := named(filled, fields(need("condition_key", value(filled)), need("condition_value", value(anything)))).atMost(30)
	return fields(may("string_equals", operator), may("string_not_equals", operator), may("string_like", operator), may("string_not_like", operator))
}

// orgs_manage_policies_ai-opt-out_syntax.html. It lists services, to which AWS adds: any name of the form of one will do.
var aiServices = fields(may("services", named(
	pattern(`^[a-z0-9]+(::?[a-z0-9]+)*$`, "is not that of a service"),
	fields(need("opt_out_policy", value(oneOf("optOut", "optIn")))),
)))

// orgs_manage_policies_chatbot_syntax.html
var chatbot = fields(may("chatbot", fields(
	may("platforms", fields(
		may("slack", fields(
			client(),
			may("workspaces", list(anyOf(oneOf("*"), workspace)).atMost(255)),
			may("default", fields(channelTypes(), roleSettings())),
			may("overrides", named(workspace, fields(channelTypes(), roleSettings())).atMost(255)),
		)),
		may("microsoft_teams", fields(
			client(),
			may("tenants", named(team, list(anyOf(oneOf("*"), team)).atMost(36)).atMost(36)),
			may("default", fields(roleSettings())),
			may("overrides", named(team, named(team, fields(roleSettings())).atMost(36)).atMost(36)),
		)),
		may("chime", fields(client())),
	)),
	may("default", fields(client())),
)))

var (
	workspace = letters(1, 255, upper+decimal, "the ID of a Slack workspace")
	team      = pattern(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, "is not the ID of a tenant or team of Microsoft Teams")
)

func client() field       { return may("client", value(enabled)) }
func channelTypes() field { return may("supported_channel_types", list(oneOf("public", "private"))) }
func roleSettings() field {
	return may("supported_role_settings", list(oneOf("user_role", "channel_role")))
}

// orgs_manage_policies_declarative_syntax.html
var ec2 = fields(may("ec2_attributes", fields(
	may("exception_message", value(filled)),
	may("vpc_block_public_access", fields(may("internet_gateway_block", fields(
		need("mode", value(oneOf("off", "block_ingress", "block_bidirectional"))),
		need("exclusions_allowed", value(enabled)),
	)))),
	may("serial_console_access", fields(need("status", value(enabled)))),
	may("image_block_public_access", fields(need("state", value(oneOf("unblocked", "block_new_sharing"))))),
	may("allowed_images_settings", fields(
		need("state", value(oneOf("enabled", "disabled", "audit_mode"))),
		may("image_criteria", named(pattern(`^criteria_([1-9]|10)$`, "must be criteria_1 to criteria_10"), fields(
			may("allowed_image_providers", list(anyOf(oneOf("amazon", "aws_marketplace", "aws_backup_vault"), letters(12, 12, decimal, "an account")))),
			may("image_names", list(pattern(`^.{1,128}$`, "must have 1 to 128 characters"))),
			may("marketplace_product_codes", list(letters(1, 25, lower+upper+decimal, "a product code"))),
			may("creation_date_condition", fields(need("maximum_days_since_created", value(number(0, 2147483647))))),
			may("deprecation_time_condition", fields(need("maximum_days_since_deprecated", value(number(0, 2147483647))))),
		))),
	)),
	may("instance_metadata_defaults", fields(
		may("http_tokens", value(oneOf("no_preference", "required", "optional"))),
		may("http_put_response_hop_limit", value(number(-1, 64))),
		may("http_endpoint", value(oneOf("no_preference", "enabled", "disabled"))),
		may("instance_metadata_tags", value(oneOf("no_preference", "enabled", "disabled"))),
	)),
	may("snapshot_block_public_access", fields(need("state", value(oneOf("block_all_sharing", "block_new_sharing", "unblocked"))))),
)))

// orgs_manage_policies_security_hub_syntax.html
var securityHub = fields(may("securityhub", enablement(
	may("features", fields(may("network_scanning", enablement()))),
)))

// orgs_manage_policies_security_hub_cspm_syntax.html. Of its standards and controls only the operators are checked.
var securityHubCSPM = named(filled, &schema{
	fields: []field{may("cspm_enablement", enablement())}, name: filled, others: unknown(8),
})

// unknown is what may be anything, down to a depth.
func unknown(depth int) *schema {
	s := &schema{kind: open, value: anything, name: filled}
	if depth > 0 {
		s.others = unknown(depth - 1)
	}
	return s
}

// orgs_manage_policies_inspector_syntax.html
var inspector = fields(may("inspector", fields(may("enablement", fields(
	may("lambda_standard_scanning", enablement(may("lambda_code_scanning", enablement()))),
	may("ec2_scanning", enablement()),
	may("ecr_scanning", enablement()),
	may("code_repository_scanning", enablement()),
)))))

// orgs_manage_policies_upgrade_syntax.html
var upgradeRollout = fields(may("upgrade_rollout", fields(
	may("default", fields(patchOrder())),
	may("tags", named(filled, fields(may("tag_values", named(filled, fields(patchOrder())))))),
)))

func patchOrder() field { return may("patch_order", value(oneOf("first", "second", "last"))) }

// orgs_manage_policies_bedrock_syntax.html; input_tags is what selective_content_guarding was until 2026.
var bedrock = fields(may("bedrock", fields(may("guardrail_inference", named(region, named(filled, fields(
	need("identifier", value(pattern(`^arn:[a-z-]+:bedrock:[a-z0-9-]+:\d{12}:guardrail/[a-z0-9]+:\d+$`, "is not the ARN of a guardrail with its version"))),
	may("input_tags", value(oneOf("honor", "ignore"))),
	may("selective_content_guarding", fields(
		may("system", value(oneOf("comprehensive", "selective"))),
		may("messages", value(oneOf("comprehensive", "selective"))),
	)),
	may("model_enforcement", fields(need("included_models", list(filled)), need("excluded_models", list(filled)))),
)))))))

// orgs_manage_policies_s3_syntax.html
var s3 = fields(may("s3_attributes", fields(may("public_access_block_configuration", value(oneOf("all", "none"))))))

// orgs_manage_policies_network_security_director_syntax.html
var networkSecurityDirector = fields(may("network_security_director", fields(may("enablement", fields(
	may("network_security_scan", enablement()),
)))))

// orgs_manage_policies_guardduty_syntax.html
var guardDuty = fields(may("guardduty", fields(need("enablement", named(
	anyOf(oneOf("default"), region),
	fields(
		may("foundational", fields(status())),
		may("s3_data_events", fields(status())),
		may("eks_audit_logs", fields(status())),
		may("ebs_malware_protection", fields(status())),
		may("rds_login_events", fields(status())),
		may("lambda_network_logs", fields(status())),
		may("runtime_monitoring", fields(status(), may("additional_configuration", fields(
			may("eks_addon_management", fields(status())),
			may("ec2_agent_management", fields(status())),
			may("ecs_fargate_agent_management", fields(status())),
		)))),
		may("ai_protection", fields(status())),
	),
)))))

func status() field { return need("status", value(enabled)) }
