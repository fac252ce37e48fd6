package identity

import (
	"fmt"
	"testing"
	"time"
)

// TestTOTP has the values of RFC 6238, appendix B, of which ours are the last six digits.
func TestTOTP(t *testing.T) {
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := TOTP([]byte("12345678901234567890"), time.Unix(at, 0)); got != want {
			t.Errorf("at %d: got %s, want %s", at, got, want)
		}
	}
}

func TestTake(t *testing.T) {
	seed, now := []byte("seed"), time.Unix(1_800_000_000, 0)
	code := func(steps int) string { return TOTP(seed, now.Add(time.Duration(steps)*totpStep*time.Second)) }
	var d MFADevice
	for _, test := range []struct {
		name string
		step int
		want bool
	}{
		{"two steps ago", -2, false},
		{"the step before", -1, true},
		{"again", -1, false},
		{"the next one", 1, true},
		{"an older one, though not used", 0, false},
		{"two steps ahead", 2, false},
	} {
		if got := d.Take(seed, code(test.step), now); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
	if d.Take(seed, "", now.Add(time.Hour)) {
		t.Error("took no code")
	}
}

func TestSynchronize(t *testing.T) {
	seed, now := []byte("seed"), time.Unix(1_800_000_000, 0)
	for _, hours := range []int{-23, -1, 0, 1, 23} {
		t.Run(fmt.Sprint(hours, " hours off"), func(t *testing.T) {
			shown := func(seconds int) string {
				return TOTP(seed, now.Add(time.Duration(hours)*time.Hour+time.Duration(seconds)*time.Second))
			}
			var d MFADevice
			switch {
			case d.Synchronize(seed, shown(0), shown(0), now), d.Synchronize(seed, shown(0), shown(-30), now), d.Synchronize(seed, shown(0), shown(60), now):
				t.Error("took codes that do not follow one another")
			case !d.Synchronize(seed, shown(-30), shown(0), now):
				t.Error("refused its codes")
			case d.Synchronize(seed, shown(-30), shown(0), now):
				t.Error("took the same codes twice")
			case d.Take(seed, shown(0), now):
				t.Error("took the second code again")
			case !d.Take(seed, shown(30), now.Add(30*time.Second)):
				t.Error("refused the next code")
			}
		})
	}
	if new(MFADevice).Synchronize(seed, TOTP(seed, now.Add(-25*time.Hour)), TOTP(seed, now.Add(-25*time.Hour+30*time.Second)), now) {
		t.Error("took a device that is more than a day off")
	}
}
