//go:build !linux && !darwin && !windows

package owner

import "errors"

func boot() string { return "" }

func space() string { return "" }

func start(int) (string, error) { return "", errors.ErrUnsupported }

func gone(error) bool { return false }
