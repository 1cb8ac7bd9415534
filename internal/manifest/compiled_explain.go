package manifest

func compiledCodes() []CodeInfo {
	return []CodeInfo{
		{CodeIgnored, "a field has no effect",
			"A compiled stack may hold keys that the builder's own loader ignores, and fields that mean something on other platforms only. They are ignored here as well, and named, because somebody may have meant something by them.",
			"Correct the name if it is misspelled; otherwise remove the field or leave it."},
		{CodeCloudOnly, "a field works on clouds only",
			"A storage can be encrypted with a key of the stack on aws, gcp and azure. Ignoring that elsewhere would leave data readable that was meant to be protected.",
			"Remove the field, or deploy the stack to a cloud with Alien's own tools."},
		{CodeIDMismatch, "a resource has two ids",
			"In a compiled stack a resource stands under its id, and repeats it in its config. Other tools use the one or the other, so two different ones would become two resources.",
			"Give both the same name."},
		{CodeLifecycle, "a resource of this type cannot have this lifecycle",
			"Daemons, workers and containers are live; what others stand on, such as a key or a registry, is frozen.",
			"Write the lifecycle that the message names."},
		{CodeBindingType, "a binding is for another type of resource",
			"Each binding of the values file says with type what it reaches, and the resource of that name is of another type.",
			"Correct the binding's type, or put it under the name of the resource it belongs to."},
		{CodeTarget, "a variable is for a resource that does not exist",
			"targetResources lists the daemons, workers and containers that get a variable, by id or by the beginning of one with a * behind it. This entry means none of the stack.",
			"Correct the name; without targetResources every daemon gets the variable."},
	}
}

func inputCodes() []CodeInfo {
	return []CodeInfo{
		{CodeInput, "an input is not defined properly",
			"An input has an id and a label, somebody who provides it, a default that fits its kind, limits that leave something possible, and variables with proper names.",
			"Correct it in the program that the stack is compiled from."},
		{CodePattern, "the pattern of an input is not portable",
			"A pattern is checked by several tools in several languages, so it keeps to what all of them read in the same way: no groups that start with (?, no \\1 to \\9, \\p, \\P and \\k, no [ inside of brackets, no slashes around it.",
			"Write it without these, or check the value in the daemon."},
		{CodeInputMissing, "a required input has no value",
			"The stack asks for this value, and neither the values file nor a default gives it.",
			"Give it in the values file: `inputs: { NAME: VALUE }`, and a secret as `{ fromEnv: … }` or `{ fromFile: … }`. Pass the file with --values."},
		{CodeInputValue, "the value of an input does not fulfil its validation",
			"The stack says of which kind a value is, and how long or large it may be. Lengths count characters; a pattern may match anywhere in the text.",
			"Give another value. Of a default this is only a warning: the builder does not check it."},
		{CodeGate, "a resource cannot be optional in this way",
			"enabledWhen names a boolean input that the deployer provides and that always has an answer. What others depend on, and what a grant on \"*\" would outlive, can only be optional together with them.",
			"Do what the message says, in the program that the stack is compiled from."},
		{CodeGateLink, "an optional resource is linked",
			"When the input says no, the resource does not exist, and the daemon starts without the link and its ALIEN_…_BINDING variable.",
			"Let the daemon cope with a missing variable, or let the same input decide over it, too."},
	}
}
