package preflight

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
	"github.com/distribution/reference"
)

// archiveForms are the images that are files beside the manifest.
func archiveForms() []string { return []string{"docker-archive:", "oci-archive:", "oci:"} }

// archivePath takes the path out of docker-archive:PATH, oci:PATH and oci-archive:PATH.
func archivePath(image string) (string, bool) {
	for _, form := range archiveForms() {
		if path, ok := strings.CutPrefix(image, form); ok {
			return path, true
		}
	}
	return "", false
}

// checkSources refuses daemons that would have to be built first.
func checkSources(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		if d.Source == "" {
			return
		}
		r.fail(SourceDaemon, path+".code.src", fmt.Sprintf("the daemon is the source directory %.200q, and this tool builds no images", d.Source),
			fmt.Sprintf("build it first (docker build -t NAME:TAG %s) and give the image: NAME:TAG", d.Source))
	})
}

// checkImages reads every image as the engine and the cluster will.
func checkImages(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		if d.Source != "" {
			return
		}
		if message, hint := imageProblem(d.Image); message != "" {
			r.fail(ImageReferenceInvalid, path+".image", message, hint)
		}
	})
}

var imageID = regexp.MustCompile(`^(sha256:)?[a-f0-9]{64}$`)

func imageProblem(image string) (message, hint string) {
	const want = "write name:tag or name@sha256:…, such as ghcr.io/acme/connector:1.4"
	path, archive := archivePath(image)
	switch {
	case image == "":
		return "the daemon has no image", want
	case archive && path == "":
		return fmt.Sprintf("%.200q names no file", image), "add the path, relative to the manifest: " + image + "./image.tar"
	case archive && strings.ContainsRune(path, 0):
		return fmt.Sprintf("the path %.200q contains a NUL byte", path), "give the path of the archive"
	case archive:
		return "", ""
	case imageID.MatchString(image):
		return fmt.Sprintf("%.200q is the id of an image on one engine, which no registry and no other engine knows", image), want
	case strings.Contains(image, "://"):
		_, rest, _ := strings.Cut(image, "://")
		return fmt.Sprintf("%.200q is a URL, not an image", image), fmt.Sprintf("leave out the scheme: %.200s", rest)
	}
	_, err := reference.ParseNormalizedNamed(image)
	if err == nil {
		return "", ""
	}
	if _, lower := reference.ParseNormalizedNamed(strings.ToLower(image)); lower == nil {
		return fmt.Sprintf("%.200q has capitals in its name", image), "write the name in lower case; only the tag may have capitals"
	}
	return fmt.Sprintf("%.200q is not an image: %.200v", image, err), want
}

// checkArchives: a cluster pulls its images, it cannot read a file of this machine.
func checkArchives(r *report) {
	if r.target.Platform != manifest.Kubernetes {
		return
	}
	r.eachDaemon(func(d manifest.Daemon, path string) {
		problem, _ := imageProblem(d.Image)
		if _, archive := archivePath(d.Image); archive && problem == "" {
			r.failPlatform(ImageArchiveUnsupported, path+".image",
				fmt.Sprintf("%.200q is a file of this machine, and a cluster pulls its images from a registry", d.Image),
				"push the image to a registry the cluster reaches and name it here")
		}
	})
}
