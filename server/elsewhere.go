package server

import (
	"net/http"
	"strings"

	"emulator/api"
	"emulator/api/wire"
	"emulator/sigv4"
)

// elsewhere is what a request is for that is for no service answered here.
type elsewhere struct {
	service  string
	protocol wire.Protocol
}

// xmlServices are those of REST services that speak XML, by the name that they are signed for; all others speak JSON.
var xmlServices = map[string]wire.Protocol{
	"cloudfront": wire.RESTXML, "route53": wire.RESTXML, "s3": wire.S3, "s3express": wire.S3, "s3-object-lambda": wire.S3, "s3-outposts": wire.S3,
}

// serviceName is that of the service that the call is for, whether it is answered here or not.
func (c *call) serviceName() string {
	if c.elsewhere != nil {
		return c.elsewhere.service
	}
	return c.service.name
}

// signingName is the name that the call is signed for.
func (c *call) signingName() string {
	if c.elsewhere != nil {
		return c.elsewhere.service
	}
	return c.service.model.SigningName
}

// serveOtherMethod answers what is asked by a method that no service answered here has.
func (s *Server) serveOtherMethod(w http.ResponseWriter, r *http.Request) {
	if signature, _ := sigv4.Parse(r); signature == nil || s.bySigningName(signature.Service) != nil {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s.serveAWS(w, r)
}

// refuseElsewhere notes that the call is for a service that is not answered here, and in which protocol, and returns the error.
// The service is the one that the request is signed for, or the target's.
func (c *call) refuseElsewhere(service string) error {
	service = service[:min(len(service), 64)]
	h := c.http.Header
	c.elsewhere = &elsewhere{service: service, protocol: wire.RESTJSON}
	switch protocol, xml := xmlServices[service]; {
	case h.Get("Smithy-Protocol") == wire.SmithyCBOR:
		c.elsewhere.protocol = wire.RPCv2CBOR
	case h.Get("X-Amz-Target") != "":
		c.elsewhere.protocol = wire.JSON
	case xml:
		c.elsewhere.protocol = protocol
	case !strings.HasPrefix(h.Get("Content-Type"), "application/x-www-form-urlencoded") && !strings.Contains(c.http.URL.RawQuery, "Action="):
	case service == "ec2":
		c.elsewhere.protocol = wire.EC2
	default:
		c.elsewhere.protocol = wire.Query
	}
	return api.Errorf("InvalidAction", "The service %s is not answered here.", service)
}
