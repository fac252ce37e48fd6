package clock_test

import (
	"testing"
	"time"

	"emulator/clock"
)

func TestEnded(t *testing.T) {
	begun := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name       string
		transition time.Duration
		now        time.Time
		frozen     bool
		end        time.Time
		ended      bool
	}{
		{"no time", 0, begun, false, begun, true},
		{"under way", time.Hour, begun.Add(59 * time.Minute), false, begun.Add(time.Hour), false},
		{"over", time.Hour, begun.Add(time.Hour), false, begun.Add(time.Hour), true},
		{"frozen, long over", time.Hour, begun.Add(2 * time.Hour), true, begun.Add(time.Hour), true},
		{"frozen in its course", time.Hour, begun.Add(time.Minute), true, begun.Add(time.Minute), true},
		{"frozen at its begin", time.Hour, begun, true, begun, true},
		{"moved back before its begin", time.Hour, begun.Add(-time.Hour), false, begun.Add(time.Hour), true},
	} {
		c := clock.Clock{Transition: tt.transition}
		if c.Set(tt.now); tt.frozen {
			c.Freeze(tt.now)
		}
		if end, ended := c.Ended(begun); !end.Equal(tt.end) || ended != tt.ended {
			t.Errorf("%s: %v, %v", tt.name, end, ended)
		}
	}
}
