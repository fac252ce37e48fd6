package wire

import (
	"testing"

	"emulator/api/model"
)

func TestPatternsCompile(t *testing.T) {
	for _, name := range model.Names {
		m, err := model.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		var walk func(s *model.Shape)
		done := map[*model.Shape]bool{}
		walk = func(s *model.Shape) {
			if s == nil || done[s] {
				return
			}
			done[s] = true
			if s.Pattern != "" && !seen[s.Pattern] {
				seen[s.Pattern] = true
				if _, err := compilePattern(s.Pattern); err != nil {
					t.Errorf("%s %s: %v", name, s.Name, err)
				}
			}
			for _, m := range s.Members {
				walk(m.Shape)
			}
			for _, m := range []*model.Member{s.Key, s.Element} {
				if m != nil {
					walk(m.Shape)
				}
			}
		}
		for _, op := range m.Operations {
			walk(op.Input)
			walk(op.Output)
		}
	}
}
