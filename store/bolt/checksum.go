package bolt

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// bbolt has no checksums but those of its two meta pages. So each record is stored with one
// of its own, which each read checks, and the database with a summary of its records, which
// an opening checks: a record that is missing is missed.

// sumSize is the length of the checksum behind each stored value.
const sumSize = 4

// castagnoli is the polynomial that processors have an instruction for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of a key and its value. The length of the key tells where the one ends.
func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Update(uint32(len(key)), castagnoli, key), castagnoli, value)
}

// withChecksum returns a copy of the value as it is stored.
func withChecksum(key, value []byte) []byte {
	stored := make([]byte, len(value), len(value)+sumSize)
	copy(stored, value)
	return binary.LittleEndian.AppendUint32(stored, checksum(key, value))
}

// splitChecksum returns the value and the checksum that are stored under key, or an error if
// they don't fit.
func splitChecksum(key, stored []byte) (value []byte, sum uint32, err error) {
	n := len(stored) - sumSize
	if n < 0 {
		return nil, 0, fmt.Errorf("the record %q has no checksum", key)
	}
	sum = binary.LittleEndian.Uint32(stored[n:])
	if sum != checksum(key, stored[:n]) {
		return nil, 0, fmt.Errorf("the record %q does not fit its checksum", key)
	}
	return stored[:n:n], sum, nil
}

// summary is of a set of records: how many they are, and the sum of their checksums.
type summary struct{ records, sums uint64 }

const summarySize = 16

func (s *summary) add(sum uint32)      { s.records++; s.sums += uint64(sum) }
func (s *summary) remove(sum uint32)   { s.records--; s.sums -= uint64(sum) }
func (s *summary) change(diff summary) { s.records += diff.records; s.sums += diff.sums }

func (s *summary) encode() []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, s.records), s.sums)
}

func decodeSummary(stored []byte) (s summary, err error) {
	if len(stored) != summarySize {
		return s, damaged("it lacks the summary of its records")
	}
	return summary{binary.LittleEndian.Uint64(stored), binary.LittleEndian.Uint64(stored[8:])}, nil
}
