package quota

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Settings are words, of which the later stand before the earlier:
//
//	off                   no quota is in force
//	requests              AWS's quotas of requests are, too
//	kms.KeysPerRegion=10  this one is, with this value
//	kms.CreateKey/s=off
//	quotas.txt            what a file says: settings, and comments from # to the end of the line

const (
	maxFile = 1 << 20
	// minRate bounds how long a request waits, and is counted: a day.
	minRate = 1.0 / (24 * 60 * 60)
	// maxValue is more than there can be.
	maxValue = 1 << 40
)

// read puts settings in force. In a file none names another file.
func (q *Quotas) read(settings []string, known map[string]Quota, files bool) error {
	for _, setting := range settings {
		name, text, ok := strings.Cut(setting, "=")
		switch {
		case setting == "off":
			q.resourcesOff, q.requests = true, false
			clear(q.set)
		case setting == "requests":
			q.requests = true
		case ok:
			of, ok := known[name]
			if !ok {
				return fmt.Errorf("there is no quota %.100q", name)
			}
			value, err := of.parse(text)
			if err != nil {
				return err
			}
			q.set[name] = value
		case files:
			words, err := readFile(setting)
			if err != nil {
				return err
			}
			if err := q.read(words, known, false); err != nil {
				return fmt.Errorf("%s: %w", setting, err)
			}
		default:
			return fmt.Errorf("%.100q: want off, requests or NAME=VALUE", setting)
		}
	}
	return nil
}

func (q Quota) parse(text string) (float64, error) {
	if text == "off" {
		return Unlimited, nil
	}
	value, err := strconv.ParseFloat(text, 64)
	whole := value == float64(int64(value))
	switch {
	case err != nil || !(value >= 0 && value <= maxValue), !whole && (value > 1 || !q.ofRequests()):
		return 0, fmt.Errorf("%s=%.100s: want a number, or off", q.Name, text)
	case value > 0 && value < minRate:
		return 0, fmt.Errorf("%s=%.100s: want at least one in a day", q.Name, text)
	}
	return value, nil
}

// readFile returns the words of a file.
func readFile(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return words(string(text)), nil
}

func words(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		all = append(all, strings.Fields(line)...)
	}
	return all
}
