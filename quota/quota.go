// Package quota is AWS's quotas: of resources, of which there can be so many, and of requests, of which so many are answered in a
// second. It knows which are in force; what they are, the services say.
//
// Resource quotas are in force unless they are turned off. Request quotas are not, unless they are turned on: nobody waits for a test.
package quota

import (
	"math"
	"strings"
	"time"
)

// Quota is one of AWS's.
type Quota struct {
	// Name by which settings name it: "kms.KeysPerRegion", or of requests "kms.CreateKey/s".
	Name string
	// Value is AWS's default: how many there can be, or of requests how many in a second. 0.1 is one in ten seconds.
	Value float64
	// In has the values of regions where it is another.
	In map[string]float64
}

const requestSuffix = "/s"

// ofRequests reports whether q is a quota of requests.
func (q Quota) ofRequests() bool { return strings.HasSuffix(q.Name, requestSuffix) }

// Quotas are those in force. Nil are AWS's of resources, and none of requests.
type Quotas struct {
	resourcesOff, requests bool
	set                    map[string]float64 // Unlimited if turned off
	counters               counters
}

// Unlimited is the value of a quota that is not in force.
const Unlimited = math.MaxInt

// New returns the quotas that settings put in force, of those that are known. now tells real time: whoever is throttled
// waits in it, and an emulated clock that is frozen would let nobody through again.
func New(settings []string, now func() time.Time, known ...Quota) (*Quotas, error) {
	q := &Quotas{set: make(map[string]float64), counters: counters{now: now}}
	names := make(map[string]Quota, len(known))
	for _, k := range known {
		names[k.Name] = k
	}
	return q, q.read(settings, names, true)
}

// value returns how much of a quota there is in a region.
func (q *Quotas) value(of Quota, region string) float64 {
	if q != nil {
		if value, ok := q.set[of.Name]; ok {
			return value
		}
	}
	if of.ofRequests() && (q == nil || !q.requests) || q != nil && q.resourcesOff && !of.ofRequests() {
		return Unlimited
	}
	if value, ok := of.In[region]; ok {
		return value
	}
	return of.Value
}

// Max returns how many resources a quota allows: Unlimited if it is not in force.
func (q *Quotas) Max(of Quota) int {
	value := q.value(of, "")
	if value >= Unlimited {
		return Unlimited
	}
	return int(value)
}
