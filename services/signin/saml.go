package signin

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"emulator/api"
	"emulator/identity"
	"emulator/policy"
	"emulator/saml"
	"emulator/store"
)

// TakesSAML reports whether a path is one to which identity providers have browsers bring SAML responses.
func TakesSAML(path string) bool {
	return path == samlPath || strings.HasPrefix(path, samlPath+"/acs/")
}

// errSAML is what AWS says of a response without one, or one that has no role.
const errSAML = badRequest("Your request included an invalid SAML response. To logout, click here.")

// serveSAML takes a SAML response from the page of an identity provider. It signs in with the role that it has, or
// that the form names; if there are several it asks.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-saml.html
func (s *Service) serveSAML(w http.ResponseWriter, r *http.Request, c api.Caller) (*answer, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, badRequest("The form can't be read.")
	}
	response, relay, picked := r.PostForm.Get("SAMLResponse"), r.PostForm.Get("RelayState"), r.PostForm.Get("roleIndex")
	if response == "" {
		return nil, errSAML
	}
	roles, err := s.sts.SAMLRoles(r.Context(), response)
	if err != nil {
		return samlError(c, err)
	}
	if picked == "" && len(roles) > 1 {
		data := samlData{Response: response, RelayState: relay}
		err := s.store.View(r.Context(), func(tx store.Reader) (err error) {
			data.Accounts, err = samlAccounts(tx, roles)
			return err
		})
		return &answer{status: http.StatusOK, page: samlPage(data)}, err
	}
	role := roles[0]
	if picked != "" {
		i := slices.IndexFunc(roles, func(r saml.Role) bool { return r.Role == picked })
		if i < 0 {
			return nil, errSAML
		}
		role = roles[i]
	}
	out, err := s.sts.AssumeRoleWithSAML(r.Context(), c, &sts.AssumeRoleWithSAMLInput{RoleArn: &role.Role, PrincipalArn: &role.Provider, SAMLAssertion: &response})
	if err != nil {
		return samlError(c, err)
	}
	data := &consoleData{ARN: *out.AssumedRoleUser.Arn, Until: *out.Credentials.Expiration, Issuer: *out.Issuer}
	data.Account = accountOf(data.ARN)
	data.Destination = cmp.Or(relay, "https://"+consoles[0]+"/")
	data.Console = isConsole(data.Destination)
	return &answer{status: http.StatusOK, page: consolePage(data)}, nil
}

// samlError is how AWS's page shows an error of STS.
func samlError(c api.Caller, err error) (*answer, error) {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		return nil, err
	}
	status := http.StatusBadRequest
	if e.Code == "AccessDenied" {
		status = http.StatusForbidden
	}
	text := fmt.Sprintf("Error: %s (service: AWSSecurityTokenService; status code: %d; error code: %s; request ID: %s)", e.Message, status, e.Code, c.RequestID)
	return &answer{status: status, page: messagePage("Not signed in", text), refused: err}, nil
}

// samlAccounts lists roles by their accounts, in the order of the response.
func samlAccounts(r store.Reader, roles []saml.Role) (all []account, err error) {
	for _, role := range roles {
		id := accountOf(role.Role)
		i := slices.IndexFunc(all, func(a account) bool { return a.ID == id })
		if i < 0 {
			settings, _, err := store.Load[identity.AccountSettings](r, identity.AccountSettingsKey(id))
			if err != nil {
				return nil, err
			}
			i, all = len(all), append(all, account{ID: id, Alias: settings.Alias})
		}
		all[i].Principals = append(all[i].Principals, listed{role.Role, role.Role[strings.LastIndexByte(role.Role, '/')+1:]})
	}
	return all, nil
}

func accountOf(text string) string {
	arn, _ := policy.ParseARN(text)
	return arn.Account
}
