package organizations

// InCallableFrom reports whether the table knows from where an operation can be called.
func InCallableFrom(operation string) bool {
	_, ok := callableFrom[operation]
	return ok
}
