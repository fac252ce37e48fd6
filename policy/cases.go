package policy

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Case is an authorization question with its answer: a test of policies that
// needs no server.
type Case struct {
	Name    string `json:"name"`
	Request struct {
		Principal       string                `json:"principal"`
		Action          string                `json:"action"`
		Resource        string                `json:"resource"`
		ResourceAccount string                `json:"resourceAccount"`
		Context         map[string]caseValues `json:"context"`
	} `json:"request"`
	Policies struct {
		Identity []struct {
			Name     string          `json:"name"`
			Document json.RawMessage `json:"document"`
		} `json:"identity"`
		Boundary json.RawMessage     `json:"boundary"`
		Session  []json.RawMessage   `json:"session"`
		Resource json.RawMessage     `json:"resource"`
		SCPs     [][]json.RawMessage `json:"scps"`
		RCPs     [][]json.RawMessage `json:"rcps"`
		// Grants are the names of KMS grants that allow the request.
		Grants []string `json:"grants"`
	} `json:"policies"`
	// Expected is an Effect's name.
	Expected string `json:"expected"`
	// Source is where the answer comes from.
	Source string `json:"source"`
}

// caseValues takes a single value for a list.
type caseValues []string

func (v *caseValues) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte("[")) {
		return json.Unmarshal(b, (*[]string)(v))
	}
	*v = make(caseValues, 1)
	return json.Unmarshal(b, &(*v)[0])
}

// ReadCases reads cases: a JSON object, an array of them, or one object a line; also gzipped.
func ReadCases(r io.Reader) ([]Case, error) {
	b := bufio.NewReader(r)
	if magic, _ := b.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		b = bufio.NewReader(z)
	}
	d := json.NewDecoder(b)
	var cases []Case
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return cases, nil
		} else if err != nil {
			return nil, err
		}
		var some []Case
		if bytes.HasPrefix(raw, []byte("[")) {
			if err := strict(raw, &some); err != nil {
				return nil, err
			}
		} else {
			some = make([]Case, 1)
			if err := strict(raw, &some[0]); err != nil {
				return nil, err
			}
		}
		cases = append(cases, some...)
	}
}

func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// Build parses the case's policies. The policy on the resource is a key policy for actions of KMS and a
// trust policy for those of STS.
func (c *Case) Build() (*Request, *Policies, error) {
	r := &Request{
		Principal: ParsePrincipal(c.Request.Principal), Action: c.Request.Action, Resource: c.Request.Resource,
		ResourceAccount: c.Request.ResourceAccount,
	}
	keys := make(map[string][]string, len(c.Request.Context))
	for k, v := range c.Request.Context {
		keys[k] = v
	}
	r.Context = NewContext(keys)
	p := &Policies{Grants: c.Policies.Grants}
	var errs []error
	parse := func(kind Kind, name string, raw json.RawMessage) Named {
		// Cases are about decisions: actions that AWS refuses in a trust policy do no harm.
		parsed, err := (&parser{kind: kind, text: string(raw), anyAction: true}).parse()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s policy %s: %w", c.Name, kind, name, err))
		}
		return Named{name, parsed}
	}
	for _, i := range c.Policies.Identity {
		p.Identity = append(p.Identity, parse(Identity, i.Name, i.Document))
	}
	if present(c.Policies.Boundary) {
		p.Boundary = parse(Identity, "boundary", c.Policies.Boundary)
	}
	for i, s := range c.Policies.Session {
		p.Session = append(p.Session, parse(Session, fmt.Sprint("session ", i+1), s))
	}
	service, _, _ := strings.Cut(strings.ToLower(c.Request.Action), ":")
	p.ResourceKind = Resource
	switch service {
	case "kms":
		p.ResourceKind = KeyPolicy
	case "sts":
		p.ResourceKind = TrustPolicy
	}
	if present(c.Policies.Resource) {
		p.Resource = parse(p.ResourceKind, "resource", c.Policies.Resource)
	}
	levels := func(kind Kind, raw [][]json.RawMessage) (levels [][]Named) {
		for i, level := range raw {
			var policies []Named
			for j, text := range level {
				policies = append(policies, parse(kind, fmt.Sprintf("%s %d.%d", kind, i+1, j+1), text))
			}
			levels = append(levels, policies)
		}
		return levels
	}
	p.SCPs = levels(SCP, c.Policies.SCPs)
	p.RCPs = levels(RCP, c.Policies.RCPs)
	return r, p, errors.Join(errs...)
}

func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }
