package identity

import (
	"slices"
	"strings"
	"testing"
)

// The prefixes that tell a further region's partition tell that of AWS's own.
func TestRegionsOfAWS(t *testing.T) {
	for _, p := range partitions {
		for _, region := range p.regions {
			if got := Partition(region); got != p.name {
				t.Errorf("%s is of %s, want %s", region, got, p.name)
			}
			if !NamesRegion(region) {
				t.Errorf("%s has not the form of a region", region)
			}
		}
	}
}

func TestNewRegions(t *testing.T) {
	r, err := NewRegions([]string{"ap-south-9", "cn-south-1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, region := range []string{"us-east-1", "cn-north-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-south-9"} {
		if err := r.Check(region); err != nil {
			t.Error(err)
		}
	}
	for _, region := range []string{"", "us-east-9", "aws-global", "US-EAST-1", "us-east-1 "} {
		if r.Check(region) == nil {
			t.Errorf("%q is served", region)
		}
	}
	hosts := r.Hosts()
	for _, want := range []string{"ap-south-9.amazonaws.com", "cn-south-1.amazonaws.com.cn", "us-iso-east-1.c2s.ic.gov"} {
		if !slices.Contains(hosts, want) {
			t.Errorf("no %s in %v", want, hosts)
		}
	}
	for _, bad := range []string{"", "nowhere", "us-east", "us-east-100", "us-1", "us-" + strings.Repeat("x", 32) + "-1", "us-\x00-1", "u-east-1"} {
		if _, err := NewRegions([]string{bad}); err == nil {
			t.Errorf("%q is a region", bad)
		}
	}
}
