package manifest

// The codes of what can be wrong with a manifest before its meaning is looked at.
const (
	CodeNotFound   = "FILE_NOT_FOUND"
	CodeUnreadable = "FILE_UNREADABLE"
	CodeTooLarge   = "FILE_TOO_LARGE"
	CodeEmpty      = "FILE_EMPTY"
	CodeEncoding   = "FILE_ENCODING"

	CodeSyntax       = "YAML_SYNTAX"
	CodeTab          = "YAML_TAB"
	CodeDocuments    = "YAML_DOCUMENTS"
	CodeAlias        = "YAML_ALIAS"
	CodeDepth        = "YAML_DEPTH"
	CodeKey          = "YAML_KEY"
	CodeDuplicateKey = "YAML_DUPLICATE_KEY"

	CodeUnknown  = "FIELD_UNKNOWN"
	CodeForeign  = "FIELD_FOREIGN"
	CodeMissing  = "FIELD_MISSING"
	CodeType     = "FIELD_TYPE"
	CodeValue    = "FIELD_VALUE"
	CodeConflict = "FIELD_CONFLICT"

	CodeVariable  = "VARIABLE_UNDEFINED"
	CodeRequired  = "VARIABLE_REQUIRED"
	CodeVarSyntax = "VARIABLE_SYNTAX"
	CodeFromEnv   = "FROM_ENV_UNDEFINED"
	CodeFromFile  = "FROM_FILE_UNREADABLE"

	CodeIgnored     = "FIELD_IGNORED"
	CodeCloudOnly   = "FIELD_CLOUD_ONLY"
	CodeIDMismatch  = "ID_MISMATCH"
	CodeLifecycle   = "LIFECYCLE_NOT_ALLOWED"
	CodeBindingType = "BINDING_TYPE_MISMATCH"
	CodeTarget      = "TARGET_UNKNOWN"

	CodeInput        = "INPUT_INVALID"
	CodePattern      = "INPUT_PATTERN"
	CodeInputMissing = "INPUT_MISSING"
	CodeInputValue   = "INPUT_VALUE"
	CodeGate         = "GATE_INVALID"
	CodeGateLink     = "GATE_DROPS_LINK"
)
