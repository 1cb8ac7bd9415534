package preflight

import (
	"testing"

	"github.com/alienplatform/alien-go/internal/manifest"
)

func TestParseQuantity(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "1": "1", "1.5": "3/2", ".5": "1/2", "5.": "5", "+2": "2", "-1": "-1", "007": "7",
		"500m": "1/2", "1u": "1/1000000", "1n": "1/1000000000", "1k": "1000", "1M": "1000000", "1G": "1000000000",
		"1T": "1000000000000", "1P": "1000000000000000", "1E": "1000000000000000000",
		"1Ki": "1024", "1.5Mi": "1572864", "1Gi": "1073741824", "1Ti": "1099511627776", "1Pi": "1125899906842624",
		"1Ei": "1152921504606846976",
		"1e3": "1000", "1E3": "1000", "1e+3": "1000", "25e-1": "5/2", "0.1": "1/10",
		"": "", " ": "", "1 ": "", "m": "", ".": "", "-": "", "1K": "", "1mi": "", "1MB": "", "1e": "", "1e99": "", "1e3Ki": "",
		"0x10": "", "1_000": "", "1/2": "", "NaN": "", "Inf": "", "1,5": "", "1\n": "", "--1": "",
	} {
		amount, ok := parseQuantity(text)
		switch {
		case ok != (want != ""):
			t.Errorf("parseQuantity(%q) ok = %v", text, ok)
		case ok && amount.RatString() != want:
			t.Errorf("parseQuantity(%q) = %s, want %s", text, amount.RatString(), want)
		}
	}
}

// FuzzQuantities: no text makes the check panic or wait, and what is accepted is an amount and not below nothing.
func FuzzQuantities(f *testing.F) {
	for _, seed := range []string{"", "128Mi", "0.5", "1e18", "-1", "99999999999999999999999999999999E", "1e99999", "12 8", "é", "2 GiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := &manifest.Stack{Daemons: []manifest.Daemon{{Name: "api", Memory: manifest.Quantity{Request: text}, CPU: manifest.Quantity{Limit: text}}}}
		r := report{stack: s}
		checkQuantities(&r)
		if amount, ok := parseQuantity(text); len(r.findings) == 0 && text != "" && (!ok || amount.Sign() < 0) {
			t.Errorf("%q is accepted", text)
		}
	})
}
