package cloudhsm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/server"
)

// The life of a cluster, as AWS's guide begins and ends it.
func TestLife(t *testing.T) {
	w := start(t)
	made := w.create()
	id := made.ClusterId
	if made.State != types.ClusterStateCreateInProgress || made.Mode != types.ClusterModeFips || *made.HsmType != "hsm2m.medium" || made.NetworkType != types.NetworkTypeIpv4 ||
		*made.BackupRetentionPolicy.Value != "90" || made.BackupPolicy != types.BackupPolicyDefault || made.SubnetMapping["us-east-1a"] != inA || made.SubnetMapping["us-east-1b"] != inB ||
		!strings.HasPrefix(*made.VpcId, "vpc-") || !strings.HasPrefix(*made.SecurityGroup, "sg-") || made.Hsms == nil || made.Certificates == nil {
		t.Errorf("made %+v", made)
	}
	must(iam.NewFromConfig(w.e.Config()).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForCloudHSM")}))(t)
	if k := w.wantState(id, types.ClusterStateUninitialized); k.Certificates.ClusterCsr != nil {
		t.Error("there is a CSR without an HSM")
	}
	ca := newAuthority(t, "Example")
	_, err := w.InitializeCluster(t.Context(), &cloudhsmv2.InitializeClusterInput{ClusterId: id, SignedCert: ca.pem(), TrustAnchor: ca.pem()})
	refused(t, err, invalid, "has no active HSM")

	h := w.addHSM(id, "us-east-1a")
	if h.State != types.HsmStateCreateInProgress || *h.SubnetId != inA || *h.ClusterId != *id || !strings.HasPrefix(*h.EniIp, "10.") || h.EniIpV6 != nil || *h.HsmType != "hsm2m.medium" {
		t.Errorf("made %+v", h)
	}
	_, err = w.CreateHsm(t.Context(), &cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1b")})
	refused(t, err, invalid, "Cluster '"+*id+"' already contains an HSM but has not yet been fully activated")
	k := w.wantState(id, types.ClusterStateUninitialized)
	if len(k.Hsms) != 1 || k.Hsms[0].State != types.HsmStateActive {
		t.Errorf("HSMs %+v", k.Hsms)
	}
	signed := ca.issue(t, k.Certificates.ClusterCsr)
	w.admin("cloudhsm/activate", `{"cluster":"`+*id+`"}`, 400) // it is not initialized
	out := must(w.InitializeCluster(t.Context(), &cloudhsmv2.InitializeClusterInput{ClusterId: id, SignedCert: signed, TrustAnchor: ca.pem()}))(t)
	if out.State != types.ClusterStateInitializeInProgress || aws.ToString(out.StateMessage) != "Cluster is initializing. State will change to INITIALIZED upon completion." {
		t.Errorf("initialize: %s, %s", out.State, aws.ToString(out.StateMessage))
	}
	k = w.wantState(id, types.ClusterStateInitialized)
	if k.Certificates.ClusterCsr != nil || aws.ToString(k.Certificates.ClusterCertificate) != *signed {
		t.Errorf("certificates %+v", k.Certificates)
	}
	_, err = w.InitializeCluster(t.Context(), &cloudhsmv2.InitializeClusterInput{ClusterId: id, SignedCert: signed, TrustAnchor: ca.pem()})
	refused(t, err, invalid, "INITIALIZED")
	_, err = w.CreateHsm(t.Context(), &cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1b")})
	refused(t, err, invalid, "not yet been fully activated")
	w.admin("cloudhsm/activate", `{"account":"000000000000","region":"us-east-1","cluster":"`+*id+`"}`, 200)
	w.wantState(id, types.ClusterStateActive)
	w.wantBackups(*id, 1)

	second := w.addHSM(id, "us-east-1b")
	w.wantState(id, types.ClusterStateActive)
	w.wantBackups(*id, 2)
	w.admin("cloudhsm/degrade", `{"hsm":"`+*second.HsmId+`","degraded":true}`, 200)
	if k = w.wantState(id, types.ClusterStateDegraded); k.Hsms[1].State != types.HsmStateDegraded {
		t.Errorf("HSMs %+v", k.Hsms)
	}
	w.admin("cloudhsm/degrade", `{"hsm":"`+*second.HsmId+`"}`, 200)
	w.wantState(id, types.ClusterStateActive)

	_, err = w.DeleteCluster(t.Context(), &cloudhsmv2.DeleteClusterInput{ClusterId: id})
	refused(t, err, invalid, "contains HSMs")
	for _, in := range []*cloudhsmv2.DeleteHsmInput{{ClusterId: id, EniId: second.EniId}, {ClusterId: id, EniIp: h.EniIp}} {
		must(w.DeleteHsm(t.Context(), in))(t)
	}
	if k = w.wantState(id, types.ClusterStateActive); len(k.Hsms) != 0 {
		t.Errorf("HSMs %+v", k.Hsms)
	}
	w.wantBackups(*id, 4)
	h = w.addHSM(id, "us-east-1b") // from the backup: there is no HSM to make another of
	w.wantBackups(*id, 4)
	if got := must(w.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: id, HsmId: h.HsmId}))(t); *got.HsmId != *h.HsmId {
		t.Errorf("deleted %s", *got.HsmId)
	}
	deleted := must(w.DeleteCluster(t.Context(), &cloudhsmv2.DeleteClusterInput{ClusterId: id}))(t).Cluster
	if deleted.State != types.ClusterStateDeleteInProgress {
		t.Errorf("state %s", deleted.State)
	}
	w.wantState(id, types.ClusterStateDeleted)
	_, err = w.DeleteCluster(t.Context(), &cloudhsmv2.DeleteClusterInput{ClusterId: id})
	refused(t, err, absent, *id)
	w.e.Clock.Advance(2 * time.Hour)
	if out := must(w.DescribeClusters(t.Context(), nil))(t); len(out.Clusters) != 0 {
		t.Errorf("clusters %+v", out.Clusters)
	}
	w.wantBackups(*id, 5)
}

// What AWS does in the background takes as long as --transition says.
func TestLifeTakesTime(t *testing.T) {
	w := start(t, server.Config{Transition: 10 * time.Minute})
	pass := func() { w.e.Clock.Advance(10 * time.Minute) }
	id := w.create(hsm1, func(in *cloudhsmv2.CreateClusterInput) { in.NetworkType = types.NetworkTypeDualstack }).ClusterId
	w.wantState(id, types.ClusterStateCreateInProgress)
	_, err := w.CreateHsm(t.Context(), &cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1a")})
	refused(t, err, invalid, "CREATE_IN_PROGRESS")
	_, err = w.DeleteCluster(t.Context(), &cloudhsmv2.DeleteClusterInput{ClusterId: id})
	refused(t, err, invalid, "CREATE_IN_PROGRESS")
	pass()
	h := w.addHSM(id, "us-east-1a")
	if !strings.HasPrefix(aws.ToString(h.EniIpV6), "2001:db8:") {
		t.Errorf("IPv6 address %s", aws.ToString(h.EniIpV6))
	}
	k := w.wantState(id, types.ClusterStateUninitialized)
	if k.Hsms[0].State != types.HsmStateCreateInProgress || k.Certificates.ClusterCsr != nil {
		t.Errorf("HSM %+v, certificates %+v", k.Hsms[0], k.Certificates)
	}
	pass()
	ca := newAuthority(t, "Example")
	must(w.InitializeCluster(t.Context(), &cloudhsmv2.InitializeClusterInput{ClusterId: id, SignedCert: ca.issue(t, w.describe(id).Certificates.ClusterCsr), TrustAnchor: ca.pem()}))(t)
	w.wantState(id, types.ClusterStateInitializeInProgress)
	_, err = w.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: id, HsmId: h.HsmId})
	refused(t, err, invalid, "INITIALIZE_IN_PROGRESS")
	pass()
	w.admin("cloudhsm/activate", `{"cluster":"`+*id+`"}`, 200)
	if b := w.backups(nil); len(b) != 1 || b[0].BackupState != types.BackupStateCreateInProgress {
		t.Errorf("backups %+v", b)
	}
	second := w.addHSM(id, "us-east-1b")
	w.wantState(id, types.ClusterStateUpdateInProgress)
	_, err = w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: id, HsmType: aws.String("hsm2m.medium")})
	refused(t, err, invalid, "UPDATE_IN_PROGRESS")
	pass()
	w.wantState(id, types.ClusterStateActive)

	must(w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: id, HsmType: aws.String("hsm2m.medium")}))(t)
	if k := w.wantState(id, types.ClusterStateModifyInProgress); *k.HsmType != "hsm1.medium" || k.HsmTypeRollbackExpiration == nil {
		t.Errorf("type %s", *k.HsmType)
	}
	_, err = w.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: id, HsmId: second.HsmId})
	refused(t, err, invalid, "MODIFY_IN_PROGRESS")
	_, err = w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: id, HsmType: aws.String("hsm1.medium")})
	refused(t, err, invalid, "MODIFY_IN_PROGRESS")
	pass()
	if k := w.wantState(id, types.ClusterStateActive); *k.HsmType != "hsm2m.medium" || *k.Hsms[0].HsmType != "hsm2m.medium" || *k.Hsms[0].EniIp != *h.EniIp {
		t.Errorf("after the migration %+v", k)
	}
	must(w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: id, HsmType: aws.String("hsm1.medium")}))(t)
	if k := w.wantState(id, types.ClusterStateRollbackInProgress); *k.HsmType != "hsm2m.medium" {
		t.Errorf("type %s", *k.HsmType)
	}
	pass()
	if k := w.wantState(id, types.ClusterStateActive); *k.HsmType != "hsm1.medium" || k.HsmTypeRollbackExpiration != nil {
		t.Errorf("after the rollback %+v", k)
	}

	for _, h := range []*string{h.HsmId, second.HsmId} {
		must(w.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: id, HsmId: h}))(t)
	}
	w.wantState(id, types.ClusterStateUpdateInProgress)
	_, err = w.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: id, HsmId: h.HsmId})
	refused(t, err, invalid, "already being deleted")
	pass()
	must(w.DeleteCluster(t.Context(), &cloudhsmv2.DeleteClusterInput{ClusterId: id}))(t)
	w.wantState(id, types.ClusterStateDeleteInProgress)
	for _, err := range []error{
		failure(w.DeleteCluster(t.Context(), &cloudhsmv2.DeleteClusterInput{ClusterId: id})),
		failure(w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: id, BackupRetentionPolicy: days("8")})),
		failure(w.TagResource(t.Context(), &cloudhsmv2.TagResourceInput{ResourceId: id, TagList: tagsOf("a", "1")})),
	} {
		refused(t, err, invalid, "DELETE_IN_PROGRESS")
	}
	pass()
	w.wantState(id, types.ClusterStateDeleted)
}

func days(value string) *types.BackupRetentionPolicy {
	return &types.BackupRetentionPolicy{Type: types.BackupRetentionTypeDays, Value: &value}
}

func TestRollbackExpires(t *testing.T) {
	w := start(t)
	id := w.active(hsm1)
	out := must(w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: id, HsmType: aws.String("hsm2m.medium")}))(t).Cluster
	if out.State != types.ClusterStateModifyInProgress || *out.HsmType != "hsm1.medium" || out.HsmTypeRollbackExpiration == nil || out.HsmTypeRollbackExpiration.Sub(w.e.Clock.Now()).Round(time.Minute) != 24*time.Hour {
		t.Errorf("migration: %+v", out)
	}
	w.wantBackups(*id, 2)
	w.e.Clock.Advance(24*time.Hour + time.Minute)
	_, err := w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: id, HsmType: aws.String("hsm1.medium")})
	refused(t, err, invalid, "can't be changed from type hsm2m.medium to type hsm1.medium")
	if k := w.wantState(id, types.ClusterStateActive); k.HsmTypeRollbackExpiration != nil || *k.HsmType != "hsm2m.medium" {
		t.Errorf("after a day %+v", k)
	}
}

func TestCreateClusterRefuses(t *testing.T) {
	w := start(t)
	for _, tt := range []struct {
		name       string
		change     func(*cloudhsmv2.CreateClusterInput)
		code, text string
	}{
		{"a type that is none", func(in *cloudhsmv2.CreateClusterInput) { in.HsmType = aws.String("hsm9.large") }, invalid, "Provided HsmType is not supported."},
		{"API: one subnet per Availability Zone", func(in *cloudhsmv2.CreateClusterInput) { in.SubnetIds = []string{inA, alsoInA} }, invalid, "You can specify only one subnet per Availability Zone."},
		{"the same subnet twice", func(in *cloudhsmv2.CreateClusterInput) { in.SubnetIds = []string{inA, inA} }, invalid, "only one subnet"},
		{"API: all subnets in one VPC", func(in *cloudhsmv2.CreateClusterInput) { in.SubnetIds = []string{inA, "subnet-00000001"} }, invalid, "All subnets must be in the same virtual private cloud (VPC)."},
		{"hsm1.medium is FIPS only", func(in *cloudhsmv2.CreateClusterInput) { hsm1(in); in.Mode = types.ClusterModeNonFips }, invalid, "FIPS"},
		{"retention: least 7", func(in *cloudhsmv2.CreateClusterInput) { in.BackupRetentionPolicy = days("6") }, invalid, "between 7 and 379"},
		{"retention: most 379", func(in *cloudhsmv2.CreateClusterInput) { in.BackupRetentionPolicy = days("380") }, invalid, "between 7 and 379"},
		{"retention without days", func(in *cloudhsmv2.CreateClusterInput) {
			in.BackupRetentionPolicy = &types.BackupRetentionPolicy{Type: types.BackupRetentionTypeDays}
		}, invalid, "DAYS"},
		{"no such backup", func(in *cloudhsmv2.CreateClusterInput) { in.SourceBackupId = aws.String("backup-aaaaaaaaaaa") }, absent, "backup-aaaaaaaaaaa"},
		{"a backup of another Region", func(in *cloudhsmv2.CreateClusterInput) {
			in.SourceBackupId = aws.String("arn:aws:cloudhsm:eu-west-1:000000000000:backup/backup-aaaaaaaaaaa")
		}, absent, "backup-aaaaaaaaaaa"},
		{"a tag twice", func(in *cloudhsmv2.CreateClusterInput) { in.TagList = tagsOf("a", "1", "a", "2") }, "CloudHsmTagException", "Duplicate"},
		{"a tag of AWS's", func(in *cloudhsmv2.CreateClusterInput) { in.TagList = tagsOf("AWS:a", "1") }, "CloudHsmTagException", "reserved"},
		{"model: a subnet", func(in *cloudhsmv2.CreateClusterInput) { in.SubnetIds = []string{"subnet-xyz"} }, "ValidationException", "subnetIds"},
		{"model: no subnet", func(in *cloudhsmv2.CreateClusterInput) { in.SubnetIds = []string{} }, "ValidationException", "subnetIds"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inA}}
			tt.change(in)
			_, err := w.CreateCluster(t.Context(), in)
			refused(t, err, tt.code, tt.text)
		})
	}
	if out := must(w.DescribeClusters(t.Context(), nil))(t); len(out.Clusters) != 0 {
		t.Errorf("clusters %+v", out.Clusters)
	}
}

func TestInitializeClusterRefuses(t *testing.T) {
	w := start(t)
	id := w.create().ClusterId
	w.addHSM(id, "us-east-1a")
	csr := w.describe(id).Certificates.ClusterCsr
	ca, other := newAuthority(t, "Example"), newAuthority(t, "Example")
	stranger := newAuthority(t, "Stranger")
	signed := ca.issue(t, csr)
	for _, tt := range []struct {
		name           string
		signed, anchor *string
		text           string
	}{
		{"no certificate", aws.String("x"), ca.pem(), "SignedCert is not one certificate"},
		{"no trust anchor", signed, aws.String("x"), "TrustAnchor is not one certificate"},
		{"the request itself", csr, ca.pem(), "SignedCert is not one certificate"},
		{"two certificates", aws.String(*signed + *ca.pem()), ca.pem(), "SignedCert is not one certificate"},
		{"damaged", inPEM([]byte("x")), ca.pem(), "SignedCert is not one certificate"},
		{"for another key", ca.pem(), ca.pem(), "certificate signing request"},
		{"API: trust anchor that signed itself", signed, signed, "not a self-signed certificate"},
		{"another of the same name issued it", signed, other.pem(), "not issued by TrustAnchor"},
		{"another issued it", signed, stranger.pem(), "not issued by TrustAnchor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.InitializeCluster(t.Context(), &cloudhsmv2.InitializeClusterInput{ClusterId: id, SignedCert: tt.signed, TrustAnchor: tt.anchor})
			refused(t, err, invalid, tt.text)
		})
	}
	k := w.wantState(id, types.ClusterStateUninitialized)
	must(w.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: id, HsmId: k.Hsms[0].HsmId}))(t)
	w.addHSM(id, "us-east-1b")
	if again := w.describe(id).Certificates.ClusterCsr; *again == *csr {
		t.Error("another HSM makes the same request")
	}
	_, err := w.InitializeCluster(t.Context(), &cloudhsmv2.InitializeClusterInput{ClusterId: id, SignedCert: signed, TrustAnchor: ca.pem()})
	refused(t, err, invalid, "certificate signing request")
}

func TestHSMRefusals(t *testing.T) {
	w := start(t)
	id := w.active()
	h := w.describe(id).Hsms[0]
	near := func(last string) *string {
		return aws.String((*h.EniIp)[:strings.LastIndexByte(*h.EniIp, '.')+1] + last)
	}
	for _, tt := range []struct {
		name string
		in   cloudhsmv2.CreateHsmInput
		code string
		text string
	}{
		{"no such cluster", cloudhsmv2.CreateHsmInput{ClusterId: aws.String("cluster-aaaaaaaaaaa"), AvailabilityZone: aws.String("us-east-1a")}, absent, "cluster-aaaaaaaaaaa"},
		{"no subnet in the zone", cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1c")}, invalid, "no subnet in Availability Zone us-east-1c"},
		{"an address in use", cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1a"), IpAddress: h.EniIp}, invalid, "in use"},
		{"an address of another subnet", cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1b"), IpAddress: near("9")}, invalid, "not one of subnet"},
		{"an address that EC2 takes", cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1a"), IpAddress: near("3")}, invalid, "not one of subnet"},
		{"no address", cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1a"), IpAddress: aws.String("999.1.1.1")}, invalid, "not an IP address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.CreateHsm(t.Context(), &tt.in)
			refused(t, err, tt.code, tt.text)
		})
	}
	made := must(w.CreateHsm(t.Context(), &cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1a"), IpAddress: near("77")}))(t).Hsm
	if *made.EniIp != *near("77") {
		t.Errorf("address %s", *made.EniIp)
	}
	for _, tt := range []struct {
		name string
		in   cloudhsmv2.DeleteHsmInput
		code string
	}{
		{"no such cluster", cloudhsmv2.DeleteHsmInput{ClusterId: aws.String("cluster-aaaaaaaaaaa"), HsmId: h.HsmId}, absent},
		{"no HSM named", cloudhsmv2.DeleteHsmInput{ClusterId: id}, invalid},
		{"no such HSM", cloudhsmv2.DeleteHsmInput{ClusterId: id, HsmId: aws.String("hsm-aaaaaaaaaaa")}, absent},
		{"two HSMs named", cloudhsmv2.DeleteHsmInput{ClusterId: id, HsmId: h.HsmId, EniId: made.EniId}, absent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.DeleteHsm(t.Context(), &tt.in)
			refused(t, err, tt.code, "")
		})
	}
	w.admin("cloudhsm/degrade", `{"hsm":"hsm-aaaaaaaaaaa","degraded":true}`, 400)
	w.admin("cloudhsm/degrade", `{"region":"nowhere"}`, 400)
	w.admin("cloudhsm/activate", `{"cluster":"cluster-aaaaaaaaaaa"}`, 400)
	w.admin("cloudhsm/activate", `{"account":"1"}`, 400)
	w.admin("cloudhsm/activate", `{"name":"x"}`, 400)
	w.admin("cloudhsm/activate", `{"cluster":"`+*id+`"}`, 400) // it is active
}

func TestModifyClusterRefuses(t *testing.T) {
	w := start(t)
	id := w.create(hsm1).ClusterId
	active := w.active(hsm1)
	for _, tt := range []struct {
		name       string
		in         cloudhsmv2.ModifyClusterInput
		code, text string
	}{
		{"no such cluster", cloudhsmv2.ModifyClusterInput{ClusterId: aws.String("cluster-aaaaaaaaaaa"), HsmType: aws.String("hsm2m.medium")}, absent, ""},
		{"nothing to modify", cloudhsmv2.ModifyClusterInput{ClusterId: id}, invalid, "is required"},
		{"not in use", cloudhsmv2.ModifyClusterInput{ClusterId: id, HsmType: aws.String("hsm2m.medium")}, invalid, "UNINITIALIZED"},
		{"a type that is none", cloudhsmv2.ModifyClusterInput{ClusterId: active, HsmType: aws.String("hsm9.large")}, invalid, "not supported"},
		{"its own type", cloudhsmv2.ModifyClusterInput{ClusterId: active, HsmType: aws.String("hsm1.medium")}, invalid, "already of type"},
		{"retention", cloudhsmv2.ModifyClusterInput{ClusterId: id, BackupRetentionPolicy: days("0")}, invalid, "between 7 and 379"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.ModifyCluster(t.Context(), &tt.in)
			refused(t, err, tt.code, tt.text)
		})
	}
	must(w.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: active, HsmId: w.describe(active).Hsms[0].HsmId}))(t)
	_, err := w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: active, HsmType: aws.String("hsm2m.medium")})
	refused(t, err, invalid, "no HSM to migrate")
	if out := must(w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: id, BackupRetentionPolicy: days("379")}))(t); *out.Cluster.BackupRetentionPolicy.Value != "379" {
		t.Errorf("retention %+v", out.Cluster.BackupRetentionPolicy)
	}
}

func TestQuotas(t *testing.T) {
	w := start(t, server.Config{Quotas: []string{"cloudhsm.HSMsPerCluster=2", "cloudhsm.HSMsPerRegion=3"}})
	id, other := w.active(), w.active()
	w.addHSM(id, "us-east-1b")
	_, err := w.CreateHsm(t.Context(), &cloudhsmv2.CreateHsmInput{ClusterId: other, AvailabilityZone: aws.String("us-east-1b")})
	refused(t, err, invalid, "limit of 3 HSMs in the Region us-east-1")
	must(w.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: other, HsmId: w.describe(other).Hsms[0].HsmId}))(t)
	_, err = w.CreateHsm(t.Context(), &cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1b")})
	refused(t, err, invalid, "limit of 2 HSMs")

	must(w.DeleteCluster(t.Context(), &cloudhsmv2.DeleteClusterInput{ClusterId: other}))(t)
	for range 3 { // AWS: 4 in a Region
		w.create()
	}
	_, err = w.CreateCluster(t.Context(), &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inA}})
	refused(t, err, invalid, "limit of 4 clusters")
	w.in("000000000000", "eu-west-1").create()
	w.in("111111111111", "us-east-1").create()
}

func TestDescribeClusters(t *testing.T) {
	w := start(t, server.Config{Quotas: []string{"off"}})
	elsewhere := w.create(func(in *cloudhsmv2.CreateClusterInput) { in.SubnetIds = []string{"subnet-00000000"} })
	for range 30 {
		w.create()
	}
	seen := make(map[string]bool)
	pages := 0
	for p := cloudhsmv2.NewDescribeClustersPaginator(w, &cloudhsmv2.DescribeClustersInput{}); p.HasMorePages(); pages++ {
		for _, k := range must(p.NextPage(t.Context()))(t).Clusters {
			seen[*k.ClusterId] = true
		}
	}
	if len(seen) != 31 || pages != 2 {
		t.Errorf("%d clusters on %d pages", len(seen), pages)
	}
	for _, tt := range []struct {
		filters map[string][]string
		want    int
	}{
		{map[string][]string{"vpcIds": {*elsewhere.VpcId}}, 1},
		{map[string][]string{"states": {"UNINITIALIZED"}, "clusterIds": {*elsewhere.ClusterId, "cluster-aaaaaaaaaaa"}}, 1},
		{map[string][]string{"states": {"ACTIVE"}}, 0},
		{map[string][]string{"clusterIds": {}}, 0},
	} {
		if out := must(w.DescribeClusters(t.Context(), &cloudhsmv2.DescribeClustersInput{Filters: tt.filters}))(t); len(out.Clusters) != tt.want {
			t.Errorf("%v: %d clusters", tt.filters, len(out.Clusters))
		}
	}
	_, err := w.DescribeClusters(t.Context(), &cloudhsmv2.DescribeClustersInput{Filters: map[string][]string{"name": {"x"}}})
	refused(t, err, invalid, "The filter name is not valid.")
	_, err = w.DescribeClusters(t.Context(), &cloudhsmv2.DescribeClustersInput{NextToken: aws.String("x")})
	refused(t, err, invalid, "NextToken")
	if out := must(w.in("111111111111", "us-east-1").DescribeClusters(t.Context(), nil))(t); len(out.Clusters) != 0 {
		t.Errorf("another account's clusters %+v", out.Clusters)
	}
	w.admin("reset", `{"account":"000000000000"}`, 200)
	if out := must(w.DescribeClusters(t.Context(), nil))(t); len(out.Clusters) != 0 {
		t.Errorf("clusters %+v", out.Clusters)
	}
}

// Permissions, as the Service Authorization Reference has them.
func TestPermissions(t *testing.T) {
	w := start(t)
	id := w.create(func(in *cloudhsmv2.CreateClusterInput) { in.TagList = tagsOf("team", "a") }).ClusterId
	bob := w.user("bob", `{"Effect":"Allow","Action":"cloudhsm:CreateHsm","Resource":"arn:aws:cloudhsm:us-east-1:000000000000:cluster/*","Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}},
		{"Effect":"Allow","Action":"cloudhsm:CreateCluster","Resource":"*"},{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"arn:aws:iam::000000000000:role/aws-service-role/cloudhsm.amazonaws.com/AWSServiceRoleForCloudHSM"},
		{"Effect":"Allow","Action":"cloudhsm:DeleteHsm","Resource":"arn:aws:cloudhsm:us-east-1:000000000000:cluster/`+*id+`"}`)
	h := must(bob.CreateHsm(t.Context(), &cloudhsmv2.CreateHsmInput{ClusterId: id, AvailabilityZone: aws.String("us-east-1a")}))(t).Hsm
	_, err := bob.CreateHsm(t.Context(), &cloudhsmv2.CreateHsmInput{ClusterId: aws.String("cluster-aaaaaaaaaaa"), AvailabilityZone: aws.String("us-east-1a")})
	refused(t, err, "AccessDeniedException", "cloudhsm:CreateHsm on resource: arn:aws:cloudhsm:us-east-1:000000000000:cluster/cluster-aaaaaaaaaaa")
	_, err = bob.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: id, HsmId: h.HsmId})
	refused(t, err, "AccessDeniedException", "cloudhsm:DeleteHsm on resource: *")
	must(bob.CreateCluster(t.Context(), &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inA}}))(t)
	tagged := &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inA}, TagList: tagsOf("team", "b")}
	_, err = bob.CreateCluster(t.Context(), tagged)
	refused(t, err, "AccessDeniedException", "cloudhsm:TagResource on resource: arn:aws:cloudhsm:us-east-1:000000000000:cluster/")

	eve := w.user("eve", `{"Effect":"Allow","Action":["cloudhsm:*","iam:CreateServiceLinkedRole"],"Resource":"*"},{"Effect":"Deny","Action":"cloudhsm:CreateCluster","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"b"}}}`)
	_, err = eve.CreateCluster(t.Context(), tagged)
	refused(t, err, "AccessDeniedException", "cloudhsm:CreateCluster on resource: * with an explicit deny")
	ann := w.user("ann", `{"Effect":"Allow","Action":"cloudhsm:*","Resource":"*"}`)
	_, err = ann.CreateCluster(t.Context(), &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inA}})
	refused(t, err, "AccessDeniedException", "iam:CreateServiceLinkedRole on resource: arn:aws:iam::000000000000:role/aws-service-role/cloudhsm.amazonaws.com/AWSServiceRoleForCloudHSM")
}

// Of each operation the resource that the Service Authorization Reference has for it, which need not be there.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudhsm.html
func TestResources(t *testing.T) {
	w := start(t)
	bob := w.user("bob", `{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*"}`)
	ctx, cluster, backup := t.Context(), aws.String("cluster-aaaaaaaaaaa"), aws.String("backup-aaaaaaaaaaa")
	clusterARN, backupARN := "arn:aws:cloudhsm:us-east-1:000000000000:cluster/"+*cluster, "arn:aws:cloudhsm:us-east-1:000000000000:backup/"+*backup
	for _, tt := range []struct {
		operation, resource string
		err                 error
	}{
		{"CreateCluster", "*", failure(bob.CreateCluster(ctx, &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm9.large"), SubnetIds: []string{inA}}))},
		{"CreateCluster", backupARN, failure(bob.CreateCluster(ctx, &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inA}, SourceBackupId: backup}))},
		{"DescribeClusters", "*", failure(bob.DescribeClusters(ctx, nil))},
		{"InitializeCluster", clusterARN, failure(bob.InitializeCluster(ctx, &cloudhsmv2.InitializeClusterInput{ClusterId: cluster, SignedCert: aws.String("x"), TrustAnchor: aws.String("x")}))},
		{"ModifyCluster", clusterARN, failure(bob.ModifyCluster(ctx, &cloudhsmv2.ModifyClusterInput{ClusterId: cluster}))},
		{"DeleteCluster", clusterARN, failure(bob.DeleteCluster(ctx, &cloudhsmv2.DeleteClusterInput{ClusterId: cluster}))},
		{"CreateHsm", clusterARN, failure(bob.CreateHsm(ctx, &cloudhsmv2.CreateHsmInput{ClusterId: cluster, AvailabilityZone: aws.String("us-east-1a")}))},
		{"DeleteHsm", "*", failure(bob.DeleteHsm(ctx, &cloudhsmv2.DeleteHsmInput{ClusterId: cluster}))},
		{"DescribeBackups", "*", failure(bob.DescribeBackups(ctx, nil))},
		{"ModifyBackupAttributes", backupARN, failure(bob.ModifyBackupAttributes(ctx, &cloudhsmv2.ModifyBackupAttributesInput{BackupId: backup, NeverExpires: aws.Bool(true)}))},
		{"DeleteBackup", backupARN, failure(bob.DeleteBackup(ctx, &cloudhsmv2.DeleteBackupInput{BackupId: backup}))},
		{"RestoreBackup", backupARN, failure(bob.RestoreBackup(ctx, &cloudhsmv2.RestoreBackupInput{BackupId: backup}))},
		{"CopyBackupToRegion", backupARN, failure(bob.CopyBackupToRegion(ctx, &cloudhsmv2.CopyBackupToRegionInput{BackupId: backup, DestinationRegion: aws.String("eu-west-1")}))},
		{"PutResourcePolicy", backupARN, failure(bob.PutResourcePolicy(ctx, &cloudhsmv2.PutResourcePolicyInput{ResourceArn: &backupARN}))},
		{"GetResourcePolicy", backupARN, failure(bob.GetResourcePolicy(ctx, &cloudhsmv2.GetResourcePolicyInput{ResourceArn: &backupARN}))},
		{"DeleteResourcePolicy", backupARN, failure(bob.DeleteResourcePolicy(ctx, &cloudhsmv2.DeleteResourcePolicyInput{ResourceArn: &backupARN}))},
		{"TagResource", clusterARN, failure(bob.TagResource(ctx, &cloudhsmv2.TagResourceInput{ResourceId: cluster, TagList: tagsOf("aws:a", "1")}))},
		{"TagResource", backupARN, failure(bob.TagResource(ctx, &cloudhsmv2.TagResourceInput{ResourceId: backup, TagList: tagsOf("a", "1")}))},
		{"UntagResource", clusterARN, failure(bob.UntagResource(ctx, &cloudhsmv2.UntagResourceInput{ResourceId: cluster, TagKeyList: []string{"a"}}))},
		{"ListTags", backupARN, failure(bob.ListTags(ctx, &cloudhsmv2.ListTagsInput{ResourceId: backup}))},
	} {
		refused(t, tt.err, "AccessDeniedException", "is not authorized to perform: cloudhsm:"+tt.operation+" on resource: "+tt.resource+" because no identity-based policy allows")
	}
}
