package organizations_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"

	"emulator/emulatortest"
	"emulator/server"
	service "emulator/services/organizations"
	"emulator/store"
	"emulator/store/bolt"
)

// tree is an organization under test.
type tree struct {
	*organizations.Client
	t        *testing.T
	e        *emulatortest.Emulator
	id, root string
}

func newTree(t *testing.T, config ...server.Config) *tree {
	t.Helper()
	e := emulatortest.Start(t, config...)
	client := organizations.NewFromConfig(e.Config())
	made, err := client.CreateOrganization(t.Context(), nil)
	check(t, err)
	roots, err := client.ListRoots(t.Context(), nil)
	check(t, err)
	return &tree{client, t, e, *made.Organization.Id, *roots.Roots[0].Id}
}

// unit makes an organizational unit and returns its ID.
func (o *tree) unit(parent, name string) string {
	o.t.Helper()
	out, err := o.CreateOrganizationalUnit(o.t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
	check(o.t, err)
	return *out.OrganizationalUnit.Id
}

// account makes an account in a unit, or in the root, and returns its ID.
func (o *tree) account(parent, name string) string {
	o.t.Helper()
	account := createAccount(o.t, o.Client, name)
	if parent != o.root {
		check(o.t, o.move(account, o.root, parent))
	}
	return account
}

func (o *tree) move(account, from, to string) error {
	_, err := o.MoveAccount(o.t.Context(), &organizations.MoveAccountInput{AccountId: &account, SourceParentId: &from, DestinationParentId: &to})
	return err
}

// as is a client of an account's root user.
func (o *tree) as(account string) *organizations.Client {
	return organizations.NewFromConfig(o.e.ConfigWith(account, "test", "", "us-east-1"))
}

func wantConstraint(t *testing.T, err error, reason types.ConstraintViolationExceptionReason) {
	t.Helper()
	if e, ok := errors.AsType[*types.ConstraintViolationException](err); !ok || e.Reason != reason {
		t.Errorf("got %v, want %s", err, reason)
	}
}

func wantInput(t *testing.T, err error, reason types.InvalidInputExceptionReason) {
	t.Helper()
	if e, ok := errors.AsType[*types.InvalidInputException](err); !ok || e.Reason != reason {
		t.Errorf("got %v, want %s", err, reason)
	}
}

func TestOrganizationalUnits(t *testing.T) {
	o := newTree(t)
	made, err := o.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &o.root, Name: aws.String("Team")})
	check(t, err)
	u := made.OrganizationalUnit
	if !regexp.MustCompile(`^ou-`+o.root[2:]+`-[a-z0-9]{8}$`).MatchString(*u.Id) || *u.Name != "Team" ||
		*u.Arn != "arn:aws:organizations::000000000000:ou/"+o.id+"/"+*u.Id || *u.Path != o.id+"/"+o.root+"/"+*u.Id+"/" {
		t.Errorf("got %+v", u)
	}
	inner := o.unit(*u.Id, "Team")
	described, err := o.DescribeOrganizationalUnit(t.Context(), &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &inner})
	check(t, err)
	if got := *described.OrganizationalUnit.Path; got != *u.Path+inner+"/" {
		t.Errorf("path %s", got)
	}
	rename := func(name *string) (*organizations.UpdateOrganizationalUnitOutput, error) {
		return o.UpdateOrganizationalUnit(t.Context(), &organizations.UpdateOrganizationalUnitInput{OrganizationalUnitId: u.Id, Name: name})
	}
	o.unit(o.root, "Other")
	_, err = rename(aws.String("Other"))
	wantCode(t, err, "DuplicateOrganizationalUnitException")
	for _, name := range []*string{aws.String("Team"), nil, aws.String("Crew")} {
		renamed, err := rename(name)
		check(t, err)
		if want := aws.ToString(name); name != nil && *renamed.OrganizationalUnit.Name != want || *renamed.OrganizationalUnit.Id != *u.Id {
			t.Errorf("got %+v", renamed.OrganizationalUnit)
		}
	}
	o.unit(o.root, "Team") // its name is free again
	_, err = o.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &o.root, Name: aws.String("Crew")})
	wantCode(t, err, "DuplicateOrganizationalUnitException")

	remove := func(id string) error {
		_, err := o.DeleteOrganizationalUnit(t.Context(), &organizations.DeleteOrganizationalUnitInput{OrganizationalUnitId: &id})
		return err
	}
	wantCode(t, remove(*u.Id), "OrganizationalUnitNotEmptyException")
	account := o.account(inner, "a")
	wantCode(t, remove(inner), "OrganizationalUnitNotEmptyException")
	check(t, o.move(account, inner, o.root))
	check(t, remove(inner))
	check(t, remove(*u.Id))
	o.unit(o.root, "Crew")
	for _, err := range []error{remove(inner), func() error { _, err := rename(aws.String("x")); return err }(), func() error {
		_, err := o.DescribeOrganizationalUnit(t.Context(), &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &inner})
		return err
	}()} {
		wantCode(t, err, "OrganizationalUnitNotFoundException")
	}
}

// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
func TestTreeHasLimits(t *testing.T) {
	o := newTree(t, server.Config{Quotas: []string{"organizations.OrganizationalUnits=6"}})
	parent := o.root
	create := func(name string) error {
		_, err := o.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
		return err
	}
	for range 5 {
		parent = o.unit(parent, "deeper")
	}
	wantConstraint(t, create("too deep"), types.ConstraintViolationExceptionReasonOuDepthLimitExceeded)
	parent = o.root
	check(t, create("sixth"))
	wantConstraint(t, create("seventh"), types.ConstraintViolationExceptionReasonOuNumberLimitExceeded)
}

func TestMoveAccount(t *testing.T) {
	o := newTree(t)
	a, b := o.unit(o.root, "a"), o.unit(o.root, "b")
	inner := o.unit(b, "inner")
	account := o.account(a, "team")
	where := func() string {
		t.Helper()
		got, err := o.DescribeAccount(t.Context(), &organizations.DescribeAccountInput{AccountId: &account})
		check(t, err)
		if got.Account.State != types.AccountStateActive || got.Account.Status != types.AccountStatusActive {
			t.Errorf("state %s, status %s", got.Account.State, got.Account.Status)
		}
		return got.Account.Paths[0]
	}
	if got, want := where(), o.id+"/"+o.root+"/"+a+"/"+account+"/"; got != want {
		t.Errorf("in %s, want %s", got, want)
	}
	missing := "ou-" + o.root[2:] + "-aaaaaaaa"
	for _, c := range []struct{ account, from, to, code string }{
		{"999999999999", a, b, "AccountNotFoundException"},
		{account, missing, b, "SourceParentNotFoundException"},
		{account, b, o.root, "SourceParentNotFoundException"},
		{account, a, missing, "DestinationParentNotFoundException"},
		{account, a, "r-zzzz0", "DestinationParentNotFoundException"},
		{account, a, a, "DuplicateAccountException"},
	} {
		wantCode(t, o.move(c.account, c.from, c.to), c.code)
	}
	check(t, o.move(account, a, inner))
	if got, want := where(), o.id+"/"+o.root+"/"+b+"/"+inner+"/"+account+"/"; got != want {
		t.Errorf("in %s, want %s", got, want)
	}
	check(t, o.move("000000000000", o.root, a)) // the management account is one like others
}

func TestListsOfTheTree(t *testing.T) {
	o := newTree(t)
	u := o.unit(o.root, "u")
	var units, accounts []string
	for i := range 3 {
		units = append(units, o.unit(u, fmt.Sprint("unit ", i)))
		accounts = append(accounts, o.account(u, fmt.Sprint("a", i)))
	}
	slices.Sort(units)
	slices.Sort(accounts)
	o.unit(units[0], "hidden")
	o.account(o.root, "outside")
	one := aws.Int32(1)
	for name, c := range map[string]struct {
		want []string
		list func(token *string) (ids []string, next *string, err error)
	}{
		"ListChildren of accounts": {accounts, func(token *string) (ids []string, next *string, err error) {
			out, err := o.ListChildren(t.Context(), &organizations.ListChildrenInput{ParentId: &u, ChildType: types.ChildTypeAccount, MaxResults: one, NextToken: token})
			check(t, err)
			for _, c := range out.Children {
				ids = append(ids, *c.Id)
			}
			return ids, out.NextToken, err
		}},
		"ListChildren of units": {units, func(token *string) (ids []string, next *string, err error) {
			out, err := o.ListChildren(t.Context(), &organizations.ListChildrenInput{ParentId: &u, ChildType: types.ChildTypeOrganizationalUnit, MaxResults: one, NextToken: token})
			check(t, err)
			for _, c := range out.Children {
				ids = append(ids, *c.Id)
			}
			return ids, out.NextToken, err
		}},
		"ListAccountsForParent": {accounts, func(token *string) (ids []string, next *string, err error) {
			out, err := o.ListAccountsForParent(t.Context(), &organizations.ListAccountsForParentInput{ParentId: &u, MaxResults: one, NextToken: token})
			check(t, err)
			for _, a := range out.Accounts {
				ids = append(ids, *a.Id)
			}
			return ids, out.NextToken, err
		}},
		"ListOrganizationalUnitsForParent": {units, func(token *string) (ids []string, next *string, err error) {
			out, err := o.ListOrganizationalUnitsForParent(t.Context(), &organizations.ListOrganizationalUnitsForParentInput{ParentId: &u, MaxResults: one, NextToken: token})
			check(t, err)
			for _, u := range out.OrganizationalUnits {
				ids = append(ids, *u.Id)
			}
			return ids, out.NextToken, err
		}},
	} {
		var got []string
		for token, pages := (*string)(nil), 0; token != nil || pages == 0; pages++ {
			page, next, err := c.list(token)
			check(t, err)
			got, token = append(got, page...), next
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	for child, want := range map[string]types.Parent{
		accounts[0]:    {Id: &u, Type: types.ParentTypeOrganizationalUnit},
		u:              {Id: &o.root, Type: types.ParentTypeRoot},
		"000000000000": {Id: &o.root, Type: types.ParentTypeRoot},
	} {
		out, err := o.ListParents(t.Context(), &organizations.ListParentsInput{ChildId: &child})
		check(t, err)
		if len(out.Parents) != 1 || *out.Parents[0].Id != *want.Id || out.Parents[0].Type != want.Type {
			t.Errorf("parents of %s: %+v", child, out.Parents)
		}
	}
	missing := "ou-" + o.root[2:] + "-aaaaaaaa"
	_, err := o.ListParents(t.Context(), &organizations.ListParentsInput{ChildId: &missing})
	wantCode(t, err, "ChildNotFoundException")
	_, err = o.ListParents(t.Context(), &organizations.ListParentsInput{ChildId: aws.String("999999999999")})
	wantCode(t, err, "ChildNotFoundException")
	for _, parent := range []string{missing, "r-zzzz0"} {
		_, err = o.ListChildren(t.Context(), &organizations.ListChildrenInput{ParentId: &parent, ChildType: types.ChildTypeAccount})
		wantCode(t, err, "ParentNotFoundException")
		_, err = o.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: aws.String("x")})
		wantCode(t, err, "ParentNotFoundException")
	}
}

func TestListCreateAccountStatus(t *testing.T) {
	o := newTree(t, server.Config{Transition: time.Hour})
	create := func(name string) {
		_, err := o.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: &name, Email: aws.String(name + "@example.com")})
		check(t, err)
	}
	create("first")
	o.e.Clock.Advance(2 * time.Hour)
	create("second")
	list := func(states ...types.CreateAccountState) (names []string) {
		t.Helper()
		for p := organizations.NewListCreateAccountStatusPaginator(o, &organizations.ListCreateAccountStatusInput{States: states, MaxResults: aws.Int32(1)}); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			check(t, err)
			for _, s := range page.CreateAccountStatuses {
				names = append(names, *s.AccountName)
			}
		}
		slices.Sort(names)
		return names
	}
	for _, c := range []struct{ got, want []string }{
		{list(), []string{"first", "second"}},
		{list(types.CreateAccountStateSucceeded), []string{"first"}},
		{list(types.CreateAccountStateInProgress), []string{"second"}},
		{list(types.CreateAccountStateFailed), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}

// The organization goes with its units; nothing of it is left.
func TestDeleteOrganizationWithUnits(t *testing.T) {
	o := newTree(t)
	o.unit(o.unit(o.root, "a"), "b")
	_, err := o.DeleteOrganization(t.Context(), nil)
	check(t, err)
	_, err = o.CreateOrganization(t.Context(), nil)
	check(t, err)
	children, err := o.ListRoots(t.Context(), nil)
	check(t, err)
	out, err := o.ListOrganizationalUnitsForParent(t.Context(), &organizations.ListOrganizationalUnitsForParentInput{ParentId: children.Roots[0].Id})
	check(t, err)
	if out.OrganizationalUnits == nil || len(out.OrganizationalUnits) > 0 {
		t.Errorf("got %+v", out.OrganizationalUnits)
	}
}

// What a user may do to which resource, by the ARNs and condition keys of
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html
func TestPermissionsInTheTree(t *testing.T) {
	o := newTree(t)
	u := o.unit(o.root, "u")
	account := createAccount(t, o.Client, "team")
	_, err := o.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &u, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}})
	check(t, err)
	people := iam.NewFromConfig(o.e.Config())
	_, err = people.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")})
	check(t, err)
	key, err := people.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")})
	check(t, err)
	ann := organizations.NewFromConfig(o.e.ConfigWith(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "", "us-east-1"))
	arn := func(kind, id string) string {
		return "arn:aws:organizations::000000000000:" + kind + "/" + o.id + "/" + id
	}
	allow := func(action, resource, condition string) string {
		return `{"Effect":"Allow","Action":"organizations:` + action + `","Resource":"` + resource + `","Condition":` + condition + `}`
	}
	describe := func() error {
		_, err := ann.DescribeOrganizationalUnit(t.Context(), &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &u})
		return err
	}
	move := func() error {
		_, err := ann.MoveAccount(t.Context(), &organizations.MoveAccountInput{AccountId: &account, SourceParentId: &u, DestinationParentId: &u})
		return err
	}
	create := func(tags ...types.Tag) func() error {
		return func() error {
			_, err := ann.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &u, Name: aws.String("x"), Tags: tags})
			return err
		}
	}
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	tagIt := func() error {
		_, err := ann.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &account, Tags: []types.Tag{tag("team", "blue")}})
		return err
	}
	untagIt := func() error {
		_, err := ann.UntagResource(t.Context(), &organizations.UntagResourceInput{ResourceId: &u, TagKeys: []string{"other"}})
		return err
	}
	for _, c := range []struct {
		name     string
		policies []string
		call     func() error
		denied   string // the action, "" if it is allowed
		resource string
	}{
		{"nothing", nil, describe, "DescribeOrganizationalUnit", arn("ou", u)},
		{"by ARN", []string{allow("DescribeOrganizationalUnit", arn("ou", u), "{}")}, describe, "", ""},
		{"by the tag of the unit", []string{allow("DescribeOrganizationalUnit", "*", `{"StringEquals":{"aws:ResourceTag/team":"red"}}`)}, describe, "", ""},
		{"by another tag", []string{allow("DescribeOrganizationalUnit", "*", `{"StringEquals":{"aws:ResourceTag/team":"blue"}}`)}, describe, "DescribeOrganizationalUnit", arn("ou", u)},
		{"MoveAccount needs the account", []string{allow("MoveAccount", arn("ou", u), "{}")}, move, "MoveAccount", arn("account", account)},
		{"MoveAccount needs the parents", []string{allow("MoveAccount", arn("account", account), "{}")}, move, "MoveAccount", arn("ou", u)},
		{"MoveAccount with all", []string{allow("MoveAccount", arn("account", account), "{}"), allow("MoveAccount", arn("ou", u), "{}")}, move, "", ""},
		{"tags on creation need TagResource", []string{allow("CreateOrganizationalUnit", "*", "{}")}, create(tag("a", "b")), "TagResource", arn("ou", u)},
		{"tags of the request", []string{allow("*", "*", `{"StringEquals":{"aws:RequestTag/a":"b"}}`)}, create(tag("a", "c")), "CreateOrganizationalUnit", arn("ou", u)},
		{"keys of the request", []string{allow("TagResource", "*", `{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}`)}, tagIt, "", ""},
		{"other keys of the request", []string{allow("TagResource", "*", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["cost"]}}`)}, tagIt, "TagResource", arn("account", account)},
		{"keys of an untagging", []string{allow("UntagResource", arn("ou", u), `{"ForAnyValue:StringEquals":{"aws:TagKeys":["other"]}}`)}, untagIt, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			document := `{"Version":"2012-10-17","Statement":[` + strings.Join(append(c.policies, allow("Never", "*", "{}")), ",") + `]}`
			_, err := people.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("ann"), PolicyName: aws.String("p"), PolicyDocument: &document})
			check(t, err)
			err = c.call()
			e, refused := errors.AsType[smithy.APIError](err)
			refused = refused && strings.HasPrefix(e.ErrorCode(), "AccessDenied")
			if refused != (c.denied != "") || refused && !strings.Contains(e.ErrorMessage(), "organizations:"+c.denied+" on resource: "+c.resource+" ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A member's account calls nothing of the tree; one outside of any organization has none.
func TestTreeIsOfTheManagementAccount(t *testing.T) {
	o := newTree(t)
	account := o.account(o.root, "team")
	calls := map[string]func(*organizations.Client) error{
		"CreateOrganizationalUnit": func(c *organizations.Client) error {
			_, err := c.CreateOrganizationalUnit(t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: &o.root, Name: aws.String("x")})
			return err
		},
		"ListChildren": func(c *organizations.Client) error {
			_, err := c.ListChildren(t.Context(), &organizations.ListChildrenInput{ParentId: &o.root, ChildType: types.ChildTypeAccount})
			return err
		},
		"ListParents": func(c *organizations.Client) error {
			_, err := c.ListParents(t.Context(), &organizations.ListParentsInput{ChildId: &account})
			return err
		},
		"MoveAccount": func(c *organizations.Client) error {
			_, err := c.MoveAccount(t.Context(), &organizations.MoveAccountInput{AccountId: &account, SourceParentId: &o.root, DestinationParentId: &o.root})
			return err
		},
		"TagResource": func(c *organizations.Client) error {
			_, err := c.TagResource(t.Context(), &organizations.TagResourceInput{ResourceId: &account, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("")}}})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			wantCode(t, call(o.as(account)), "AccessDeniedException")
			wantCode(t, call(o.as("222222222222")), "AWSOrganizationsNotInUseException")
		})
	}
}

// Each operation is in the table of callers, but those that an account outside of any organization can call too, which have rules of
// their own.
func TestCallersOfEachOperation(t *testing.T) {
	own := []string{"AcceptHandshake", "CancelHandshake", "CreateOrganization", "DeclineHandshake", "DescribeHandshake", "ListHandshakesForAccount"}
	for _, op := range service.New(service.Config{}).Operations() {
		if inTable := service.InCallableFrom(op.Name); inTable == slices.Contains(own, op.Name) {
			t.Errorf("%s in the table: %v", op.Name, inTable)
		}
	}
}

// A database of an older version has no index of the accounts in the root: it is made when the database is opened.
func TestOlderDatabase(t *testing.T) {
	dir := t.TempDir()
	var account string
	t.Run("before", func(t *testing.T) {
		o := newTree(t, server.Config{DataDir: dir})
		account = o.account(o.root, "team")
	})
	db, err := bolt.Open(filepath.Join(dir, "emulator.db"), bolt.Options{})
	check(t, err)
	check(t, db.Update(t.Context(), func(tx store.Tx) error {
		var keys [][]byte
		for key := range tx.Scan(store.Key("in-organization"), nil) {
			keys = append(keys, slices.Clone(key))
		}
		if len(keys) != 2 {
			t.Errorf("%d records", len(keys))
		}
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	}))
	check(t, db.Close())
	e := emulatortest.Start(t, server.Config{DataDir: dir})
	client := organizations.NewFromConfig(e.Config())
	roots, err := client.ListRoots(t.Context(), nil)
	check(t, err)
	children, err := client.ListChildren(t.Context(), &organizations.ListChildrenInput{ParentId: roots.Roots[0].Id, ChildType: types.ChildTypeAccount})
	check(t, err)
	if len(children.Children) != 2 || *children.Children[0].Id != "000000000000" || *children.Children[1].Id != account {
		t.Errorf("children %+v", children.Children)
	}
}
