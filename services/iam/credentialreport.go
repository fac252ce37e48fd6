package iam

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"emulator/api"
	"emulator/authz"
	"emulator/identity"
	"emulator/store"
)

// reportKept is for how long a credential report is good: a new one is made at most this often.
const reportKept = 4 * time.Hour

// credentialReport is the record of an account's credential report.
type credentialReport struct {
	Begun   time.Time `json:"begun"`
	Content []byte    `json:"content"`
}

func credentialReportKey(account string) []byte {
	return store.Key("iam", account, "credential-report")
}

// loadCredentialReport returns the report, when it was done, and what became of it: STARTED if there is none that is good.
func (s *Service) loadCredentialReport(r store.Reader, account string) (report *credentialReport, done time.Time, state types.ReportStateType, err error) {
	loaded, ok, err := store.Load[credentialReport](r, credentialReportKey(account))
	if err != nil || !ok {
		return nil, done, types.ReportStateTypeStarted, err
	}
	done, ended := s.clock.Ended(loaded.Begun)
	switch {
	case !ended:
		state = types.ReportStateTypeInprogress
	case s.clock.Now().Sub(done) > reportKept:
		state = types.ReportStateTypeStarted
	default:
		state = types.ReportStateTypeComplete
	}
	return &loaded, done, state, nil
}

// generateCredentialReport begins a report, unless there is one that is good or being made. It has the credentials as they
// are when it begins.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
func (s *Service) generateCredentialReport(ctx context.Context, c api.Caller, _ *iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	var state types.ReportStateType
	check := func(r store.Reader) (err error) {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:GenerateCredentialReport", Resource: "*"}); err != nil {
			return err
		}
		_, _, state, err = s.loadCredentialReport(r, c.Account)
		return err
	}
	if err := s.store.View(ctx, check); err != nil || state != types.ReportStateTypeStarted {
		return &iam.GenerateCredentialReportOutput{State: state}, err
	}
	err := store.Make(ctx, s.store, check, func() (report credentialReport, err error) {
		report.Begun = s.now()
		err = s.store.View(ctx, func(r store.Reader) (err error) {
			report.Content, err = s.writeCredentialReport(r, c)
			return err
		})
		return report, err
	}, func(tx store.Tx, report credentialReport) error {
		if state != types.ReportStateTypeStarted {
			return nil // another call was faster
		}
		return store.Save(tx, credentialReportKey(c.Account), report)
	})
	out := &iam.GenerateCredentialReportOutput{State: state}
	if state == types.ReportStateTypeStarted {
		out.Description = aws.String("No report exists. Starting a new report generation task")
	}
	return out, err
}

func (s *Service) getCredentialReport(ctx context.Context, c api.Caller, _ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	out := &iam.GetCredentialReportOutput{ReportFormat: types.ReportFormatTypeTextCsv}
	err := s.store.View(ctx, func(r store.Reader) error {
		if err := s.authz.Authorize(r, c, authz.Request{Action: "iam:GetCredentialReport", Resource: "*"}); err != nil {
			return err
		}
		report, done, state, err := s.loadCredentialReport(r, c.Account)
		switch {
		case err != nil:
			return err
		case report == nil:
			return api.Errorf("ReportNotPresent", "Unknown")
		case state == types.ReportStateTypeInprogress:
			return api.Errorf("ReportInProgress", "Unknown")
		case state == types.ReportStateTypeStarted:
			return api.Errorf("ReportExpired", "Unknown")
		}
		out.Content, out.GeneratedTime = report.Content, &done
		return nil
	})
	return out, err
}

var credentialColumns = []string{
	"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated", "additional_credentials_info",
}

const (
	notApplicable = "N/A"
	noInformation = "no_information"
	notSupported  = "not_supported"
)

// writeCredentialReport writes a line for the root user and one for each user.
func (s *Service) writeCredentialReport(r store.Reader, c api.Caller) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(credentialColumns) // a buffer takes everything
	settings, _, err := store.Load[identity.AccountSettings](r, identity.AccountSettingsKey(c.Account))
	if err != nil {
		return nil, err
	}
	root := credentialsOf{
		s: s, r: r, account: c.Account, id: c.Account, root: true, name: "<root_account>", arn: identity.ARN(c.Partition, "iam", c.Account, "root"),
		created: time.Unix(0, 0), keys: settings.RootAccessKeys,
	}
	line, err := root.line()
	if err != nil {
		return nil, err
	}
	w.Write(line)
	for key := range r.Scan(identity.UsersPrefix(c.Account), nil) {
		u, _, err := store.Load[identity.User](r, key)
		if err != nil {
			return nil, err
		}
		line, err := (&credentialsOf{
			s: s, r: r, account: c.Account, id: u.ID, name: u.Name, arn: u.ARN(), created: u.Created,
			passwordUsed: u.PasswordLastUsed, mfa: len(u.MFADevices) > 0, keys: u.AccessKeys,
		}).line()
		if err != nil {
			return nil, err
		}
		w.Write(line)
	}
	w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil // AWS ends no last line
}

// credentialsOf is whose credentials a line of the report has.
type credentialsOf struct {
	s             *Service
	r             store.Reader
	account       string
	id, name, arn string
	root          bool
	created       time.Time
	passwordUsed  time.Time
	mfa           bool
	keys          []string
}

func (o *credentialsOf) line() ([]string, error) {
	password, err := o.password()
	if err != nil {
		return nil, err
	}
	keys, moreKeys, err := o.accessKeys()
	if err != nil {
		return nil, err
	}
	certificates, moreCertificates, err := o.certificates()
	if err != nil {
		return nil, err
	}
	more := notApplicable
	if moreKeys+moreCertificates > 0 { // as quotas that were raised allow; AWS's words are not known
		more = fmt.Sprintf("%d more access keys (ListAccessKeys), %d more certificates (ListSigningCertificates)", moreKeys, moreCertificates)
	}
	return slices.Concat([]string{o.name, o.arn, reportTime(o.created)}, password, []string{strconv.FormatBool(o.mfa)}, keys, certificates, []string{more}), nil
}

// password: the root user has none here.
func (o *credentialsOf) password() ([]string, error) {
	profile, ok, err := store.Load[identity.LoginProfile](o.r, identity.LoginProfileKey(o.account, o.id))
	used, next := notApplicable, notApplicable
	if o.root {
		used, next = noInformation, notSupported // as tools expect it
	}
	if err != nil || !ok || profile.Hash == nil {
		return []string{"false", used, notApplicable, next}, err
	}
	rules, err := identity.LoadPasswordPolicy(o.r, o.account)
	if rules.MaxAge > 0 && !o.root {
		next = reportTime(profile.Changed.AddDate(0, 0, int(rules.MaxAge)))
	}
	used = noInformation
	if !o.passwordUsed.IsZero() {
		used = reportTime(o.passwordUsed)
	}
	return []string{"true", used, reportTime(profile.Changed), next}, err
}

// reported is how many access keys and certificates of a user a line has.
const reported = 2

// accessKeys returns the columns of access keys, and how many more there are. Of the key that the root user has from the
// start, nobody knows when it was made.
func (o *credentialsOf) accessKeys() (columns []string, more int, err error) {
	if o.root {
		used, err := o.keyUse(identity.RootKeyUse(o.account))
		if err != nil {
			return nil, 0, err
		}
		columns = append([]string{"true", notApplicable}, used...)
	}
	for i, id := range o.keys {
		if len(columns) == 5*reported {
			more = len(o.keys) - i
			break
		}
		key, _, err := store.Load[identity.AccessKey](o.r, identity.AccessKeyKey(id))
		if err != nil {
			return nil, 0, err
		}
		used, err := o.keyUse(id)
		if err != nil {
			return nil, 0, err
		}
		columns = append(append(columns, strconv.FormatBool(key.Active), reportTime(key.Created)), used...)
	}
	for len(columns) < 5*reported {
		columns = append(columns, "false", notApplicable, notApplicable, notApplicable, notApplicable)
	}
	return columns, more, nil
}

// certificates returns the columns of signing certificates, and how many more there are.
func (o *credentialsOf) certificates() (columns []string, more int, err error) {
	all, err := signingKind.of(o.r, o.account, o.id)
	shown := all[:min(len(all), reported)]
	for _, k := range shown {
		columns = append(columns, strconv.FormatBool(!k.Inactive), reportTime(k.Created))
	}
	for len(columns) < 2*reported {
		columns = append(columns, "false", notApplicable)
	}
	return columns, len(all) - len(shown), err
}

// keyUse returns date, Region and service of a key's last use.
func (o *credentialsOf) keyUse(id string) ([]string, error) {
	use, ok, err := o.s.lastUse.Last(o.r, id)
	if err != nil || !ok {
		return []string{notApplicable, notApplicable, notApplicable}, err
	}
	return []string{reportTime(use.At), use.Region, use.Service}, nil
}

func reportTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
