package cloudhsm

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"

	"emulator/api"
	"emulator/authz"
	"emulator/store"
)

func (s *Service) hsmOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateHsm", s.createHsm),
		api.Op("DeleteHsm", s.deleteHsm),
	}
}

// createHsm adds an HSM to a cluster that is in use, or the first to one that is not yet: with it comes the request for the cluster's
// certificate.
func (s *Service) createHsm(ctx context.Context, c api.Caller, in *cloudhsmv2.CreateHsmInput) (*cloudhsmv2.CreateHsmOutput, error) {
	out := &cloudhsmv2.CreateHsmOutput{}
	var k *Cluster
	var h HSM
	check := func(r store.Reader) (err error) {
		if k, err = s.findCluster(r, c, "CreateHsm", *in.ClusterId, authz.Request{}); err != nil {
			return err
		}
		h, err = s.newHSM(r, k, in)
		return err
	}
	makeIdentity := func() (Identity, error) {
		if k.Key != nil {
			return k.Identity, nil
		}
		return newIdentity(s.Keyring)
	}
	err := store.Make(ctx, s.Store, check, makeIdentity, func(tx store.Tx, made Identity) error {
		if k.Key == nil {
			k.Identity = made
		}
		if s.activated(k) && s.works(k) {
			if err := s.backUp(tx, k); err != nil {
				return err
			}
		}
		k.HSMs = append(k.HSMs, h)
		wire := s.wireHSM(k, &h)
		wire.State = types.HsmStateCreateInProgress
		out.Hsm = &wire
		return saveCluster(tx, k)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// newHSM returns the HSM that a request describes, if the cluster can have it.
func (s *Service) newHSM(r store.Reader, k *Cluster, in *cloudhsmv2.CreateHsmInput) (HSM, error) {
	h := HSM{
		ID: newID("hsm"), Zone: *in.AvailabilityZone, Subnet: k.Subnets[*in.AvailabilityZone], ENI: newHexID("eni"),
		Stage: stage[types.HsmState]{types.HsmStateCreateInProgress, types.HsmStateActive, s.now()},
	}
	switch state := s.state(k); state {
	case types.ClusterStateUninitialized, types.ClusterStateInitialized:
		if len(k.HSMs) > 0 {
			return h, invalid("Cluster '%s' already contains an HSM but has not yet been fully activated", k.ID)
		}
	case types.ClusterStateActive, types.ClusterStateUpdateInProgress, types.ClusterStateDegraded:
	default:
		return h, wrongState(k, state)
	}
	if h.Subnet == "" {
		return h, invalid("Cluster '%s' has no subnet in Availability Zone %s.", k.ID, h.Zone)
	}
	clusters, err := s.allClusters(r, k.Account, k.Region)
	if err != nil {
		return h, err
	}
	taken := make(map[byte]bool)
	total := 0
	for _, other := range clusters {
		total += len(other.HSMs)
		for _, o := range other.HSMs {
			if o.Subnet == h.Subnet {
				taken[o.Host] = true
			}
		}
	}
	if most := s.Quotas.Max(hsmsQuota); total >= most {
		return h, invalid("The account has reached the limit of %d HSMs in the Region %s.", most, k.Region)
	}
	if most := s.Quotas.Max(clusterHSMsQuota); len(k.HSMs) >= most {
		return h, invalid("Cluster '%s' has reached the limit of %d HSMs.", k.ID, most)
	}
	h.Host, err = chooseHost(h.Subnet, in.IpAddress, taken)
	return h, err
}

// chooseHost returns the last byte of an address that is free: of the one that is asked for, or of the first.
func chooseHost(subnet string, wanted *string, taken map[byte]bool) (byte, error) {
	if wanted == nil {
		for host := firstHost; host <= lastHost; host++ {
			if !taken[byte(host)] {
				return byte(host), nil
			}
		}
		return 0, invalid("Subnet %s has no free IP address.", subnet)
	}
	address, err := netip.ParseAddr(*wanted)
	if err != nil || !address.Is4() {
		return 0, invalid("%s is not an IP address.", *wanted)
	}
	host := address.As4()[3]
	if v4, _ := addressesOf(subnet, host); v4 != address || host < firstHost || host > lastHost {
		return 0, invalid("The IP address %s is not one of subnet %s.", *wanted, subnet)
	}
	if taken[host] {
		return 0, invalid("The IP address %s is in use.", *wanted)
	}
	return host, nil
}

// names reports whether all that a request says is true of an HSM.
func names(in *cloudhsmv2.DeleteHsmInput, h *HSM) bool {
	v4, _ := addressesOf(h.Subnet, h.Host)
	is := func(given *string, value string) bool { return given == nil || *given == value }
	return is(in.HsmId, h.ID) && is(in.EniId, h.ENI) && is(in.EniIp, v4.String())
}

// deleteHsm asks for a permission that names no resource, as AWS documents it. A cluster that is in use is backed up before; of one that is not
// initialized the request for its certificate goes with the HSM.
func (s *Service) deleteHsm(ctx context.Context, c api.Caller, in *cloudhsmv2.DeleteHsmInput) (*cloudhsmv2.DeleteHsmOutput, error) {
	out := &cloudhsmv2.DeleteHsmOutput{}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if err := s.authorize(tx, c, "DeleteHsm", "", authz.Request{}); err != nil {
			return err
		}
		k, err := s.loadCluster(tx, c.Account, c.Region, *in.ClusterId)
		switch {
		case err != nil:
			return err
		case k == nil || s.state(k) == types.ClusterStateDeleted:
			return noCluster(*in.ClusterId)
		case in.HsmId == nil && in.EniId == nil && in.EniIp == nil:
			return invalid("HsmId, EniId or EniIp is required.")
		}
		c.Notes.Resource(noted(k.Account, k.ID, k.arn()))
		i := slices.IndexFunc(k.HSMs, func(h HSM) bool { return names(in, &h) })
		if i < 0 {
			return notFound("Cluster '%s' has no such HSM.", k.ID)
		}
		h := &k.HSMs[i]
		switch state := s.state(k); {
		case s.hsmState(h) == types.HsmStateDeleteInProgress:
			return invalid("HSM '%s' is already being deleted.", h.ID)
		case slices.Contains([]types.ClusterState{types.ClusterStateInitializeInProgress, types.ClusterStateModifyInProgress, types.ClusterStateRollbackInProgress}, state):
			return wrongState(k, state)
		case s.activated(k) && s.works(k):
			if err := s.backUp(tx, k); err != nil {
				return err
			}
		case state == types.ClusterStateUninitialized:
			k.Identity = Identity{}
		}
		h.Stage = stage[types.HsmState]{types.HsmStateDeleteInProgress, types.HsmStateDeleted, s.now()}
		out.HsmId = aws.String(h.ID)
		return saveCluster(tx, k)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
