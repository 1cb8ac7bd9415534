package deploy

import "github.com/alienplatform/alien-go/internal/manifest"

// fix is what to do about a reason, in general.
func fix(r Reason) string {
	for _, info := range Reasons() {
		if info.Code == string(r) {
			return info.Fix
		}
	}
	return ""
}

// Reasons explains every Reason, in the order of their declaration.
func Reasons() []manifest.CodeInfo {
	var out []manifest.CodeInfo
	for _, group := range [][]manifest.CodeInfo{imageReasons(), configReasons(), startReasons(), targetReasons()} {
		out = append(out, group...)
	}
	return out
}

func explain(r Reason, summary, details, fix string) manifest.CodeInfo {
	return manifest.CodeInfo{Code: string(r), Summary: summary, Details: details, Fix: fix}
}

func imageReasons() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		explain(ImageNotFound, "the image does not exist",
			"The registry answered that it has no such repository, tag or digest, or the archive file is not there. Some registries say the same of repositories that need a login. It is not tried again, because asking again changes nothing.",
			"check the spelling of the image and that its tag was pushed; log in if the repository is private"),
		explain(ImageDenied, "the registry refuses access to the image",
			"The registry asked for credentials and there are none for it, or it did not accept them (401, 403). It is not tried again.",
			"log in to the registry with an account that may pull this image, then run the command again"),
		explain(ImageRateLimited, "the registry allows no more pulls for now",
			"The registry answered 429. Trying again at once would use up more of the quota, so it is not done.",
			"log in to get a higher limit, wait until it is reset, or use a mirror"),
		explain(ImagePlatform, "the image is not made for this machine's platform",
			"The image exists, but has no variant for the operating system and processor of the target.",
			"build the image for the target's platform as well, or choose another tag"),
		explain(ImageInvalid, "the image cannot be read",
			"What the registry or the archive holds is not a complete image, or not one that the runtime understands.",
			"build the image, or write the archive, again"),
		explain(ImageNotPresent, "the image is not on the target, and must not be pulled",
			"The pull policy is never, so only an image that is there already can be used.",
			"load the image onto the target first, or set pullPolicy to missing"),
		explain(RegistryUnreachable, "the registry cannot be reached",
			"The connection failed, timed out or was answered with a server error, also when it was tried again. What ran before goes on running.",
			"check the network, the proxy settings and the registry's name, then run the command again"),
	}
}

func configReasons() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		explain(CommandNotFound, "the command is not in the image",
			"The runtime found no file of that name in the image, not on its PATH either, or the interpreter that a script names is missing.",
			"correct the manifest's command, or the image's entrypoint; the path is one inside the image"),
		explain(CommandNotExecutable, "the command may not be executed",
			"The file exists, but is not marked as executable for the user that the daemon runs as, or is a directory.",
			"make the file executable when the image is built, or run another user"),
		explain(ExecFormat, "the command is not a program for this machine",
			"The file is executable, but is built for another processor, is empty, or is a script without its first #! line.",
			"build the program for the target's processor, or give the script its #! line"),
		explain(UserUnknown, "the user does not exist in the image",
			"The daemon is to run as a user or group name that the image does not know.",
			"use a numeric id as runtime.user, or add the user to the image"),
		explain(MountSourceMissing, "a mounted path does not exist on the host",
			"A mount's source must exist on the machine that runs the daemon. It is not created, because an empty directory in the place of missing files is found out late.",
			"create the path on that machine, or correct the mount's source"),
		explain(ConfigRefused, "the runtime refuses the configuration",
			"The runtime, or an admission rule or quota of the cluster, does not allow what the manifest asks for.",
			"change the field that the message names, or ask whoever runs the target to allow it"),
		explain(SecretMissing, "a Secret, or a key of it, is not in the cluster",
			"A secretRef of the manifest names a Secret, or a key, that does not exist in the daemon's namespace. The cluster goes on looking for it.",
			"create it, or correct the name and the key in the manifest"),
		explain(ServiceAccountMissing, "the service account is not in the cluster",
			"The daemon is to run under a service account that does not exist in its namespace, so the cluster makes no pod.",
			"run up again, which makes the service accounts of permission profiles, or create it"),
		explain(Unschedulable, "no node of the cluster can take the daemon",
			"The scheduler found no node for half a minute. Its message says what is missing: cpu, memory, a matching node, or a node that is ready.",
			"lower the daemon's cpu and memory min, or add a node that fits"),
		explain(QuotaExceeded, "the namespace's quota or limits do not allow the daemon",
			"A ResourceQuota is used up, or a LimitRange forbids the amounts that the daemon asks for. The message says which.",
			"have the quota raised, remove what is not needed, or change the daemon's cpu and memory"),
		explain(AdmissionDenied, "the cluster's rules do not admit the daemon",
			"Pod Security, an admission webhook or a policy refused the daemon. The message is theirs.",
			"change the daemon as the message says, or have the rule changed; a user that is not root meets the restricted Pod Security standard"),
	}
}

func startReasons() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		explain(CrashLoop, "the daemon keeps ending with an error",
			"While it started it ended more often than startFailuresAllowed tolerates, or the runtime gave it up.",
			"read its last log lines; if it only needs more attempts, for example until its database is up, raise startFailuresAllowed"),
		explain(ExitedZero, "the daemon ended without an error",
			"A daemon is a process that keeps running. This one ended by itself with exit code 0, again and again: often it puts itself into the background, or is a task that is done once.",
			"run the program in the foreground; a task that ends is not a daemon"),
		explain(OOMKilled, "the daemon was killed for its memory use",
			"It needed more memory than its limit, or than the machine had left.",
			"raise the daemon's memory.desired, which is its limit, or make it need less"),
		explain(UnhealthyNow, "the daemon's health check fails",
			"It runs, but the health check failed as often in a row as failureThreshold says. The runtime restarts a daemon only when it ends, not when it is unhealthy.",
			"read the output of the check; if the daemon only needs longer to start, raise healthCheck.startPeriodSeconds"),
		explain(StoppedHand, "somebody stopped the daemon meanwhile",
			"While its start was waited for, it was stopped, paused or removed by other means than this run.",
			"find out who did it and why, then run up again"),
		explain(StartTimeout, "the daemon was not ready in time",
			"The time that --timeout gives each daemon was over. The message says what was still missing and what was last seen.",
			"read its log; if it only needs longer, raise --timeout"),
		explain(StopTimeout, "the daemon did not end in time",
			"The time that --timeout gives was over before the daemon had ended. It may end within its stop grace still.",
			"run down again, with a longer --timeout than the daemon's stopGracePeriodSeconds"),
	}
}

func targetReasons() []manifest.CodeInfo {
	return []manifest.CodeInfo{
		explain(NameTaken, "something else has the name already",
			"The target has an object of the name <stack>-<daemon> that this tool did not make for this stack. Such objects are never changed, removed or taken over.",
			"rename or remove that object, or rename the daemon or the stack"),
		explain(StackTaken, "another project uses the stack's name",
			"All daemons that run under this stack's name would be removed, because the manifest has none of them. Two projects that picked the same name look like this.",
			"give this stack another name, or pass --adopt to remove those daemons and use the name"),
		explain(LockHeld, "somebody else is changing the stack",
			"One run at a time changes a stack. The message says who does so now. The lock of a run that died is taken over by itself.",
			"wait until it has finished, or let the command wait with --lock-timeout"),
		explain(LockLost, "the stack's lock was lost",
			"The lock could not be renewed in time, and another run took it over. To change nothing at the same time, this one stopped at once.",
			"run the command again; it goes on from where things are"),
		explain(EngineUnreachable, "the target cannot be reached",
			"The container engine or the cluster does not answer at its address, or the connection was lost for good.",
			"check that it runs and that the address in the first line of output is the one you mean"),
		explain(EngineDenied, "the target refuses access",
			"The container engine or the cluster answers, but does not allow this user to do what is needed.",
			"use an account that may do so, or have the right granted that the message names"),
		explain(CredentialsRefused, "the target does not accept our credentials",
			"The cluster answered that it does not know who asks: a token or certificate has expired, or is another cluster's.",
			"log in again, then run the command again"),
		explain(NamespaceMissing, "the namespace does not exist",
			"Nothing is created in a cluster before the namespace is there: it may be a mistyped name.",
			"check the name, or pass --create-namespace"),
		explain(Autoscaled, "an autoscaler would run more than one of the daemon",
			"A HorizontalPodAutoscaler of the cluster has the daemon's Deployment as its target. There must only ever be one of a daemon, and the two would take turns in changing the number.",
			"delete the autoscaler that the message names, or point it at something else"),
		explain(FieldConflict, "somebody else manages what would be set",
			"Another tool, or a person with kubectl, last set fields of the daemon's Deployment to something else. The message names the fields and who manages them.",
			"have the other one leave the field alone, or pass --force-conflicts to take it over"),
		explain(NotFound, "there is no such stack",
			"Nothing of that name exists on the target.",
			"check the spelling; alien daemon ls lists the stacks of a target"),
		explain(DaemonUnknown, "there is no such daemon",
			"A daemon was named that is not in the manifest or, where the command is about what runs, not on the target.",
			"check the spelling; alien daemon status lists the daemons of a stack"),
		explain(Interrupted, "the run was interrupted",
			"A signal ended the run. What was being replaced was finished or undone first.",
			"run the command again; it goes on from where things are"),
		explain(OperationFailed, "the target could not do what was asked of it",
			"The container engine or the cluster answered with an error that has no code of its own here. The message carries it.",
			"read the message; if it is a passing trouble, run the command again"),
		explain(Unavailable, "this build or machine does not have the platform",
			"The platform or runtime was chosen, by a flag or the manifest, and cannot be used from here.",
			"choose another platform or runtime, or install what the message names"),
	}
}
