package supervisor

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Holds says whether a directory has an instance of a stack, by its files alone: nothing is started only to ask.
func Holds(dir, stack string) (bool, error) {
	entries, err := os.ReadDir(filepath.Join(dir, instancesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, e := range entries {
		var d struct {
			Spec struct {
				Stack string `json:"stack"`
			} `json:"spec"`
		}
		text, err := os.ReadFile(filepath.Join(dir, instancesDir, e.Name(), "spec.json"))
		if err == nil && json.Unmarshal(text, &d) == nil && d.Spec.Stack == stack {
			return true, nil
		}
	}
	return false, err
}
