package signin_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/signin/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/golang-jwt/jwt/v5"

	"emulator/identity"
	"emulator/store"
)

func TestLogin(t *testing.T) {
	w := newWorld(t)
	user := w.user(home, "ann", mayLogin)
	role := w.role(home, "app", mayLogin, 7200)
	for who, want := range map[string]string{
		home:                               "arn:aws:iam::000000000000:root",
		"222222222222":                     "arn:aws:iam::222222222222:root",
		"arn:aws:iam::111111111111:root":   "arn:aws:iam::111111111111:root",
		user.ARN():                         user.ARN(),
		role.ARN():                         "arn:aws:sts::000000000000:assumed-role/app/ann",
		"  arn:aws:iam::000000000000:root": "arn:aws:iam::000000000000:root",
	} {
		d := w.device()
		out := must(d.create(redeeming(w.code(who))))(t)
		if *out.ExpiresIn != 900 || *out.TokenType != "aws_sigv4" {
			t.Errorf("%s: expires in %d, %s", who, *out.ExpiresIn, *out.TokenType)
		}
		if got := must(w.who(out.AccessToken))(t); got != want {
			t.Errorf("%s: %s", who, got)
		}
		claims := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(*out.IdToken, claims); err != nil || claims["sub"] != want || claims["aud"] != sameDevice {
			t.Errorf("%s: id token %v %v", who, claims, err)
		}
		again := must(d.create(refreshing(out.RefreshToken)))(t)
		if again.IdToken != nil || *again.AccessToken.AccessKeyId == *out.AccessToken.AccessKeyId {
			t.Errorf("%s: refreshed to %v", who, again)
		}
		if got := must(w.who(again.AccessToken))(t); got != want {
			t.Errorf("%s: %s after a refresh", who, got)
		}
	}
}

// TestSDK: the default configuration of the SDK takes over a login of the CLI from its files, and refreshes it.
func TestSDK(t *testing.T) {
	w := newWorld(t)
	user := w.user(home, "ann", mayLogin)
	d := w.device()
	out := must(d.create(redeeming(w.code(user.ARN()))))(t)
	der := must(x509.MarshalECPrivateKey(d.key))(t)
	dir := t.TempDir()
	sum := sha256.Sum256([]byte(user.ARN()))
	cache := filepath.Join(dir, hex.EncodeToString(sum[:])+".json")
	write := func(path string, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cache, must(json.Marshal(map[string]any{
		"accessToken": map[string]string{
			"accessKeyId": "old", "secretAccessKey": "old", "sessionToken": "old", "accountId": home, "expiresAt": "2020-01-01T00:00:00Z",
		},
		"tokenType": "aws_sigv4", "clientId": sameDevice, "refreshToken": *out.RefreshToken, "idToken": *out.IdToken,
		"dpopKey": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	}))(t))
	write(filepath.Join(dir, "config"), []byte("[default]\nregion = eu-west-1\nlogin_session = "+user.ARN()+"\n"))
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
		"AWS_LOGIN_CACHE_DIRECTORY": dir, "AWS_ENDPOINT_URL": w.url, "AWS_ENDPOINT_URL_SIGNIN": w.url, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "",
	} {
		t.Setenv(name, value)
	}
	loaded := must(config.LoadDefaultConfig(t.Context()))(t)
	if got := must(sts.NewFromConfig(loaded).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))(t); *got.Arn != user.ARN() {
		t.Errorf("the SDK is %s", *got.Arn)
	}
	if content := must(os.ReadFile(cache))(t); strings.Contains(string(content), `"old"`) {
		t.Errorf("the SDK did not refresh: %s", content)
	}
}

// failed checks the exception, code and text of an error.
func failed(t *testing.T, err error, code types.OAuth2ErrorCode, text string) {
	t.Helper()
	var message string
	var got types.OAuth2ErrorCode
	if e, ok := errors.AsType[*types.AccessDeniedException](err); ok {
		got, message = e.Error_, e.ErrorMessage()
	} else if e, ok := errors.AsType[*types.ValidationException](err); ok {
		got, message = e.Error_, e.ErrorMessage()
	}
	if got != code || !strings.Contains(message, text) {
		t.Errorf("got %v, want %s: %s", err, code, text)
	}
}

func TestCode(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	for name, test := range map[string]struct {
		change func(*types.CreateOAuth2TokenRequestBody)
		text   string
	}{
		"no code":          {func(in *types.CreateOAuth2TokenRequestBody) { in.Code = nil }, "code is required"},
		"no redirect URI":  {func(in *types.CreateOAuth2TokenRequestBody) { in.RedirectUri = nil }, "redirectUri is required"},
		"other redirect":   {func(in *types.CreateOAuth2TokenRequestBody) { in.RedirectUri = aws.String(callback + "/") }, "redirectUri is not that"},
		"no verifier":      {func(in *types.CreateOAuth2TokenRequestBody) { in.CodeVerifier = nil }, "codeVerifier must be"},
		"short verifier":   {func(in *types.CreateOAuth2TokenRequestBody) { in.CodeVerifier = aws.String(strings.Repeat("a", 42)) }, "codeVerifier must be"},
		"long verifier":    {func(in *types.CreateOAuth2TokenRequestBody) { in.CodeVerifier = aws.String(strings.Repeat("a", 129)) }, "codeVerifier must be"},
		"other verifier":   {func(in *types.CreateOAuth2TokenRequestBody) { in.CodeVerifier = aws.String(verifier + "a") }, "codeVerifier does not fit"},
		"other client":     {func(in *types.CreateOAuth2TokenRequestBody) { in.ClientId = aws.String(crossDevice) }, "given to another client"},
		"unknown client":   {func(in *types.CreateOAuth2TokenRequestBody) { in.ClientId = aws.String("arn:aws:signin:::devtools/x") }, "clientId is neither"},
		"no refresh token": {func(in *types.CreateOAuth2TokenRequestBody) { in.GrantType = aws.String("refresh_token") }, "refreshToken is required"},
		"unknown grant":    {func(in *types.CreateOAuth2TokenRequestBody) { in.GrantType = aws.String("password") }, "grantType is neither"},
	} {
		t.Run(name, func(t *testing.T) {
			code := w.code(home)
			in := redeeming(code)
			test.change(&in)
			_, err := d.create(in)
			failed(t, err, "INVALID_REQUEST", test.text)
			if _, err := d.create(redeeming(code)); err != nil {
				t.Errorf("the code is lost: %v", err)
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		_, err := d.create(redeeming("x\x00y"))
		failed(t, err, "AUTHCODE_EXPIRED", "")
	})
	t.Run("twice", func(t *testing.T) {
		code := w.code(home)
		must(d.create(redeeming(code)))(t)
		_, err := d.create(redeeming(code))
		failed(t, err, "AUTHCODE_EXPIRED", "")
		w.restart()
		_, err = d.create(redeeming(code))
		failed(t, err, "AUTHCODE_EXPIRED", "")
	})
	t.Run("at once", func(t *testing.T) {
		code := w.code(home)
		won := make(chan bool)
		for range 8 {
			proof := d.proof(nil)
			go func() {
				_, err := d.createWith(proof, redeeming(code))
				won <- err == nil
			}()
		}
		winners := 0
		for range 8 {
			if <-won {
				winners++
			}
		}
		if winners != 1 {
			t.Errorf("%d clients got credentials for one code", winners)
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		code := w.code(home)
		w.restart()
		must(d.create(redeeming(code)))(t)
	})
	t.Run("expired", func(t *testing.T) {
		code, late := w.code(home), w.code(home)
		w.Clock.Advance(10*time.Minute - 30*time.Second)
		must(d.create(redeeming(code)))(t)
		w.Clock.Advance(30 * time.Second)
		_, err := d.create(redeeming(late))
		failed(t, err, "AUTHCODE_EXPIRED", "")
	})
	t.Run("cleaned up", func(t *testing.T) {
		w.code(home)
		w.Clock.Advance(time.Hour)
		w.code(home)
		if n := w.codes(); n != 1 {
			t.Errorf("%d codes are kept", n)
		}
	})
}

func (w *world) codes() (n int) {
	w.t.Helper()
	if err := w.store.View(w.t.Context(), func(r store.Reader) error {
		for range r.Scan(store.Key("signin-code"), nil) {
			n++
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	user := w.user(home, "ann", mayLogin)
	role := w.role(home, "app", mayLogin, 7200)
	d := w.device()
	out := must(d.create(redeeming(w.code(user.ARN()))))(t)
	ofRole := must(d.create(redeeming(w.code(role.ARN()))))(t)

	_, err := w.device().create(refreshing(out.RefreshToken))
	failed(t, err, "INVALID_REQUEST", "bound to another key")
	other := refreshing(out.RefreshToken)
	other.ClientId = aws.String(crossDevice)
	_, err = d.create(other)
	failed(t, err, "INVALID_REQUEST", "given to another client")
	for _, token := range []string{"x", *out.RefreshToken + "A", w.open(parameters(sameDevice)), *out.AccessToken.SessionToken} {
		_, err = d.create(refreshing(&token))
		failed(t, err, "TOKEN_EXPIRED", "")
	}

	// Credentials last 15 minutes, and the sign-in 12 hours, or what the role allows.
	w.Clock.Advance(15*time.Minute + time.Second)
	if who, err := w.who(out.AccessToken); err == nil {
		t.Errorf("the credentials of %s outlast their time", who)
	}
	w.restart()
	must(d.create(refreshing(out.RefreshToken)))(t)
	w.Clock.Advance(100 * time.Minute)
	if got := must(d.create(refreshing(ofRole.RefreshToken)))(t); *got.ExpiresIn < 250 || *got.ExpiresIn > 299 {
		t.Errorf("the last credentials of the role's sign-in last %d seconds", *got.ExpiresIn)
	}
	w.Clock.Advance(5 * time.Minute)
	_, err = d.create(refreshing(ofRole.RefreshToken))
	failed(t, err, "TOKEN_EXPIRED", "")
	w.Clock.Advance(9*time.Hour + 50*time.Minute)
	must(d.create(refreshing(out.RefreshToken)))(t)
	w.Clock.Advance(15 * time.Minute)
	_, err = d.create(refreshing(out.RefreshToken))
	failed(t, err, "TOKEN_EXPIRED", "")
}

func TestPermissions(t *testing.T) {
	w := newWorld(t)
	statement := func(effect, action, resource string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"signin:*","Resource":"*"},{"Effect":"` + effect + `","Action":"` + action + `","Resource":"` + resource + `"}]}`
	}
	authorize := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"signin:AuthorizeOAuth2Access","Resource":"arn:aws:signin:us-east-1:000000000000:oauth2/public-client/localhost"}]}`
	user := w.user(home, "ann", authorize)
	d := w.device()

	// Authorizing is allowed, getting a token is not; once it is, the code is still good.
	code := w.code(user.ARN())
	_, err := d.create(redeeming(code))
	failed(t, err, "INSUFFICIENT_PERMISSIONS", "User: arn:aws:iam::000000000000:user/team/ann is not authorized to perform: signin:CreateOAuth2Token on resource: "+
		"arn:aws:signin:us-east-1:000000000000:oauth2/public-client/localhost because no identity-based policy allows the signin:CreateOAuth2Token action")
	user.Inline["p"] = mayLogin
	w.save(identity.UserKey(home, "ann"), user)
	out := must(d.create(redeeming(code)))(t)

	// A refresh asks again, and knows a user made anew.
	user.Inline["p"] = statement("Deny", "signin:CreateOAuth2Token", "*")
	w.save(identity.UserKey(home, "ann"), user)
	_, err = d.create(refreshing(out.RefreshToken))
	failed(t, err, "INSUFFICIENT_PERMISSIONS", "with an explicit deny in an identity-based policy")
	user.Inline["p"], user.ID = mayLogin, identity.NewUniqueID(identity.PrefixUser)
	w.save(identity.UserKey(home, "ann"), user)
	_, err = d.create(refreshing(out.RefreshToken))
	failed(t, err, "USER_CREDENTIALS_CHANGED", "")

	// A root user's sign-in, begun or done, ends with the account.
	out = must(d.create(redeeming(w.code("arn:aws:iam::000000000000:root"))))(t)
	must(d.create(refreshing(out.RefreshToken)))(t)
	code = w.code("arn:aws:iam::000000000000:root")
	must(0, w.store.Update(t.Context(), func(tx store.Tx) error { return identity.EndAccountLife(tx, home) }))(t)
	_, err = d.create(refreshing(out.RefreshToken))
	failed(t, err, "USER_CREDENTIALS_CHANGED", "")
	_, err = d.create(redeeming(code))
	failed(t, err, "USER_CREDENTIALS_CHANGED", "")

	// The page refuses, tells why, and lets one pick somebody else.
	for policy, client := range map[string]string{
		statement("Deny", "signin:AuthorizeOAuth2Access", "*"):                                                sameDevice,
		statement("Deny", "*", "arn:aws:signin:us-east-1:000000000000:oauth2/public-client/remote"):           crossDevice,
		statement("Deny", "*", "arn:aws:signin:eu-west-1:000000000000:oauth2/public-client/localhost") + "\n": "",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`:           sameDevice,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"signin:Create*","Resource":"*"}]}`:  sameDevice,
		strings.ReplaceAll(mayLogin, "public-client/*", "public-client/localhost"):                            crossDevice,
	} {
		user.Inline["p"] = policy
		w.save(identity.UserKey(home, "ann"), user)
		var headers []string
		if client == "" { // the region is in the name of the host
			client, headers = sameDevice, []string{"Host", "eu-west-1.signin.aws.amazon.com", "Origin", "http://eu-west-1.signin.aws.amazon.com"}
		}
		form := w.open(parameters(client), headers...)
		resp, body := w.pick(form, user.ARN(), headers...)
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "is not authorized to perform: signin:AuthorizeOAuth2Access") || !hidden.MatchString(body) {
			t.Errorf("%s: %s\n%s", policy, resp.Status, body)
		}
	}
}

// TestConditionKey: the credentials carry the ARN of the sign-in, the same one after a refresh.
func TestConditionKey(t *testing.T) {
	w := newWorld(t)
	user := w.user(home, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"signin:*","Resource":"*"},
		{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"ArnLike":{"aws:SignInSessionArn":"arn:aws:signin:us-east-1:000000000000:session/*"}}}]}`)
	d := w.device()
	out := must(d.create(redeeming(w.code(user.ARN()))))(t)
	again := must(d.create(refreshing(out.RefreshToken)))(t)
	sessions := make(map[string]bool)
	for _, c := range []*types.AccessToken{out.AccessToken, again.AccessToken} {
		must(kms.NewFromConfig(w.config(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)).ListKeys(t.Context(), &kms.ListKeysInput{}))(t)
		session := must(w.keyring.OpenSession(*c.SessionToken))(t)
		sessions[session.Context["aws:SignInSessionArn"][0]] = true
	}
	if len(sessions) != 1 {
		t.Errorf("one sign-in has the sessions %v", sessions)
	}
}

// TestToken: bodies and operations that are not CreateOAuth2Token's.
func TestToken(t *testing.T) {
	d := newWorld(t).device()
	for name, test := range map[string]struct {
		path, contentType, body string
		message                 string
	}{
		"form":       {"/v1/token", "application/x-www-form-urlencoded", "grant_type=refresh_token", "content type"},
		"no JSON":    {"/v1/token", "application/json", "{", "can't be read"},
		"wrong type": {"/v1/token", "application/json", `{"clientId":1}`, "can't be read"},
		"too large":  {"/v1/token", "application/json", `{"code":"` + strings.Repeat("x", 300<<10) + `"}`, "can't be read"},
		"with IAM":   {"/v1/token?x-amz-client-auth-method=iam", "application/json", `{}`, "only CreateOAuth2Token"},
		"exchange":   {"/v1/token?x-amz-oauth-token-method=token-exchange", "application/json", `{}`, "only CreateOAuth2Token"},
		"bearer":     {"/v1/token?x-amz-token-request-type=bearer", "application/json", `{}`, "only CreateOAuth2Token"},
		"empty":      {"/v1/token", "application/json", `{}`, "clientId is neither"},
		"no grant":   {"/v1/token", "application/json", `{"clientId":"` + sameDevice + `"}`, "grantType is neither"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, got := d.post(test.path, test.contentType, test.body, "DPoP", d.proof(nil))
			if resp.StatusCode != 400 || resp.Header.Get("X-Amzn-Errortype") != "ValidationException" || resp.Header.Get("X-Amzn-Requestid") == "" ||
				got["error"] != "INVALID_REQUEST" || !strings.Contains(got["message"], test.message) {
				t.Errorf("%s %v", resp.Status, got)
			}
		})
	}
}

func TestProof(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	out := must(d.create(redeeming(w.code(home))))(t)
	claim := func(name string, value any) func(h, c map[string]any) {
		return func(_, c map[string]any) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	header := func(name string, value any) func(h, c map[string]any) {
		return func(h, _ map[string]any) { h[name] = value }
	}
	now := time.Now().Unix()
	host := strings.TrimPrefix(w.url, "http://")
	for name, test := range map[string]struct {
		change func(h, c map[string]any)
		text   string // "": the proof is good
	}{
		"good":             {nil, ""},
		"behind TLS":       {claim("htu", "https://"+host+"/v1/token"), ""},
		"with a query":     {claim("htu", w.url+"/v1/token?a=b#c"), ""},
		"a little old":     {claim("iat", now-290), ""},
		"a fraction":       {claim("iat", float64(now)+0.5), ""},
		"too old":          {claim("iat", now-310), "too far from now"},
		"too new":          {claim("iat", now+310), "too far from now"},
		"far":              {claim("iat", 1e300), "too far from now"},
		"no iat":           {claim("iat", nil), "lacks"},
		"iat a string":     {claim("iat", "now"), "lacks"},
		"no jti":           {claim("jti", nil), "lacks"},
		"empty jti":        {claim("jti", ""), "lacks"},
		"long jti":         {claim("jti", strings.Repeat("x", 257)), "lacks"},
		"no htm":           {claim("htm", nil), "lacks"},
		"other method":     {claim("htm", "GET"), "another method"},
		"method in lower":  {claim("htm", "post"), "another method"},
		"no htu":           {claim("htu", nil), "lacks"},
		"other path":       {claim("htu", w.url+"/v1/tokens"), "another URL"},
		"other host":       {claim("htu", "http://us-east-1.signin.aws.amazon.com/v1/token"), "another URL"},
		"other scheme":     {claim("htu", "ftp://"+host+"/v1/token"), "another URL"},
		"no URL":           {claim("htu", "http://%zz"), "another URL"},
		"user in the URL":  {claim("htu", "http://a@"+host+"/v1/token"), "another URL"},
		"other type":       {header("typ", "JWT"), "typ is not"},
		"no key":           {header("jwk", nil), "not a key on P-256"},
		"key no object":    {header("jwk", "x"), "not a key on P-256"},
		"RSA":              {header("jwk", map[string]any{"kty": "RSA"}), "not a key on P-256"},
		"other curve":      {header("jwk", map[string]any{"kty": "EC", "crv": "P-384"}), "not a key on P-256"},
		"no coordinate":    {header("jwk", map[string]any{"kty": "EC", "crv": "P-256", "x": "AA"}), "not a coordinate"},
		"not on the curve": {header("jwk", map[string]any{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}), "jwk"},
		"long coordinate":  {header("jwk", map[string]any{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 44), "y": "AQ"}), "not a coordinate"},
		"other key":        {header("jwk", w.device().jwk()), "signature is invalid"},
		"other algorithm":  {header("alg", "ES384"), "signing method"},
		"none":             {header("alg", "none"), "signing method"},
		"critical":         {header("crit", []string{"b64"}), "crit"},
		"too long":         {header("x", strings.Repeat("x", 4096)), "too long"},
		"private key":      {func(h, _ map[string]any) { h["jwk"].(map[string]any)["d"] = "AQ" }, "private key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.createWith(d.proof(test.change), refreshing(out.RefreshToken))
			if test.text == "" && err != nil {
				t.Error(err)
			} else if test.text != "" {
				failed(t, err, "INVALID_REQUEST", test.text)
			}
		})
	}
	t.Run("replayed", func(t *testing.T) {
		proof := d.proof(nil)
		must(d.createWith(proof, refreshing(out.RefreshToken)))(t)
		_, err := d.createWith(proof, refreshing(out.RefreshToken))
		failed(t, err, "INVALID_REQUEST", "used before")
	})
	// What strangers send takes no room from others: a proof is spent by a good code or token only.
	t.Run("refused", func(t *testing.T) {
		user := w.user(home, "bob", mayLogin)
		wrongVerifier := redeeming(w.code(user.ARN()))
		wrongVerifier.CodeVerifier = aws.String(strings.Repeat("v", 43))
		elsewhere := redeeming(w.code(user.ARN()))
		elsewhere.RedirectUri = aws.String("http://127.0.0.1:1/oauth/callback")
		proof, stranger := d.proof(nil), w.device()
		theirs := stranger.proof(nil)
		for _, in := range []types.CreateOAuth2TokenRequestBody{redeeming("made up"), wrongVerifier, elsewhere, refreshing(aws.String("made up"))} {
			if _, err := d.createWith(proof, in); err == nil || strings.Contains(err.Error(), "DPoP proof was used before") {
				t.Errorf("%s %s: %v", *in.GrantType, aws.ToString(in.Code), err)
			}
		}
		must(d.createWith(proof, refreshing(out.RefreshToken)))(t)
		for range 2 {
			_, err := stranger.createWith(theirs, refreshing(out.RefreshToken))
			failed(t, err, "INVALID_REQUEST", "bound to another key")
		}
	})
	t.Run("emulated time does not matter", func(t *testing.T) {
		w.Clock.Advance(time.Hour)
		must(d.create(refreshing(out.RefreshToken)))(t)
	})
	body := `{"clientId":"` + sameDevice + `","grantType":"refresh_token","refreshToken":"x"}`
	for name, headers := range map[string][]string{
		"none": nil, "two": {"DPoP", d.proof(nil), "DPoP", d.proof(nil)}, "garbage": {"DPoP", "a.b.c"}, "empty": {"DPoP", ""},
		"changed": {"DPoP", strings.TrimSuffix(d.proof(nil), "A") + base64.RawURLEncoding.EncodeToString([]byte{0})},
	} {
		t.Run(name, func(t *testing.T) {
			resp, got := d.post("/v1/token", "application/json", body, headers...)
			if resp.StatusCode != 400 || got["error"] != "INVALID_REQUEST" || !strings.Contains(got["message"], "DPoP") {
				t.Errorf("%s %v", resp.Status, got)
			}
		})
	}
}

// A sign-in lasts as long as the role's or user's setting has it, whatever the role's sessions may.
func TestMaxSigninSessionDuration(t *testing.T) {
	w := newWorld(t)
	user := w.user(home, "ann", mayLogin)
	role := w.role(home, "app", mayLogin, 7200)
	w.save(identity.LoginProfileKey(home, user.ID), identity.LoginProfile{MaxSigninSessionDuration: 3600})
	role.MaxSigninSessionDuration = 90 * 24 * 3600
	w.save(identity.RoleKey(home, role.Name), role)
	d := w.device()
	ofUser := must(d.create(redeeming(w.code(user.ARN()))))(t)
	ofRole := must(d.create(redeeming(w.code(role.ARN()))))(t)
	w.Clock.Advance(59 * time.Minute)
	must(d.create(refreshing(ofUser.RefreshToken)))(t)
	w.Clock.Advance(time.Minute)
	_, err := d.create(refreshing(ofUser.RefreshToken))
	failed(t, err, "TOKEN_EXPIRED", "")
	w.Clock.Advance(89*24*time.Hour + 22*time.Hour)
	must(d.create(refreshing(ofRole.RefreshToken)))(t)
	w.Clock.Advance(time.Hour)
	_, err = d.create(refreshing(ofRole.RefreshToken))
	failed(t, err, "TOKEN_EXPIRED", "")
}
