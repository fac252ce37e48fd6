package identity

import (
	"errors"
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
		if err := d.Take(seed, code(test.step), now); (err == nil) != test.want {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
	if d.Take(seed, "", now.Add(time.Hour)) == nil {
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
			synchronize := func(first, second int) bool {
				return d.Synchronize(FindCodes(seed, shown(first), shown(second), now), now) == nil
			}
			switch {
			case synchronize(0, 0), synchronize(0, -30), synchronize(0, 60):
				t.Error("took codes that do not follow one another")
			case !synchronize(-30, 0):
				t.Error("refused its codes")
			case synchronize(-30, 0):
				t.Error("took the same codes twice")
			case d.Take(seed, shown(0), now) == nil:
				t.Error("took the second code again")
			case d.Take(seed, shown(30), now.Add(30*time.Second)) != nil:
				t.Error("refused the next code")
			}
		})
	}
	if new(MFADevice).Synchronize(FindCodes(seed, TOTP(seed, now.Add(-25*time.Hour)), TOTP(seed, now.Add(-25*time.Hour+30*time.Second)), now), now) == nil {
		t.Error("took a device that is more than a day off")
	}
}

// After five wrong codes in a row each further one doubles the time in which none is taken, not the right one either.
func TestWrongCodesSlowDown(t *testing.T) {
	seed, now := []byte("seed"), time.Unix(1_800_000_000, 0)
	var d MFADevice
	take := func(code string) error { return d.Take(seed, code, now) }
	if err := take(TOTP(seed, now)); err != nil {
		t.Fatal(err)
	}
	for range 10 { // it is not a guess
		if err := take(TOTP(seed, now)); !errors.Is(err, ErrMFACode) {
			t.Fatalf("a code again: %v", err)
		}
	}
	now = now.Add(time.Minute)
	for n, wait := range []time.Duration{0, 0, 0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		if err := take("wrong"); !errors.Is(err, ErrMFACode) {
			t.Fatalf("wrong code %d: %v", n+1, err)
		}
		if wait == 0 {
			continue
		}
		began := now
		for _, now = range []time.Time{began, began.Add(wait - time.Second)} {
			paused, ok := errors.AsType[*MFAPausedError](take(TOTP(seed, now)))
			if !ok || !paused.Until.Equal(began.Add(wait)) {
				t.Fatalf("after %d wrong codes and %v: %v", n+1, now.Sub(began), paused)
			}
			if _, ok := errors.AsType[*MFAPausedError](d.Synchronize(FindCodes(seed, TOTP(seed, now), TOTP(seed, now.Add(30*time.Second)), now), now)); !ok {
				t.Fatalf("two codes after %d wrong ones were looked at", n+1)
			}
		}
		now = began.Add(wait)
	}
	before := d
	now = now.Add(-100 * time.Hour) // moved back: nobody waits for that long
	if err := d.Paused(now); err != nil {
		t.Error(err)
	}
	d, now = before, now.Add(100*time.Hour)
	if err := take(TOTP(seed, now)); err != nil {
		t.Errorf("the right code in time: %v", err)
	}
	if err := take("wrong"); !errors.Is(err, ErrMFACode) || d.Paused(now) != nil {
		t.Errorf("a right code begins the count anew: %v %v", err, d.Paused(now))
	}
}
