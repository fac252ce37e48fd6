package imds

import (
	"strings"
	"time"

	"emulator/identity"
)

// versions are the names under which AWS has the data, oldest first. Here each holds what
// latest holds.
var versions = []string{
	"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01",
	"2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20",
	"2016-04-19", "2016-06-30", "2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01",
	"2020-10-27", "2021-01-03", "2021-03-23", "2021-07-15", "2022-09-24", "2024-04-11", "latest",
}

// The hardware and the network of the instance, which nothing here depends on.
const (
	imageID      = "ami-0abcdef1234567890"
	instanceType = "t3.micro"
	architecture = "x86_64"
	privateIP    = "10.0.0.10"
	mac          = "02:00:0a:00:00:0a"

	securityGroup = "default"
)

// domains are the domains of AWS's endpoints, by partition.
var domains = map[string]string{
	"aws":        "amazonaws.com",
	"aws-cn":     "amazonaws.com.cn",
	"aws-us-gov": "amazonaws.com",
	"aws-iso":    "c2s.ic.gov",
	"aws-iso-b":  "sc2s.sgov.gov",
	"aws-iso-e":  "cloud.adc-e.uk",
	"aws-iso-f":  "csp.hci.ic.gov",
	"aws-eusc":   "amazonaws.eu",
}

// values returns what does not change as long as the instance runs ("Instance metadata
// categories" and "Dynamic data categories").
func values(c Config, started time.Time) (map[string]string, error) {
	zone := c.Region + "a"
	partition := identity.Partition(c.Region)
	host := hostname(c.Region)
	document := object(
		member{"accountId", c.AccountID},
		member{"architecture", architecture},
		member{"availabilityZone", zone},
		member{"billingProducts", nil},
		member{"devpayProductCodes", nil},
		member{"marketplaceProductCodes", nil},
		member{"imageId", imageID},
		member{"instanceId", c.InstanceID},
		member{"instanceType", instanceType},
		member{"kernelId", nil},
		member{"pendingTime", started.Format(time.RFC3339)},
		member{"privateIp", privateIP},
		member{"ramdiskId", nil},
		member{"region", c.Region},
		member{"version", "2017-09-30"},
	)
	network := "meta-data/network/interfaces/macs/" + mac + "/"
	v := map[string]string{
		"meta-data/ami-id":                      imageID,
		"meta-data/ami-launch-index":            "0",
		"meta-data/ami-manifest-path":           "(unknown)",
		"meta-data/hostname":                    host,
		"meta-data/instance-action":             "none",
		"meta-data/instance-id":                 c.InstanceID,
		"meta-data/instance-life-cycle":         "on-demand",
		"meta-data/instance-type":               instanceType,
		"meta-data/local-hostname":              host,
		"meta-data/local-ipv4":                  privateIP,
		"meta-data/mac":                         mac,
		network + "device-number":               "0",
		network + "local-hostname":              host,
		network + "local-ipv4s":                 privateIP,
		network + "mac":                         mac,
		network + "owner-id":                    c.AccountID,
		network + "security-groups":             securityGroup,
		"meta-data/placement/availability-zone": zone,
		"meta-data/placement/region":            c.Region,
		"meta-data/security-groups":             securityGroup,
		"meta-data/services/domain":             domains[partition],
		"meta-data/services/partition":          partition,
		"dynamic/instance-identity/document":    document,
	}
	if c.IdentityKey == nil {
		return v, nil
	}
	err := checkIdentity(c.IdentityKey, c.IdentityCertificate)
	if err != nil {
		return nil, err
	}
	if v["dynamic/instance-identity/signature"], err = signature(c.IdentityKey, document); err != nil {
		return nil, err
	}
	v["dynamic/instance-identity/rsa2048"], err = rsa2048(c.IdentityKey, c.IdentityCertificate, document, started)
	return v, err
}

// hostname is the private name by the address ("Amazon EC2 instance hostname types").
func hostname(region string) string {
	name := "ip-" + strings.ReplaceAll(privateIP, ".", "-")
	if region == "us-east-1" {
		return name + ".ec2.internal"
	}
	return name + "." + region + ".compute.internal"
}
