package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"emulator/api"
	"emulator/services/signin"
)

// guardBrowsers stands in front of everything that is served. The root key is one that
// everybody knows, and browsers lend any web page their way to this machine: what a browser
// sends must be for a name that is ours, and asked for by a page of ours or of an allowed origin.
// Anything else is refused before its body is read. Clients that are no browsers pass.
func (s *Server) guardBrowsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(s.config.AllowOrigins) > 0 {
			w.Header().Add("Vary", "Origin")
		}
		if !fromBrowser(r) {
			next.ServeHTTP(w, r)
			return
		}
		if why := s.refusal(r); why != "" {
			s.refuseBrowser(w, r, why)
			return
		}
		if !s.allowedOrigin(r) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("Access-Control-Expose-Headers", "X-Amzn-Requestid, X-Amzn-Errortype, Date")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE")
			// SDKs have a header for this and that, and the origin is trusted with all.
			h.Set("Access-Control-Allow-Headers", strings.Join(r.Header.Values("Access-Control-Request-Headers"), ","))
			h.Set("Access-Control-Max-Age", "600")
			if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
				h.Set("Access-Control-Allow-Private-Network", "true")
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fromBrowser reports whether a browser sent the request, also over plain http, where a page whose
// name was made to lead here (DNS rebinding) need send neither Origin nor fetch metadata. Pages can
// choose User-Agent and Accept-Language, but not Accept-Encoding and Sec-Fetch-Mode
// (https://fetch.spec.whatwg.org/#forbidden-request-header): fetch of Node.js, which says
// "Accept-Language: *" too, has the latter, and that of Deno another former.
func fromBrowser(r *http.Request) bool {
	h := r.Header
	if h["Origin"] != nil || h["Sec-Fetch-Site"] != nil || strings.HasPrefix(r.UserAgent(), "Mozilla") {
		return true
	}
	if h["Accept-Language"] == nil {
		return false
	}
	for tag := range strings.SplitSeq(strings.Join(h["Accept-Language"], ","), ",") {
		tag, _, _ = strings.Cut(tag, ";")
		if tag = strings.TrimSpace(tag); tag != "" && tag != "*" {
			return true
		}
	}
	return h["Sec-Fetch-Mode"] == nil && strings.HasPrefix(h.Get("Accept-Encoding"), "gzip, deflate")
}

// refusal tells why a browser's request is refused, "" if it is not.
func (s *Server) refusal(r *http.Request) string {
	switch {
	case !s.ownHost(r):
		return fmt.Sprintf("A browser asked for %q, which is no name of this emulator: any web page can have a name that leads here. To use it, start the emulator with --host-name NAME.", shortened(r.Host))
	case s.allowedOrigin(r):
		return ""
	case fromOtherOrigin(r):
		return fmt.Sprintf("A web page of another origin made a browser ask for this (Origin: %q). To let that origin call the emulator, start it with --allow-origin ORIGIN.", shortened(r.Header.Get("Origin")))
	case mayChange(r):
		return "A browser that names no page behind a GET request may only read by it: any page or link could have made it. Use POST, or a client that is no browser."
	}
	return ""
}

func shortened(text string) string { return text[:min(len(text), 100)] }

// fromOtherOrigin reports whether a page of another origin made the browser send the request. That
// page may lead people to a sign-in page: it can't read or press what is there. And it may be an
// identity provider's, which signs people in with what it signed.
func fromOtherOrigin(r *http.Request) bool {
	if bringsSAML(r) {
		return false
	}
	for _, origin := range r.Header["Origin"] {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || u.Host != r.Host {
			return true
		}
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" && !opensPage(r) {
			return true
		}
	}
	return false
}

// opensPage reports whether the request opens a sign-in page in a window.
func opensPage(r *http.Request) bool {
	return r.Method == http.MethodGet && slices.Contains(signin.Pages, r.URL.Path) && navigates(r)
}

// bringsSAML reports whether the request is a form of an identity provider's, in a window.
func bringsSAML(r *http.Request) bool {
	return r.Method == http.MethodPost && signin.TakesSAML(r.URL.Path) && navigates(r)
}

func navigates(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// mayChange reports whether a request that names no page behind it could be for an operation that
// changes something: a link in a message, or over plain http to a name, and from old browsers, an
// image of any page. All of its parameters are in the URL, as a page must ask before it sets
// headers of AWS's.
func mayChange(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if r.Method != http.MethodGet || r.Header["Origin"] != nil || site != "" && site != "none" || slices.Contains(signin.Pages, r.URL.Path) {
		return false
	}
	action := r.URL.Query().Get("Action")
	return action != "" && !slices.ContainsFunc([]string{"Get", "List", "Describe", "Simulate", "Decode"}, func(verb string) bool {
		return strings.HasPrefix(action, verb)
	})
}

// allowedOrigin reports whether the page behind the request is of an origin that --allow-origin names.
func (s *Server) allowedOrigin(r *http.Request) bool {
	origin := r.Header["Origin"]
	return len(origin) == 1 && slices.Contains(s.config.AllowOrigins, origin[0])
}

// ownHost reports whether the request names us by a loopback address, the address that it came to,
// a name that AWS has for a service, or one that the configuration has.
func (s *Server) ownHost(r *http.Request) bool {
	host := hostname(r.Host)
	if loopbackHost(r.Host) || awsHost.MatchString(host) || slices.Contains(s.config.HostNames, host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if err != nil || local == nil {
		return false
	}
	own, err := netip.ParseAddrPort(local.String())
	return err == nil && own.Addr() == addr.Unmap()
}

// awsHost are the endpoints of what is served here. Not all of amazonaws.com: customers choose
// where some of its names lead.
var awsHost = regexp.MustCompile(`^(?:` +
	`(?:sts|iam|kms|cloudhsmv2|organizations)(?:-fips)?(?:\.[a-z0-9-]+)?\.(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|api\.aws)|` +
	`[a-z0-9-]+\.tokens\.sts\.global\.api\.aws|` +
	`(?:[a-z0-9-]+\.)?signin\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com|amazonaws\.eu))$`)

func loopbackHost(host string) bool {
	host = hostname(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // https://www.rfc-editor.org/rfc/rfc6761#section-6.3
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// hostname is a Host header in lower case, without its port and brackets.
func hostname(host string) string {
	host = strings.ToLower(host)
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// refuseBrowser answers with AWS's AccessDenied, or below the admin API with its error.
func (s *Server) refuseBrowser(w http.ResponseWriter, r *http.Request, why string) {
	s.log.Info("browser refused", "path", shortened(r.URL.Path), "error", why) // a page that is refused can't show why
	w.Header().Set("Connection", "close")                                      // or the server would read the body after all
	if strings.HasPrefix(r.URL.Path, "/_emulator/") {
		adminError(w, http.StatusForbidden, why)
		return
	}
	c := &call{http: r, requestID: uuid.NewString(), service: s.services[0]}
	if r.Header.Get("X-Amz-Target") != "" {
		c.service = s.byName("kms") // any that speaks JSON
	}
	c.write(w, c.service.codec.EncodeError(nil, api.Errorf("AccessDenied", "%s", why), c.requestID, c.wantsJSON()))
}

// normalized returns each of texts in its normal form, or the first error.
func normalized(texts []string, normal func(string) (string, error)) ([]string, error) {
	all := make([]string, len(texts))
	for i, text := range texts {
		var err error
		if all[i], err = normal(text); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// normalOrigin returns an origin as browsers send it.
func normalOrigin(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || strings.Contains(text, "*") || !strings.EqualFold(text, u.Scheme+"://"+u.Host) {
		return "", fmt.Errorf("allowed origin %q: want scheme://host or scheme://host:port, one that is named in full", text)
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme { // url.Parse makes it lower-case
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host, nil
}

// normalHostName returns a host name as it is compared with those of requests.
func normalHostName(text string) (string, error) {
	host := strings.ToLower(text)
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}
	if !hostNames.MatchString(host) {
		return "", fmt.Errorf("host name %q: want a name or an address, without scheme and port", text)
	}
	return host, nil
}

var hostNames = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$`)

// forwarded reports whether a proxy handed the request on: then it is not of the machine that
// it comes from, whatever its address.
func forwarded(r *http.Request) bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded") || slices.Contains(proxyHeaders, name) {
			return true
		}
	}
	return false
}

// proxyHeaders are those of RFC 7239 and RFC 9110, and those in which proxies and content delivery
// networks name the client, besides X-Forwarded and its like.
var proxyHeaders = []string{
	"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "Client-Ip", "X-Cluster-Client-Ip", "X-Original-Forwarded-For", "X-Original-Host",
	"X-Envoy-External-Address", "X-Envoy-Internal", "X-Appengine-User-Ip", "X-Azure-Clientip", "X-Proxyuser-Ip",
	"Cdn-Loop", "Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Ray", "True-Client-Ip", "Fastly-Client-Ip", "Fly-Client-Ip", "Do-Connecting-Ip",
}
