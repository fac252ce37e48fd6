package identity

import (
	"iter"

	"emulator/store"
)

// Accounts yields the accounts that have anything in IAM. It skips from one to the next, however much each has.
func Accounts(r store.Reader) iter.Seq[string] {
	return func(yield func(string) bool) {
		var after []byte
		for {
			id := ""
			for key := range r.Scan(store.Key("iam"), after) {
				id = store.Parts(key)[1]
				break
			}
			if id == "" || !yield(id) {
				return
			}
			after = append(store.Key("iam", id), 0xff) // no name begins with it
		}
	}
}
