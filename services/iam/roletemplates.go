package iam

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Those of AWS's directory whose definition it was recorded to answer (stackd, testdata/aws/iam/role_template_catalogue.json;
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_role-template.html). All else are NoSuchEntity, as unknown ones are.
//
//go:embed roletemplates.json
var awsTemplates []byte

// RoleTemplates are versions of role templates, of which AWS has made some and whoever runs the emulator may add others. A version does
// not change.
type RoleTemplates []*types.RoleTemplateVersion

// builtInTemplates are AWS's.
var builtInTemplates = sync.OnceValue(func() RoleTemplates {
	all, err := ParseRoleTemplates(awsTemplates)
	if err != nil {
		panic(err) // a test reads them
	}
	return all
})

// find returns the version of a template, or nil. Without a minor version it is the template's default.
func (all RoleTemplates) find(arn string, minor *int32) *types.RoleTemplateVersion {
	for _, t := range all {
		if *t.TemplateArn == arn && *t.MinorVersion == *cmp.Or(minor, t.DefaultMinorVersion) {
			return t
		}
	}
	return nil
}

// template returns the version of a template, one of those that were added or AWS's, or nil.
func (s *Service) template(arn string, minor *int32) *types.RoleTemplateVersion {
	if t := s.templates.find(arn, minor); t != nil {
		return t
	}
	return builtInTemplates().find(arn, minor)
}

var templateARN = regexp.MustCompile(`^arn:aws[\w-]*:iam::aws:role-template/[\w.-]+/([\w+=,.-]{1,128}):([1-9]\d{0,8})$`)

// ParseRoleTemplates reads templates: a JSON list of what GetRoleTemplateVersion answers, in which a document may stand as an object, too.
// What the ARN says need not be said again. Versions are enabled, and minor version 0, unless they say otherwise.
func ParseRoleTemplates(text []byte) (RoleTemplates, error) {
	var raw []map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("role templates: %w", err)
	}
	var all RoleTemplates
	for i, members := range raw {
		t, err := parseRoleTemplate(members)
		if err != nil {
			return nil, fmt.Errorf("role template %d: %w", i+1, err)
		}
		if all.find(*t.TemplateArn, t.MinorVersion) != nil {
			return nil, fmt.Errorf("role template %d: version %d of %s stands twice", i+1, *t.MinorVersion, *t.TemplateArn)
		}
		all = append(all, t)
	}
	for _, t := range all {
		if all.find(*t.TemplateArn, nil) == nil {
			return nil, fmt.Errorf("role template %s has no version %d, which is its default", *t.TemplateArn, *t.DefaultMinorVersion)
		}
	}
	return all, nil
}

func parseRoleTemplate(members map[string]json.RawMessage) (*types.RoleTemplateVersion, error) {
	if err := asString(members, "AssumeRolePolicyDocumentTemplate"); err != nil {
		return nil, err
	}
	if inline := members["InlinePolicyTemplates"]; inline != nil {
		var policies []map[string]json.RawMessage
		if err := json.Unmarshal(inline, &policies); err != nil {
			return nil, err
		}
		for _, p := range policies {
			if err := asString(p, "PolicyDocument"); err != nil {
				return nil, err
			}
		}
		members["InlinePolicyTemplates"], _ = json.Marshal(policies) // of raw JSON and strings
	}
	text, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	t := &types.RoleTemplateVersion{Enabled: true, VersionEnabled: true, MinorVersion: aws.Int32(0)}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(t); err != nil {
		return nil, err
	}
	parts := templateARN.FindStringSubmatch(aws.ToString(t.TemplateArn))
	if parts == nil {
		return nil, fmt.Errorf("TemplateArn %q is not of the form arn:aws:iam::aws:role-template/SERVICE/NAME:MAJOR", aws.ToString(t.TemplateArn))
	}
	major, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil {
		return nil, err
	}
	t.TemplateName, t.MajorVersion = &parts[1], aws.Int32(int32(major))
	if t.DefaultMinorVersion == nil {
		t.DefaultMinorVersion = t.MinorVersion
	}
	return t, checkTemplate(t)
}

// asString makes a string of a member that is an object.
func asString(members map[string]json.RawMessage, name string) error {
	value := members[name]
	if len(value) == 0 || value[0] != '{' {
		return nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		return err
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(compact.String()); err != nil {
		return err
	}
	members[name] = bytes.TrimSpace(quoted.Bytes())
	return nil
}

// checkTemplate finds what no values can mend.
func checkTemplate(t *types.RoleTemplateVersion) error {
	if t.RoleNamePattern == nil || t.AssumeRolePolicyDocumentTemplate == nil {
		return fmt.Errorf("%s has no RoleNamePattern or no AssumeRolePolicyDocumentTemplate", *t.TemplateArn)
	}
	texts := []string{*t.RoleNamePattern, aws.ToString(t.RolePathPattern), aws.ToString(t.RoleDescriptionPattern), *t.AssumeRolePolicyDocumentTemplate}
	for _, p := range t.InlinePolicyTemplates {
		if p.PolicyName == nil || p.PolicyDocument == nil {
			return fmt.Errorf("an inline policy of %s has no name or no document", *t.TemplateArn)
		}
		texts = append(texts, *p.PolicyDocument)
	}
	for _, tag := range t.RoleTagsTemplate {
		texts = append(texts, aws.ToString(tag.Key), aws.ToString(tag.Value))
	}
	defined := make(map[string]bool)
	for _, p := range t.ParametersDefinition {
		if !slices.Contains(p.Type.Values(), p.Type) {
			return fmt.Errorf("the parameter %s of %s has the type %q", aws.ToString(p.Name), *t.TemplateArn, p.Type)
		}
		defined[aws.ToString(p.Name)] = true
	}
	for _, text := range texts {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			if !defined[m[1]] {
				return fmt.Errorf("%s does not define the parameter %s", *t.TemplateArn, m[1])
			}
		}
	}
	for _, document := range append(texts[3:4:4], texts[4:4+len(t.InlinePolicyTemplates)]...) {
		if _, _, err := enabledStatements(document, func(string) bool { return true }); err != nil {
			return fmt.Errorf("a document of %s: %w", *t.TemplateArn, err)
		}
	}
	return nil
}

// placeholder is what a value stands for.
var placeholder = regexp.MustCompile(`@\{([^{}"\\]*)\}`)

func isList(t types.ParameterTypeType) bool { return strings.HasSuffix(string(t), "List") }
