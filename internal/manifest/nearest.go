package manifest

// Nearest finds the known word that a mistyped one most likely means, for every "did you mean" of the tool.
func Nearest(word string, known []string) (string, bool) { return nearest(word, known) }
