package management

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ValidationError is what an effective policy lacks, or has too much of.
//
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_EffectivePolicyValidationError.html
type ValidationError struct {
	Code    string
	Message string
	// Path leads to the place in the effective policy, by names that "/" divides.
	Path string
	// Contributing are the IDs of the policies that the place comes from, sorted.
	Contributing []string
}

// Errors returns what makes an effective policy invalid.
func (e *Effective) Errors() []ValidationError {
	found := e.root.validate("")
	if e.language.check != nil {
		found = append(found, e.language.check(e.root)...)
	}
	return found
}

// validate holds a node to its schema.
func (n *node) validate(path string) []ValidationError {
	var found []ValidationError
	fail := func(code, format string, args ...any) {
		found = append(found, ValidationError{code, fmt.Sprintf(format, args...), path, n.contributing()})
	}
	for _, f := range n.schema.fields {
		if f.needed && n.byName[f.name] == nil {
			fail("KEY_REQUIRED", "'%s' is missing", f.name)
		}
	}
	count := len(n.members) + len(n.values)
	if count < n.schema.least {
		fail("ELEMENTS_TOO_FEW", "'%s' is less than the allowed minimum limit %d", n.name, n.schema.least)
	}
	if n.schema.most > 0 && count > n.schema.most {
		fail("ELEMENTS_TOO_MANY", "'%s' exceeds the allowed maximum limit %d", n.name, n.schema.most)
	}
	for _, m := range n.members {
		found = append(found, m.validate(join(path, m.name))...)
	}
	return found
}

// together is the error of settings of a block that don't go together, each as "name=value".
func together(n *node, path string, settings ...string) ValidationError {
	return ValidationError{
		"CROSS_ATTRIBUTE_VALIDATION",
		fmt.Sprintf("Dependent fields %s in policy block %s are invalid when used together", strings.Join(settings, ","), n.name),
		path, n.contributing(),
	}
}

func setting(name, value string) string {
	if value == "" {
		value = "undefined"
	}
	return name + "=" + value
}

// checkBackup: "PITR-enabled backups have 35-day maximum retention", "delete_after_days must be 90 days greater than
// move_to_cold_storage_after_days", "You must use scan_settings … in conjunction with scan_actions".
func checkBackup(root *node) []ValidationError {
	var found []ValidationError
	plans := root.byName["plans"]
	if plans == nil {
		return nil
	}
	for _, plan := range plans.members {
		rules := plan.byName["rules"]
		if rules == nil {
			continue
		}
		for _, rule := range rules.members {
			path := "plans/" + plan.name + "/rules/" + rule.name
			if rule.byName["scan_actions"] != nil && plan.byName["scan_settings"] == nil {
				found = append(found, together(rule, path, "scan_actions(undefined)", "scan_settings(undefined)"))
			}
			days := rule.text("lifecycle", "delete_after_days")
			if kept, ok := wholeNumber(days); rule.text("enable_continuous_backup") == "true" && (!ok || kept > 35) {
				found = append(found, together(rule, path, "enable_continuous_backup=true", setting("delete_after_days", days)))
			}
			kept := []*node{rule}
			if copies := rule.byName["copy_actions"]; copies != nil {
				kept = append(kept, copies.members...)
			}
			for _, n := range kept {
				if e, bad := coldTooShort(rule, n, path); bad && !slices.ContainsFunc(found, e.same) {
					found = append(found, e)
				}
			}
		}
	}
	return found
}

// coldTooShort reports on the lifecycle of a rule's backups, or of their copies.
func coldTooShort(rule, n *node, path string) (ValidationError, bool) {
	cold, deleted := n.text("lifecycle", "move_to_cold_storage_after_days"), n.text("lifecycle", "delete_after_days")
	moved, ok := wholeNumber(cold)
	if !ok || deleted == "" {
		return ValidationError{}, false
	}
	kept, _ := wholeNumber(deleted)
	return together(rule, path, setting("delete_after_days", deleted), setting("move_to_cold_storage_after_days", cold)), kept < moved+90
}

func (e ValidationError) same(other ValidationError) bool {
	return e.Code == other.Code && e.Message == other.Message && e.Path == other.Path
}

// checkGuardDuty: "foundational must be enabled if any other feature in that same block is enabled."
func checkGuardDuty(root *node) []ValidationError {
	var found []ValidationError
	if root.byName["guardduty"] == nil || root.byName["guardduty"].byName["enablement"] == nil {
		return nil
	}
	for _, block := range root.byName["guardduty"].byName["enablement"].members {
		for _, feature := range block.members {
			if feature.text("status") == "enabled" && block.text("foundational", "status") != "enabled" {
				found = append(found, together(block, "guardduty/enablement/"+block.name,
					setting("foundational", block.text("foundational", "status")), setting(feature.name, "enabled")))
			}
		}
	}
	return found
}

// checkTags holds tag policies to what all policies of an account can demand together: 50 keys of a type of resources, and a
// size (https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
func checkTags(root *node) []ValidationError {
	const most = 50
	var found []ValidationError
	if root.byName["tags"] == nil {
		return nil
	}
	var types []string
	keys, from := make(map[string][]string), make(map[string][]string)
	for _, tag := range root.byName["tags"].members {
		if required := tag.byName["report_required_tag_for"]; required != nil {
			for _, kind := range required.values {
				types = append(types, kind)
				keys[kind] = append(keys[kind], tag.name)
				from[kind] = append(from[kind], required.from...)
			}
		}
	}
	slices.Sort(types)
	for _, kind := range slices.Compact(types) {
		if all := keys[kind]; len(all) > most {
			slices.Sort(from[kind])
			found = append(found, ValidationError{
				"ELEMENTS_TOO_MANY",
				"Resource type '" + kind + "' has " + strconv.Itoa(len(all)) + " tags for 'report_required_tag_for', which exceeds the maximum limit of 50. " +
					"Contributing tag keys include: " + strings.Join(all[:5], ", ") + " and " + strconv.Itoa(len(all)-5) + " more",
				"tags", slices.Compact(from[kind]),
			})
		}
	}
	return found
}
