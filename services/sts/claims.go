package sts

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"emulator/api"
	"emulator/services/sts/oidc"
)

// Claims by which an identity provider sets a session's tags and source identity.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp
const (
	tagsClaim           = "https://aws.amazon.com/tags"
	principalTags       = "principal_tags"
	transitiveTagKeys   = "transitive_tag_keys"
	sourceIdentityClaim = "https://aws.amazon.com/source_identity"
)

// AWS's limits of session tags.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

// conditionKeys returns the condition keys that a token's claims become, for the trust
// policy and for the policies of the session. AWS passes on these claims and no others. audiences are
// those of the token that the provider accepts.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
func conditionKeys(issuer string, t *oidc.Token, audiences []string) (trust, session map[string][]string) {
	trust = map[string][]string{
		issuer + ":sub":  {t.Subject},
		issuer + ":aud":  audiences,
		issuer + ":oaud": t.Audience,
	}
	session = map[string][]string{
		issuer + ":sub": {t.Subject},
		issuer + ":aud": audiences,
	}
	if amr := claimValues(t.Claims["amr"]); amr != nil {
		trust[issuer+":amr"], session[issuer+":amr"] = amr, amr
	}
	if email := claimValues(t.Claims["email"]); email != nil {
		trust[issuer+":email"] = email
	}
	for _, claim := range issuerClaims[issuer] {
		if values := claimValues(t.Claims[claim]); values != nil {
			trust[issuer+":"+claim] = values
		}
	}
	return trust, session
}

// issuerClaims are the further claims that AWS passes on of certain issuers.
var issuerClaims = map[string][]string{
	"token.actions.githubusercontent.com": {
		"actor", "actor_id", "enterprise_id", "environment", "job_workflow_ref", "ref",
		"repository", "repository_id", "repository_owner_id", "workflow",
	},
}

// audience returns whom the token is for: the azp claim, or aud if there is none.
func audience(t *oidc.Token) []string {
	if t.AuthorizedParty != "" {
		return []string{t.AuthorizedParty}
	}
	return t.Audience
}

// claimValues returns the values of a claim as a condition sees them, nil if it has none.
func claimValues(claim any) []string {
	switch v := claim.(type) {
	case bool:
		return []string{strconv.FormatBool(v)}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	}
	values, _ := oidc.Strings(claim)
	return values
}

// tokenTags returns the session tags in a token's claims, which come in two forms: an object, and
// one claim for each tag.
func tokenTags(t *oidc.Token) (tags map[string]string, transitive []string, err error) {
	tags = make(map[string]string)
	add := func(key string, claim any) {
		values, ok := oidc.Strings(claim)
		switch {
		case err != nil:
		case !ok || len(values) != 1:
			err = invalidToken("The session tag %s must have one value", key)
		case hasKey(tags, key):
			err = api.Errorf("InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		case !isTag(key, values[0]) || len(tags) == maxTags:
			err = invalidToken("The session tags in the token are not valid")
		default:
			tags[key] = values[0]
		}
	}
	claims, _ := t.Claims[tagsClaim].(map[string]any)
	object, _ := claims[principalTags].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		add(key, object[key])
	}
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		if key, ok := strings.CutPrefix(name, tagsClaim+"/"+principalTags+"/"); ok {
			add(key, t.Claims[name])
		}
	}
	for _, claim := range []any{claims[transitiveTagKeys], t.Claims[tagsClaim+"/"+transitiveTagKeys]} {
		keys, ok := oidc.Strings(claim)
		if claim != nil && !ok {
			err = invalidToken("The transitive tag keys in the token are not valid")
		}
		transitive = append(transitive, keys...)
	}
	slices.Sort(transitive)
	return tags, slices.Compact(transitive), err
}

// Patterns of the API model, for what comes in a token and not as a parameter.
var (
	tagPattern            = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	sourceIdentityPattern = regexp.MustCompile(`^[\w+=,.@-]{2,256}$`)
)

func isTag(key, value string) bool {
	return key != "" && utf8.RuneCountInString(key) <= maxTagKey && utf8.RuneCountInString(value) <= maxTagValue &&
		tagPattern.MatchString(key) && tagPattern.MatchString(value) && !strings.HasPrefix(strings.ToLower(key), "aws:")
}

// tokenSourceIdentity returns the source identity in a token's claims, or "".
func tokenSourceIdentity(t *oidc.Token) (string, error) {
	claim := t.Claims[sourceIdentityClaim]
	if claim == nil {
		return "", nil
	}
	values, ok := oidc.Strings(claim)
	if !ok || len(values) != 1 || !sourceIdentityPattern.MatchString(values[0]) {
		return "", invalidToken("The source identity in the token is not valid")
	}
	return values[0], nil
}
