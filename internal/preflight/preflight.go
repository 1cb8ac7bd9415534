// Package preflight says what is wrong with a stack before anything is contacted.
//
// It is pure: a manifest and a target go in, findings come out. One check is one small function with its stable
// codes, explained in codes.go; what a target cannot honour stands in one table, in fields.go.
package preflight

import (
	"cmp"
	"slices"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// check looks at one aspect of a stack and reports what it finds.
type check func(*report)

// Check gives everything that keeps the stack from running on the target, or is questionable there, in file order.
// A target that is refused as such (a cloud) still gets the stack checked as far as no target is needed.
func Check(stack *manifest.Stack, target manifest.Target) []manifest.Finding {
	return CheckAll(stack, []manifest.Target{target})
}

// CheckAll checks the stack for several targets. What depends on no target, or on the platform only, is found once.
func CheckAll(stack *manifest.Stack, targets []manifest.Target) []manifest.Finding {
	return CheckLoaded(stack, nil, targets)
}

// CheckLoaded adds what there is to find to what loading found, in file order. Where loading reported an error, what
// would only follow from it is left out: a field of the wrong type is not also empty. Without a stack, because nothing
// usable was loaded, there is nothing to add.
func CheckLoaded(stack *manifest.Stack, loaded []manifest.Finding, targets []manifest.Target) []manifest.Finding {
	if stack == nil {
		return loaded
	}
	all := slices.Concat(loaded, run(report{stack: stack, loaded: loaded}, stackChecks()))
	seen := map[manifest.Finding]bool{}
	for _, target := range targets {
		at := report{stack: stack, loaded: loaded, target: target}
		found := run(at, []check{checkPlatform})
		if deployable(target.Platform) {
			found = append(found, run(at, targetChecks())...)
		}
		for _, f := range found {
			if !seen[f] {
				all = append(all, f)
			}
			seen[f] = true
		}
	}
	slices.SortStableFunc(all, inFileOrder)
	return all
}

// stackChecks hold for every target, so that one manifest fits all of them.
func stackChecks() []check {
	return []check{
		checkStackName, checkDaemonNames, checkResourceIDs, checkNameLength, checkNamespace, checkServiceAccounts,
		checkSources, checkImages, checkCommands,
		checkLinks, checkDuplicateLinks, checkLinkTypes, checkDependencies, checkCycles,
		checkEnvNames, checkReservedNames, checkDuplicateEnv, checkValues, checkEnvironmentSize,
		checkBindings,
		checkQuantities, checkRanges, checkHealthRanges,
		checkUsers, checkNamespaceModes, checkMountPaths, checkMountTargets, checkMountOptions,
		checkClusterNames, checkClusterLabels, checkClusterAnnotations, checkTolerations,
		checkEndpoints, checkHTTPHealth, checkCommandsEnabled, checkUndeployed,
	}
}

// targetChecks hold for one target, and run only where it is one that this tool deploys to.
func targetChecks() []check {
	return []check{
		checkDeclared, checkFields, checkMountPropagation, checkArchives, checkSecretRefs, checkMissingBindings,
		checkProfiles, checkRequests, checkManagerReachable,
	}
}

func run(r report, checks []check) []manifest.Finding {
	for _, c := range checks {
		c(&r)
	}
	return r.findings
}

// report collects what the checks find about one stack and one target; stackChecks see no target.
type report struct {
	stack    *manifest.Stack
	loaded   []manifest.Finding // what loading found
	target   manifest.Target
	findings []manifest.Finding
}

// fail reports an error that holds on every target.
func (r *report) fail(code, path, message, hint string) {
	r.add(manifest.Finding{Code: code, Severity: manifest.Error, Message: message, Hint: hint}, path)
}

// warn reports something questionable that holds on every target.
func (r *report) warn(code, path, message, hint string) {
	r.add(manifest.Finding{Code: code, Severity: manifest.Warning, Message: message, Hint: hint}, path)
}

// failPlatform reports an error that holds on the target's platform, whatever the runtime.
func (r *report) failPlatform(code, path, message, hint string) {
	r.add(manifest.Finding{
		Code: code, Severity: manifest.Error, Message: message, Hint: hint, Target: string(r.target.Platform),
	}, path)
}

// warnPlatform reports something questionable on the target's platform, whatever the runtime.
func (r *report) warnPlatform(code, path, message, hint string) {
	r.add(manifest.Finding{
		Code: code, Severity: manifest.Warning, Message: message, Hint: hint, Target: string(r.target.Platform),
	}, path)
}

// failTarget reports an error that holds on this very target.
func (r *report) failTarget(code, path, message, hint string) {
	r.add(manifest.Finding{
		Code: code, Severity: manifest.Error, Message: message, Hint: hint, Target: r.target.String(),
	}, path)
}

func (r *report) add(f manifest.Finding, path string) {
	f.Location = r.stack.At(path)
	if r.told(f.Location, r.stack.Stated(path)) {
		return
	}
	if f.Path == "" {
		f.Path = path // a stack that was not read from a file has no positions
	}
	r.findings = append(r.findings, f)
}

// told says whether loading already reported what is at a place. That something is missing there only explains what
// is not stated.
func (r *report) told(at manifest.Location, stated bool) bool {
	return slices.ContainsFunc(r.loaded, func(f manifest.Finding) bool {
		same := f.File == at.File && f.Path == at.Path // an error inside a text has a column of its own
		return f.Severity == manifest.Error && same && (f.Code != manifest.CodeMissing || !stated)
	})
}

// eachDaemon calls do with every daemon and its model path.
func (r *report) eachDaemon(do func(d manifest.Daemon, path string)) {
	for _, d := range r.stack.Daemons {
		do(d, daemonPath(d.Name))
	}
}

// eachResource calls do with every resource and its model path.
func (r *report) eachResource(do func(res manifest.Resource, path string)) {
	for _, res := range r.stack.Resources {
		do(res, resourcePath(res.ID))
	}
}

func daemonPath(name string) string { return "daemons." + name }
func resourcePath(id string) string { return "resources." + id }

// inFileOrder leaves findings of the same place, or without one, in the order of the checks.
func inFileOrder(a, b manifest.Finding) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
