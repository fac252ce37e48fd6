package policy

import (
	"fmt"
	"slices"
	"strings"
)

// SyntaxError is a document that is not of the grammar of its kind.
type SyntaxError struct {
	// Message is what AWS says in MalformedPolicyDocument, where that is known.
	Message string
	// Detail says what is wrong there, which AWS mostly doesn't.
	Detail string
	// At is where the error was found.
	At Position
	// Path leads to the element: "Statement[0].Action[1]".
	Path string
}

// Error returns the message and where the error is.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s (line %d, column %d: %s)", e.Message, e.At.Line, e.At.Column, e.Detail)
}

// fault is a rule of the grammar that a document breaks. Their order is that in which
// AWS checks the rules, and so which of several faults it speaks of.
type fault int

const (
	faultRawText fault = iota
	faultJSON
	faultUnknownField
	faultSyntax
	faultNoStatements
	faultNoEffect
	faultVersion
	faultLegacy
	faultSid
	faultNoActions
	faultPrincipalForbidden
	faultNoPrincipal
	faultPrincipal
	faultKeyPolicy
	faultResourceFormat
	faultAction
	faultTrustAction
	faultForbidden
	faultNoResources
)

// AWS's sentences. Those with a verb are filled in by whoever finds the fault.
const (
	badSyntax     = "Syntax errors in policy."
	badVersion    = "Policy document must be version 2012-10-17 or greater."
	badLegacy     = "The policy failed legacy parsing"
	badVendor     = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	badColon      = "Actions/Condition can contain only one colon."
	badVendorName = "Vendor %s is not valid"
	badResource   = `Resource %s must be in ARN format or "*".`
	badPartition  = `Partition "%s" is not valid for resource "arn:%s:%s:%s:%s:%s".`
	badFullVendor = "Resource vendor must be fully qualified and cannot contain regexes."
	badIAMRegion  = "IAM resource %s cannot contain region information."
	badS3Region   = "Resource %s can not contain region information."
	badIAMPath    = `IAM resource path must either be "*" or start with %s.`
	badPrincipal  = `Invalid principal in policy: "%s":"%s"`
	badStar       = `AssumeRolepolicy contained an invalid principal: "STAR":"*".`
	badFederated  = "Federated principals must be valid domain names or SAML metadata ARNs"
	badLeading    = "JSON strings must not have leading spaces"
	// badKeyPolicy names all such keys, whichever of them the policy has.
	badKeyPolicy = "These condition keys are not permitted in a key policy: aws:ResourceTag, kms:ResourceTag, kms:ResourceAliases"
)

// sentences are AWS's messages of the faults that have one and the same in every document.
var sentences = map[fault]string{
	faultJSON:               badSyntax,
	faultUnknownField:       badSyntax,
	faultSyntax:             badSyntax,
	faultNoStatements:       badSyntax,
	faultNoEffect:           badSyntax,
	faultVersion:            badVersion,
	faultLegacy:             badLegacy,
	faultKeyPolicy:          badKeyPolicy,
	faultSid:                "Statement IDs (SID) in a single policy must be unique.",
	faultNoActions:          "Policy statement must contain actions.",
	faultNoResources:        "Policy statement must contain resources.",
	faultPrincipalForbidden: "Policy document should not specify a principal.",
	faultNoPrincipal:        "Missing required field Principal",
	faultTrustAction: "Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML, " +
		"sts:AssumeRoleWithWebIdentity, sts:SetSourceIdentity, sts:TagSession, and sts:SetContext",
}

// badOrganizations is all that AWS Organizations ever says of a service or resource control policy.
const badOrganizations = "The provided policy document does not meet the requirements of the specified policy type."

// message returns AWS's words for a fault: specific if the finder knows them, else
// those of the service that takes this kind of policy.
func (p *parser) message(f fault, specific, field string, at int) string {
	switch p.kind {
	case SCP, RCP:
		return badOrganizations
	case Session:
		if f == faultJSON {
			return "The policy is not in the valid JSON format."
		}
	case KeyPolicy:
		if f == faultPrincipal || f == faultNoPrincipal {
			return "Policy contains a statement with one or more invalid principals."
		}
	case TrustPolicy, Resource:
		// These go through a parser of their own, which tells more than that of IAM's policies.
		switch f {
		case faultJSON:
			return "This policy contains invalid Json"
		case faultUnknownField:
			return "Unknown field " + field
		case faultNoEffect, faultNoActions:
			return "Missing required field " + field
		case faultNoStatements:
			return "Could not parse the policy: Statement is empty!"
		case faultSyntax:
			where := position(p.policy.Text, at)
			return fmt.Sprintf("Syntax error at position (%d,%d)", where.Line, where.Column)
		}
	}
	switch {
	case specific != "":
		return specific
	case f == faultForbidden:
		return "Has prohibited field " + field
	}
	return sentences[f]
}

var partitions = []string{
	"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc",
}

// Where the resource of an ARN of IAM may begin, in the order of AWS's message.
var iamResources = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

// checkResource returns AWS's message if an element of Resource is not of the form
// that IAM asks for, with one of these partitions.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func checkResource(s string, partitions []string) (f fault, message string) {
	if s == "*" {
		return 0, ""
	}
	_, rest, ok := strings.Cut(s, ":")
	if !ok {
		return faultResourceFormat, fmt.Sprintf(badResource, s)
	}
	partition, rest, more := strings.Cut(rest, ":")
	if partition != "*" && !strings.Contains(partition, "${") && !slices.Contains(partitions, partition) {
		return faultResourceFormat, partitionMessage(partition, rest, more)
	}
	if !more {
		return faultResourceFormat, badFullVendor
	}
	service, rest, _ := strings.Cut(rest, ":")
	region, rest, _ := strings.Cut(rest, ":")
	_, resource, _ := strings.Cut(rest, ":")
	switch {
	case service == "" || strings.Count(s, ":") < 5 && strings.Contains(s, "::"):
		return faultLegacy, badLegacy
	case service == "iam" && region != "":
		return faultResourceFormat, fmt.Sprintf(badIAMRegion, s)
	case service == "s3" && region != "" && !strings.HasPrefix(resource, "access"): // accesspoint/, access-grants/
		return faultResourceFormat, fmt.Sprintf(badS3Region, s)
	case service == "iam" && resource != "*" && !iamResource(resource):
		return faultResourceFormat, fmt.Sprintf(badIAMPath, strings.Join(iamResources, ", "))
	}
	return 0, ""
}

// Types that IAM takes too, but does not list in its message.
var newerIAMResources = []string{"role-template/", "delegation-request/"}

// iamResource reports whether an IAM resource begins with a known type. A wildcard or
// variable before the first slash may stand for one; "root" is the account itself.
func iamResource(resource string) bool {
	kind, _, slash := strings.Cut(resource, "/")
	if strings.ContainsAny(kind, "*?$") || resource == "root" {
		return true
	}
	return slash && (slices.Contains(iamResources, kind+"/") || slices.Contains(newerIAMResources, kind+"/"))
}

// partitionMessage quotes the resource with what it lacks filled up by stars.
func partitionMessage(partition, rest string, more bool) string {
	parts := [4]string{"*", "*", "*", "*"}
	if more {
		copy(parts[:], strings.SplitN(rest, ":", 4))
	}
	return fmt.Sprintf(badPartition, partition, partition, parts[0], parts[1], parts[2], parts[3])
}

// checkAction returns AWS's message if an element of Action is not of the form
// vendor:action.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
func checkAction(s string) string {
	vendor, name, ok := strings.Cut(s, ":")
	switch {
	case s == "*":
		return ""
	case !ok || vendor == "" || name == "":
		return badVendor
	case strings.Contains(name, ":"):
		return badColon
	case vendor != "*" && strings.ContainsFunc(vendor, notVendor):
		return fmt.Sprintf(badVendorName, vendor)
	}
	return ""
}

func notVendor(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
}

// keyPolicyLacks reports whether a condition key, in lower case, is one for IAM policies only.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases
// https://docs.aws.amazon.com/kms/latest/developerguide/tag-authorization.html
func keyPolicyLacks(key string) bool {
	name, _, _ := strings.Cut(key, "/")
	return name == "aws:resourcetag" || name == "kms:resourcetag" || name == "kms:resourcealiases"
}

// trustActions are all that a trust policy can speak of, besides their wildcards.
var trustActions = []string{
	"sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:setsourceidentity",
	"sts:tagsession", "sts:setcontext",
}

// trustAction reports whether a pattern, in lower case, matches an action that a trust policy can have.
func trustAction(p *pattern) bool {
	for _, a := range trustActions {
		if p.match(a) {
			return true
		}
	}
	return false
}
