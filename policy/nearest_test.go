package policy

import (
	"fmt"
	"testing"
)

func TestNearest(t *testing.T) {
	actions := []string{"kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "s3:GetObject"}
	for name, want := range map[string]string{
		"kms:Dekrypt": "[kms:Decrypt kms:Encrypt]", "KMS:describekeys": "[kms:DescribeKey kms:Decrypt]", "s3:getobject": "[s3:GetObject kms:Encrypt]",
	} {
		if got := fmt.Sprint(Nearest(name, actions, 2)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := Nearest("x", nil, 3); len(got) != 0 {
		t.Errorf("%v", got)
	}
	for _, d := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"ab", "ba", 2}} {
		if got := distance(d.a, d.b); got != d.want || distance(d.b, d.a) != got {
			t.Errorf("%q to %q: %d", d.a, d.b, got)
		}
	}
}
