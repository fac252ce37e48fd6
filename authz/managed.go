package authz

import (
	"strings"

	"emulator/identity"
	"emulator/identity/awspolicies"
	"emulator/store"
)

// managedPolicyText returns the text in force of a managed policy, of AWS's or of
// an account's own, and whether it exists.
func (a *Authorizer) managedPolicyText(r store.Reader, arn string) (text string, ok bool, err error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || !strings.HasPrefix(parts[5], "policy/") {
		return "", false, nil
	}
	partition, account, name := parts[1], parts[4], parts[5][strings.LastIndexByte(parts[5], '/')+1:]
	if account == "aws" {
		p, ok := awspolicies.Find(partition, arn)
		if !ok {
			return "", false, nil
		}
		return p.Document(), true, nil
	}
	p, ok, err := store.Load[identity.ManagedPolicy](r, identity.PolicyKey(account, name))
	if err != nil || !ok || p.ARN() != arn {
		return "", false, err
	}
	version, err := store.LoadShared(r, identity.PolicyVersionKey(account, name, p.Default), &a.texts)
	if err != nil || version == nil {
		return "", false, err
	}
	return *version, true, nil
}
