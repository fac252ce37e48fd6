package cloudhsm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"emulator/server"
)

// backups returns all backups that filters let through, the newest first.
func (w *world) backups(filters map[string][]string) []types.Backup {
	w.t.Helper()
	return must(w.DescribeBackups(w.t.Context(), &cloudhsmv2.DescribeBackupsInput{Filters: filters}))(w.t).Backups
}

func (w *world) wantBackups(cluster string, count int) {
	w.t.Helper()
	if all := w.backups(map[string][]string{"clusterIds": {cluster}}); len(all) != count {
		w.t.Errorf("%d backups, want %d: %+v", len(all), count, all)
	}
}

func (w *world) backup(id *string) *types.Backup {
	w.t.Helper()
	all := w.backups(map[string][]string{"backupIds": {*id}})
	if len(all) == 0 {
		return nil
	}
	return &all[0]
}

const day = 24 * time.Hour

func TestDeleteAndRestoreBackup(t *testing.T) {
	w := start(t)
	cluster := w.active()
	id := w.backups(nil)[0].BackupId
	if b := w.backup(id); *b.BackupArn != "arn:aws:cloudhsm:us-east-1:000000000000:backup/"+*id || *b.ClusterId != *cluster || *b.HsmType != "hsm2m.medium" || b.Mode != types.ClusterModeFips ||
		b.BackupState != types.BackupStateReady || *b.NeverExpires || b.DeleteTimestamp != nil || b.CopyTimestamp != nil {
		t.Errorf("backup %+v", b)
	}
	_, err := w.RestoreBackup(t.Context(), &cloudhsmv2.RestoreBackupInput{BackupId: id})
	refused(t, err, invalid, "READY")
	deleted := must(w.DeleteBackup(t.Context(), &cloudhsmv2.DeleteBackupInput{BackupId: id}))(t).Backup
	if deleted.BackupState != types.BackupStatePendingDeletion || deleted.DeleteTimestamp == nil || deleted.DeleteTimestamp.Sub(w.e.Clock.Now()).Round(time.Minute) != 7*day {
		t.Errorf("deleted %+v", deleted)
	}
	for _, err := range []error{
		failure(w.DeleteBackup(t.Context(), &cloudhsmv2.DeleteBackupInput{BackupId: id})),
		failure(w.ModifyBackupAttributes(t.Context(), &cloudhsmv2.ModifyBackupAttributesInput{BackupId: id, NeverExpires: aws.Bool(true)})),
		failure(w.CopyBackupToRegion(t.Context(), &cloudhsmv2.CopyBackupToRegionInput{BackupId: id, DestinationRegion: aws.String("eu-west-1")})),
		failure(w.PutResourcePolicy(t.Context(), &cloudhsmv2.PutResourcePolicyInput{ResourceArn: deleted.BackupArn, Policy: aws.String(sharing("111111111111"))})),
		failure(w.CreateCluster(t.Context(), &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inA}, SourceBackupId: id})),
	} {
		refused(t, err, invalid, "PENDING_DELETION")
	}
	w.e.Clock.Advance(6 * day)
	if b := must(w.RestoreBackup(t.Context(), &cloudhsmv2.RestoreBackupInput{BackupId: id}))(t).Backup; b.BackupState != types.BackupStateReady || b.DeleteTimestamp != nil {
		t.Errorf("restored %+v", b)
	}
	must(w.DeleteBackup(t.Context(), &cloudhsmv2.DeleteBackupInput{BackupId: id}))(t)
	w.e.Clock.Advance(7*day + time.Minute)
	_, err = w.RestoreBackup(t.Context(), &cloudhsmv2.RestoreBackupInput{BackupId: id})
	refused(t, err, absent, *id)
	w.wantBackups(*cluster, 0)
	w.addHSM(cluster, "us-east-1b") // which makes a backup, and forgets the one that is gone
	w.wantBackups(*cluster, 1)
}

// https://docs.aws.amazon.com/cloudhsm/latest/userguide/manage-backup-retention.html
func TestRetention(t *testing.T) {
	w := start(t)
	cluster := w.active()
	must(w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: cluster, BackupRetentionPolicy: days("7")}))(t)
	first := w.backups(nil)[0].BackupId
	state := func(want types.BackupState) {
		t.Helper()
		if b := w.backup(first); b == nil || b.BackupState != want {
			t.Errorf("%+v, want %s", b, want)
		}
	}
	w.e.Clock.Advance(8 * day)
	state(types.BackupStateReady) // the last of a cluster stays
	w.addHSM(cluster, "us-east-1b")
	state(types.BackupStatePendingDeletion)
	if b := w.backup(first); b.DeleteTimestamp == nil || b.DeleteTimestamp.Sub(*b.CreateTimestamp) != 14*day {
		t.Errorf("to be deleted at %v", b.DeleteTimestamp)
	}
	must(w.RestoreBackup(t.Context(), &cloudhsmv2.RestoreBackupInput{BackupId: first}))(t)
	state(types.BackupStateReady)
	w.e.Clock.Advance(day + time.Minute)
	state(types.BackupStatePendingDeletion) // the policy is as it was
	must(w.ModifyCluster(t.Context(), &cloudhsmv2.ModifyClusterInput{ClusterId: cluster, BackupRetentionPolicy: days("30")}))(t)
	state(types.BackupStateReady)
	if b := must(w.ModifyBackupAttributes(t.Context(), &cloudhsmv2.ModifyBackupAttributesInput{BackupId: first, NeverExpires: aws.Bool(true)}))(t).Backup; !*b.NeverExpires {
		t.Errorf("%+v", b)
	}
	w.e.Clock.Advance(400 * day)
	state(types.BackupStateReady)
	must(w.ModifyBackupAttributes(t.Context(), &cloudhsmv2.ModifyBackupAttributesInput{BackupId: first, NeverExpires: aws.Bool(false)}))(t)
	if b := w.backup(first); b != nil {
		t.Errorf("%+v is there", b)
	}
	w.wantBackups(*cluster, 1)
}

func TestCopyBackupToRegion(t *testing.T) {
	w := start(t)
	cluster := w.active()
	source := w.backups(nil)[0]
	must(w.TagResource(t.Context(), &cloudhsmv2.TagResourceInput{ResourceId: source.BackupId, TagList: tagsOf("team", "a")}))(t)
	for _, tags := range [][]types.Tag{nil, tagsOf("team", "b")} {
		out := must(w.CopyBackupToRegion(t.Context(), &cloudhsmv2.CopyBackupToRegionInput{BackupId: source.BackupId, DestinationRegion: aws.String("eu-west-1"), TagList: tags}))(t).DestinationBackup
		if !out.CreateTimestamp.Equal(*source.CreateTimestamp) || *out.SourceBackup != *source.BackupId || *out.SourceCluster != *cluster || *out.SourceRegion != "us-east-1" {
			t.Errorf("copied to %+v", out)
		}
	}
	there := w.in("000000000000", "eu-west-1")
	copies := there.backups(map[string][]string{"sourceBackupIds": {*source.BackupId}})
	if len(copies) != 2 || copies[0].CopyTimestamp == nil || *copies[0].SourceCluster != *cluster || *copies[0].SourceRegion != "us-east-1" {
		t.Fatalf("copies %+v", copies)
	}
	if got := text(copies[0].TagList) + text(copies[1].TagList); got != "team=a team=b " && got != "team=b team=a " {
		t.Errorf("tags %s", got)
	}
	w.e.Clock.Advance(400 * day) // AWS: a copy belongs to no cluster, and has no retention
	if b := there.backup(copies[0].BackupId); b == nil || b.BackupState != types.BackupStateReady {
		t.Errorf("%+v", b)
	}
	clone := there.create(func(in *cloudhsmv2.CreateClusterInput) { in.SourceBackupId = copies[0].BackupId }).ClusterId
	k := there.wantState(clone, types.ClusterStateActive)
	if *k.SourceBackupId != *copies[0].BackupId || aws.ToString(k.Certificates.ClusterCertificate) != *w.describe(cluster).Certificates.ClusterCertificate {
		t.Errorf("the clone: %+v", k)
	}
	there.addHSM(clone, "eu-west-1a")
	there.addHSM(clone, "eu-west-1b")

	for region, code := range map[string]string{"us-east-1": invalid, "cn-north-1": invalid, "us-east-9": invalid, "nowhere": "ValidationException"} {
		_, err := w.CopyBackupToRegion(t.Context(), &cloudhsmv2.CopyBackupToRegionInput{BackupId: source.BackupId, DestinationRegion: &region})
		refused(t, err, code, "")
	}
	_, err := w.CopyBackupToRegion(t.Context(), &cloudhsmv2.CopyBackupToRegionInput{BackupId: source.BackupId, DestinationRegion: aws.String("eu-west-1"), TagList: tagsOf("a", "1", "a", "2")})
	refused(t, err, "CloudHsmTagException", "")
	bob := w.user("bob", `{"Effect":"Allow","Action":"cloudhsm:CopyBackupToRegion","Resource":"*"}`)
	_, err = bob.CopyBackupToRegion(t.Context(), &cloudhsmv2.CopyBackupToRegionInput{BackupId: source.BackupId, DestinationRegion: aws.String("eu-west-1")})
	refused(t, err, "AccessDeniedException", "cloudhsm:TagResource on resource: arn:aws:cloudhsm:eu-west-1:000000000000:backup/")
}

func TestRestoreToCluster(t *testing.T) {
	w := start(t)
	w.active()
	nonFIPS := w.active(func(in *cloudhsmv2.CreateClusterInput) { in.Mode = types.ClusterModeNonFips })
	old := w.active(hsm1)
	of := func(cluster *string) *string {
		return w.backups(map[string][]string{"clusterIds": {*cluster}})[0].BackupId
	}
	for name, in := range map[string]*cloudhsmv2.CreateClusterInput{
		"hsm2m.medium to hsm1.medium": {HsmType: aws.String("hsm1.medium"), SubnetIds: []string{inC}, SourceBackupId: of(nonFIPS)},
		"NON_FIPS to FIPS":            {HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inC}, SourceBackupId: of(nonFIPS), Mode: types.ClusterModeFips},
	} {
		_, err := w.CreateCluster(t.Context(), in)
		if refused(t, err, invalid, "can't be restored"); t.Failed() {
			t.Log(name)
		}
	}
	made := w.create(func(in *cloudhsmv2.CreateClusterInput) { in.SourceBackupId = of(old) })
	if w.wantState(made.ClusterId, types.ClusterStateActive); *made.HsmType != "hsm2m.medium" {
		t.Errorf("type %s", *made.HsmType)
	}
}

func sharing(account string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":["cloudhsm:CreateCluster","cloudhsm:DescribeBackups"],"Resource":"*"}]}`
}

func TestSharedBackups(t *testing.T) {
	w := start(t)
	w.active()
	b := w.backups(nil)[0]
	other := w.in("111111111111", "us-east-1")
	shared := func() []types.Backup {
		t.Helper()
		return must(other.DescribeBackups(t.Context(), &cloudhsmv2.DescribeBackupsInput{Shared: aws.Bool(true)}))(t).Backups
	}
	restore := &cloudhsmv2.CreateClusterInput{HsmType: aws.String("hsm2m.medium"), SubnetIds: []string{inC}, SourceBackupId: b.BackupArn}
	_, err := other.CreateCluster(t.Context(), restore)
	refused(t, err, "AccessDeniedException", "cloudhsm:CreateCluster on resource: "+*b.BackupArn)
	if got := must(w.GetResourcePolicy(t.Context(), &cloudhsmv2.GetResourcePolicyInput{ResourceArn: b.BackupArn}))(t); got.Policy != nil {
		t.Errorf("policy %s", *got.Policy)
	}

	policy := sharing("111111111111")
	put := must(w.PutResourcePolicy(t.Context(), &cloudhsmv2.PutResourcePolicyInput{ResourceArn: b.BackupArn, Policy: &policy}))(t)
	if *put.Policy != policy || *put.ResourceArn != *b.BackupArn {
		t.Errorf("put %+v", put)
	}
	if got := must(w.GetResourcePolicy(t.Context(), &cloudhsmv2.GetResourcePolicyInput{ResourceArn: b.BackupArn}))(t); !strings.Contains(*got.Policy, "arn:aws:iam::111111111111:root") {
		t.Errorf("policy %s", *got.Policy)
	}
	if all := shared(); len(all) != 1 || *all[0].BackupId != *b.BackupId {
		t.Errorf("shared: %+v", all)
	}
	if all := other.backups(nil); len(all) != 0 {
		t.Errorf("not shared: %+v", all)
	}
	made := must(other.CreateCluster(t.Context(), restore))(t).Cluster
	other.wantState(made.ClusterId, types.ClusterStateActive)
	_, err = other.DeleteBackup(t.Context(), &cloudhsmv2.DeleteBackupInput{BackupId: b.BackupId})
	refused(t, err, absent, "")
	_, err = other.GetResourcePolicy(t.Context(), &cloudhsmv2.GetResourcePolicyInput{ResourceArn: b.BackupArn})
	refused(t, err, "CloudHsmAccessDeniedException", *b.BackupArn)
	_, err = w.in("222222222222", "us-east-1").CreateCluster(t.Context(), restore)
	refused(t, err, "AccessDeniedException", "")

	// A policy that only lets others restore does not let them see.
	must(w.PutResourcePolicy(t.Context(), &cloudhsmv2.PutResourcePolicyInput{ResourceArn: b.BackupArn, Policy: aws.String(strings.Replace(policy, `,"cloudhsm:DescribeBackups"`, "", 1))}))(t)
	if all := shared(); len(all) != 0 {
		t.Errorf("shared: %+v", all)
	}
	// A user of the other account, who has to be allowed there too.
	ann := other.user("ann", `{"Effect":"Allow","Action":["cloudhsm:DescribeBackups"],"Resource":"*"}`)
	user := sharing("arn:aws:iam::111111111111:user/ann")
	must(w.PutResourcePolicy(t.Context(), &cloudhsmv2.PutResourcePolicyInput{ResourceArn: b.BackupArn, Policy: &user}))(t)
	if got := must(w.GetResourcePolicy(t.Context(), &cloudhsmv2.GetResourcePolicyInput{ResourceArn: b.BackupArn}))(t); *got.Policy != user {
		t.Errorf("policy %s", *got.Policy)
	}
	if all := must(ann.DescribeBackups(t.Context(), &cloudhsmv2.DescribeBackupsInput{Shared: aws.Bool(true)}))(t).Backups; len(all) != 1 || len(shared()) != 0 {
		t.Errorf("shared with ann: %+v", all)
	}
	_, err = ann.CreateCluster(t.Context(), restore)
	refused(t, err, "AccessDeniedException", "cloudhsm:CreateCluster")
	w.checkDatabase()
	if got := must(w.DeleteResourcePolicy(t.Context(), &cloudhsmv2.DeleteResourcePolicyInput{ResourceArn: b.BackupArn}))(t); *got.Policy != user || *got.ResourceArn != *b.BackupArn {
		t.Errorf("deleted %+v", got)
	}
	_, err = w.DeleteResourcePolicy(t.Context(), &cloudhsmv2.DeleteResourcePolicyInput{ResourceArn: b.BackupArn})
	refused(t, err, absent, "no resource policy")
	other.wantState(made.ClusterId, types.ClusterStateActive)

	must(w.PutResourcePolicy(t.Context(), &cloudhsmv2.PutResourcePolicyInput{ResourceArn: b.BackupArn, Policy: &policy}))(t)
	w.admin("reset", `{"account":"000000000000"}`, 200)
	if all := shared(); len(all) != 0 {
		t.Errorf("shared after the reset: %+v", all)
	}
}

func TestResourcePolicyRefusals(t *testing.T) {
	w := start(t)
	cluster := w.active()
	b := w.backups(nil)[0].BackupArn
	good := aws.String(sharing("111111111111"))
	for _, tt := range []struct {
		name        string
		arn, policy *string
		code, text  string
	}{
		{"no ARN", nil, good, invalid, "ResourceArn is required"},
		{"no policy", b, nil, invalid, "Policy is required"},
		{"no JSON", b, aws.String("x"), invalid, ""},
		{"no principal", b, aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), invalid, ""},
		{"a role that is not there", b, aws.String(sharing("arn:aws:iam::111111111111:role/nobody")), invalid, "Invalid principal in policy"},
		{"a cluster", aws.String("arn:aws:cloudhsm:us-east-1:000000000000:cluster/" + *cluster), good, invalid, "Only backups"},
		{"no such backup", aws.String("arn:aws:cloudhsm:us-east-1:000000000000:backup/backup-aaaaaaaaaaa"), good, absent, ""},
		{"another Region", aws.String(strings.Replace(*b, "us-east-1", "eu-west-1", 1)), good, absent, ""},
		{"another account", aws.String(strings.Replace(*b, "000000000000", "111111111111", 1)), good, "CloudHsmAccessDeniedException", ""},
		{"model: an ARN", aws.String("x"), good, "ValidationException", "resourceArn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.PutResourcePolicy(t.Context(), &cloudhsmv2.PutResourcePolicyInput{ResourceArn: tt.arn, Policy: tt.policy})
			refused(t, err, tt.code, tt.text)
		})
	}
}

func TestTags(t *testing.T) {
	w := start(t)
	cluster := w.active(func(in *cloudhsmv2.CreateClusterInput) { in.TagList = tagsOf("b", "1", "a", "") })
	backup := w.backups(nil)[0].BackupId
	must(w.TagResource(t.Context(), &cloudhsmv2.TagResourceInput{ResourceId: backup, TagList: tagsOf("b", "1", "a", "")}))(t)
	for _, id := range []*string{cluster, backup} {
		must(w.TagResource(t.Context(), &cloudhsmv2.TagResourceInput{ResourceId: id, TagList: tagsOf("b", "2", "B", "3")}))(t)
		must(w.UntagResource(t.Context(), &cloudhsmv2.UntagResourceInput{ResourceId: id, TagKeyList: []string{"a", "never"}}))(t)
		if got := text(must(w.ListTags(t.Context(), &cloudhsmv2.ListTagsInput{ResourceId: id}))(t).TagList); got != "B=3 b=2 " {
			t.Errorf("tags of %s: %s", *id, got)
		}
		page := must(w.ListTags(t.Context(), &cloudhsmv2.ListTagsInput{ResourceId: id, MaxResults: aws.Int32(1)}))(t)
		rest := must(w.ListTags(t.Context(), &cloudhsmv2.ListTagsInput{ResourceId: id, MaxResults: aws.Int32(1), NextToken: page.NextToken}))(t)
		if text(page.TagList)+text(rest.TagList) != "B=3 b=2 " || rest.NextToken != nil {
			t.Errorf("pages %s, %s", text(page.TagList), text(rest.TagList))
		}
		_, err := w.ListTags(t.Context(), &cloudhsmv2.ListTagsInput{ResourceId: id, NextToken: aws.String("x")})
		refused(t, err, invalid, "NextToken")
		_, err = w.TagResource(t.Context(), &cloudhsmv2.TagResourceInput{ResourceId: id, TagList: tagsOf("aws:x", "1")})
		refused(t, err, "CloudHsmTagException", "reserved")
		_, err = w.TagResource(t.Context(), &cloudhsmv2.TagResourceInput{ResourceId: id, TagList: tagsOf("x", "1", "x", "1")})
		refused(t, err, "CloudHsmTagException", "Duplicate")
		_, err = w.UntagResource(t.Context(), &cloudhsmv2.UntagResourceInput{ResourceId: id, TagKeyList: []string{"aws:x"}})
		refused(t, err, "CloudHsmTagException", "reserved")
		var many []string
		for i := range 49 {
			many = append(many, fmt.Sprint("k", i), "")
		}
		_, err = w.TagResource(t.Context(), &cloudhsmv2.TagResourceInput{ResourceId: id, TagList: tagsOf(many...)})
		refused(t, err, "CloudHsmResourceLimitExceededException", "50")
	}
	if k := w.describe(cluster); text(k.TagList) != "B=3 b=2 " {
		t.Errorf("cluster: %s", text(k.TagList))
	}
	for _, id := range []string{"cluster-aaaaaaaaaaa", "backup-aaaaaaaaaaa"} {
		_, err := w.ListTags(t.Context(), &cloudhsmv2.ListTagsInput{ResourceId: &id})
		refused(t, err, absent, id)
		_, err = w.TagResource(t.Context(), &cloudhsmv2.TagResourceInput{ResourceId: &id, TagList: tagsOf("a", "1")})
		refused(t, err, absent, id)
		_, err = w.UntagResource(t.Context(), &cloudhsmv2.UntagResourceInput{ResourceId: &id, TagKeyList: []string{"a"}})
		refused(t, err, absent, id)
	}
	all := must(resourcegroupstaggingapi.NewFromConfig(w.e.Config()).GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"cloudhsm"}}))(t)
	if len(all.ResourceTagMappingList) != 2 {
		t.Errorf("tagged resources: %+v", all.ResourceTagMappingList)
	}
}

func TestDescribeBackups(t *testing.T) {
	w := start(t, server.Config{Quotas: []string{"off"}})
	cluster, other := w.active(), w.active()
	for range 30 {
		w.e.Clock.Advance(time.Second)
		h := w.addHSM(cluster, "us-east-1b")
		w.e.Clock.Advance(time.Second)
		must(w.DeleteHsm(t.Context(), &cloudhsmv2.DeleteHsmInput{ClusterId: cluster, HsmId: h.HsmId}))(t)
	}
	for _, ascending := range []bool{false, true} {
		var last time.Time
		count, pages := 0, 0
		for p := cloudhsmv2.NewDescribeBackupsPaginator(w, &cloudhsmv2.DescribeBackupsInput{SortAscending: &ascending}); p.HasMorePages(); pages++ {
			for _, b := range must(p.NextPage(t.Context()))(t).Backups {
				if !last.IsZero() && !b.CreateTimestamp.Equal(last) && b.CreateTimestamp.After(last) != ascending {
					t.Errorf("%v after %v", b.CreateTimestamp, last)
				}
				last = *b.CreateTimestamp
				count++
			}
		}
		if count != 62 || pages != 2 {
			t.Errorf("%d backups on %d pages", count, pages)
		}
	}
	w.wantBackups(*other, 1)
	if all := w.backups(map[string][]string{"neverExpires": {"true"}}); len(all) != 0 {
		t.Errorf("%+v never expire", all)
	}
	if all := w.backups(map[string][]string{"neverExpires": {"false"}, "states": {"READY"}, "clusterIds": {*other}}); len(all) != 1 {
		t.Errorf("%+v", all)
	}
	_, err := w.DescribeBackups(t.Context(), &cloudhsmv2.DescribeBackupsInput{Filters: map[string][]string{"vpcIds": {"x"}}})
	refused(t, err, invalid, "vpcIds")
	_, err = w.DescribeBackups(t.Context(), &cloudhsmv2.DescribeBackupsInput{NextToken: aws.String("x")})
	refused(t, err, invalid, "NextToken")
	for _, op := range []func(id *string) error{
		func(id *string) error {
			return failure(w.DeleteBackup(t.Context(), &cloudhsmv2.DeleteBackupInput{BackupId: id}))
		},
		func(id *string) error {
			return failure(w.ModifyBackupAttributes(t.Context(), &cloudhsmv2.ModifyBackupAttributesInput{BackupId: id, NeverExpires: aws.Bool(true)}))
		},
		func(id *string) error {
			return failure(w.CopyBackupToRegion(t.Context(), &cloudhsmv2.CopyBackupToRegionInput{BackupId: id, DestinationRegion: aws.String("eu-west-1")}))
		},
	} {
		refused(t, op(aws.String("backup-aaaaaaaaaaa")), absent, "Backup 'backup-aaaaaaaaaaa' not found.")
	}
}
