package manifest

// Nearest finds the known word that a mistyped one most likely means, for every "did you mean" of the tool.
func Nearest(word string, known []string) (string, bool) { return nearest(word, known) }

// Instead says what to do here in place of a field that other tools have, "" where the word is not known as one.
func Instead(word string) string {
	if instead := daemonHabits()[word]; instead != "" {
		return instead
	}
	return stackHabits()[word]
}
