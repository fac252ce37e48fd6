package identity

import (
	"strings"
	"time"

	"emulator/store"
)

// InstanceProfile is the record of an instance profile.
type InstanceProfile struct {
	Account   string            `json:"account"`
	Partition string            `json:"partition"`
	Name      string            `json:"name"`
	ID        string            `json:"id"`
	Path      string            `json:"path"`
	Created   time.Time         `json:"created"`
	Tags      map[string]string `json:"tags,omitempty"`
	// Role is the name of the role in it, or "": it holds one at most.
	Role string `json:"role,omitempty"`
}

// ARN returns the instance profile's ARN.
func (p *InstanceProfile) ARN() string {
	return ARN(p.Partition, "iam", p.Account, "instance-profile"+p.Path+p.Name)
}

// InstanceProfileKey is the key of an InstanceProfile.
func InstanceProfileKey(account, name string) []byte {
	return store.Key("iam", account, "instance-profile", strings.ToLower(name))
}

// LoadInstanceProfile returns the instance profile of that name; names differ if their case does.
func LoadInstanceProfile(r store.Reader, account, name string) (*InstanceProfile, bool, error) {
	p, ok, err := store.Load[InstanceProfile](r, InstanceProfileKey(account, name))
	return &p, ok && p.Name == name, err
}
