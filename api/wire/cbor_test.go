package wire

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudhsmv2"
	"github.com/google/go-cmp/cmp"

	"emulator/api"
)

// Inputs and outputs of all services, also of those that don't speak CBOR, are as they were once they have been CBOR: no SDK client sends it yet.
func TestCBORThereAndBack(t *testing.T) {
	for name, client := range clients {
		codec, _ := codecOf(t, load(t, name), client(aws.Config{Region: "us-east-1"}))
		for op, o := range codec.operations {
			for p, of := range map[*plan]reflect.Type{o.in: o.In, o.out: o.Out} {
				there, back := reflect.New(of), reflect.New(of)
				fill(there.Elem(), 0)
				body, err := cborEncoder.Marshal(cborTree(p, there.Elem()))
				var tree any
				if err == nil {
					err = cborDecoder.Unmarshal(body, &tree)
				}
				if err == nil {
					err = (&cborReader{}).set(p, tree, back.Elem())
				}
				if diff := cmp.Diff(there.Interface(), back.Interface(), sdkTypes...); err != nil || diff != "" {
					t.Errorf("%s %s: %v (-there +back):\n%s", name, op, err, diff)
				}
			}
		}
	}
}

func FuzzDecodeCBOR(f *testing.F) {
	f.Add([]byte("\xa1\x69ClusterId\x73cluster-abcdefghijk"))
	f.Add([]byte("\xbf\x69ClusterId\x7f\x61c\xff\x67TagList\x9f\xa0\xff\xff"))
	f.Add([]byte("\xa1\x67HsmType\xc1\xf9\x7e\x00"))
	o := operation(f, "cloudhsmv2", "ModifyCluster")
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := o.DecodeCBOR(body)
		if err != nil && api.ErrorCode(err) == "" {
			t.Errorf("%v is none of AWS's errors", err)
		}
		if err == nil && in.(*cloudhsmv2.ModifyClusterInput).ClusterId == nil {
			t.Error("no ClusterId")
		}
	})
}
