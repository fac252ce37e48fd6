package iam

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// Of account properties AWS documents one, which turns on that its console makes roles from templates.
const (
	roleManager        = "RoleManager"
	roleManagerEnabled = roleManager + "/Enabled"
	roleManagerService = "role-manager.iam.amazonaws.com"
)

func (s *Service) accountPropertyOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetAccountProperties", s.getAccountProperties),
		api.Op("PutAccountProperties", s.putAccountProperties),
	}
}

// propertyRequest asks for account properties of some namespaces.
func propertyRequest(action string, namespaces ...string) authz.Request {
	return authz.Request{Action: action, Resource: "*", Context: map[string][]string{"iam:AccountPropertyNamespaces": namespaces}}
}

func (s *Service) getAccountProperties(ctx context.Context, c api.Caller, _ *iam.GetAccountPropertiesInput) (*iam.GetAccountPropertiesOutput, error) {
	out := &iam.GetAccountPropertiesOutput{}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, propertyRequest("iam:GetAccountProperties", roleManager)); err != nil {
			return err
		}
		settings, _, err := store.Load[identity.AccountSettings](r, identity.AccountSettingsKey(c.Account))
		out.Properties = map[string]string{roleManagerEnabled: strconv.FormatBool(settings.RoleManager)}
		return err
	})
	return out, err
}

// putAccountProperties makes the role that is linked to Role Manager when that is turned on, for which the caller needs permission
// even if the role is there.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_role-manager_enable-use.html; what the page leaves open, and the
// texts, are as AWS was recorded to answer (stackd, testdata/aws/iam/account_properties.json).
func (s *Service) putAccountProperties(ctx context.Context, c api.Caller, in *iam.PutAccountPropertiesInput) (*iam.PutAccountPropertiesOutput, error) {
	given := make(map[string]bool)
	for key := range in.Properties {
		namespace, _, _ := strings.Cut(key, "/")
		given[namespace] = true
	}
	namespaces := slices.Sorted(maps.Keys(given))
	return nil, s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authz.Authorize(tx, c, propertyRequest("iam:PutAccountProperties", namespaces...)); err != nil {
			return err
		}
		enabled, err := parseProperties(in.Properties, namespaces)
		if err != nil {
			return err
		}
		if enabled {
			if err := s.authz.Authorize(tx, c, authz.ServiceLinkedRole(c, roleManagerService, "AWSServiceRoleForIAMRoleManager")); err != nil {
				return err
			}
			if err := LinkRole(tx, c.Partition, c.Account, roleManagerService, s.now()); err != nil {
				return err
			}
		}
		settings, _, err := store.Load[identity.AccountSettings](tx, identity.AccountSettingsKey(c.Account))
		if err != nil {
			return err
		}
		settings.RoleManager = enabled
		return store.Save(tx, identity.AccountSettingsKey(c.Account), settings)
	})
}

// parseProperties returns what the properties say. AWS does not mind others of the namespace.
func parseProperties(properties map[string]string, namespaces []string) (enabled bool, err error) {
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		if !strings.Contains(key, "/") {
			return false, api.Errorf("InvalidInput", "Property key must be in format Namespace/PropertyName: %s", key)
		}
	}
	value, ok := properties[roleManagerEnabled]
	switch {
	case len(namespaces) != 1:
		return false, api.Errorf("InvalidInput", "All properties must belong to the same namespace")
	case namespaces[0] != roleManager:
		return false, api.Errorf("InvalidInput", "Unsupported namespace: %s", namespaces[0])
	case !ok:
		return false, api.Errorf("InvalidInput", "RoleManager namespace requires Enabled property")
	case value != "true" && value != "false":
		return false, api.Errorf("InvalidInput", "Enabled must be 'true' or 'false'")
	}
	return value == "true", nil
}
