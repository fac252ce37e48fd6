package cloudhsm

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"

	"emulator/api"
	"emulator/authz"
	"emulator/services/resourcegroupstaggingapi/tagindex"
	"emulator/store"
)

// Cluster is the record of a cluster.
type Cluster struct {
	Partition string `json:"partition"`
	Region    string `json:"region"`
	Account   string `json:"account"`
	ID        string `json:"id"`

	HSMType string            `json:"hsmType"`
	Mode    types.ClusterMode `json:"mode"`
	Network types.NetworkType `json:"network"`
	// Subnets by zone.
	Subnets       map[string]string `json:"subnets"`
	VPC           string            `json:"vpc"`
	SecurityGroup string            `json:"securityGroup"`
	Created       time.Time         `json:"created"`
	SourceBackup  string            `json:"sourceBackup,omitempty"`
	// Retention of backups, in days.
	Retention int               `json:"retention"`
	Tags      map[string]string `json:"tags,omitempty"`

	Stage stage[types.ClusterState] `json:"stage"`
	HSMs  []HSM                     `json:"hsms,omitempty"`
	Identity
	// Migrated is when it got another type of HSM than MigratedFrom; zero if it has its first.
	Migrated     time.Time `json:"migrated,omitzero"`
	MigratedFrom string    `json:"migratedFrom,omitempty"`
}

// Identity is who a cluster is, which a cluster that is made from its backup is too.
type Identity struct {
	// Key is the private key of the cluster, PKCS #8, sealed. It is made with the first HSM.
	Key []byte `json:"key,omitempty"`
	// CSR is what the owner of the cluster signs. It is there until then.
	CSR string `json:"csr,omitempty"`
	// Certificate was issued by the owner's authority, whose certificate TrustAnchor is.
	Certificate string `json:"certificate,omitempty"`
	TrustAnchor string `json:"trustAnchor,omitempty"`
}

// HSM is one of a cluster.
type HSM struct {
	ID     string `json:"id"`
	Zone   string `json:"zone"`
	Subnet string `json:"subnet"`
	ENI    string `json:"eni"`
	// Host is the last byte of its addresses in the subnet.
	Host     byte                  `json:"host"`
	Stage    stage[types.HsmState] `json:"stage"`
	Degraded bool                  `json:"degraded,omitempty"`
}

func (k *Cluster) arn() string { return arn(k.Partition, k.Region, k.Account, k.ID) }

func clustersPrefix(account, region string) []byte {
	return store.Key("cloudhsm", account, region, "cluster")
}

func clusterKey(account, region, id string) []byte {
	return append(clustersPrefix(account, region), store.Key(id)...)
}

func saveCluster(tx store.Tx, k *Cluster) error {
	if err := tagindex.Put(tx, k.arn(), k.Tags); err != nil {
		return err
	}
	return store.Save(tx, clusterKey(k.Account, k.Region, k.ID), k)
}

// deletedShown is how long a cluster that was deleted is still described, as DELETED. AWS does not say how long.
const deletedShown = time.Hour

// gone reports whether a cluster was deleted, and is not even described any more.
func (s *Service) gone(k *Cluster) bool {
	return k.Stage.Then == types.ClusterStateDeleted && s.Clock.Now().Sub(k.Stage.Since) > s.Clock.Transition+deletedShown
}

// loadCluster returns a cluster, or nil. What AWS did to it in the background by now is done.
func (s *Service) loadCluster(r store.Reader, account, region, id string) (*Cluster, error) {
	k, ok, err := store.Load[Cluster](r, clusterKey(account, region, id))
	if err != nil || !ok || s.gone(&k) {
		return nil, err
	}
	k.HSMs = s.present(k.HSMs)
	return &k, nil
}

// present leaves out the HSMs that are deleted.
func (s *Service) present(all []HSM) []HSM {
	var left []HSM
	for _, h := range all {
		if s.hsmState(&h) != types.HsmStateDeleted {
			left = append(left, h)
		}
	}
	return left
}

// allClusters returns the clusters of an account in a Region, of which there are few.
func (s *Service) allClusters(r store.Reader, account, region string) ([]*Cluster, error) {
	var all []*Cluster
	for key := range r.Scan(clustersPrefix(account, region), nil) {
		parts := store.Parts(key)
		k, err := s.loadCluster(r, account, region, parts[len(parts)-1])
		if err != nil {
			return nil, err
		}
		if k != nil {
			all = append(all, k)
		}
	}
	return all, nil
}

// findCluster returns a cluster with which the caller may do an operation.
func (s *Service) findCluster(r store.Reader, c api.Caller, operation, id string, request authz.Request) (*Cluster, error) {
	k, err := s.loadCluster(r, c.Account, c.Region, id)
	if err != nil {
		return nil, err
	}
	if k != nil {
		request.ResourceTags = k.Tags
	}
	if err := s.authorize(r, c, operation, id, request); err != nil {
		return nil, err
	}
	if k == nil || s.state(k) == types.ClusterStateDeleted {
		return nil, noCluster(id)
	}
	return k, nil
}

func noCluster(id string) error { return notFound("Cluster '%s' not found.", id) }

func (s *Service) hsmState(h *HSM) types.HsmState {
	state := at(s.Clock, h.Stage)
	if state == types.HsmStateActive && h.Degraded {
		return types.HsmStateDegraded
	}
	return state
}

// state of a cluster. One that is active follows its HSMs.
func (s *Service) state(k *Cluster) types.ClusterState {
	state := at(s.Clock, k.Stage)
	if state != types.ClusterStateActive {
		return state
	}
	for _, h := range k.HSMs {
		switch s.hsmState(&h) {
		case types.HsmStateDegraded:
			return types.ClusterStateDegraded
		case types.HsmStateCreateInProgress, types.HsmStateDeleteInProgress:
			state = types.ClusterStateUpdateInProgress
		}
	}
	return state
}

// activated reports whether a cluster is in use, whatever happens to its HSMs.
func (s *Service) activated(k *Cluster) bool {
	return at(s.Clock, k.Stage) == types.ClusterStateActive
}

// works reports whether an HSM of the cluster works.
func (s *Service) works(k *Cluster) bool {
	for _, h := range k.HSMs {
		if s.hsmState(&h) == types.HsmStateActive {
			return true
		}
	}
	return false
}

// become begins a stage of a cluster.
func (s *Service) become(k *Cluster, during, then types.ClusterState) {
	k.Stage = stage[types.ClusterState]{during, then, s.now()}
}

// stateMessages are those of AWS that are known.
//
// https://docs.aws.amazon.com/cloudhsm/latest/userguide/initialize-cluster.html
var stateMessages = map[types.ClusterState]string{
	types.ClusterStateInitializeInProgress: "Cluster is initializing. State will change to INITIALIZED upon completion.",
}

func stateMessage(state types.ClusterState) *string {
	if text, ok := stateMessages[state]; ok {
		return &text
	}
	return nil
}

// hsmType of the cluster: it is another once a migration has ended.
func (s *Service) hsmType(k *Cluster) string {
	switch at(s.Clock, k.Stage) {
	case types.ClusterStateModifyInProgress:
		return k.MigratedFrom
	case types.ClusterStateRollbackInProgress:
		return hsm2
	}
	return k.HSMType
}

func (s *Service) wireCluster(k *Cluster) *types.Cluster {
	w := &types.Cluster{
		BackupPolicy: types.BackupPolicyDefault, ClusterId: &k.ID, CreateTimestamp: &k.Created, HsmType: aws.String(s.hsmType(k)), Mode: k.Mode, NetworkType: k.Network,
		BackupRetentionPolicy: &types.BackupRetentionPolicy{Type: types.BackupRetentionTypeDays, Value: aws.String(strconv.Itoa(k.Retention))},
		SecurityGroup:         &k.SecurityGroup, State: s.state(k), SubnetMapping: k.Subnets, VpcId: &k.VPC, TagList: wireTags(k.Tags), Certificates: &types.Certificates{}, Hsms: []types.Hsm{},
	}
	w.StateMessage = stateMessage(w.State)
	if k.SourceBackup != "" {
		w.SourceBackupId = &k.SourceBackup
	}
	if end := k.rollbackEnd(); s.Clock.Now().Before(end) {
		w.HsmTypeRollbackExpiration = &end
	}
	if k.CSR != "" && w.State == types.ClusterStateUninitialized && s.works(k) {
		w.Certificates.ClusterCsr = &k.CSR
	}
	if k.Certificate != "" && w.State != types.ClusterStateInitializeInProgress {
		w.Certificates.ClusterCertificate = &k.Certificate
	}
	for _, h := range k.HSMs {
		w.Hsms = append(w.Hsms, s.wireHSM(k, &h))
	}
	return w
}

func (s *Service) wireHSM(k *Cluster, h *HSM) types.Hsm {
	v4, v6 := addressesOf(h.Subnet, h.Host)
	w := types.Hsm{
		HsmId: &h.ID, ClusterId: &k.ID, AvailabilityZone: &h.Zone, SubnetId: &h.Subnet, EniId: &h.ENI, EniIp: aws.String(v4.String()), HsmType: aws.String(s.hsmType(k)), State: s.hsmState(h),
	}
	if k.Network == types.NetworkTypeDualstack {
		w.EniIpV6 = aws.String(v6.String())
	}
	return w
}
