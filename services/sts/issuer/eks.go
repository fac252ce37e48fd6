package issuer

// eks adds the claims of the token of a Kubernetes service account that EKS's webhook mounts into
// a pod, with which the pod assumes the service account's role.
//
// https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
func eks(c *claimSet) error {
	namespace := c.take("namespace", "default")
	account := c.take("serviceaccount", "default")
	pod := c.take("pod", account+"-pod")
	node := c.take("node", "ip-192-168-0-1.ec2.internal")
	c.all["kubernetes.io"] = map[string]any{
		"namespace":      namespace,
		"node":           reference("node", node, node),
		"pod":            reference("pod", namespace+"/"+pod, pod),
		"serviceaccount": reference("serviceaccount", namespace+"/"+account, account),
	}
	c.all["nbf"] = c.issued.Unix()
	c.all["aud"] = stsAudience
	// A claim kubernetes.io that was asked for as a whole is what the subject is of.
	if whole, ok := c.given["kubernetes.io"].(map[string]any); ok {
		if name, ok := whole["namespace"].(string); ok {
			namespace = name
		}
		if of, ok := whole["serviceaccount"].(map[string]any); ok {
			if name, ok := of["name"].(string); ok {
				account = name
			}
		}
	}
	c.all["sub"] = "system:serviceaccount:" + namespace + ":" + account
	return nil
}

func reference(kind, what, name string) map[string]any {
	return map[string]any{"name": name, "uid": uuidOf("kubernetes "+kind, what)}
}
