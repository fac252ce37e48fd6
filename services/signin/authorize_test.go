package signin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"emulator/identity"
	"emulator/store"
)

func TestAuthorizeRequest(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		client  string
		changes []string
		bad     string // "": the page is shown
	}{
		"same device":            {sameDevice, nil, ""},
		"localhost":              {sameDevice, []string{"redirect_uri", "http://localhost:1/oauth/callback"}, ""},
		"IPv6":                   {sameDevice, []string{"redirect_uri", "http://[::1]:65535/oauth/callback"}, ""},
		"no port":                {sameDevice, []string{"redirect_uri", "http://127.0.0.1/oauth/callback"}, ""},
		"further scopes":         {sameDevice, []string{"scope", "email openid"}, ""},
		"cross device":           {crossDevice, nil, ""},
		"cross device of AWS":    {crossDevice, []string{"redirect_uri", "https://us-east-1.signin.aws.amazon.com/v1/sessions/confirmation"}, ""},
		"no client":              {sameDevice, []string{"client_id", ""}, "client_id"},
		"other client":           {"arn:aws:signin:us-east-1::external-client/dcr/1", nil, "client_id"},
		"no redirect URI":        {sameDevice, []string{"redirect_uri", ""}, "redirect_uri"},
		"elsewhere":              {sameDevice, []string{"redirect_uri", "http://example.com/oauth/callback"}, "redirect_uri"},
		"seems to be here":       {sameDevice, []string{"redirect_uri", "http://127.0.0.1.example.com/oauth/callback"}, "redirect_uri"},
		"user before the host":   {sameDevice, []string{"redirect_uri", "http://127.0.0.1@example.com/oauth/callback"}, "redirect_uri"},
		"user":                   {sameDevice, []string{"redirect_uri", "http://a@127.0.0.1/oauth/callback"}, "redirect_uri"},
		"https":                  {sameDevice, []string{"redirect_uri", "https://127.0.0.1/oauth/callback"}, "redirect_uri"},
		"other scheme":           {sameDevice, []string{"redirect_uri", "javascript:alert(1)//oauth/callback"}, "redirect_uri"},
		"other path":             {sameDevice, []string{"redirect_uri", "http://127.0.0.1/oauth/callback/"}, "redirect_uri"},
		"escaped path":           {sameDevice, []string{"redirect_uri", "http://127.0.0.1/oauth/%63allback"}, "redirect_uri"},
		"query":                  {sameDevice, []string{"redirect_uri", callback + "?code=x"}, "redirect_uri"},
		"empty query":            {sameDevice, []string{"redirect_uri", callback + "?"}, "redirect_uri"},
		"fragment":               {sameDevice, []string{"redirect_uri", callback + "#x"}, "redirect_uri"},
		"empty fragment":         {sameDevice, []string{"redirect_uri", callback + "#"}, "redirect_uri"},
		"port 0":                 {sameDevice, []string{"redirect_uri", "http://127.0.0.1:0/oauth/callback"}, "redirect_uri"},
		"empty port":             {sameDevice, []string{"redirect_uri", "http://127.0.0.1:/oauth/callback"}, "redirect_uri"},
		"port too large":         {sameDevice, []string{"redirect_uri", "http://127.0.0.1:65536/oauth/callback"}, "redirect_uri"},
		"zone":                   {sameDevice, []string{"redirect_uri", "http://[::1%25a;b]/oauth/callback"}, "redirect_uri"},
		"line break":             {sameDevice, []string{"redirect_uri", callback + "\r\nX: y"}, "redirect_uri"},
		"too long":               {sameDevice, []string{"redirect_uri", callback + strings.Repeat("x", 2048)}, "redirect_uri"},
		"confirmation":           {sameDevice, []string{"redirect_uri", "https://us-east-1.signin.aws.amazon.com/v1/sessions/confirmation"}, "redirect_uri"},
		"callback, cross device": {crossDevice, []string{"redirect_uri", callback}, "redirect_uri"},
		"no response type":       {sameDevice, []string{"response_type", ""}, "response_type"},
		"other response type":    {sameDevice, []string{"response_type", "token"}, "response_type"},
		"no challenge":           {sameDevice, []string{"code_challenge", ""}, "code_challenge"},
		"challenge with padding": {sameDevice, []string{"code_challenge", challenge() + "="}, "code_challenge"},
		"challenge too short":    {sameDevice, []string{"code_challenge", challenge()[1:]}, "code_challenge"},
		"no challenge method":    {sameDevice, []string{"code_challenge_method", ""}, "code_challenge_method"},
		"plain challenge":        {sameDevice, []string{"code_challenge_method", "plain"}, "code_challenge_method"},
		"no scope":               {sameDevice, []string{"scope", ""}, "scope"},
		"other scope":            {sameDevice, []string{"scope", "openidx"}, "scope"},
		"no state":               {sameDevice, []string{"state", ""}, "state"},
		"state too long":         {sameDevice, []string{"state", strings.Repeat("x", 513)}, "state"},
	} {
		t.Run(name, func(t *testing.T) {
			q := parameters(test.client, test.changes...)
			if test.bad == "" {
				w.open(q)
				return
			}
			resp, body := w.do(http.MethodGet, "/v1/authorize?"+q.Encode(), nil)
			if resp.StatusCode != 400 || !strings.Contains(body, test.bad) || hidden.MatchString(body) || resp.Header.Get("Location") != "" {
				t.Errorf("%s\n%s", resp.Status, body)
			}
		})
	}
	for name, query := range map[string]string{"twice": parameters(sameDevice).Encode() + "&state=x", "unreadable": "a=%zz"} {
		if resp, body := w.do(http.MethodGet, "/v1/authorize?"+query, nil); resp.StatusCode != 400 || hidden.MatchString(body) {
			t.Errorf("%s: %s\n%s", name, resp.Status, body)
		}
	}
}

// TestCrossDevice: the page shows the code that the CLI takes apart.
func TestCrossDevice(t *testing.T) {
	w := newWorld(t)
	q := parameters(crossDevice)
	resp, body := w.pick(w.open(q), home)
	m := regexp.MustCompile(`<code>([A-Za-z0-9+/=&#;]+)</code>`).FindStringSubmatch(body)
	if resp.StatusCode != http.StatusOK || m == nil {
		t.Fatalf("%s\n%s", resp.Status, body)
	}
	text := strings.ReplaceAll(strings.ReplaceAll(m[1], "&#43;", "+"), "&#61;", "=")
	values := must(url.ParseQuery(string(must(base64.StdEncoding.DecodeString(text))(t))))(t)
	if values.Get("state") != q.Get("state") {
		t.Errorf("verification code holds %v", values)
	}
	in := redeeming(values.Get("code"))
	in.ClientId, in.RedirectUri = aws.String(crossDevice), aws.String(q.Get("redirect_uri"))
	out := must(w.device().create(in))(t)
	if got := must(w.who(out.AccessToken))(t); got != "arn:aws:iam::000000000000:root" {
		t.Error(got)
	}
}

func TestPage(t *testing.T) {
	w := newWorld(t)
	w.user(home, "ann", mayLogin)
	w.role("111111111111", "app", mayLogin, 3600)
	linked := identity.Role{Account: home, Partition: "aws", Name: "AWSServiceRoleForSupport", ID: "AROALINKED", Path: "/aws-service-role/support.amazonaws.com/"}
	w.save(identity.RoleKey(home, linked.Name), linked)
	w.save(identity.UserKey("222222222222", "<script>"), identity.User{Account: "222222222222", Partition: "aws", Name: "<script>", ID: "AIDAX", Path: "/"})

	resp, body := w.do(http.MethodGet, "/v1/authorize?"+parameters(sameDevice, "redirect_uri", "http://localhost:8/oauth/callback").Encode(), nil, "Sec-Fetch-Site", "none")
	for _, want := range []string{
		`<option value="000000000000" selected>root user</option>`, `<option value="arn:aws:iam::000000000000:user/team/ann">user ann</option>`,
		`<option value="111111111111">root user</option>`, `<option value="arn:aws:iam::111111111111:role/app">role app</option>`,
		"user &lt;script&gt;", "http://localhost:8/oauth/callback",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, not := range []string{"<script", "AWSServiceRole", "http-equiv", " src=", "<link", "ZgotmplZ"} {
		if strings.Contains(body, not) {
			t.Errorf("%s in\n%s", not, body)
		}
	}
	_, css, _ := strings.Cut(body, "<style>")
	css, _, _ = strings.Cut(css, "</style>")
	sum := sha256.Sum256([]byte(css))
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' http://localhost:8",
		"X-Frame-Options":         "DENY",
		"Referrer-Policy":         "same-origin",
		"Cache-Control":           "no-store",
		"X-Content-Type-Options":  "nosniff",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	t.Run("many", func(t *testing.T) {
		if err := w.store.Update(t.Context(), func(tx store.Tx) error {
			for i := range 1100 {
				name := fmt.Sprintf("u%04d", i)
				if err := store.Save(tx, identity.UserKey("333333333333", name), identity.User{Account: "333333333333", Partition: "aws", Name: name, ID: name, Path: "/"}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		_, body := w.do(http.MethodGet, "/v1/authorize?"+parameters(sameDevice).Encode(), nil)
		if n := strings.Count(body, "<option"); n != 1000 || !strings.Contains(body, "more than this list") {
			t.Errorf("%d choices", n)
		}
	})
}

// TestForm: what the page's form is answered with, and who may send it.
func TestForm(t *testing.T) {
	w := newWorld(t)
	role := w.role(home, "app", mayLogin, 3600)
	linked := identity.Role{Account: home, Partition: "aws", Name: "Linked", ID: "AROALINKED", Path: "/aws-service-role/support.amazonaws.com/", Inline: map[string]string{"p": mayLogin}}
	w.save(identity.RoleKey(home, linked.Name), linked)
	form := w.open(parameters(sameDevice))
	for name, test := range map[string]struct {
		values  []string
		headers []string
		status  int
	}{
		"good":               {nil, nil, 303},
		"somebody else":      {[]string{"other", role.ARN()}, nil, 303},
		"no browser":         {nil, []string{"Origin", "", "Sec-Fetch-Site", ""}, 303},
		"no Sec-Fetch-Site":  {nil, []string{"Sec-Fetch-Site", ""}, 303},
		"other origin":       {nil, []string{"Origin", "http://example.com", "Sec-Fetch-Site", ""}, 403},
		"origin null":        {nil, []string{"Origin", "null", "Sec-Fetch-Site", ""}, 403},
		"cross-site":         {nil, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"same-site":          {nil, []string{"Sec-Fetch-Site", "same-site"}, 403},
		"no token":           {[]string{"request", ""}, nil, 400},
		"other token":        {[]string{"request", form[:len(form)-4] + "AAAA"}, nil, 400},
		"nobody":             {[]string{"principal", ""}, nil, 400},
		"no such user":       {[]string{"principal", "arn:aws:iam::000000000000:user/nobody"}, nil, 400},
		"no such role":       {[]string{"principal", "arn:aws:iam::000000000000:role/nothing"}, nil, 400},
		"other path":         {[]string{"principal", "arn:aws:iam::000000000000:role/path/app"}, nil, 400},
		"other account":      {[]string{"principal", "arn:aws:iam::111111111111:role/app"}, nil, 400},
		"other case":         {[]string{"principal", "arn:aws:iam::000000000000:role/App"}, nil, 400},
		"group":              {[]string{"principal", "arn:aws:iam::000000000000:group/app"}, nil, 400},
		"other service":      {[]string{"principal", "arn:aws:sts::000000000000:root"}, nil, 400},
		"NUL":                {[]string{"principal", "arn:aws:iam::000000000000:user/a\x00b"}, nil, 400},
		"no ARN":             {[]string{"principal", "ann"}, nil, 400},
		"service-linked":     {[]string{"principal", linked.ARN()}, nil, 400},
		"no session name":    {[]string{"principal", role.ARN(), "session", ""}, nil, 400},
		"bad session name":   {[]string{"principal", role.ARN(), "session", "a b"}, nil, 400},
		"user needs no name": {[]string{"session", ""}, nil, 303},
		"cancelled":          {[]string{"cancel", "1"}, nil, 303},
	} {
		t.Run(name, func(t *testing.T) {
			values := url.Values{"request": {form}, "principal": {home}, "session": {"ann"}}
			for i := 0; i < len(test.values); i += 2 {
				values.Set(test.values[i], test.values[i+1])
			}
			resp, body := w.do(http.MethodPost, "/v1/authorize", values, append([]string{"Origin", w.url, "Sec-Fetch-Site", "same-origin"}, test.headers...)...)
			if resp.StatusCode != test.status {
				t.Errorf("%s\n%s", resp.Status, body)
			}
			location := resp.Header.Get("Location")
			if test.status == 303 && !strings.HasPrefix(location, callback+"?") || test.status != 303 && location != "" {
				t.Errorf("location %s", location)
			}
			if name == "cancelled" != strings.Contains(location, "error=access_denied") {
				t.Errorf("location %s", location)
			}
		})
	}
	t.Run("cancelled from another device", func(t *testing.T) {
		values := url.Values{"request": {w.open(parameters(crossDevice))}, "cancel": {"1"}}
		if resp, body := w.do(http.MethodPost, "/v1/authorize", values); resp.StatusCode != 200 || !strings.Contains(body, "Nobody was signed in") {
			t.Errorf("%s\n%s", resp.Status, body)
		}
	})
	t.Run("too old", func(t *testing.T) {
		form := w.open(parameters(sameDevice))
		w.Clock.Advance(10 * time.Minute)
		if resp, body := w.pick(form, home); resp.StatusCode != 400 {
			t.Errorf("%s\n%s", resp.Status, body)
		}
	})
	t.Run("too large", func(t *testing.T) {
		if resp, body := w.pick(strings.Repeat("x", 300<<10), home); resp.StatusCode != 400 {
			t.Errorf("%s\n%s", resp.Status, body)
		}
	})
}

// TestGuard: the page is behind the guard, the endpoints that ask for credentials are not.
func TestGuard(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	form := w.open(parameters(sameDevice))
	out := must(d.create(redeeming(w.code(home))))(t)
	w.guarded = true
	if resp, _ := w.do(http.MethodGet, "/v1/authorize?"+parameters(sameDevice).Encode(), nil); resp.StatusCode != 403 {
		t.Errorf("GET: %s", resp.Status)
	}
	if resp, _ := w.pick(form, home); resp.StatusCode != 403 {
		t.Errorf("POST: %s", resp.Status)
	}
	must(d.create(refreshing(out.RefreshToken)))(t)
	if resp, _ := w.do(http.MethodGet, "/federation?Action=logout", nil); resp.StatusCode != 200 {
		t.Errorf("federation: %s", resp.Status)
	}
	if resp, _ := w.do(http.MethodPut, "/v1/authorize", nil); resp.StatusCode != 405 {
		t.Errorf("PUT: %s", resp.Status)
	}
}
