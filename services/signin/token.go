package signin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"regexp"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"emulator/api"
	"emulator/identity"
	"emulator/store"
)

// failure is an error as clients of CreateOAuth2Token see it: the name of an exception of the API's model,
// a code for machines and a sentence for people.
type failure struct {
	exception, code, message string
}

func (f *failure) Error() string { return f.exception + " (" + f.code + "): " + f.message }

// statuses are those of the API's model. It declares none for AccessDeniedException, so that rest-json makes it 400.
var statuses = map[string]int{
	"AccessDeniedException":   http.StatusBadRequest,
	"InternalServerException": http.StatusInternalServerError,
	"TooManyRequestsError":    http.StatusTooManyRequests,
	"ValidationException":     http.StatusBadRequest,
}

func invalid(message string) error {
	return &failure{"ValidationException", "INVALID_REQUEST", message}
}

func denied(code, message string) error {
	return &failure{"AccessDeniedException", code, message}
}

// tokenInput is the body of CreateOAuth2Token.
type tokenInput struct {
	ClientID     string `json:"clientId"`
	GrantType    string `json:"grantType"`
	Code         string `json:"code"`
	RedirectURI  string `json:"redirectUri"`
	CodeVerifier string `json:"codeVerifier"`
	RefreshToken string `json:"refreshToken"`
}

// tokenOutput is what it answers.
type tokenOutput struct {
	AccessToken  accessToken `json:"accessToken"`
	TokenType    string      `json:"tokenType"`
	ExpiresIn    int         `json:"expiresIn"`
	RefreshToken string      `json:"refreshToken"`
	IDToken      string      `json:"idToken,omitempty"`
}

type accessToken struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
}

// refreshToken is what a refresh token seals: who signed in, and the key whose holder may use it.
type refreshToken struct {
	signIn
	Key string `json:"key"`
}

// serveToken answers CreateOAuth2Token.
//
// https://docs.aws.amazon.com/signin/latest/APIReference/API_dataplane-signin_CreateOAuth2Token.html
func (s *Service) serveToken(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	requestID := start(w)
	out, err := s.createToken(w, r, s.caller(r, requestID))
	status, answer := http.StatusOK, any(out)
	if err != nil {
		f, ok := errors.AsType[*failure](err)
		if !ok {
			f = &failure{"InternalServerException", "server_error", "An internal error has occurred."}
		}
		status, answer = statuses[f.exception], map[string]string{"error": f.code, "message": f.message}
		w.Header().Set("X-Amzn-Errortype", f.exception)
	}
	s.logRequest(r, requestID, began, status, err)
	writeJSON(w, status, answer)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func (s *Service) createToken(w http.ResponseWriter, r *http.Request, c api.Caller) (*tokenOutput, error) {
	for _, name := range []string{"x-amz-client-auth-method", "x-amz-oauth-token-method", "x-amz-token-request-type"} {
		if r.URL.Query().Has(name) { // they tell CreateOAuth2TokenWithIAM and its like from CreateOAuth2Token
			return nil, invalid("Of the operations at this path only CreateOAuth2Token is supported by this emulator.")
		}
	}
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/json" {
		return nil, invalid("The content type of a request to this operation is application/json.")
	}
	var in tokenInput
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		return nil, invalid("The body can't be read as JSON.")
	}
	if in.ClientID != sameDevice && in.ClientID != crossDevice {
		return nil, invalid("clientId is neither " + sameDevice + " nor " + crossDevice + ".")
	}
	if in.GrantType != "authorization_code" && in.GrantType != "refresh_token" {
		return nil, invalid("grantType is neither authorization_code nor refresh_token.")
	}
	p, err := verifyProof(r, time.Now())
	if err != nil {
		return nil, invalid(err.Error())
	}
	if in.GrantType == "refresh_token" {
		return s.refresh(r, c, &in, p)
	}
	return s.redeem(r, c, &in, p)
}

// takeProof remembers a proof, with whose code or token nothing is wrong.
func (s *Service) takeProof(p *proof) error {
	switch err := s.proofs.take(p, time.Now()); {
	case errors.Is(err, errProofsFull):
		return &failure{"TooManyRequestsError", "rate_exceeded", "Rate exceeded"}
	case err != nil:
		return invalid(err.Error())
	}
	return nil
}

var codeVerifier = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// redeem gives tokens for an authorization code, which is good once.
func (s *Service) redeem(r *http.Request, c api.Caller, in *tokenInput, p *proof) (*tokenOutput, error) {
	switch {
	case in.Code == "":
		return nil, invalid("code is required with the grant type authorization_code.")
	case in.RedirectURI == "":
		return nil, invalid("redirectUri is required with the grant type authorization_code.")
	case !codeVerifier.MatchString(in.CodeVerifier):
		return nil, invalid("codeVerifier must be 43 to 128 letters, digits and characters of -._~ with the grant type authorization_code.")
	}
	var a authorization
	find := func(tx store.Reader) (err error) {
		var ok bool
		if a, ok, err = store.Load[authorization](tx, codeKey(in.Code)); err != nil {
			return err
		}
		if !ok || !c.Received.Before(a.Expires) {
			return denied("AUTHCODE_EXPIRED", "The authorization code has expired or was used before.")
		}
		return a.check(in)
	}
	if err := s.store.View(r.Context(), find); err != nil {
		return nil, err
	}
	if err := s.takeProof(p); err != nil {
		return nil, err
	}
	var got *issued
	err := s.store.Update(r.Context(), func(tx store.Tx) (err error) {
		if err := find(tx); err != nil { // somebody else may have used the code
			return err
		}
		if got, err = s.issue(tx, c, &a.SignIn, "signin:CreateOAuth2Token"); err != nil {
			return err
		}
		return tx.Delete(codeKey(in.Code))
	})
	if err != nil {
		return nil, refusal(err)
	}
	refresh, err := s.seal(refreshToken{a.SignIn, p.thumbprint}, refreshBinding)
	if err != nil {
		return nil, err
	}
	out := s.output(got, refresh)
	out.IDToken, err = s.idToken(&a.SignIn, got)
	return out, err
}

// check compares what redeems a code with what it was asked for. The verifier is that of
// https://www.rfc-editor.org/rfc/rfc7636#section-4.6.
func (a *authorization) check(in *tokenInput) error {
	sum := sha256.Sum256([]byte(in.CodeVerifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	switch {
	case a.SignIn.Client != in.ClientID:
		return invalid("The authorization code was given to another client.")
	case a.Redirect != in.RedirectURI:
		return invalid("redirectUri is not that of the authorization request.")
	case subtle.ConstantTimeCompare([]byte(challenge), []byte(a.Challenge)) != 1:
		return invalid("codeVerifier does not fit the code challenge of the authorization request.")
	}
	return nil
}

// refresh gives new credentials. AWS has it that a refresh token may be used any number of times until
// the sign-in ends, and so it stays the same.
func (s *Service) refresh(r *http.Request, c api.Caller, in *tokenInput, p *proof) (*tokenOutput, error) {
	if in.RefreshToken == "" {
		return nil, invalid("refreshToken is required with the grant type refresh_token.")
	}
	var token refreshToken
	if err := s.open(in.RefreshToken, refreshBinding, &token); err != nil || !c.Received.Before(token.Ends) {
		// One that does not open is of another emulator: here too the way out is to sign in again.
		return nil, denied("TOKEN_EXPIRED", "The refresh token has expired.")
	}
	switch {
	case token.Client != in.ClientID:
		return nil, invalid("The refresh token was given to another client.")
	case subtle.ConstantTimeCompare([]byte(token.Key), []byte(p.thumbprint)) != 1:
		return nil, invalid("The refresh token is bound to another key than that of the DPoP proof.")
	}
	if err := s.takeProof(p); err != nil {
		return nil, err
	}
	var got *issued
	err := s.store.View(r.Context(), func(tx store.Reader) (err error) {
		got, err = s.issue(tx, c, &token.signIn, "signin:CreateOAuth2Token")
		return err
	})
	if err != nil {
		return nil, refusal(err)
	}
	return s.output(got, in.RefreshToken), nil
}

// refusal makes of why there are no credentials what the client is to see.
func refusal(err error) error {
	switch {
	case errors.Is(err, identity.ErrToken), errors.Is(err, identity.ErrUnusable):
		return denied("USER_CREDENTIALS_CHANGED", "The user, role or account that signed in does not exist any more.")
	case errors.Is(err, identity.ErrExpired):
		return denied("TOKEN_EXPIRED", "The sign-in has ended.")
	case api.ErrorCode(err) == "AccessDenied":
		e, _ := errors.AsType[*api.Error](err)
		return denied("INSUFFICIENT_PERMISSIONS", e.Message)
	}
	return err
}

func (s *Service) output(got *issued, refresh string) *tokenOutput {
	return &tokenOutput{
		AccessToken: accessToken{
			AccessKeyID:     got.session.AccessKeyID,
			SecretAccessKey: s.keyring.SessionSecret(got.session.AccessKeyID),
			SessionToken:    got.token,
		},
		TokenType:    "aws_sigv4",
		ExpiresIn:    max(1, int(got.session.Expires.Sub(got.session.Issued).Seconds())),
		RefreshToken: refresh,
	}
}

// idToken tells the client who signed in: it reads "sub", and names its session by it. The claims are those of the
// token in the tests of the AWS CLI.
func (s *Service) idToken(in *signIn, got *issued) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS384, jwt.MapClaims{
		"iss":         "https://signin.aws.amazon.com/signin",
		"sub":         got.principal.ARN,
		"session_arn": got.principal.ARN,
		"aud":         in.Client,
		"iat":         got.session.Issued.Unix(),
		"exp":         got.session.Expires.Unix(),
	}).SignedString(s.idTokens)
}
