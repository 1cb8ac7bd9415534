package workload

import (
	"path/filepath"
	"strings"
)

// archive takes docker-archive:PATH, oci:PATH and oci-archive:PATH apart: the kind with its colon, and the path.
func archive(image string) (kind, path string, ok bool) {
	for _, kind := range []string{"docker-archive:", "oci-archive:", "oci:"} {
		if path, ok := strings.CutPrefix(image, kind); ok {
			return kind, path, true
		}
	}
	return "", "", false
}

// absoluteImage resolves the path of an archive against the manifest's directory; a registry reference stays.
func absoluteImage(image, dir string) string {
	kind, path, ok := archive(image)
	if !ok || filepath.IsAbs(path) {
		return image
	}
	return kind + filepath.Join(dir, path)
}
