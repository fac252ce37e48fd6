package kms

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/policy"
	"emulator/store"
)

// Grant is the record of a grant. Records read from the store are shared.
type Grant struct {
	// Account, Region, Partition and Key are those of the key.
	Account   string `json:"account"`
	Region    string `json:"region"`
	Partition string `json:"partition"`
	Key       string `json:"key"`

	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Issuer is the account that made the grant.
	Issuer string `json:"issuer"`
	// Grantee and Retiree as authz.StoredPrincipal has them, or the names of services. Retiree may be "".
	Grantee     string                 `json:"grantee"`
	Retiree     string                 `json:"retiree,omitempty"`
	Operations  []types.GrantOperation `json:"operations"`
	Constraints grantConstraints       `json:"constraints,omitzero"`
	// Anchor is what an encryption context must have for the grant to be looked at: see anchorOf.
	Anchor string `json:"anchor,omitempty"`
}

// grantConstraints are types.GrantConstraints. Of the encryption contexts one is there at most; an empty one is one.
type grantConstraints struct {
	Equals    map[string]string `json:"equals,omitzero"`
	Subset    map[string]string `json:"subset,omitzero"`
	SourceARN string            `json:"sourceArn,omitempty"`
}

// types returns the names of the constraints.
func (g *grantConstraints) types() []string {
	var names []string
	if g.Equals != nil {
		names = append(names, "EncryptionContextEquals")
	}
	if g.Subset != nil {
		names = append(names, "EncryptionContextSubset")
	}
	if g.SourceARN != "" {
		names = append(names, "SourceArn")
	}
	return names
}

// context returns the pairs of the constraint on the encryption context, nil if there is none.
func (g *grantConstraints) context() map[string]string {
	if g.Equals != nil {
		return g.Equals
	}
	return g.Subset
}

// unconstrained are operations that have no encryption context.
var unconstrained = []types.GrantOperation{types.GrantOperationDescribeKey, types.GrantOperationRetireGrant}

func grantsPrefix(account, region, key string) []byte {
	return store.Key("kms", account, region, "grant", key)
}

func grantKey(account, region, key, id string) []byte {
	return append(grantsPrefix(account, region, key), store.Key(id)...)
}

// grantCountKey is where the number of a key's grants stands, if there are any.
func grantCountKey(account, region, key string) []byte {
	return store.Key("kms", account, region, "grant-count", key)
}

// granteePrefix begins the entries of the index from a key's grantees to their grants, by operation, and by what the
// encryption context must have. They stand under no operation, too, for lists. A decision reads few of them, however many there are.
func granteePrefix(account, region, key, grantee string, operation types.GrantOperation, anchor string) []byte {
	return store.Key("kms", account, region, "grant-of", key, grantee, string(operation), anchor)
}

// retireePrefix begins the entries of the index from retiring principals to the grants of a region.
func retireePrefix(region, retiree string) []byte { return store.Key("kms-retiree", region, retiree) }

// grantNameKey is the entry of the index that finds the grant with the same name and parameters.
func grantNameKey(g *Grant) []byte {
	same := *g
	same.ID, same.Created, same.Anchor = "", time.Time{}, ""
	text, _ := json.Marshal(same) // strings only
	return store.Key("kms", g.Account, g.Region, "grant-named", g.Key, digest(string(text)))
}

// entries yields the entries of indexes that a grant has, with their values.
func (g *Grant) entries(yield func(key []byte, value string) bool) {
	if !yield(append(granteePrefix(g.Account, g.Region, g.Key, g.Grantee, "", ""), store.Key(g.ID)...), "") {
		return
	}
	for _, operation := range g.Operations {
		if !yield(append(granteePrefix(g.Account, g.Region, g.Key, g.Grantee, operation, g.anchor(operation)), store.Key(g.ID)...), "") {
			return
		}
	}
	if g.Retiree != "" && !yield(append(retireePrefix(g.Region, g.Retiree), store.Key(g.Account, g.Key, g.ID)...), "") {
		return
	}
	if g.Name != "" {
		yield(grantNameKey(g), g.ID)
	}
}

func (g *Grant) anchor(operation types.GrantOperation) string {
	if slices.Contains(unconstrained, operation) {
		return ""
	}
	return g.Anchor
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// pairsOf returns the pairs of an encryption context as constraints compare them: the case of keys does not count there, that of
// values does. They are sorted.
//
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html
func pairsOf(context map[string]string) []string {
	pairs := make([]string, 0, len(context))
	for key, value := range context {
		key = strings.ToLower(key)
		pairs = append(pairs, strconv.Itoa(len(key))+":"+key+value)
	}
	slices.Sort(pairs)
	return slices.Compact(pairs)
}

// anchorOf returns under what a grant is found by an encryption context: if it must be equal, all of it; otherwise one of its pairs,
// the first that no other grant is found under, so that few are found at once though all have a pair in common.
func anchorOf(r store.Reader, g *Grant) string {
	if g.Constraints.Equals != nil {
		return wholeAnchor(pairsOf(g.Constraints.Equals))
	}
	anchor := ""
	for _, pair := range pairsOf(g.Constraints.Subset) {
		anchor = digest(pair)
		if !slices.ContainsFunc(g.Operations, func(operation types.GrantOperation) bool {
			return hasAny(r, granteePrefix(g.Account, g.Region, g.Key, g.Grantee, operation, anchor))
		}) {
			break
		}
	}
	return anchor
}

func wholeAnchor(pairs []string) string { return "=" + digest(strings.Join(pairs, "\x00")) }

func hasAny(r store.Reader, prefix []byte) bool {
	for range r.Scan(prefix, nil) {
		return true
	}
	return false
}

// holds reports whether an encryption context, as pairs, is as the constraint wants it.
func (g *grantConstraints) holds(pairs []string) bool {
	switch {
	case g.Equals != nil:
		return slices.Equal(pairsOf(g.Equals), pairs)
	case g.Subset != nil:
		return includes(pairs, pairsOf(g.Subset))
	}
	return true
}

// includes reports whether all of some are in all.
func includes[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(one T) bool { return !slices.Contains(all, one) })
}

// mayMake reports whether a grant's CreateGrant lets its grantee make a child: one of no more operations, with constraints that are as
// strict or stricter.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/create-grant-overview.html#grant-creategrant
func (g *Grant) mayMake(child *Grant) bool {
	switch {
	case !includes(g.Operations, child.Operations):
		return false
	case g.Constraints.SourceARN != "" && g.Constraints.SourceARN != child.Constraints.SourceARN:
		return false
	case g.Constraints.Equals != nil && child.Constraints.Equals == nil:
		return false
	}
	return g.Constraints.context() == nil || child.Constraints.context() != nil && g.Constraints.holds(pairsOf(child.Constraints.context()))
}

// grantedTo are the names by which grants can name a caller, the closest first.
func grantedTo(c api.Caller) []string {
	account := identity.ARN(c.Partition, "iam", c.Account, "root")
	switch {
	case c.Kind == identity.UserKind:
		return []string{c.User.ID, account}
	case c.Kind == identity.AssumedRole:
		return []string{c.ARN, c.Role.ID, account}
	case c.Kind == identity.FederatedUser && c.User != nil:
		return []string{c.ARN, c.User.ID, account}
	case c.Kind == identity.FederatedUser:
		return []string{c.ARN, account}
	}
	return []string{account}
}

// grants returns the grant by which the caller may do with the key what the access says, the closest if there are several.
func (s *Service) grants(r store.Reader, c api.Caller, k *Key, a access) ([]policy.Grant, error) {
	operation := types.GrantOperation(strings.TrimPrefix(a.action, "kms:"))
	if operation == types.GrantOperationRetireGrant {
		return retirer(c, k, a.grant), nil
	}
	if r.Get(grantCountKey(k.Account, k.Region, k.ID)) == nil {
		return nil, nil
	}
	pairs := pairsOf(contextOf(a.request))
	anchors := []string{"", wholeAnchor(pairs)}
	for _, pair := range pairs {
		anchors = append(anchors, digest(pair))
	}
	for _, grantee := range grantedTo(c) {
		if !hasAny(r, store.Key("kms", k.Account, k.Region, "grant-of", k.ID, grantee, string(operation))) {
			continue
		}
		for _, anchor := range anchors {
			for entry := range r.Scan(granteePrefix(k.Account, k.Region, k.ID, grantee, operation, anchor), nil) {
				parts := store.Parts(entry)
				g, err := s.loadGrant(r, grantKey(k.Account, k.Region, k.ID, parts[len(parts)-1]))
				if err != nil {
					return nil, err
				}
				if g != nil && g.allows(operation, pairs, a) {
					return []policy.Grant{{ID: g.ID, Grantee: g.Grantee}}, nil
				}
			}
		}
	}
	return nil, nil
}

// otherGrants describes a few grants that the caller has of a key, for whoever asks why none of them allowed a call.
func (s *Service) otherGrants(r store.Reader, c api.Caller, k *Key) string {
	const few = 3
	var all []string
	for _, grantee := range grantedTo(c) {
		for entry := range r.Scan(granteePrefix(k.Account, k.Region, k.ID, grantee, "", ""), nil) {
			parts := store.Parts(entry)
			g, err := s.loadGrant(r, grantKey(k.Account, k.Region, k.ID, parts[len(parts)-1]))
			if err != nil || g == nil || len(all) == few {
				break
			}
			text := fmt.Sprintf("grant %s is for %v", g.ID, g.Operations)
			if names := g.Constraints.types(); len(names) > 0 {
				text += fmt.Sprintf(" with %s %s", strings.Join(names, ", "), contextText(g.Constraints.context()))
			}
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

// allows reports whether a grant of the operation allows it with an encryption context.
func (g *Grant) allows(operation types.GrantOperation, pairs []string, a access) bool {
	switch arn := g.Constraints.SourceARN; {
	case arn != "" && arn != assumedSource(a.request):
		return false
	case operation == types.GrantOperationCreateGrant && a.grant != nil:
		return g.mayMake(a.grant)
	}
	return slices.Contains(unconstrained, operation) || g.Constraints.holds(pairs)
}

// contextOf returns the encryption context of a request, with what is assumed of it.
func contextOf(request authz.Request) map[string]string {
	pairs := make(map[string]string)
	for _, context := range []map[string][]string{request.Context, request.Assumed} {
		for name, values := range context {
			if prefix := "kms:EncryptionContext:"; len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) && len(values) == 1 {
				pairs[name[len(prefix):]] = values[0]
			}
		}
	}
	return pairs
}

// assumedSource returns the aws:SourceArn that a question assumes. No call has one: it would be a service's.
func assumedSource(request authz.Request) string {
	for name, values := range request.Assumed {
		if strings.EqualFold(name, "aws:SourceArn") && len(values) == 1 {
			return values[0]
		}
	}
	return ""
}

// retirer returns the grant as one of its retirement, to whom it is closest to the caller of those that may retire it: its retiring
// principal, its grantee if it has the operation, and the accounts that issued it and that own the key, which may hand it on to
// their own. Of no grant in particular it is the last of them.
//
// https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html
func retirer(c api.Caller, k *Key, g *Grant) []policy.Grant {
	if g == nil {
		g = &Grant{ID: "any", Partition: k.Partition, Issuer: k.Account}
	}
	by := []string{g.Retiree, identity.ARN(g.Partition, "iam", g.Issuer, "root"), identity.ARN(k.Partition, "iam", k.Account, "root")}
	if slices.Contains(g.Operations, types.GrantOperationRetireGrant) {
		by = append(by, g.Grantee)
	}
	for _, name := range grantedTo(c) {
		if slices.Contains(by, name) {
			return []policy.Grant{{ID: g.ID, Grantee: name, Alone: true}}
		}
	}
	return nil
}

// loadGrant returns the grant under a key of the store, or nil.
func (s *Service) loadGrant(r store.Reader, key []byte) (*Grant, error) {
	return store.LoadShared(r, key, &s.grantRecords)
}

// saveGrant stores a new grant with its entries in the indexes.
func saveGrant(tx store.Tx, g *Grant) error {
	for key, value := range g.entries {
		if err := tx.Put(key, []byte(value)); err != nil {
			return err
		}
	}
	if err := addToGrantCount(tx, g, 1); err != nil {
		return err
	}
	return store.Save(tx, grantKey(g.Account, g.Region, g.Key, g.ID), g)
}

func deleteGrant(tx store.Tx, g *Grant) error {
	for key := range g.entries {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	if err := addToGrantCount(tx, g, -1); err != nil {
		return err
	}
	return tx.Delete(grantKey(g.Account, g.Region, g.Key, g.ID))
}

func grantCount(r store.Reader, g *Grant) (int, error) {
	count, _, err := store.Load[int](r, grantCountKey(g.Account, g.Region, g.Key))
	return count, err
}

func addToGrantCount(tx store.Tx, g *Grant, more int) error {
	count, err := grantCount(tx, g)
	if err != nil {
		return err
	}
	key := grantCountKey(g.Account, g.Region, g.Key)
	if count += more; count == 0 {
		return tx.Delete(key)
	}
	return store.Save(tx, key, count)
}

// deleteGrants deletes the grants of a key that goes.
func deleteGrants(tx store.Tx, k *Key) error {
	var all []Grant
	for key := range tx.Scan(grantsPrefix(k.Account, k.Region, k.ID), nil) {
		g, _, err := store.Load[Grant](tx, key)
		if err != nil {
			return err
		}
		all = append(all, g)
	}
	for i := range all {
		if err := deleteGrant(tx, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

// isService reports whether a stored grantee or retiree is a service's name.
func isService(principal string) bool {
	return strings.Contains(principal, ".") && !strings.HasPrefix(principal, "arn:")
}

// listEntry returns a grant as lists show it.
func listEntry(r store.Reader, g *Grant) (types.GrantListEntry, error) {
	key := Key{Account: g.Account, Region: g.Region, Partition: g.Partition, ID: g.Key}
	arn, issuer := key.ARN(), identity.ARN(g.Partition, "iam", g.Issuer, "root")
	e := types.GrantListEntry{KeyId: &arn, GrantId: &g.ID, Name: &g.Name, CreationDate: &g.Created, IssuingAccount: &issuer, Operations: g.Operations}
	if len(g.Constraints.types()) > 0 {
		e.Constraints = &types.GrantConstraints{EncryptionContextEquals: g.Constraints.Equals, EncryptionContextSubset: g.Constraints.Subset}
		if g.Constraints.SourceARN != "" {
			e.Constraints.SourceArn = &g.Constraints.SourceARN
		}
	}
	grantee, err := authz.ShownPrincipal(r, g.Grantee)
	if err != nil {
		return e, err
	}
	e.GranteePrincipal = &grantee
	if isService(grantee) {
		e.GranteePrincipal, e.GranteeServicePrincipal = nil, &grantee
	}
	if g.Retiree == "" {
		return e, nil
	}
	retiree, err := authz.ShownPrincipal(r, g.Retiree)
	e.RetiringPrincipal = &retiree
	if isService(retiree) {
		e.RetiringPrincipal, e.RetiringServicePrincipal = nil, &retiree
	}
	return e, err
}

// grantTokenBinding keeps grant tokens apart from anything else that is sealed.
const grantTokenBinding = "kms grant token v1"

var tokenEncoding = base64.StdEncoding.Strict()

// grantToken returns a new token of a grant.
func (s *Service) grantToken(g *Grant) string {
	return tokenEncoding.EncodeToString(s.keyring.Seal(grantKey(g.Account, g.Region, g.Key, g.ID), grantTokenBinding))
}

// tokenGrant returns the grant that a token is of. Of one that was retired or revoked there is no good token any more.
func (s *Service) tokenGrant(r store.Reader, c api.Caller, token string) (*Grant, error) {
	invalid := api.Errorf("InvalidGrantTokenException", "The grant token is not valid.")
	sealed, err := tokenEncoding.DecodeString(token)
	if err != nil {
		return nil, invalid
	}
	key, err := s.keyring.Open(sealed, grantTokenBinding)
	if err != nil {
		return nil, invalid
	}
	g, err := s.loadGrant(r, key)
	if err != nil {
		return nil, err
	}
	if g == nil || g.Region != c.Region || g.Partition != c.Partition {
		return nil, invalid
	}
	return g, nil
}

// checkGrantTokens refuses tokens that are of no grant. A grant has effect as soon as it is made, whether or not its token is given.
func (s *Service) checkGrantTokens(ctx context.Context, c api.Caller, tokens []string) error {
	if len(tokens) == 0 {
		return nil
	}
	return s.store.View(ctx, func(r store.Reader) error {
		for _, token := range tokens {
			if _, err := s.tokenGrant(r, c, token); err != nil {
				return err
			}
		}
		return nil
	})
}

// newConstraints returns constraints that a request gives.
func newConstraints(given *types.GrantConstraints) grantConstraints {
	if given == nil {
		return grantConstraints{}
	}
	g := grantConstraints{Equals: maps.Clone(given.EncryptionContextEquals), Subset: maps.Clone(given.EncryptionContextSubset)}
	// Terraform's provider sends both, the one that is not meant empty.
	switch {
	case len(g.Equals) == 0 && len(g.Subset) > 0:
		g.Equals = nil
	case g.Equals != nil && len(g.Subset) == 0:
		g.Subset = nil
	}
	if given.SourceArn != nil {
		g.SourceARN = *given.SourceArn
	}
	return g
}
