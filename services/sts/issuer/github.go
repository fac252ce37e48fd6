package issuer

import (
	"strconv"
	"strings"
	"time"
)

// githubEarly is how long before its making a token of GitHub's is valid from.
const githubEarly = 10 * time.Minute

// github adds the claims of a job of GitHub Actions. All of GitHub's values are text. Of
// the claims that not every job has, environment, enterprise, enterprise_id and
// repo_property_* are there if they are asked for.
//
// https://docs.github.com/en/actions/reference/security/oidc
func github(c *claimSet) error {
	repository := c.add("repository", "octo-org/octo-repo")
	owner, name, _ := strings.Cut(repository, "/")
	owner = c.add("repository_owner", owner)
	ownerID := c.add("repository_owner_id", number("github owner", owner))
	repositoryID := c.add("repository_id", number("github repository", repository))
	c.add("repository_visibility", "private")
	c.add("actor_id", number("github owner", c.add("actor", "octocat")))

	event := c.add("event_name", "push")
	ref, head, base := "refs/heads/main", "", ""
	if event == "pull_request" {
		ref, head, base = "refs/pull/1/merge", "feature", "main"
	}
	ref = c.add("ref", ref)
	c.add("head_ref", head)
	c.add("base_ref", base)
	refType := "branch"
	if strings.HasPrefix(ref, "refs/tags/") {
		refType = "tag"
	}
	c.add("ref_type", refType)
	c.add("ref_protected", "false")
	sha := c.add("sha", commit(repository+" "+ref))

	c.add("workflow", "deploy")
	workflow := c.add("workflow_ref", repository+"/.github/workflows/deploy.yml@"+ref)
	workflowSHA := c.add("workflow_sha", sha)
	c.add("job_workflow_ref", workflow)
	c.add("job_workflow_sha", workflowSHA)
	run := c.add("run_id", strconv.FormatInt(c.issued.UnixMilli(), 10))
	c.add("run_number", "1")
	c.add("run_attempt", "1")
	c.add("check_run_id", number("github job", run))
	c.add("runner_environment", "github-hosted")

	c.all["nbf"] = c.issued.Add(-githubEarly).Unix()
	c.all["aud"] = stsAudience
	if c.request.ownersAudience {
		c.all["aud"] = "https://github.com/" + owner
	}
	repo := "repo:" + repository
	if c.request.ImmutableSubject {
		repo = "repo:" + owner + "@" + ownerID + "/" + name + "@" + repositoryID
	}
	special := map[string]string{"repo": repo, "context": githubContext(c, event, ref)}
	names := c.request.SubjectClaims
	if len(names) == 0 {
		names = []string{"repo", "context"}
	}
	var err error
	c.all["sub"], err = c.subject(names, special, githubEscape)
	return err
}

// githubContext is the part of a subject that follows the repository
// (https://docs.github.com/en/actions/reference/security/oidc#example-subject-claims).
func githubContext(c *claimSet, event, ref string) string {
	switch environment := c.text("environment", ""); {
	case environment != "":
		return "environment:" + githubEscape(environment)
	case event == "pull_request":
		return "pull_request"
	default:
		return "ref:" + githubEscape(ref)
	}
}

// githubEscape keeps what is in a value apart from what a subject is composed with
// (https://docs.github.com/en/actions/reference/security/oidc#filtering-for-metadata-containing-).
func githubEscape(value string) string { return strings.ReplaceAll(value, ":", "%3A") }
