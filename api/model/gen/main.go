// Command gen trims AWS's published API models, as the Python package botocore
// carries them, to what package model needs: it drops the documentation. It takes the
// pinned version from the package registry, or a wheel given with -wheel.
package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"emulator/wheel"
)

const botocore = "1.44.8"

// services are botocore's folders: each has one API version in use.
var services = map[string]string{
	"sts":           "2011-06-15",
	"iam":           "2010-05-08",
	"kms":           "2014-11-01",
	"cloudhsmv2":    "2017-04-28",
	"organizations": "2016-11-28",

	"resourcegroupstaggingapi": "2017-01-26",
}

// kept are the members of operations and shapes that package model reads.
var kept = map[string]bool{
	"input": true, "output": true, "errors": true, "shape": true, "resultWrapper": true,
	"type": true, "members": true, "required": true, "min": true, "max": true, "pattern": true, "enum": true,
	"member": true, "key": true, "value": true, "sensitive": true,
	"error": true, "fault": true, "exception": true, "union": true,
}

func main() {
	log.SetFlags(0)
	file := flag.String("wheel", "", "botocore `wheel`, instead of the registry's")
	flag.Parse()
	if err := generate(*file); err != nil {
		log.Fatal("gen: ", err)
	}
}

func generate(file string) error {
	z, err := wheel.Open("botocore=="+botocore, file)
	if err != nil {
		return err
	}
	for service, version := range services {
		if err := trim(z, service, version); err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
	}
	return nil
}

func trim(z *zip.Reader, service, version string) error {
	f, err := z.Open("botocore/data/" + service + "/" + version + "/service-2.json.gz")
	if err != nil {
		return err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(unzipped)
	if err != nil {
		return err
	}
	var full struct {
		Metadata   json.RawMessage
		Operations map[string]json.RawMessage
		Shapes     map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &full); err != nil {
		return err
	}
	trimmed := map[string]any{
		"generated": "by api/model/gen from botocore " + botocore + ". DO NOT EDIT.",
		"metadata":  full.Metadata,
	}
	for name, entries := range map[string]map[string]json.RawMessage{"operations": full.Operations, "shapes": full.Shapes} {
		kept := make(map[string]json.RawMessage)
		for key, entry := range entries {
			if kept[key], err = trimEntry(entry); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		trimmed[name] = kept
	}
	return write(service+".json.gz", trimmed)
}

// trimEntry drops what is not kept. Members become an array, so that their order,
// which is that of AWS's documentation and answers, survives any JSON parser.
func trimEntry(raw json.RawMessage) (json.RawMessage, error) {
	var entry map[string]json.RawMessage
	if json.Unmarshal(raw, &entry) != nil {
		return raw, nil // no object
	}
	out := make(map[string]any)
	for name, value := range entry {
		switch {
		case !kept[name]:
		case name == "members":
			members, err := orderedMembers(value)
			if err != nil {
				return nil, err
			}
			out[name] = members
		case name == "errors":
			var shapes []struct{ Shape string }
			if err := json.Unmarshal(value, &shapes); err != nil {
				return nil, err
			}
			names := []string{}
			for _, s := range shapes {
				names = append(names, s.Shape)
			}
			out[name] = names
		case name == "error":
			out[name] = value
		default:
			trimmed, err := trimEntry(value)
			if err != nil {
				return nil, err
			}
			out[name] = trimmed
		}
	}
	return json.Marshal(out)
}

func orderedMembers(raw json.RawMessage) ([]map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	members := []map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value map[string]any
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		member := map[string]any{"name": name}
		for key, v := range value {
			if kept[key] {
				member[key] = v
			}
		}
		members = append(members, member)
	}
	return members, nil
}

func write(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
