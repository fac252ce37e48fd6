// Package awspolicies holds the managed policies that AWS maintains:
// AdministratorAccess, ReadOnlyAccess and all others that are public
// (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html).
//
// They are compressed in the binary and cost nothing until the first one is asked
// for; then the index is read, and of each policy that is asked for its text.
package awspolicies

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	_ "embed"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"emulator/identity"
)

//go:generate go run ./gen

//go:embed policies.bin
var data []byte

// Policy is one of AWS's managed policies.
type Policy struct {
	// Partition whose ARNs it names: "aws".
	Partition        string
	Name             string
	Path             string
	Created, Updated time.Time

	entry *entry
}

// ARN returns the policy's ARN, that of account "aws".
func (p Policy) ARN() string { return prefix(p.Partition) + p.Path + p.Name }

// ID returns the policy's unique ID. It is always the same, but not the one that AWS
// has, which is not public.
func (p Policy) ID() string {
	sum := sha256.Sum256([]byte(p.Name))
	return identity.PrefixPolicy + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// ServiceLinked reports whether only service-linked roles can have the policy.
func (p Policy) ServiceLinked() bool { return strings.HasPrefix(p.Path, "/aws-service-role/") }

// Versions returns the policy's versions, the oldest first. The last is the one in
// force, and the only one whose document is kept.
func (p Policy) Versions() []identity.PolicyVersion {
	var versions []identity.PolicyVersion
	for v := range strings.SplitSeq(p.entry.versions, ",") {
		id, created, _ := strings.Cut(v, ":")
		versions = append(versions, identity.PolicyVersion{ID: "v" + id, Created: instant(created)})
	}
	return versions
}

// DefaultVersion returns the ID of the version in force: "v3".
func (p Policy) DefaultVersion() string {
	last := p.entry.versions[strings.LastIndexByte(p.entry.versions, ',')+1:]
	id, _, _ := strings.Cut(last, ":")
	return "v" + id
}

// Document returns the text of the version in force.
func (p Policy) Document() string {
	text := p.entry.document()
	if p.Partition != "aws" {
		text = strings.ReplaceAll(text, `"arn:aws:`, `"arn:`+p.Partition+`:`)
	}
	return text
}

// Find returns the policy of that ARN, if AWS has it. An ARN of another partition
// finds nothing.
func Find(partition, arn string) (Policy, bool) {
	resource, ok := strings.CutPrefix(arn, prefix(partition))
	if !ok {
		return Policy{}, false
	}
	name := resource[strings.LastIndexByte(resource, '/')+1:]
	entries := index()
	i, ok := slices.BinarySearchFunc(entries, name, func(e *entry, name string) int { return strings.Compare(e.name, name) })
	if !ok || entries[i].path+name != resource {
		return Policy{}, false
	}
	return entries[i].policy(partition), true
}

// All yields, in the order of their names, the policies whose names come after one
// ("": all).
func All(partition, after string) iter.Seq[Policy] {
	return func(yield func(Policy) bool) {
		entries := index()
		first := sort.Search(len(entries), func(i int) bool { return entries[i].name > after })
		for _, e := range entries[first:] {
			if !yield(e.policy(partition)) {
				return
			}
		}
	}
}

// prefix is what the ARN of each policy begins with, up to its path.
func prefix(partition string) string { return "arn:" + partition + ":iam::aws:policy" }

// entry is a line of the index.
type entry struct {
	name, path       string
	created, updated time.Time
	// versions as the generator wrote them: numbers and dates, the oldest first.
	versions string
	// block is the offset of a compressed block in data, start and size say where the
	// text stands in the decompressed block.
	block, start, size int

	once sync.Once
	text string
}

func (e *entry) policy(partition string) Policy {
	return Policy{
		Partition: partition,
		Name:      e.name,
		Path:      e.path,
		Created:   e.created,
		Updated:   e.updated,
		entry:     e,
	}
}

// index is read once.
var index = sync.OnceValue(func() []*entry {
	entries := make([]*entry, 0, count)
	lines := bufio.NewScanner(flate.NewReader(bytes.NewReader(data[indexStart:])))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		entries = append(entries, &entry{
			name: f[0], path: f[1], created: instant(f[2]), updated: instant(f[3]),
			block: int(number(f[4], 10)), start: int(number(f[5], 10)), size: int(number(f[6], 10)), versions: f[7],
		})
	}
	if err := lines.Err(); err != nil || len(entries) != count {
		broken(fmt.Errorf("%d entries of %d: %v", len(entries), count, err))
	}
	return entries
})

func instant(s string) time.Time { return time.Unix(number(s, 36), 0).UTC() }

func number(s string, base int) int64 {
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil {
		broken(err)
	}
	return n
}

// document decompresses the text when it is first asked for, and indents it as AWS
// does.
func (e *entry) document() string {
	e.once.Do(func() {
		block := flate.NewReader(bytes.NewReader(data[e.block:]))
		if _, err := io.CopyN(io.Discard, block, int64(e.start)); err != nil {
			broken(err)
		}
		text := make([]byte, e.size)
		if _, err := io.ReadFull(block, text); err != nil {
			broken(err)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, bytes.TrimSpace(text), "", "    "); err != nil {
			broken(err)
		}
		e.text = indented.String()
	})
	return e.text
}

// broken ends the program: the data is a part of it, and a test reads all of it.
func broken(err error) {
	panic(fmt.Sprintf("awspolicies: policies.bin: %v", err))
}
