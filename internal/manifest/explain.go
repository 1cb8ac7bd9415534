package manifest

import "slices"

// Codes explains every code that loading a manifest can give.
func Codes() []CodeInfo {
	return slices.Concat(fileCodes(), yamlCodes(), fieldCodes(), variableCodes(), compiledCodes(), inputCodes())
}

func fileCodes() []CodeInfo {
	return []CodeInfo{
		{CodeNotFound, "the manifest does not exist",
			"The path given with --file, or for --values, leads to no file.",
			"Check the path. Without --file, alien looks for alien.yaml, alien.yml and alien.json here and in the directories above."},
		{CodeUnreadable, "the manifest cannot be read",
			"The path leads to a directory, or to a file that your user may not read, or reading it failed.",
			"Name the file itself, and let your user read it."},
		{CodeTooLarge, "the manifest is too large",
			"A manifest may hold " + sizeText(maxSize) + ", and " + sizeText(maxExpanded) + " with its variables filled in. More than that is a file of another kind, given by mistake.",
			"Check that it is the right file; keep large values in files of their own and read them with fromFile."},
		{CodeEmpty, "the manifest is empty",
			"The file holds nothing, or nothing but comments.",
			"Start with a name and one daemon: `name: edge` and `daemons: { app: { image: … } }`."},
		{CodeEncoding, "the manifest is not text",
			"A manifest is UTF-8; a byte order mark at its start is fine. Bytes that are not UTF-8, UTF-16 files and control characters are refused at their place.",
			"Save the file as UTF-8; write a control character as an escape in double quotes, such as \"\\x1b\"."},
	}
}

func yamlCodes() []CodeInfo {
	return []CodeInfo{
		{CodeSyntax, "the manifest is not YAML",
			"The structure breaks at this line: an indentation that fits nothing, a bracket or quote that is not closed, a \": \" in a text without quotes.",
			"Look at the line and the one above it. Put texts with special characters in quotes."},
		{CodeTab, "a tab indents a line",
			"YAML indents with spaces only: tabs are of different widths in different editors.",
			"Replace the tab by spaces."},
		{CodeDocuments, "the file holds several documents",
			"One file is one stack. A line of --- starts another document, which would be ignored.",
			"Put the second stack into a file of its own."},
		{CodeAlias, "an alias cannot be resolved",
			"An alias (*name) repeats what an anchor (&name) marks above it. This one names no anchor, stands inside what it repeats, or the file's aliases together repeat too much.",
			"Define the anchor first; put a text that starts with * in quotes; repeat less."},
		{CodeDepth, "values are nested too deep",
			"No field of a manifest needs this many levels; usually a bracket is missing.",
			"Check the brackets and the indentation."},
		{CodeKey, "a key is not a word",
			"Keys are names. Lists, objects and nothing at all cannot be one. A template such as {{ name }} looks like this too: templates are not filled in here.",
			"Write NAME: VALUE; for values that differ use ${NAME}."},
		{CodeDuplicateKey, "a key stands twice",
			"Of two equal keys in one object only one could count, and which one is easy to get wrong.",
			"Keep one of the two."},
	}
}

func fieldCodes() []CodeInfo {
	return []CodeInfo{
		{CodeUnknown, "there is no such field",
			"Nothing in a manifest is ignored, so a name that is not known is refused; usually it is misspelled.",
			"Use the name that is suggested; `alien explain FIELD` says what a field means."},
		{CodeForeign, "this word belongs to another tool",
			"Ports, replicas, triggers, builds and restart rules are things that a daemon of a stack does not have, or that have another name here.",
			"Do what the message says."},
		{CodeMissing, "a field is missing",
			"The object does not work without this field.",
			"Add it."},
		{CodeType, "a value is of the wrong type",
			"For example a number where a string belongs: nothing is converted silently, because 1.10 and 1.1 are the same number and different strings.",
			"Put strings in quotes, and numbers and true or false not."},
		{CodeValue, "a value is not one of those possible",
			"The field takes one of a few words, or a string that is not empty.",
			"Use one of the words that the message names."},
		{CodeConflict, "two fields exclude each other",
			"Both say the same thing, or one belongs to another type than the one chosen.",
			"Keep one of the two."},
	}
}

func variableCodes() []CodeInfo {
	return []CodeInfo{
		{CodeVariable, "a variable in a string is not set",
			"${NAME} is filled in from the environment of alien itself. A name that is not set there is an error, and never an empty string.",
			"Set it, or give a default: ${NAME:-default}. A literal ${ is written $${."},
		{CodeRequired, "a required variable is not set",
			"${NAME:?message} asks for a variable that is set and not empty.",
			"Set it, as its message says."},
		{CodeVarSyntax, "a variable in a string is malformed",
			"A ${ starts a variable: ${NAME}, ${NAME:-default} or ${NAME:?message}. A $ before anything else is itself.",
			"Close the brace, use one of the three forms, or write $${ for a literal ${."},
		{CodeFromEnv, "the variable of a fromEnv is not set",
			"fromEnv reads a secret from the environment of alien itself.",
			"Set the variable where alien runs; an empty value is fine."},
		{CodeFromFile, "the file of a fromFile cannot be read",
			"fromFile reads a secret from a file, byte for byte, of at most " + sizeText(maxSize) + ". It does not exist, is not a regular file, is too large, or your user may not read it.",
			"Check the path, which starts at the manifest's directory, and its permissions."},
	}
}
