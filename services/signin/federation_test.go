package signin_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"emulator/identity"
)

const all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// brokered are credentials that one may ask a console link of, and others.
type brokered struct {
	*world
	user                                  identity.User
	assumed, chained, federated, ofMyself *types.Credentials
}

func newBrokered(t *testing.T) *brokered {
	w := newWorld(t)
	b := &brokered{world: w, user: w.user(home, "ann", all)}
	w.role(home, "app", all, 3600)
	key := must(iam.NewFromConfig(w.config(home, "test", "")).CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ann")}))(t).AccessKey
	client := sts.NewFromConfig(w.config(*key.AccessKeyId, *key.SecretAccessKey, ""))
	role := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::000000000000:role/app"), RoleSessionName: aws.String("ann"), DurationSeconds: aws.Int32(900)}
	b.assumed = must(client.AssumeRole(t.Context(), role))(t).Credentials
	chaining := sts.NewFromConfig(w.config(*b.assumed.AccessKeyId, *b.assumed.SecretAccessKey, *b.assumed.SessionToken))
	b.chained = must(chaining.AssumeRole(t.Context(), role))(t).Credentials
	b.federated = must(client.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob"), DurationSeconds: aws.Int32(7200)}))(t).Credentials
	b.ofMyself = must(client.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{}))(t).Credentials
	return b
}

func session(c *types.Credentials) string {
	text, _ := json.Marshal(map[string]string{"sessionId": *c.AccessKeyId, "sessionKey": *c.SecretAccessKey, "sessionToken": *c.SessionToken})
	return string(text)
}

// signinToken asks for a token.
func (b *brokered) signinToken(t *testing.T, session string, more ...string) (status int, token string) {
	t.Helper()
	q := url.Values{"Action": {"getSigninToken"}, "SessionType": {"json"}, "Session": {session}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	resp, body := b.do(http.MethodGet, "/federation?"+q.Encode(), nil)
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, body
	}
	var answer map[string]string
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer) != 1 || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s %v", body, err)
	}
	return http.StatusOK, answer["SigninToken"]
}

func (b *brokered) login(token, destination string) (*http.Response, string) {
	q := url.Values{"Action": {"login"}, "Issuer": {"https://broker.example.com"}, "Destination": {destination}, "SigninToken": {token}}
	return b.do(http.MethodGet, "/federation?"+q.Encode(), nil)
}

func TestConsoleLink(t *testing.T) {
	b := newBrokered(t)
	now := time.Now()
	b.Clock.Freeze(now)
	const console = "https://eu-west-1.console.aws.amazon.com/kms/home?region=eu-west-1"
	for name, test := range map[string]struct {
		credentials *types.Credentials
		more        []string
		arn         string
		until       time.Time
	}{
		"role":           {b.assumed, nil, "arn:aws:sts::000000000000:assumed-role/app/ann", *b.assumed.Expiration},
		"extended":       {b.assumed, []string{"SessionDuration", "43200"}, "arn:aws:sts::000000000000:assumed-role/app/ann", now.Add(12 * time.Hour)},
		"chained":        {b.chained, nil, "arn:aws:sts::000000000000:assumed-role/app/ann", *b.chained.Expiration},
		"federated user": {b.federated, nil, "arn:aws:sts::000000000000:federated-user/bob", *b.federated.Expiration},
	} {
		t.Run(name, func(t *testing.T) {
			status, token := b.signinToken(t, session(test.credentials), test.more...)
			if status != 200 {
				t.Fatal(status, token)
			}
			resp, body := b.login(token, console)
			if resp.StatusCode != 200 || resp.Header.Get("Location") != "" {
				t.Fatal(resp.Status)
			}
			for _, want := range []string{test.arn, test.until.UTC().Format("2006-01-02 15:04:05 UTC"), "https://broker.example.com", `<a href="` + console + `" rel="noopener noreferrer">`} {
				if !strings.Contains(body, want) {
					t.Errorf("no %s in\n%s", want, body)
				}
			}
		})
	}
	t.Run("by POST", func(t *testing.T) {
		resp, body := b.do(http.MethodPost, "/federation", url.Values{"Action": {"getSigninToken"}, "Session": {session(b.assumed)}, "SessionDuration": {"900"}})
		if resp.StatusCode != 200 || !strings.Contains(body, "SigninToken") {
			t.Errorf("%s %s", resp.Status, body)
		}
	})
	t.Run("destinations", func(t *testing.T) {
		_, token := b.signinToken(t, session(b.assumed))
		for destination, link := range map[string]bool{
			"https://console.aws.amazon.com/": true, "https://console.amazonaws.cn/s3": true, "https://console.amazonaws-us-gov.com": true,
			"https://example.com/": false, "http://console.aws.amazon.com/": false, "https://console.aws.amazon.com.example.com/": false,
			"https://console.aws.amazon.com@example.com/": false, "https://xconsole.aws.amazon.com/": false, "javascript:alert(1)": false,
			"https://console.aws.amazon.com:8443/": false, "//console.aws.amazon.com/": false, `"><script>`: false,
		} {
			resp, body := b.login(token, destination)
			if resp.StatusCode != 200 || strings.Contains(body, "<a ") != link || strings.Contains(body, "<script") {
				t.Errorf("%s: %s\n%s", destination, resp.Status, body)
			}
		}
	})
	t.Run("logout", func(t *testing.T) {
		if resp, body := b.do(http.MethodGet, "/federation?Action=logout", nil); resp.StatusCode != 200 || !strings.Contains(body, "Signed out") {
			t.Error(resp.Status, body)
		}
	})
}

func TestConsoleLinkTimes(t *testing.T) {
	b := newBrokered(t)
	const console = "https://console.aws.amazon.com/"
	_, short := b.signinToken(t, session(b.assumed))
	b.Clock.Advance(10 * time.Minute)
	_, extended := b.signinToken(t, session(b.assumed), "SessionDuration", "3600")
	b.Clock.Advance(6 * time.Minute) // the credentials are over
	if resp, _ := b.login(short, console); resp.StatusCode != 400 {
		t.Errorf("without a duration: %s", resp.Status)
	}
	if resp, body := b.login(extended, console); resp.StatusCode != 200 {
		t.Errorf("a console session ends with its credentials: %s\n%s", resp.Status, body)
	}
	if status, body := b.signinToken(t, session(b.assumed)); status != 400 || !strings.Contains(body, "Invalid credentials parameter") {
		t.Errorf("expired credentials: %d\n%s", status, body)
	}
	_, token := b.signinToken(t, session(b.federated))
	b.Clock.Advance(14*time.Minute + 30*time.Second)
	if resp, _ := b.login(extended, console); resp.StatusCode != 400 {
		t.Errorf("a token of more than 15 minutes: %s", resp.Status)
	}
	if resp, _ := b.login(token, console); resp.StatusCode != 200 {
		t.Errorf("a token of less than 15 minutes: %s", resp.Status)
	}
	b.user.ID = identity.NewUniqueID(identity.PrefixUser)
	b.save(identity.UserKey(home, "ann"), b.user)
	if resp, _ := b.login(token, console); resp.StatusCode != 400 {
		t.Errorf("the user is gone: %s", resp.Status)
	}
	if status, _ := b.signinToken(t, session(b.federated)); status != 400 {
		t.Errorf("the user is gone: %d", status)
	}
}

func TestBadFederation(t *testing.T) {
	b := newBrokered(t)
	text := session(b.assumed)
	with := func(name, value string) string {
		var m map[string]string
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		m[name] = value
		return string(must(json.Marshal(m))(t))
	}
	for name, test := range map[string]struct {
		session string
		more    []string
	}{
		"no session":             {"", nil},
		"no JSON":                {"{", nil},
		"not an object":          {`"x"`, nil},
		"null":                   {"null", nil},
		"wrong type":             {`{"sessionId":1,"sessionKey":"a","sessionToken":"b"}`, nil},
		"no ID":                  {with("sessionId", ""), nil},
		"no key":                 {with("sessionKey", ""), nil},
		"no token":               {with("sessionToken", ""), nil},
		"other ID":               {with("sessionId", *b.chained.AccessKeyId), nil},
		"other key":              {with("sessionKey", *b.chained.SecretAccessKey), nil},
		"other token":            {with("sessionToken", *b.chained.SessionToken), nil},
		"token of nothing":       {with("sessionToken", "AAAA"), nil},
		"GetSessionToken":        {session(b.ofMyself), nil},
		"long-term":              {`{"sessionId":"test","sessionKey":"test","sessionToken":""}`, nil},
		"chained, duration":      {session(b.chained), []string{"SessionDuration", "900"}},
		"federated, duration":    {session(b.federated), []string{"SessionDuration", "900"}},
		"duration too short":     {text, []string{"SessionDuration", "899"}},
		"duration too long":      {text, []string{"SessionDuration", "43201"}},
		"empty duration":         {text, []string{"SessionDuration", ""}},
		"duration not a number":  {text, []string{"SessionDuration", "1h"}},
		"duration out of bounds": {text, []string{"SessionDuration", "99999999999999999999"}},
		"other action":           {text, []string{"Action", "getToken"}},
		"no action":              {text, []string{"Action", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := b.signinToken(t, test.session, test.more...)
			if status != 400 || !strings.Contains(body, "Invalid ") {
				t.Errorf("%d\n%s", status, body)
			}
		})
	}
	_, token := b.signinToken(t, text)
	for name, q := range map[string]url.Values{
		"no token":       {"Destination": {"https://console.aws.amazon.com"}},
		"other token":    {"Destination": {"https://console.aws.amazon.com"}, "SigninToken": {token + "A"}},
		"changed token":  {"Destination": {"https://console.aws.amazon.com"}, "SigninToken": {token[:len(token)-4] + "AAAA"}},
		"session token":  {"Destination": {"https://console.aws.amazon.com"}, "SigninToken": {*b.assumed.SessionToken}},
		"form":           {"Destination": {"https://console.aws.amazon.com"}, "SigninToken": {b.open(parameters(sameDevice))}},
		"no destination": {"SigninToken": {token}},
	} {
		t.Run(name, func(t *testing.T) {
			q.Set("Action", "login")
			if resp, body := b.do(http.MethodGet, "/federation?"+q.Encode(), nil); resp.StatusCode != 400 || resp.Header.Get("Location") != "" {
				t.Errorf("%s\n%s", resp.Status, body)
			}
		})
	}
	if resp, _ := b.do(http.MethodGet, "/federation?Action=%zz", nil); resp.StatusCode != 400 {
		t.Errorf("unreadable query: %s", resp.Status)
	}
}
