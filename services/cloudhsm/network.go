package cloudhsm

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
)

// There is no EC2. Every ID of a subnet is that of one, and what it is follows from the ID:
//
//   - its zone is a, b or c of the Region, after the remainder of the last digit by three: 0, 3, 6, 9, c and f are in zone a;
//   - its VPC is the one that the account has in the Region for IDs of this length: subnets with IDs of 8 digits and with
//     those of 17 are in different ones;
//   - its addresses are a block 10.x.y.0/24, and one 2001:db8:x:y::/64.

// zoneOf returns the zone of a subnet.
func zoneOf(region, subnet string) string {
	digit, _ := strconv.ParseUint(subnet[len(subnet)-1:], 16, 8) // as the pattern has it
	return region + string("abc"[digit%3])
}

// vpcOf returns the VPC of a subnet.
func vpcOf(account, region, subnet string) string {
	sum := sha256.Sum256([]byte("vpc " + account + " " + region + " " + strconv.Itoa(len(subnet))))
	return "vpc-" + hex.EncodeToString(sum[:])[:17]
}

// EC2 takes the first four addresses of a subnet, and the last.
const firstHost, lastHost = 4, 254

// addressesOf returns the addresses of a host of a subnet.
func addressesOf(subnet string, host byte) (v4, v6 netip.Addr) {
	sum := sha256.Sum256([]byte(subnet))
	return netip.AddrFrom4([4]byte{10, sum[0], sum[1], host}),
		netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, sum[0], 0, sum[1], 15: host})
}
