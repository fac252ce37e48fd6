package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"emulator/api"
	"emulator/audit"
	"emulator/identity"
	"emulator/services/cloudhsm"
	"emulator/services/iam"
	"emulator/services/kms"
	"emulator/services/organizations"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// record keeps the event of a call that was answered, and which keys it used.
func (s *Server) record(c *call, out any, err error) {
	at := c.caller.Received
	if at.IsZero() { // refused before it was known who calls
		at = s.clock.Now()
	}
	e := audit.Event{
		RequestID: c.requestID, Time: at, Service: c.signingName(), Region: c.caller.Region,
		Identity: audit.IdentityOf(&c.caller.Principal), UserAgent: c.http.UserAgent(), Host: c.http.Host, Notes: c.notes,
	}
	if c.caller.Kind == identity.Anonymous && c.notes.Bearer.Type != "" {
		e.Identity = c.notes.Bearer
	}
	if e.SourceIP = c.caller.SourceIP.String(); !c.caller.SourceIP.IsValid() {
		e.SourceIP = sourceIP(c.http).String()
	}
	if t := c.http.TLS; t != nil {
		e.TLSVersion, e.CipherSuite = t.Version, t.CipherSuite
	}
	var room [2 << 10]byte
	if c.operation != nil {
		e.Operation = c.operation.Name
		if c.in != nil {
			e.Request = c.operation.AppendShownInput(room[:0], c.in)
		}
		if err == nil && audit.ShowsResponse(e.Service, e.Operation) {
			e.Response = c.operation.AppendShownOutput(e.Request[len(e.Request):], out)
		}
	}
	if err != nil {
		e.Code, e.Cause = "InternalFailure", api.Cause(err)
		if known, ok := errors.AsType[*api.Error](err); ok {
			e.Code, e.Message = c.shownCode(known.Code), known.Message
		}
	}
	s.trail.Keep(&e)
	for _, r := range c.notes.Resources {
		if r.Used && err == nil && kms.TracksUse(c.operation.Name) {
			s.lastUse.Note(audit.Use{At: at, Operation: c.operation.Name, RequestID: c.requestID}, audit.Subject{ID: r.ARN})
		}
	}
}

// shownCode is the code of an error as it is on the wire, but that of a denial, which CloudTrail calls the same
// everywhere.
func (c *call) shownCode(code string) string {
	if common, ok := api.Common[code]; ok && code != "AccessDenied" && c.service.model.Protocol == "json" {
		return common.JSONCode
	}
	return code
}

// useGrain is how exact the time is at which a role or an access key was used: AWS's own is some hours late.
const useGrain = time.Minute

// noteCaller notes the use of the caller's role or access key, and that the caller and its account used the service.
func (s *Server) noteCaller(c *call, p *identity.Principal) {
	use := audit.Use{At: c.caller.Received.Truncate(useGrain), Region: c.caller.Region, Service: c.service.model.SigningName}
	prefix := c.service.model.ActionPrefix()
	subjects := append(make([]audit.Subject, 0, 4), audit.Subject{ID: p.Account, Service: prefix})
	caller := ""
	switch {
	case p.Role != nil:
		caller = p.Role.ID
		subjects = append(subjects, audit.Subject{ID: caller})
	case p.User != nil:
		caller = p.User.ID
	}
	if caller != "" {
		subjects = append(subjects, audit.Subject{ID: caller, Service: prefix})
		if !audit.ReadOnly(c.operation.Name) {
			subjects = append(subjects, audit.Subject{ID: caller, Service: prefix, Operation: c.operation.Name})
		}
	}
	if p.Session == nil && p.Role == nil {
		id := p.AccessKeyID
		if !strings.HasPrefix(id, identity.PrefixAccessKey) { // the root key has no record
			id = identity.RootKeyUse(p.Account)
		}
		subjects = append(subjects, audit.Subject{ID: id})
	}
	s.lastUse.Note(use, subjects...)
}

// usedRecord returns the key of the record of something whose last use is kept. It is nil of an account, and of the key that
// its root user has from the start.
func usedRecord(id string) []byte {
	switch {
	case identity.IsAccountID(strings.TrimPrefix(id, identity.RootKeyUse(""))):
		return nil
	case strings.HasPrefix(id, "arn:"):
		return kms.RecordOf(id)
	}
	if _, ok := identity.AccountOf(id); ok {
		return identity.AccessKeyKey(id)
	}
	return identity.UniqueIDKey(id)
}

// beginTracking notes, once, from when on uses are known: of a database that has no keys yet, from ever on. And it makes the index of
// tags and that of the accounts in organizations, if there are none.
func (s *Server) beginTracking(tx store.Tx) error {
	var since time.Time
	for range tx.Scan(store.Key("kms"), nil) {
		since = s.clock.Now()
		break
	}
	return errors.Join(s.lastUse.Begin(tx, since), tagindex.Begin(tx, iam.Tagged, kms.Tagged, cloudhsm.Tagged, organizations.Tagged), organizations.Begin(tx))
}

// usedExists notes what has a last use and does not exist.
func usedExists(r store.Reader, indexed *store.Indexed) error {
	for id, key := range audit.Uses(r) {
		if record := usedRecord(id); record != nil {
			indexed.Need(r, record, key)
		}
	}
	return nil
}

// Events that the admin API answers, unless told otherwise and at most.
const (
	defaultEvents = 100
	maxEvents     = 1000
)

// adminEvents lists the latest events, the newest first, as CloudTrail has them. An event that concerns several
// accounts is there for each.
func (s *Server) adminEvents(w http.ResponseWriter, r *http.Request) {
	var requestID, name, caller string
	refused, limit := false, defaultEvents
	for key, values := range r.URL.Query() {
		var err error
		switch value := values[0]; key {
		case "request":
			requestID = value
		case "name":
			name = value
		case "caller":
			caller = value
		case "errors":
			refused, err = strconv.ParseBool(value)
		case "limit":
			if limit, err = strconv.Atoi(value); err == nil && (limit < 1 || limit > maxEvents) {
				err = fmt.Errorf("want 1 to %d", maxEvents)
			}
		default:
			err = errors.New("want request, name, caller, errors or limit")
		}
		if err != nil {
			adminError(w, http.StatusBadRequest, key+": "+err.Error())
			return
		}
	}
	records := []audit.Record{}
	for _, e := range s.trail.Newest(limit, func(e *audit.Event) bool {
		id := &e.Identity
		return e.Operation != "" && (requestID == "" || e.RequestID == requestID) && (name == "" || e.Operation == name) &&
			(caller == "" || slices.Contains([]string{id.ARN, id.UserName, id.AccessKeyID, id.Account}, caller)) && (!refused || e.Code != "")
	}) {
		records = append(records, e.Records()...)
	}
	writeJSON(w, http.StatusOK, map[string][]audit.Record{"Records": records})
}
