package identity

import (
	"crypto/rand"

	"emulator/store"
)

// AccountSettings is the record of what an account has chosen for itself.
type AccountSettings struct {
	// TokensForAllRegions: session tokens of STS's global endpoint are of version 2, which is
	// good in all regions, and not of version 1
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html).
	TokensForAllRegions bool `json:"tokensForAllRegions,omitempty"`
	// Alias is what people may call the account, or "".
	Alias string `json:"alias,omitempty"`
	// RoleManager: AWS's console makes roles from templates.
	RoleManager bool `json:"roleManager,omitempty"`
	// RootAccessKeys are the IDs of the root user's access keys, besides the RootKey.
	RootAccessKeys []string `json:"rootAccessKeys,omitempty"`
}

// AccountSettingsKey is the key of an account's AccountSettings.
func AccountSettingsKey(account string) []byte { return store.Key("iam", account, "settings") }

// accountLifeKey is the key under which the last reset of an account, or of all of them ("")
// is told from those before.
func accountLifeKey(account string) []byte { return store.Key("account-life", account) }

// AccountLife tells an account from the one that had its number before a reset. It is to the
// root user what a unique ID is to users and roles: sessions end with it. An account that was
// never reset has no record of it.
func AccountLife(r store.Reader, account string) string {
	return string(r.Get(accountLifeKey(""))) + string(r.Get(accountLifeKey(account)))
}

// EndAccountLife begins a new life of an account, or with "" of all of them.
func EndAccountLife(tx store.Tx, account string) error {
	return tx.Put(accountLifeKey(account), []byte(rand.Text()))
}

// DefaultRegion reports whether every account has the region enabled. All others, and all that
// AWS may add, are enabled by hand.
//
// https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
func DefaultRegion(region string) bool { return Partition(region) != "aws" || defaultRegions[region] }

var defaultRegions = map[string]bool{
	"us-east-1": true, "us-east-2": true, "us-west-1": true, "us-west-2": true, "ca-central-1": true, "sa-east-1": true,
	"eu-central-1": true, "eu-north-1": true, "eu-west-1": true, "eu-west-2": true, "eu-west-3": true,
	"ap-northeast-1": true, "ap-northeast-2": true, "ap-northeast-3": true, "ap-south-1": true, "ap-southeast-1": true, "ap-southeast-2": true,
}
