package api

import (
	"net/netip"
	"time"

	"emulator/audit"
	"emulator/identity"
)

// Caller is who calls an operation, and how the call came in.
type Caller struct {
	// Principal is the zero value if the call is not signed.
	identity.Principal
	// Region and Partition that the call is for: those of the credential scope.
	Region, Partition string

	RequestID string
	SourceIP  netip.Addr
	UserAgent string
	Referer   string
	// Secure is set if the call came over TLS.
	Secure bool
	// Host is the name by which the client called the endpoint.
	Host string
	// Received is the emulated time at which the call came in.
	Received time.Time
	// Notes are for the call's event; nil if there will be none.
	Notes *audit.Notes
}
