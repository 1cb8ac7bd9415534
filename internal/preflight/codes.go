package preflight

import (
	"slices"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// The codes of what preflight finds. Codes explains each; a test holds the two together.
const (
	PlatformUnsupported = "PLATFORM_UNSUPPORTED"
	PlatformNotDeclared = "PLATFORM_NOT_DECLARED"
	FieldUnsupported    = "FIELD_UNSUPPORTED"

	StackNameInvalid   = "STACK_NAME_INVALID"
	DaemonNameInvalid  = "DAEMON_NAME_INVALID"
	ResourceIDInvalid  = "RESOURCE_ID_INVALID"
	NameTooLong        = "NAME_TOO_LONG"
	NamespaceInvalid   = "NAMESPACE_INVALID"
	ProfileNameInvalid = "PROFILE_NAME_INVALID"

	SourceDaemon            = "SOURCE_DAEMON"
	ImageReferenceInvalid   = "IMAGE_REFERENCE_INVALID"
	ImageArchiveUnsupported = "IMAGE_ARCHIVE_UNSUPPORTED"

	LinkUnknown       = "LINK_UNKNOWN"
	LinkNotResource   = "LINK_NOT_RESOURCE"
	LinkDuplicate     = "LINK_DUPLICATE"
	LinkTypeMismatch  = "LINK_TYPE_MISMATCH"
	DependencyUnknown = "DEPENDENCY_UNKNOWN"
	DependencyCycle   = "DEPENDENCY_CYCLE"

	EnvNameInvalid       = "ENV_NAME_INVALID"
	EnvNameReserved      = "ENV_NAME_RESERVED"
	EnvDuplicate         = "ENV_DUPLICATE"
	ValueInvalid         = "VALUE_INVALID"
	ValueTooLong         = "VALUE_TOO_LONG"
	EnvironmentTooLarge  = "ENVIRONMENT_TOO_LARGE"
	SecretRefUnsupported = "SECRET_REF_UNSUPPORTED"
	SecretRefInvalid     = "SECRET_REF_INVALID"

	BindingCollision      = "BINDING_COLLISION"
	BindingRequired       = "BINDING_REQUIRED"
	BindingServiceUnknown = "BINDING_SERVICE_UNKNOWN"
	BindingFieldMissing   = "BINDING_FIELD_MISSING"
	BindingFieldType      = "BINDING_FIELD_TYPE"
	BindingSecretRef      = "BINDING_SECRET_REF"

	QuantityInvalid   = "QUANTITY_INVALID"
	QuantityRange     = "QUANTITY_RANGE"
	RequestAboveLimit = "REQUEST_ABOVE_LIMIT"
	RequestUnused     = "REQUEST_UNUSED"
	OutOfRange        = "OUT_OF_RANGE"
	CommandEmpty      = "COMMAND_EMPTY"

	UserInvalid          = "USER_INVALID"
	PidNamespaceInvalid  = "PID_NAMESPACE_INVALID"
	NetworkModeInvalid   = "NETWORK_MODE_INVALID"
	MountPathInvalid     = "MOUNT_PATH_INVALID"
	MountTargetDuplicate = "MOUNT_TARGET_DUPLICATE"
	MountTargetReserved  = "MOUNT_TARGET_RESERVED"
	MountOptionInvalid   = "MOUNT_OPTION_INVALID"

	ClusterNameInvalid     = "CLUSTER_NAME_INVALID"
	LabelInvalid           = "LABEL_INVALID"
	AnnotationInvalid      = "ANNOTATION_INVALID"
	LabelReserved          = "LABEL_RESERVED"
	TolerationInvalid      = "TOLERATION_INVALID"
	ServiceAccountUnused   = "SERVICE_ACCOUNT_UNUSED"
	ServiceAccountConflict = "SERVICE_ACCOUNT_CONFLICT"

	PublicEndpoints            = "PUBLIC_ENDPOINTS"
	HTTPHealthCheck            = "HTTP_HEALTH_CHECK"
	CommandsManagerRequired    = "COMMANDS_MANAGER_REQUIRED"
	CommandsManagerUnreachable = "COMMANDS_MANAGER_UNREACHABLE"
	NotDeployed                = "NOT_DEPLOYED"
)

// Codes explains every code of this room.
func Codes() []manifest.CodeInfo {
	return slices.Concat(platformCodes(), nameCodes(), imageCodes(), linkCodes(), environmentCodes(),
		bindingCodes(), limitCodes(), runtimeCodes(), clusterCodes(), compiledCodes())
}

func platformCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: PlatformUnsupported, Summary: "the platform is one this tool does not deploy to",
			Details: "This tool runs daemons on this machine or another engine (local) and on Kubernetes clusters. Clouds, machine fleets and the test platform are recognised so that they can be refused by name.",
			Fix:     "Use -p local or -p kubernetes; a cloud's managed Kubernetes and its virtual machines are both reached that way."},
		{Code: PlatformNotDeclared, Summary: "the manifest is not for this platform",
			Details: "The manifest lists the platforms it was written for, and the one asked for is not among them.",
			Fix:     "Add the platform to platforms, or choose one of those listed."},
		{Code: FieldUnsupported, Summary: "a field, or its value, cannot be honoured on this target",
			Details: "Nothing is accepted and then ignored: what a target cannot do is refused before anything is contacted. alien explain FIELD shows where a field works.",
			Fix:     "Remove the field, or choose a target that honours it."},
	}
}

func nameCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: StackNameInvalid, Summary: "the stack's name cannot name objects on every target",
			Details: "The name is part of container and Deployment names and a label's value, so the stricter of Docker's and Kubernetes' rules holds on every target.",
			Fix:     "Use up to 63 lower-case letters, digits and single hyphens, starting and ending with a letter or digit."},
		{Code: DaemonNameInvalid, Summary: "a daemon's name cannot name objects on every target",
			Details: "The name is part of container and Deployment names and a label's value, so the stricter of Docker's and Kubernetes' rules holds on every target.",
			Fix:     "Use up to 63 lower-case letters, digits and single hyphens, starting and ending with a letter or digit."},
		{Code: ResourceIDInvalid, Summary: "a resource's id cannot be used everywhere",
			Details: "The id names a volume and a mount point, and daemons find the binding's variable by it, which only works in one alphabet.",
			Fix:     "Use up to 63 lower-case letters, digits and single hyphens, starting and ending with a letter or digit."},
		{Code: NameTooLong, Summary: "stack and daemon name are too long together",
			Details: "What runs is called <stack>-<daemon>, and Kubernetes allows 63 characters for that.",
			Fix:     "Shorten one of the two names."},
		{Code: NamespaceInvalid, Summary: "the pinned namespace cannot be one",
			Details: "Kubernetes takes up to 63 lower-case letters, digits and hyphens for a namespace.",
			Fix:     "Correct kubernetes.namespace."},
		{Code: ProfileNameInvalid, Summary: "a permission profile cannot name a service account",
			Details: "On a cluster a profile becomes the service account <stack>-<profile>, so its name follows Kubernetes' rule there.",
			Fix:     "Use lower-case letters, digits and single hyphens in permissions."},
	}
}

func imageCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: SourceDaemon, Summary: "a daemon is source code that would have to be built",
			Details: "This tool deploys images and builds none.",
			Fix:     "Build and tag the image first, then give image: NAME:TAG."},
		{Code: ImageReferenceInvalid, Summary: "an image is not written as one",
			Details: "An image is name:tag or name@digest, or a local archive: docker-archive:PATH, oci:PATH or oci-archive:PATH.",
			Fix:     "Correct the image; docker pull takes the same form."},
		{Code: ImageArchiveUnsupported, Summary: "a cluster cannot read an image archive",
			Details: "Archives are files of this machine, and a cluster's nodes pull their images from a registry.",
			Fix:     "Push the image to a registry the cluster reaches."},
	}
}

func linkCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: LinkUnknown, Summary: "a link names no resource",
			Details: "A daemon gets a binding for each resource it links, so the resource must be declared.",
			Fix:     "Declare the resource, or correct the link."},
		{Code: LinkNotResource, Summary: "a link names something that has no binding",
			Details: "Daemons, workers and containers have no binding here that could be handed over.",
			Fix:     "Remove the link and pass what the daemon needs through environment."},
		{Code: LinkDuplicate, Summary: "a resource is linked twice",
			Details: "A second link adds nothing; usually another resource was meant.",
			Fix:     "Remove one of the two links."},
		{Code: LinkTypeMismatch, Summary: "a link expects another type of resource",
			Details: "A compiled link says of what type its resource is, and the entry of that id is of another.",
			Fix:     "Correct the link's type or id."},
		{Code: DependencyUnknown, Summary: "an entry depends on one that does not exist",
			Details: "The dependencies of a compiled entry name other entries of the same stack.",
			Fix:     "Remove the dependency, or add the entry."},
		{Code: DependencyCycle, Summary: "entries depend on one another in a circle",
			Details: "None of them could ever be the first.",
			Fix:     "Remove one link or dependency of the circle."},
	}
}

func environmentCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: EnvNameInvalid, Summary: "a variable's name is not one",
			Details: "Kubernetes takes letters, digits, underscores, hyphens and dots, not starting with a digit, and up to 253 of them.",
			Fix:     "Rename the variable."},
		{Code: EnvNameReserved, Summary: "a variable is the deployment's to set",
			Details: "ALIEN_… names carry what the deployment tells a daemon: its identity, bindings and commands access. The six variables that tune a command receiver are the user's.",
			Fix:     "Choose another name; for a binding, declare the resource and link it."},
		{Code: EnvDuplicate, Summary: "a variable is given twice",
			Details: "Only one of the values could arrive.",
			Fix:     "Remove one of the two."},
		{Code: ValueInvalid, Summary: "a value cannot reach a process as it is",
			Details: "A NUL byte ends a string for the operating system, and the engines' interfaces carry UTF-8 only.",
			Fix:     "Encode the value, for example as base64, and decode it in the daemon."},
		{Code: ValueTooLong, Summary: "a value is longer than a process can be given",
			Details: "Linux refuses to start a process with a single argument or variable over 128 KiB.",
			Fix:     "Mount the value as a file."},
		{Code: EnvironmentTooLarge, Summary: "a daemon's variables are too large together",
			Details: "Kubernetes stores at most 1 MiB in one Secret, and Linux bounds what a process is started with.",
			Fix:     "Mount large values as files."},
		{Code: SecretRefUnsupported, Summary: "a Kubernetes Secret is named where there is no cluster",
			Details: "Only a cluster can read its Secrets.",
			Fix:     "Use fromEnv or fromFile, which work on every target."},
		{Code: SecretRefInvalid, Summary: "a reference cannot be to a Kubernetes Secret",
			Details: "The cluster would refuse this name or key.",
			Fix:     "Correct the name and key of the secretRef."},
	}
}

func bindingCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: BindingCollision, Summary: "two resources would share one variable",
			Details: "A binding's variable is ALIEN_<ID>_BINDING in capitals with underscores, so ids that differ only there collide.",
			Fix:     "Rename one of the resources."},
		{Code: BindingRequired, Summary: "a linked resource has no binding on the platform",
			Details: "On local, storage, kv, queue and vault get a place of their own, on Kubernetes a vault does. Everything else must say how it is reached.",
			Fix:     "Give the resource's binding for the platform in the manifest or in the --values file."},
		{Code: BindingServiceUnknown, Summary: "a binding's service does not exist for the resource's type",
			Details: "The service decides how a daemon reads the binding; one unknown service makes every binding of the daemon unreadable.",
			Fix:     "Use a service of the resource's type."},
		{Code: BindingFieldMissing, Summary: "a binding lacks a field its service needs",
			Details: "A daemon could not reach the resource without it.",
			Fix:     "Add the field."},
		{Code: BindingFieldType, Summary: "a binding's field is of the wrong type",
			Details: "Readers are strict: a port in quotes is refused, and so is text without them where it reads as a number.",
			Fix:     "Write numbers without quotes, and text with them."},
		{Code: BindingSecretRef, Summary: "a number is to come from a Kubernetes Secret",
			Details: "Kubernetes puts a Secret's value in as text, and the field must be a number.",
			Fix:     "Write the number itself; only text can come from a secretRef."},
	}
}

func limitCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: QuantityInvalid, Summary: "cpu or memory is not an amount",
			Details: "Amounts are written as Kubernetes does: cpu in cores (0.5, 500m), memory in bytes (128Mi, 1Gi); m means a thousandth, so 128m of memory is less than a byte.",
			Fix:     "Correct the amount."},
		{Code: QuantityRange, Summary: "cpu or memory is out of range",
			Details: "Engines take limits from 10m of cpu and 6Mi of memory up.",
			Fix:     "Choose an amount within the range."},
		{Code: RequestAboveLimit, Summary: "a daemon asks for more than it may use",
			Details: "The request (min) is what is set aside, and the limit (desired) what may be used at most.",
			Fix:     "Make min at most desired."},
		{Code: RequestUnused, Summary: "a request has no effect on one machine",
			Details: "A single amount, or min, is what a cluster sets aside for the daemon. One machine sets nothing aside, so on local it does nothing; only desired limits the daemon there. This is a warning: the manifest is deployed.",
			Fix:     "Give desired as well to limit the daemon on every target."},
		{Code: OutOfRange, Summary: "a number is out of range",
			Details: "The message says what every target takes.",
			Fix:     "Choose a number within the range."},
		{Code: CommandEmpty, Summary: "a command names nothing to run",
			Details: "A command replaces what the image runs, so it needs a first word.",
			Fix:     "Remove the command, or name the program."},
	}
}

func runtimeCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: UserInvalid, Summary: "a user is not given in numbers",
			Details: "Names differ from image to image, and a cluster can only check that a number is not root.",
			Fix:     "Write uid or uid:gid, each at most 2147483647."},
		{Code: PidNamespaceInvalid, Summary: "a process namespace is neither host nor private",
			Details: "A daemon sees the machine's processes or only its own.",
			Fix:     "Use host or private."},
		{Code: NetworkModeInvalid, Summary: "a network mode is neither host nor appnet",
			Details: "A daemon uses the machine's network or one of its own.",
			Fix:     "Use host or appnet."},
		{Code: MountPathInvalid, Summary: "a mount's path cannot be used",
			Details: "Both paths are absolute, without .. and without colons, and the target is not /.",
			Fix:     "Correct the path."},
		{Code: MountTargetDuplicate, Summary: "two mounts are at one place",
			Details: "One of them would hide the other.",
			Fix:     "Give each mount a target of its own."},
		{Code: MountTargetReserved, Summary: "a mount is where linked resources are",
			Details: "Local resources are mounted at /var/lib/alien/<id>.",
			Fix:     "Choose another target."},
		{Code: MountOptionInvalid, Summary: "a mount's options are unknown or contradict each other",
			Details: "There are ro, rw, rprivate, rslave and rshared, and no others.",
			Fix:     "Use one of ro and rw, and at most one of the rest."},
	}
}

func compiledCodes() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		{Code: PublicEndpoints, Summary: "a daemon has public endpoints",
			Details: "A daemon has no ports and no ingress; that is what Containers and Workers are for.",
			Fix:     "Make it a Container or Worker and deploy it with Alien's own tools, or remove the endpoints."},
		{Code: HTTPHealthCheck, Summary: "an HTTP health check is not checked",
			Details: "In a compiled stack it belongs to a public endpoint's load balancer, and a daemon has none. Nothing here performs it.",
			Fix:     "Give the image a HEALTHCHECK, or write the manifest in the friendly form with a healthCheck command."},
		{Code: CommandsManagerRequired, Summary: "commands need a manager",
			Details: "A daemon with commandsEnabled polls a manager for its commands, so up has to know one: from --manager or ALIEN_MANAGER_URL, with the API key in " +
				"ALIEN_API_KEY or --api-key-file, or one that runs on this machine. Without commandsEnabled a daemon never polls.",
			Fix: "Start a manager with alien serve, or name one; or set commandsEnabled: false."},
		{Code: CommandsManagerUnreachable, Summary: "the daemon cannot reach the manager",
			Details: "The loopback of this machine is not that of a container with a network of its own, nor that of a pod: a manager that listens there only cannot be reached " +
				"from them, not even under the name host.docker.internal. Processes and daemons with networkMode: host reach it.",
			Fix: "Start the manager with a further --listen that the daemons reach (for Docker the bridge's gateway, which the hint names), or use a manager elsewhere."},
		{Code: NotDeployed, Summary: "an entry is not deployed by this tool",
			Details: "Workers, containers and the like are left alone; the daemons beside them are deployed.",
			Fix:     "Deploy the entry with Alien's own tools."},
	}
}
