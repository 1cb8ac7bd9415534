package measure

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// Machine says what the numbers were measured on, and when, a line each.
func Machine() []string {
	return []string{
		fmt.Sprintf("%d cores (%s), %s of memory", runtime.NumCPU(), about("/proc/cpuinfo", "model name", ":"), memory()),
		fmt.Sprintf("%s, kernel %s, %s/%s", strings.Trim(about("/etc/os-release", "PRETTY_NAME", "="), `"`), kernel(), runtime.GOOS, runtime.GOARCH),
		"built with " + runtime.Version(),
		"measured on " + time.Now().UTC().Format(time.DateOnly),
	}
}

// about is the value of the first line of a file that has the name, and "unknown" where there is none.
func about(file, name, sep string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if got, value, ok := strings.Cut(line, sep); ok && strings.TrimSpace(got) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memory() string {
	var kilobytes int64
	if _, err := fmt.Sscanf(about("/proc/meminfo", "MemTotal", ":"), "%d kB", &kilobytes); err != nil {
		return "unknown size"
	}
	return units.BytesSize(float64(kilobytes * 1024))
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
