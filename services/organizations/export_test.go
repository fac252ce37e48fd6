package organizations

import "emulator/identity"

// InCallableFrom reports whether the table knows from where an operation can be called.
func InCallableFrom(operation string) bool {
	_, ok := callableFrom[operation]
	return ok
}

// CheckStatements is checkStatements of an organization.
func CheckStatements(text string) error {
	return checkStatements(&identity.Organization{ID: "o-aaaaaaaaaa", Management: "000000000000", Partition: "aws"}, text)
}
