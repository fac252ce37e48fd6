package cloudhsm

import "emulator/quota"

// Quotas of an account in a Region (https://docs.aws.amazon.com/cloudhsm/latest/userguide/limits.html).
var (
	clustersQuota    = quota.Quota{Name: "cloudhsm.ClustersPerRegion", Value: 4}
	hsmsQuota        = quota.Quota{Name: "cloudhsm.HSMsPerRegion", Value: 6}
	clusterHSMsQuota = quota.Quota{Name: "cloudhsm.HSMsPerCluster", Value: 28}
)

// Quotas returns all quotas of CloudHSM.
func Quotas() []quota.Quota { return []quota.Quota{clustersQuota, hsmsQuota, clusterHSMsQuota} }
