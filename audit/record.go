package audit

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Record is an event as CloudTrail shows it in an account.
//
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type Record struct {
	EventVersion        string           `json:"eventVersion"`
	UserIdentity        userIdentity     `json:"userIdentity"`
	EventTime           string           `json:"eventTime"`
	EventSource         string           `json:"eventSource"`
	EventName           string           `json:"eventName"`
	AWSRegion           string           `json:"awsRegion"`
	SourceIPAddress     string           `json:"sourceIPAddress"`
	UserAgent           string           `json:"userAgent"`
	ErrorCode           string           `json:"errorCode,omitempty"`
	ErrorMessage        string           `json:"errorMessage,omitempty"`
	RequestParameters   json.RawMessage  `json:"requestParameters"`
	ResponseElements    json.RawMessage  `json:"responseElements"`
	AdditionalEventData map[string]any   `json:"additionalEventData,omitempty"`
	RequestID           string           `json:"requestID"`
	EventID             string           `json:"eventID"`
	ReadOnly            bool             `json:"readOnly"`
	Resources           []recordResource `json:"resources,omitempty"`
	EventType           string           `json:"eventType"`
	ManagementEvent     bool             `json:"managementEvent"`
	RecipientAccountID  string           `json:"recipientAccountId,omitempty"`
	SharedEventID       string           `json:"sharedEventID,omitempty"`
	EventCategory       string           `json:"eventCategory"`
	TLSDetails          tlsDetails       `json:"tlsDetails"`
}

// Service returns the service as actions name it: "kms".
func (r *Record) Service() string { return strings.TrimSuffix(r.EventSource, ".amazonaws.com") }

type userIdentity struct {
	Type             string          `json:"type"`
	PrincipalID      string          `json:"principalId,omitempty"`
	ARN              string          `json:"arn,omitempty"`
	AccountID        string          `json:"accountId,omitempty"`
	AccessKeyID      string          `json:"accessKeyId,omitempty"`
	UserName         string          `json:"userName,omitempty"`
	IdentityProvider string          `json:"identityProvider,omitempty"`
	SessionContext   *sessionContext `json:"sessionContext,omitempty"`
	OnBehalfOf       *onBehalfOf     `json:"onBehalfOf,omitempty"`
}

type onBehalfOf struct {
	UserID           string `json:"userId"`
	IdentityStoreARN string `json:"identityStoreArn"`
}

// Name returns the most telling of what is known of who called.
func (u *userIdentity) Name() string {
	return cmp.Or(u.ARN, u.PrincipalID, u.AccountID, "(unknown caller)")
}

type sessionContext struct {
	SessionIssuer       *sessionIssuer       `json:"sessionIssuer,omitempty"`
	WebIDFederationData *webIDFederationData `json:"webIdFederationData,omitempty"`
	Attributes          sessionAttributes    `json:"attributes"`
	SourceIdentity      string               `json:"sourceIdentity,omitempty"`
	AssumedRoot         string               `json:"assumedRoot,omitempty"`
}

type sessionIssuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

type webIDFederationData struct {
	FederatedProvider string            `json:"federatedProvider"`
	Attributes        map[string]string `json:"attributes"`
}

type sessionAttributes struct {
	CreationDate     string `json:"creationDate"`
	MFAAuthenticated string `json:"mfaAuthenticated"`
}

type recordResource struct {
	AccountID string `json:"accountId"`
	Type      string `json:"type"`
	ARN       string `json:"ARN"`
}

type tlsDetails struct {
	TLSVersion               string `json:"tlsVersion,omitempty"`
	CipherSuite              string `json:"cipherSuite,omitempty"`
	ClientProvidedHostHeader string `json:"clientProvidedHostHeader,omitempty"`
}

// eventIDs is the space of the UUIDs of events, which follow from the request and the account: nothing need be kept of
// them.
var eventIDs = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html"))

// EventID returns the ID of the event of a request in an account.
func EventID(requestID, account string) string {
	return uuid.NewSHA1(eventIDs, []byte(requestID+" "+account)).String()
}

// Records returns the event as it is shown in each account that it concerns: the caller's first. In others it is, in
// CloudTrail as here, the owner of a resource who learns that somebody of another account did something with it, once
// that was allowed.
func (e *Event) Records() []Record {
	accounts := make([]string, 0, 2)
	if e.Identity.Account != "" {
		accounts = append(accounts, e.Identity.Account)
	}
	for _, r := range e.Resources {
		if e.Code == "" && !slices.Contains(accounts, r.Account) {
			accounts = append(accounts, r.Account)
		}
	}
	if len(accounts) == 0 {
		accounts = append(accounts, "")
	}
	shared := ""
	if len(accounts) > 1 {
		shared = EventID(e.RequestID, "shared")
	}
	records := make([]Record, len(accounts))
	for i, account := range accounts {
		records[i] = e.record(account, i == 0)
		records[i].SharedEventID = shared
	}
	return records
}

// record returns the event as one account sees it. callers tells that it is the caller's.
func (e *Event) record(account string, callers bool) Record {
	r := Record{
		EventVersion: "1.11", UserIdentity: e.Identity.record(), EventTime: e.Time.Format(time.RFC3339), EventSource: e.Service + ".amazonaws.com",
		EventName: e.Operation, AWSRegion: e.Region, SourceIPAddress: e.SourceIP, UserAgent: e.UserAgent, ErrorCode: e.Code, ErrorMessage: e.Message,
		RequestParameters: null(e.Request), ResponseElements: null(e.Response), RequestID: e.RequestID, EventID: EventID(e.RequestID, account),
		ReadOnly: ReadOnly(e.Operation), EventType: "AwsApiCall", ManagementEvent: true, RecipientAccountID: account, EventCategory: "Management",
		TLSDetails: tlsDetails{ClientProvidedHostHeader: e.Host},
	}
	if !callers {
		r.UserIdentity = userIdentity{Type: "AWSAccount", PrincipalID: e.Identity.PrincipalID, AccountID: e.Identity.Account}
	}
	if e.TLSVersion != 0 {
		r.TLSDetails.TLSVersion = strings.Replace(tls.VersionName(e.TLSVersion), "TLS ", "TLSv", 1)
		r.TLSDetails.CipherSuite = tls.CipherSuiteName(e.CipherSuite)
	}
	for _, resource := range e.Resources {
		if callers || resource.Account == account {
			r.Resources = append(r.Resources, recordResource{resource.Account, resource.Type, resource.ARN})
		}
	}
	// KMS tells the key also of operations that return nothing.
	if e.Code == "" && !r.ReadOnly && len(e.Response) == 0 {
		if i := slices.IndexFunc(e.Resources, func(r Resource) bool { return r.Type == KMSKey }); i >= 0 {
			r.ResponseElements, _ = json.Marshal(map[string]string{"keyId": e.Resources[i].ARN})
		}
	}
	r.AdditionalEventData = e.additional()
	return r
}

// KMSKey is the type of a KMS key as a resource.
const KMSKey = "AWS::KMS::Key"

// additional tells the key material that was used, "" of keys that have no ID of it, and who the answer was for, if that was
// attested.
func (e *Event) additional() map[string]any {
	names := []string{"keyMaterialId"}
	if e.Operation == "ReEncrypt" {
		names = []string{"sourceKeyMaterialId", "destinationKeyMaterialId"}
	}
	data := make(map[string]any)
	for i, name := range names[:min(len(names), len(e.Materials))] {
		if e.Code == "" && e.Materials[i] != "" {
			data[name] = e.Materials[i]
		}
	}
	if len(e.Recipient) > 0 {
		recipient := make(map[string]string)
		for pair := range slices.Chunk(e.Recipient, 2) {
			recipient[pair[0]] = pair[1]
		}
		data["recipient"] = recipient
	}
	return data
}

func null(raw []byte) json.RawMessage {
	if len(raw) == 0 {
		return nil
	}
	return raw
}

func (id *Identity) record() userIdentity {
	u := userIdentity{
		Type: id.Type, PrincipalID: id.PrincipalID, ARN: id.ARN, AccountID: id.Account, AccessKeyID: id.AccessKeyID, UserName: id.UserName,
		IdentityProvider: id.Provider,
	}
	if id.Issued.IsZero() {
		return u
	}
	u.SessionContext = &sessionContext{
		Attributes:     sessionAttributes{id.Issued.Format(time.RFC3339), strconv.FormatBool(id.MFA)},
		SourceIdentity: id.SourceIdentity,
	}
	if id.OnBehalfOf.User != "" {
		u.OnBehalfOf = &onBehalfOf{id.OnBehalfOf.User, id.OnBehalfOf.Store}
	}
	if id.AssumedRoot {
		u.SessionContext.AssumedRoot = "true"
	}
	if i := id.Issuer; i.Type != "" {
		u.SessionContext.SessionIssuer = &sessionIssuer{i.Type, i.PrincipalID, i.ARN, i.Account, i.UserName}
	}
	if id.WebProvider != "" {
		data := &webIDFederationData{id.WebProvider, make(map[string]string)}
		for pair := range slices.Chunk(id.Attributes, 2) {
			data.Attributes[pair[0]] = pair[1]
		}
		u.SessionContext.WebIDFederationData = data
	}
	return u
}

// reading are how the names of operations begin that CloudTrail takes to change nothing, those that use a key or
// give out credentials among them.
var reading = []string{
	"Get", "List", "Describe", "Simulate", "Generate", "Assume", "Decode",
	"Encrypt", "Decrypt", "ReEncrypt", "Sign", "Verify", "DeriveSharedSecret", "Encapsulate", "Decapsulate",
}

// ReadOnly reports whether an operation changes nothing.
func ReadOnly(operation string) bool {
	return slices.ContainsFunc(reading, func(begin string) bool { return strings.HasPrefix(operation, begin) })
}

// ShowsResponse reports whether an event has the output of an operation: of those that change something, and of those
// of STS that give out credentials.
func ShowsResponse(service, operation string) bool {
	return !ReadOnly(operation) || service == "sts" && (strings.HasPrefix(operation, "Assume") || strings.HasSuffix(operation, "Token"))
}
