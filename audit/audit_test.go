package audit

import (
	"fmt"
	"strings"
	"testing"
)

func TestTrail(t *testing.T) {
	var trail Trail
	if trail.Find("x") != nil || len(trail.Newest(5)) != 0 {
		t.Error("an empty trail has events")
	}
	for i := range maxEvents + 10 {
		trail.Keep(Event{RequestID: fmt.Sprint(i), Message: strings.Repeat("é", maxText)})
	}
	newest := trail.Newest(3)
	if len(newest) != 3 || newest[0].RequestID != fmt.Sprint(maxEvents+9) || newest[2].RequestID != fmt.Sprint(maxEvents+7) {
		t.Errorf("newest: %v", newest)
	}
	if len(trail.Newest(2*maxEvents)) != maxEvents || trail.Find("9") != nil {
		t.Error("the oldest events are not forgotten")
	}
	if e := trail.Find("10"); e == nil || len(e.Message) > maxText+len("…") || !strings.HasSuffix(e.Message, "é…") {
		t.Errorf("%+v", e)
	}
}
