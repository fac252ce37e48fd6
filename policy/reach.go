package policy

import "strings"

// Reaches reports whether identity policies allow a service ("kms"), or one of its actions ("CreateKey"; "" stands for any),
// at least on some resource and under some conditions. A denial counts that leaves nothing.
func Reaches(policies []*Policy, service, action string) bool {
	reached := false
	for _, p := range policies {
		for i := range p.Statements {
			switch s := &p.Statements[i]; {
			case s.Allow:
				reached = reached || s.reaches(service, action)
			case s.anyResource && len(s.conditions) == 0 && s.covers(service, action):
				return false
			}
		}
	}
	return reached
}

// reaches reports whether the statement is about something of a service, or about an action of it.
func (s *Statement) reaches(service, action string) bool {
	if s.notAction {
		return !s.names(func(p *pattern) bool {
			return p.coversService(service) || action != "" && p.matchesAction(service, action)
		})
	}
	return s.names(func(p *pattern) bool {
		return p.reachesService(service) && (action == "" || p.matchesAction(service, action))
	})
}

// covers reports whether the statement is about all of a service, or about an action of it.
func (s *Statement) covers(service, action string) bool {
	if s.notAction {
		return !s.names(func(p *pattern) bool {
			return p.reachesService(service) && (action == "" || p.matchesAction(service, action))
		})
	}
	return s.names(func(p *pattern) bool {
		return p.coversService(service) || action != "" && p.matchesAction(service, action)
	})
}

func (s *Statement) names(is func(*pattern) bool) bool {
	for i := range s.actions {
		if is(&s.actions[i]) {
			return true
		}
	}
	return false
}

// reachesService: the vendor of an action is a name or *.
func (p *pattern) reachesService(service string) bool {
	return p.literal == "" || strings.HasPrefix(p.literal, service) && strings.HasPrefix(p.literal[len(service):], ":")
}

// coversService reports whether the pattern is *, *:* or all of the service.
func (p *pattern) coversService(service string) bool {
	rest := strings.ReplaceAll(p.rest, string([]byte{anyRun}), "")
	switch {
	case p.rest == "":
		return false
	case p.literal == "":
		return rest == "" || rest == ":"
	}
	return rest == "" && len(p.literal) == len(service)+1 && p.reachesService(service)
}

func (p *pattern) matchesAction(service, action string) bool {
	return p.match(service + ":" + strings.ToLower(action))
}
