package management

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Attached is a policy that is attached to a root, organizational unit or account.
type Attached struct {
	ID     string
	Policy *Policy
}

// Effective is what policies make together for an account.
type Effective struct {
	language language
	root     *node
	memory   int
}

// Memory is about how many bytes an effective policy takes.
func (e *Effective) Memory() int { return e.memory }

// Merge computes what holds for an account: levels has the policies of a type that are attached to the root, to each
// organizational unit on the way, and to the account, of each in the order in which they were attached.
//
// https://docs.aws.amazon.com/organizations/latest/userguide/inheritance-examples.html
func Merge(t Type, levels [][]Attached) *Effective {
	l := languages[t]
	e := &Effective{language: l, root: newNode(l.root, "")}
	for _, level := range levels {
		parts := make([]part, len(level))
		for i, a := range level {
			parts[i] = part{a.ID, a.Policy.root}
			e.memory += a.Policy.memory
		}
		e.root.merge(parts)
	}
	if l.complete != nil {
		l.complete(e.root)
	}
	e.root.prune()
	return e
}

// node is a block of an effective policy.
type node struct {
	schema  *schema
	name    string
	members []*node
	byName  map[string]*node
	// values of a setting, nil if it has none. single: it is one value, not a list.
	values []string
	single bool
	// from are the IDs of the policies that set the values.
	from []string
	// allowed are the operators that the next level may use.
	allowed operators
}

func newNode(s *schema, name string) *node {
	return &node{schema: s, name: name, byName: make(map[string]*node), allowed: allOperators}
}

func (n *node) add(m *node) *node {
	n.members = append(n.members, m)
	n.byName[m.name] = m
	return m
}

// part is what a policy says of a node.
type part struct {
	id string
	*block
}

// sets returns whether a policy has an operator.
func sets(op operators) func(part) bool {
	return func(p part) bool { return p.values[op] != nil }
}

func setOf(values []string) map[string]bool {
	set := make(map[string]bool, len(values))
	for _, v := range values {
		set[v] = true
	}
	return set
}

// merge applies what the policies of one level say. Among them the first assignment counts, then all that is appended, then all
// that is removed. What they allow the next level is what all of them and all levels above allow.
func (n *node) merge(level []part) {
	if n.allowed&assign != 0 {
		if i := slices.IndexFunc(level, sets(assign)); i >= 0 {
			n.values, n.single, n.from = slices.Clone(level[i].values[assign]), level[i].single, []string{level[i].id}
		}
	}
	if n.allowed&appendTo != 0 && slices.ContainsFunc(level, sets(appendTo)) {
		there := setOf(n.values)
		if n.values == nil {
			n.values = []string{}
		}
		for _, p := range level {
			for _, v := range p.values[appendTo] {
				if !there[v] {
					there[v] = true
					n.values = append(n.values, v)
					n.contributes(p.id)
				}
			}
		}
	}
	if n.allowed&remove != 0 && n.values != nil {
		for _, p := range level {
			gone, before := setOf(p.values[remove]), len(n.values)
			n.values = slices.DeleteFunc(n.values, func(v string) bool { return gone[v] })
			if len(n.values) < before {
				n.contributes(p.id)
			}
		}
	}
	n.mergeMembers(level)
	for _, p := range level {
		n.allowed &= p.allowed
	}
}

// mergeMembers merges what is in the blocks. Who may neither assign nor append adds none.
func (n *node) mergeMembers(level []part) {
	var order []string
	members := make(map[string][]part)
	for _, p := range level {
		for _, m := range p.members {
			if members[m.name] == nil {
				order = append(order, m.name)
			}
			members[m.name] = append(members[m.name], part{p.id, m})
		}
	}
	for _, name := range order {
		m := n.byName[name]
		if m == nil {
			if n.allowed&(assign|appendTo) == 0 {
				continue
			}
			m = n.add(newNode(members[name][0].schema, name))
		}
		m.merge(members[name])
	}
}

func (n *node) contributes(id string) {
	if !slices.Contains(n.from, id) {
		n.from = append(n.from, id)
	}
}

// contributing returns the IDs of all policies that said something in a node, sorted.
func (n *node) contributing() []string {
	ids := slices.Clone(n.from)
	for _, m := range n.members {
		ids = append(ids, m.contributing()...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// prune removes what has nothing in it, and reports whether that is all of the node.
func (n *node) prune() bool {
	n.members = slices.DeleteFunc(n.members, func(m *node) bool {
		empty := m.prune()
		if empty {
			delete(n.byName, m.name)
		}
		return empty
	})
	return n.values == nil && len(n.members) == 0
}

// text returns the value of a setting under a name, "" if it has none.
func (n *node) text(names ...string) string {
	for _, name := range names {
		if n = n.byName[name]; n == nil {
			return ""
		}
	}
	if len(n.values) == 0 {
		return ""
	}
	return n.values[0]
}

// Text returns the effective policy in JSON.
func (e *Effective) Text() string {
	var b bytes.Buffer
	if err := e.root.write(jsontext.NewEncoder(&b)); err != nil {
		panic(err) // names and values were read as JSON
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

func (n *node) write(e *jsontext.Encoder) error {
	tokens := func(all ...jsontext.Token) error {
		for _, t := range all {
			if err := e.WriteToken(t); err != nil {
				return err
			}
		}
		return nil
	}
	if n.values != nil && n.single {
		return tokens(jsontext.String(n.values[0]))
	}
	if n.values != nil {
		list := []jsontext.Token{jsontext.BeginArray}
		for _, v := range n.values {
			list = append(list, jsontext.String(v))
		}
		return tokens(append(list, jsontext.EndArray)...)
	}
	if err := tokens(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range n.members {
		if err := tokens(jsontext.String(m.name)); err != nil {
			return err
		}
		if err := m.write(e); err != nil {
			return err
		}
	}
	return tokens(jsontext.EndObject)
}
