// Package management is the language of Organizations' management policies: what a policy of each type may say, and what the
// policies on the way from the root to an account make together. Pure: no I/O, no clock, no other package of ours.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_inheritance_mgmt.html
package management

import (
	"maps"
	"slices"
)

// Type is a type of management policy, as the API names it.
type Type string

// The types.
const (
	Tag                     Type = "TAG_POLICY"
	Backup                  Type = "BACKUP_POLICY"
	AIServicesOptOut        Type = "AISERVICES_OPT_OUT_POLICY"
	Chatbot                 Type = "CHATBOT_POLICY"
	DeclarativeEC2          Type = "DECLARATIVE_POLICY_EC2"
	SecurityHub             Type = "SECURITYHUB_POLICY"
	SecurityHubCSPM         Type = "SECURITYHUB_CSPM_POLICY"
	Inspector               Type = "INSPECTOR_POLICY"
	UpgradeRollout          Type = "UPGRADE_ROLLOUT_POLICY"
	Bedrock                 Type = "BEDROCK_POLICY"
	S3                      Type = "S3_POLICY"
	NetworkSecurityDirector Type = "NETWORK_SECURITY_DIRECTOR_POLICY"
	GuardDuty               Type = "GUARDDUTY_POLICY"
)

// Types returns all types, sorted.
func Types() []Type { return slices.Sorted(maps.Keys(languages)) }

// Policy is a policy as it was written, which says a part of what holds for an account. It is immutable.
type Policy struct {
	root   *block
	memory int // about, in bytes
}

// SyntaxError is what is wrong with a policy.
type SyntaxError struct {
	// Path leads to the place, by names that "/" divides.
	Path string
	// Problem says what is wrong there.
	Problem string
}

func (e *SyntaxError) Error() string {
	if e.Path == "" {
		return e.Problem
	}
	return e.Path + ": " + e.Problem
}

// operators are those that set values.
type operators uint8

const (
	assign operators = 1 << iota
	appendTo
	remove

	noOperators  operators = 0
	allOperators           = assign | appendTo | remove
)

// block is an object of a policy: a setting with its operators, or what has further blocks in it.
type block struct {
	schema *schema
	// name is as the effective policy has it.
	name    string
	members []*block
	// values are what the operators that stand here set. single: it is one value, not a list.
	values map[operators][]string
	single bool
	// allowed are the operators that policies further down may use here.
	allowed operators
}

func (b *block) member(name string) *block {
	for _, m := range b.members {
		if m.name == name {
			return m
		}
	}
	return nil
}
