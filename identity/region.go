package identity

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:generate go run ./gen

// partition is a separate part of AWS, with regions and names of hosts of its own.
type partition struct {
	name, dnsSuffix string
	regions         []string
}

// Regions are those that are served.
type Regions map[string]bool

// maxRegion is the greatest length of a region's name. The longest of AWS's has 14 characters.
const maxRegion = 32

// NewRegions returns the regions that AWS has, and further ones. An error names one that no region
// could be called.
func NewRegions(further []string) (Regions, error) {
	r := make(Regions)
	for _, p := range partitions {
		for _, name := range p.regions {
			r[name] = true
		}
	}
	for _, name := range further {
		if !NamesRegion(name) {
			return nil, fmt.Errorf("%q is not a region's name, such as eu-west-1", name)
		}
		r[name] = true
	}
	return r, nil
}

// Check returns an error for a region that is not served.
func (r Regions) Check(name string) error {
	if !r[name] {
		return fmt.Errorf("AWS has no region %q; --region adds one", name)
	}
	return nil
}

// Hosts returns the domains of the regions' endpoints: cn-north-1.amazonaws.com.cn, eu-west-1.amazonaws.com.
func (r Regions) Hosts() []string {
	suffixes := make(map[string]string, len(partitions))
	for _, p := range partitions {
		suffixes[p.name] = p.dnsSuffix
	}
	hosts := make([]string, 0, len(r))
	for _, name := range slices.Sorted(maps.Keys(r)) {
		hosts = append(hosts, name+"."+suffixes[Partition(name)])
	}
	return hosts
}

// DNSSuffixes returns what the host names of the partitions end with: "amazonaws.com", "amazonaws.com.cn" ….
func DNSSuffixes() []string {
	var suffixes []string
	for _, p := range partitions {
		if !slices.Contains(suffixes, p.dnsSuffix) {
			suffixes = append(suffixes, p.dnsSuffix)
		}
	}
	return suffixes
}

// NamesRegion reports whether s has the form of a region: "eu-west-1".
func NamesRegion(s string) bool {
	i := max(0, strings.LastIndexByte(s, '-'))
	number := strings.TrimPrefix(s[i:], "-")
	area, rest, ok := strings.Cut(s[:i], "-")
	return ok && len(s) <= maxRegion && len(area) >= 2 && len(area) <= 4 && rest != "" && number != "" && len(number) <= 2 &&
		strings.Trim(number, "0123456789") == "" && strings.Trim(area+rest, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// Partition returns the partition of a region: aws, aws-cn, aws-us-gov …. That of a further region
// follows from what its name begins with.
func Partition(region string) string {
	for _, p := range partitionPrefixes {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

var partitionPrefixes = []struct{ prefix, partition string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
	{"eusc-", "aws-eusc"},
}

// HomeRegion is that of a partition's global services.
func HomeRegion(partition string) string {
	if region, ok := homeRegions[partition]; ok {
		return region
	}
	return "us-east-1"
}

var homeRegions = map[string]string{
	"aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1", "aws-us-gov": "us-gov-west-1", "aws-iso": "us-iso-east-1",
	"aws-iso-b": "us-isob-east-1", "aws-iso-e": "eu-isoe-west-1", "aws-iso-f": "us-isof-south-1",
}
