package kms_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func tagged(pairs ...string) []types.Tag {
	var tags []types.Tag
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, types.Tag{TagKey: &pairs[i], TagValue: &pairs[i+1]})
	}
	return tags
}

// A ciphertext of one emulator opens in another with a key of the same ID and material.
func TestReservedTags(t *testing.T) {
	const id = "00000000-1111-2222-3333-444444444444"
	material := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	var blob []byte
	for range 2 {
		e, c := start(t)
		key := must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: tagged("_custom_id_", id, "_custom_key_material_", material, "a", "b")})).KeyMetadata
		if *key.KeyId != id {
			t.Errorf("the ID is %s", *key.KeyId)
		}
		if tags := must[*kms.ListResourceTagsOutput](t)(c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: key.KeyId})).Tags; len(tags) != 1 || *tags[0].TagKey != "a" {
			t.Errorf("tags %v", tags)
		}
		resp, err := http.Get(e.URL + "/_emulator/events")
		if err != nil {
			t.Fatal(err)
		}
		events := must[[]byte](t)(io.ReadAll(resp.Body))
		resp.Body.Close()
		if !bytes.Contains(events, []byte("_custom_key_material_")) || bytes.Contains(events, []byte(material)) {
			t.Errorf("the events: %s", events)
		}
		if blob == nil {
			blob = encrypt(t, c, key.KeyId)
		}
		decrypts(t, c, blob, key.CurrentKeyMaterialId)
	}
}

func TestReservedTagsRefused(t *testing.T) {
	e, c := start(t)
	const id, related = "00000000-1111-2222-3333-444444444444", "mrk-00000000111122223333444444444444"
	multi := aws.Bool(true)
	must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: tagged("_custom_id_", id)}))
	must[*kms.CreateKeyOutput](t)(c.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: tagged("_custom_id_", related), MultiRegion: multi}))
	for _, in := range []kms.CreateKeyInput{
		{Tags: tagged("_custom_id_", id)}, {Tags: tagged("_custom_id_", "x")}, {Tags: tagged("_custom_id_", id), MultiRegion: multi}, {Tags: tagged("_custom_id_", related)},
		{Tags: tagged("_custom_key_material_", "=")}, {Tags: tagged("_custom_key_material_", "AAAA")},
		{Tags: tagged("_custom_key_material_", "AAAA"), Origin: types.OriginTypeExternal},
	} {
		_, err := c.CreateKey(t.Context(), &in)
		refused(t, err, "ValidationException", "")
	}
	_, err := inRegion(e, elsewhere).CreateKey(t.Context(), &kms.CreateKeyInput{Tags: tagged("_custom_id_", related), MultiRegion: multi})
	refused(t, err, "ValidationException", related)
}
