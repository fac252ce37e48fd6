package issuer

import (
	"strconv"
	"strings"
	"time"
)

// gitlabEarly is how long before its making a token of GitLab's is valid from.
const gitlabEarly = 5 * time.Second

// gitlab adds the claims of a job of GitLab CI/CD. If an environment is asked for, there are
// the claims that tell more about it; user_identities and groups_direct are there if they
// are asked for.
//
// https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload
func gitlab(c *claimSet) error {
	project := c.add("project_path", "my-group/my-project")
	namespace, _, _ := cutLast(project, "/")
	namespace = c.add("namespace_path", namespace)
	namespaceID := c.add("namespace_id", number("gitlab namespace", namespace))
	projectID := c.add("project_id", number("gitlab project", project))
	// Where the job runs, which for merge requests of forks is another project.
	c.add("job_project_path", project)
	c.add("job_project_id", projectID)
	c.add("job_namespace_path", namespace)
	c.add("job_namespace_id", namespaceID)
	c.add("project_visibility", "private")

	user := c.add("user_login", "sample-user")
	c.add("user_id", number("gitlab user", user))
	c.add("user_email", user+"@example.com")
	c.add("user_access_level", "developer")

	ref, refType := c.add("ref", "main"), c.add("ref_type", "branch")
	path := "refs/heads/" + ref
	if refType == "tag" {
		path = "refs/tags/" + ref
	}
	path = c.add("ref_path", path)
	c.add("ref_protected", "false")
	sha := c.add("sha", commit(project+" "+path))
	_, host, _ := strings.Cut(c.issuer.URL, "://")
	c.add("ci_config_ref_uri", host+"/"+project+"//.gitlab-ci.yml@"+path)
	c.add("ci_config_sha", sha)

	pipeline := c.add("pipeline_id", strconv.FormatInt(c.issued.Unix(), 10))
	c.add("pipeline_source", "push")
	c.add("job_id", number("gitlab job", pipeline))
	c.all["runner_id"] = 1
	c.add("runner_environment", "gitlab-hosted")
	if c.text("environment", "") != "" {
		c.add("environment_protected", "false")
		c.add("environment_action", "start")
		c.add("deployment_tier", "other")
	}

	c.all["nbf"] = c.issued.Add(-gitlabEarly).Unix()
	c.all["aud"] = c.issuer.URL
	names := c.request.SubjectClaims
	if len(names) == 0 {
		names = []string{"project_path", "ref_type", "ref"}
	}
	var err error
	c.all["sub"], err = c.subject(names, nil, func(value string) string { return value })
	return err
}

func cutLast(s, sep string) (before, after string, found bool) {
	if at := strings.LastIndex(s, sep); at >= 0 {
		return s[:at], s[at+len(sep):], true
	}
	return s, "", false
}
