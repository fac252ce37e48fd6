package iam

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/uuid"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

func (s *Service) serviceLinkedRoleOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateServiceLinkedRole", s.createServiceLinkedRole),
		api.Op("DeleteServiceLinkedRole", s.deleteServiceLinkedRole),
		api.Op("GetServiceLinkedRoleDeletionStatus", s.getServiceLinkedRoleDeletionStatus),
	}
}

// maxRoleName is how many characters AWS's API model lets the name of a role have.
const maxRoleName = 64

// findLinkedService returns the service of a principal, which is sensitive to case.
func findLinkedService(principal string) (linkedService, bool) {
	name, ok := strings.CutSuffix(principal, ".amazonaws.com")
	i, found := slices.BinarySearchFunc(linkedServices, name, func(l linkedService, name string) int { return strings.Compare(l.principal, name) })
	if !ok || !found {
		return linkedService{}, false
	}
	return linkedServices[i], true
}

// newRole returns the role that is linked to a service.
func (l linkedService) newRole(partition, account, suffix string, now time.Time) *identity.Role {
	principal := l.principal + ".amazonaws.com"
	role := &identity.Role{
		Account: account, Partition: partition, Name: "AWSServiceRoleFor" + l.role, ID: identity.NewUniqueID(identity.PrefixRole),
		Path: "/aws-service-role/" + principal + "/", Created: now, MaxSessionDuration: defaultSessionDuration,
		Trust:    `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + principal + `"},"Action":"sts:AssumeRole"}]}`,
		Attached: []string{identity.ARN(partition, "iam", awsAccount, "policy/aws-service-role/"+l.policy)},
	}
	if suffix != "" {
		role.Name += "_" + suffix
	}
	return role
}

// LinkRole makes the role that is linked to a service, unless it is there: services do so when they are first used.
func LinkRole(tx store.Tx, partition, account, principal string, now time.Time) error {
	l, _ := findLinkedService(principal)
	role := l.newRole(partition, account, "", now.Truncate(time.Second))
	if tx.Get(identity.RoleKey(account, role.Name)) != nil {
		return nil
	}
	return SaveRole(tx, role)
}

// createServiceLinkedRole knows neither tags nor a permissions boundary. AWS's quota of roles does not keep it from making one more.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
func (s *Service) createServiceLinkedRole(ctx context.Context, c api.Caller, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	principal, suffix := *in.AWSServiceName, aws.ToString(in.CustomSuffix)
	l, known := findLinkedService(principal)
	role := l.newRole(c.Partition, c.Account, suffix, s.now())
	role.Description = aws.ToString(in.Description)
	request := authz.ServiceLinkedRole(c, principal, role.Name)
	if !known {
		request = authz.ServiceLinkedRole(c, principal, "*")
	}
	var out *types.Role
	err := s.store.Update(ctx, func(tx store.Tx) error {
		if err := s.authz.Authorize(tx, c, request); err != nil {
			return err
		}
		deletion, err := s.deletionUnderWay(tx, c.Account, role.Name)
		switch {
		case err != nil:
			return err
		case !known:
			return api.Errorf("AccessDenied", "Cannot find Service Linked Role template for %s", principal)
		case suffix != "" && !l.suffix:
			return api.Errorf("InvalidInput", "Custom suffix is not allowed for %s", principal)
		case len(role.Name) > maxRoleName:
			return api.Errorf("InvalidInput", "Service role name %s is longer than %d characters, please try a different suffix.", role.Name, maxRoleName)
		case tx.Get(identity.RoleKey(c.Account, role.Name)) != nil, deletion != "":
			return api.Errorf("InvalidInput", "Service role name %s has been taken in this account, please try a different suffix.", role.Name)
		}
		if out, err = s.wireRole(tx, role); err != nil {
			return err
		}
		out.Description, out.MaxSessionDuration = nil, nil // as of CreateRole
		return SaveRole(tx, role)
	})
	return &iam.CreateServiceLinkedRoleOutput{Role: out}, err
}

// deletionUnderWay returns the ID of the deletion of a role of this name that has not ended yet, or "".
func (s *Service) deletionUnderWay(r store.Reader, account, role string) (string, error) {
	for key := range r.Scan(identity.DeletionTasksPrefix(account, role), nil) {
		begun, _, err := store.Load[time.Time](r, key)
		if err != nil {
			return "", err
		}
		if _, ended := s.clock.Ended(begun); !ended {
			parts := store.Parts(key)
			return parts[len(parts)-1], nil
		}
	}
	return "", nil
}

// deletionTask splits the ID of a deletion into the resource in the ARN of the role and the role's name.
func deletionTask(id string) (resource, role string, ok bool) {
	parts := strings.Split(id, "/")
	if len(parts) != 5 || parts[0] != "task" || parts[1] != "aws-service-role" || slices.Contains(parts, "") {
		return "role/*", "", false
	}
	return "role/" + strings.Join(parts[1:4], "/"), parts[3], true
}

// deleteServiceLinkedRole always succeeds: no service here uses such a role. The role is gone at once, its deletion is under way as
// long as the clock has it.
func (s *Service) deleteServiceLinkedRole(ctx context.Context, c api.Caller, in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	var id string
	err := s.store.Update(ctx, func(tx store.Tx) error {
		request := authz.Request{Action: "iam:DeleteServiceLinkedRole"}
		var err error
		if id, err = s.deletionUnderWay(tx, c.Account, *in.RoleName); err != nil {
			return err
		}
		if id != "" {
			resource, _, _ := deletionTask(id)
			request.Resource = identity.ARN(c.Partition, "iam", c.Account, resource)
			return s.authz.Authorize(tx, c, request)
		}
		role, err := s.findRole(tx, c, *in.RoleName, request)
		if err != nil {
			return err
		}
		if !role.ServiceLinked() {
			return noRole(role.Name)
		}
		id = "task" + role.Path + role.Name + "/" + uuid.NewString()
		if err := store.Save(tx, identity.DeletionTaskKey(c.Account, role.Name, id), s.clock.Now()); err != nil {
			return err
		}
		return removeRole(tx, role)
	})
	return &iam.DeleteServiceLinkedRoleOutput{DeletionTaskId: &id}, err
}

// getServiceLinkedRoleDeletionStatus is authorized on the role of the task, which is in the task's ID.
func (s *Service) getServiceLinkedRoleDeletionStatus(ctx context.Context, c api.Caller, in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	id := *in.DeletionTaskId
	resource, role, wellFormed := deletionTask(id)
	out := &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusTypeSucceeded}
	err := s.store.View(ctx, func(r store.Reader) error {
		request := authz.Request{Action: "iam:GetServiceLinkedRoleDeletionStatus", Resource: identity.ARN(c.Partition, "iam", c.Account, resource)}
		if err := s.authz.Authorize(r, c, request); err != nil {
			return err
		}
		if !wellFormed {
			return api.Errorf("InvalidInput", "The deletion task ID %s is not valid.", id)
		}
		begun, ok, err := store.Load[time.Time](r, identity.DeletionTaskKey(c.Account, role, id))
		if err != nil {
			return err
		}
		if !ok {
			return api.Errorf("NoSuchEntity", "The deletion task with ID %s cannot be found.", id)
		}
		if _, ended := s.clock.Ended(begun); !ended {
			out.Status = types.DeletionTaskStatusTypeInProgress
		}
		return nil
	})
	return out, err
}
