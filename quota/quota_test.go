package quota

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	keys     = Quota{Name: "kms.KeysPerRegion", Value: 100_000}
	create   = Quota{Name: "kms.CreateKey/s", Value: 5, In: map[string]float64{"eu-west-1": 2}}
	pairs    = Quota{Name: "kms.GenerateDataKeyPair.RSA_4096/s", Value: 0.1}
	all      = []Quota{keys, create, pairs}
	start    = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	inRegion = func(of Quota, region string) Charge { return Charge{Quota: of, Of: "111111111111", Region: region} }
)

// stopped is a clock that a test moves.
type stopped struct{ at time.Time }

func (s *stopped) now() time.Time { return s.at }

func made(t *testing.T, settings ...string) (*Quotas, *stopped) {
	t.Helper()
	clock := &stopped{start}
	q, err := New(settings, clock.now, all...)
	if err != nil {
		t.Fatal(err)
	}
	return q, clock
}

func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "quotas.txt")
	if err := os.WriteFile(file, []byte("requests # AWS's\nkms.KeysPerRegion=7 kms.CreateKey/s=1\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		settings        string
		keys            int
		here, elsewhere float64 // CreateKey
	}{
		{"", 100_000, Unlimited, Unlimited},
		{"requests", 100_000, 5, 2},
		{"off", Unlimited, Unlimited, Unlimited},
		{"off,requests", Unlimited, 5, 2},
		{"requests,off", Unlimited, Unlimited, Unlimited},
		{"kms.KeysPerRegion=3", 3, Unlimited, Unlimited},
		{"kms.KeysPerRegion=off,requests", Unlimited, 5, 2},
		{"off,kms.KeysPerRegion=0", 0, Unlimited, Unlimited},
		{"kms.KeysPerRegion=3,off", Unlimited, Unlimited, Unlimited},
		{"kms.CreateKey/s=0.5", 100_000, 0.5, 0.5},
		{"requests,kms.CreateKey/s=off", 100_000, Unlimited, Unlimited},
		{file, 7, 1, 1},
		{file + ",kms.KeysPerRegion=8", 8, 1, 1},
	} {
		q, _ := made(t, strings.FieldsFunc(c.settings, func(r rune) bool { return r == ',' })...)
		if got := q.Max(keys); got != c.keys {
			t.Errorf("%q: %d keys", c.settings, got)
		}
		if here, elsewhere := q.value(create, "us-east-1"), q.value(create, "eu-west-1"); here != c.here || elsewhere != c.elsewhere {
			t.Errorf("%q: %v and %v in a second", c.settings, here, elsewhere)
		}
	}
	if none := (*Quotas)(nil); none.Max(keys) != 100_000 || !none.Take(inRegion(create, "us-east-1")) {
		t.Error("nil are not AWS's")
	}
}

func TestWrongSettings(t *testing.T) {
	dir := t.TempDir()
	nested, large := filepath.Join(dir, "nested"), filepath.Join(dir, "large")
	if err := os.WriteFile(nested, []byte("off "+nested), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"kms.Key=1":               `there is no quota "kms.Key"`,
		"=1":                      `there is no quota ""`,
		"kms.KeysPerRegion=":      "want a number, or off",
		"kms.KeysPerRegion=-1":    "want a number, or off",
		"kms.KeysPerRegion=0.5":   "want a number, or off",
		"kms.KeysPerRegion=NaN":   "want a number, or off",
		"kms.KeysPerRegion=1e300": "want a number, or off",
		"kms.CreateKey/s=2.5":     "want a number, or off",
		"kms.CreateKey/s=1e-9":    "at least one in a day",
		filepath.Join(dir, "no"):  "no such file",
		nested:                    "want off, requests or NAME=VALUE",
		large:                     "is larger than",
		dir:                       "directory",
	} {
		if _, err := New([]string{setting}, time.Now, all...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", setting, err, want)
		}
	}
}

// What is asked in an interval is what the quota says, whoever of the account asks; other accounts, regions and quotas have their own.
func TestTake(t *testing.T) {
	q, clock := made(t, "requests")
	take := func(want int, charges ...Charge) {
		t.Helper()
		got := 0
		for got < 100 && q.Take(charges...) {
			got++
		}
		if got != want {
			t.Errorf("%d are let through, want %d", got, want)
		}
	}
	here := inRegion(create, "us-east-1")
	take(5, here)
	take(2, inRegion(create, "eu-west-1"))
	take(5, Charge{Quota: create, Of: "222222222222", Region: "us-east-1"})
	take(1, inRegion(pairs, "us-east-1"))
	clock.at = clock.at.Add(999 * time.Millisecond)
	take(0, here)
	clock.at = clock.at.Add(time.Millisecond)
	take(5, here)
	take(0, inRegion(pairs, "us-east-1"))
	clock.at = start.Add(10 * time.Second)
	take(1, inRegion(pairs, "us-east-1"))

	clock.at = clock.at.Add(time.Minute)
	take(1, here, inRegion(pairs, "us-east-1")) // and no more of the first than of the second
	take(4, here)
	clock.at = clock.at.Add(time.Minute)
	twice := inRegion(create, "eu-west-1")
	twice.Count = 3
	take(1, twice) // though it counts for more than there are
	take(0, inRegion(create, "eu-west-1"))

	q, _ = made(t, "kms.CreateKey/s=0")
	take(0, here)
	take(0, twice)
	take(100, inRegion(pairs, "us-east-1"))
}

// TestCountersAreFew: what is over is dropped, and so is everything if too much is not.
func TestCountersAreFew(t *testing.T) {
	q, clock := made(t, "requests")
	most := 0
	for i := range 3 * maxCounters {
		if i < 2*maxCounters && i%100 == 0 {
			clock.at = clock.at.Add(100 * time.Millisecond)
		}
		if !q.Take(Charge{Quota: create, Of: fmt.Sprint(i), Region: "us-east-1"}) {
			t.Fatal("an account is told that others are too many")
		}
		if most = max(most, len(q.counters.counts)); i < 2*maxCounters && most > 3*minSweep || most > maxCounters {
			t.Fatalf("%d counters after %d accounts", most, i)
		}
	}
}

func FuzzSettings(f *testing.F) {
	for _, seed := range []string{"", "off requests", "kms.KeysPerRegion=7 # few", "kms.CreateKey/s=0.1", "kms.KeysPerRegion=1e3", "a=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := &Quotas{set: make(map[string]float64), counters: counters{now: func() time.Time { return start }}}
		if err := q.read(words(text), map[string]Quota{keys.Name: keys, create.Name: create}, false); err != nil {
			return
		}
		if n := q.Max(keys); n < 0 {
			t.Errorf("%d keys", n)
		}
		q.Take(inRegion(create, "us-east-1"))
	})
}

// BenchmarkTake is what a request quota adds to a request.
func BenchmarkTake(b *testing.B) {
	for _, setting := range []string{"", "requests"} {
		b.Run("quotas "+setting, func(b *testing.B) {
			q, err := New(words(setting), time.Now, all...)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				q.Take(inRegion(create, "us-east-1"))
			}
		})
	}
}
