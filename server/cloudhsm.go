package server

import (
	"cmp"
	"errors"
	"net/http"

	"emulator/api"
	"emulator/identity"
)

// inAccount is where something is: by default in the account and the Region that clients have without any settings.
type inAccount struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

func (in *inAccount) check(s *Server) error {
	in.Account, in.Region = cmp.Or(in.Account, identity.DefaultAccount), cmp.Or(in.Region, identity.HomeRegion("aws"))
	if !identity.IsAccountID(in.Account) {
		return errors.New("account: want twelve digits")
	}
	return s.regions.Check(in.Region)
}

// adminActivateCluster takes an initialized CloudHSM cluster into use, of {"account", "region", "cluster"}. With AWS the first login does.
func (s *Server) adminActivateCluster(w http.ResponseWriter, r *http.Request) {
	var request struct {
		inAccount
		Cluster string `json:"cluster"`
	}
	if err := errors.Join(decodeAdmin(w, r, &request), request.check(s)); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.adminDone(w, r, s.cloudHSM.Activate(r.Context(), request.Account, request.Region, request.Cluster))
}

// adminDegradeHSM lets an HSM fail, or work again, of {"account", "region", "hsm", "degraded"}.
func (s *Server) adminDegradeHSM(w http.ResponseWriter, r *http.Request) {
	var request struct {
		inAccount
		HSM      string `json:"hsm"`
		Degraded bool   `json:"degraded"`
	}
	if err := errors.Join(decodeAdmin(w, r, &request), request.check(s)); err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.adminDone(w, r, s.cloudHSM.Degrade(r.Context(), request.Account, request.Region, request.HSM, request.Degraded))
}

// adminDone answers that something was done, or why not.
func (s *Server) adminDone(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*api.Error](err); ok {
		adminError(w, http.StatusBadRequest, e.Message)
		return
	}
	if err != nil {
		s.adminFailure(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, struct{}{})
}
