package server

import (
	"fmt"
	"maps"
	"slices"

	"emulator/api"
	"emulator/api/model"
	"emulator/api/wire"
)

// service is an AWS service with its codec.
type service struct {
	name  string
	model *model.Service
	codec *wire.Codec
}

type source struct {
	name       string
	operations []api.Operation
}

func newServices(sources ...source) ([]*service, error) {
	services := make([]*service, 0, len(sources))
	for _, src := range sources {
		m, err := model.Load(src.name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", src.name, err)
		}
		codec, err := wire.New(m, src.operations)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", src.name, err)
		}
		services = append(services, &service{name: src.name, model: m, codec: codec})
	}
	return services, nil
}

// Coverage is what is registered of a service.
type Coverage struct {
	Service string
	// Registered and Missing are names of operations, sorted.
	Registered, Missing []string
}

// Coverage returns which operations of AWS's are registered, by service.
func (s *Server) Coverage() []Coverage {
	all := make([]Coverage, 0, len(s.services))
	for _, svc := range s.services {
		c := Coverage{Service: svc.name}
		for _, name := range slices.Sorted(maps.Keys(svc.model.Operations)) {
			if _, ok := svc.codec.Operation(name); ok {
				c.Registered = append(c.Registered, name)
			} else {
				c.Missing = append(c.Missing, name)
			}
		}
		all = append(all, c)
	}
	return all
}
