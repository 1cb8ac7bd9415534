package preflight

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/alienplatform/alien-go/internal/manifest"
)

// quantityForm is Kubernetes' grammar of an amount: a decimal number, then a unit or an exponent.
var quantityForm = regexp.MustCompile(`^([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))([numkMGTPE]|[KMGTPE]i|[eE][+-]?(?:1[0-8]|[0-9]))?$`)

// parseQuantity reads an amount exactly; ok is false when the text is none.
func parseQuantity(text string) (amount *big.Rat, ok bool) {
	parts := quantityForm.FindStringSubmatch(text)
	if parts == nil {
		return nil, false
	}
	amount, ok = new(big.Rat).SetString(parts[1])
	if !ok {
		return nil, false
	}
	return amount.Mul(amount, unit(parts[2])), true
}

// unit is the factor of a quantity's suffix.
func unit(suffix string) *big.Rat {
	if i := strings.Index("KMGTPE", strings.TrimSuffix(suffix, "i")); i >= 0 && strings.HasSuffix(suffix, "i") {
		return new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(10*(i+1))))
	}
	if i := strings.Index("num kMGTPE", suffix); i >= 0 && suffix != "" {
		return power10(3 * (i - 3))
	}
	if suffix == "" {
		return big.NewRat(1, 1)
	}
	n, _ := strconv.Atoi(suffix[1:]) // the grammar leaves nothing else
	return power10(n)
}

func power10(n int) *big.Rat {
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil))
	if n < 0 {
		p.Inv(p)
	}
	return p
}

// measure is what distinguishes cpu from memory.
type measure struct {
	field    string
	unit     *big.Rat // the smallest amount there is
	smallest string   // and how people write it
	floor    *big.Rat // the least limit the engine takes
	least    string
	example  string
}

func cpuMeasure() measure {
	return measure{"cpu", big.NewRat(1, 1000), "1m, a thousandth of a core", big.NewRat(10, 1000), "10m", `"0.5" or 500m for half a core`}
}

func memoryMeasure() measure {
	return measure{"memory", big.NewRat(1, 1), "one byte", big.NewRat(6<<20, 1), "6Mi", "128Mi or 1Gi"}
}

// checkQuantities holds cpu and memory to Kubernetes' syntax and to what an engine can set.
func checkQuantities(r *report) {
	r.eachDaemon(func(d manifest.Daemon, path string) {
		r.quantity(cpuMeasure(), d.CPU, path+".cpu")
		r.quantity(memoryMeasure(), d.Memory, path+".memory")
	})
}

func (r *report) quantity(m measure, q manifest.Quantity, path string) {
	request := r.amount(m, q.Request, path+".min")
	if q.Limit == q.Request && request == nil {
		return // one value written once: told once
	}
	limit := r.amount(m, q.Limit, path+".desired")
	if limit == nil {
		return
	}
	if limit.Cmp(m.floor) < 0 {
		r.fail(QuantityRange, path+".desired", fmt.Sprintf("a %s limit of %.200q is below %s, the least an engine takes", m.field, q.Limit, m.least),
			"raise it, for example "+m.example)
		return
	}
	if request != nil && request.Cmp(limit) > 0 {
		r.fail(RequestAboveLimit, path, fmt.Sprintf("%s asks for %.200q and is limited to %.200q", m.field, q.Request, q.Limit),
			"make min at most desired")
	}
}

// amount reads one quantity; nil when there is none, or none that is right.
func (r *report) amount(m measure, text, path string) *big.Rat {
	if text == "" {
		return nil
	}
	amount, slip := m.read(text)
	if slip != nil {
		r.fail(slip.Code, path, slip.Message, slip.Hint)
	}
	return amount
}

// read gives an amount, or what is wrong with it.
func (m measure) read(text string) (*big.Rat, *manifest.Finding) {
	amount, ok := parseQuantity(text)
	switch {
	case !ok:
		return nil, &manifest.Finding{Code: QuantityInvalid, Message: fmt.Sprintf("%.200q is not an amount of %s", text, m.field), Hint: quantityHint(m, text)}
	case amount.Sign() < 0:
		return nil, &manifest.Finding{Code: QuantityRange, Message: fmt.Sprintf("%.200q is less than nothing", text), Hint: "write for example " + m.example}
	case !new(big.Rat).Quo(amount, m.unit).IsInt():
		return nil, &manifest.Finding{Code: QuantityInvalid, Message: fmt.Sprintf("%.200q is finer than %s", text, m.smallest), Hint: quantityHint(m, text)}
	case new(big.Rat).Quo(amount, m.unit).Cmp(new(big.Rat).SetInt64(math.MaxInt64)) > 0:
		return nil, &manifest.Finding{Code: QuantityRange, Message: fmt.Sprintf("%.200q is more than any machine has", text), Hint: "write for example " + m.example}
	}
	return amount, nil
}

// checkRequests says that a request alone does nothing on one machine: only a cluster sets anything aside. The compiled
// form always states both, so there it is no slip.
func checkRequests(r *report) {
	if r.target.Platform != manifest.Local || r.stack.Form != manifest.Friendly {
		return
	}
	r.eachDaemon(func(d manifest.Daemon, path string) {
		r.request(cpuMeasure(), d.CPU, path+".cpu")
		r.request(memoryMeasure(), d.Memory, path+".memory")
	})
}

func (r *report) request(m measure, q manifest.Quantity, path string) {
	if q.Request == "" || q.Limit != "" {
		return
	}
	if _, slip := m.read(q.Request); slip != nil {
		return // told already
	}
	r.warnPlatform(RequestUnused, path, fmt.Sprintf("%s is a request, which only Kubernetes uses; it limits nothing here", q.Request),
		fmt.Sprintf("write %s: {min: %s, desired: %s} to limit it as well", m.field, q.Request, q.Request))
}

// quantityHint knows the slips that other tools teach: 128MB, 128mb, and 128m for mebibytes.
func quantityHint(m measure, text string) string {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.TrimSpace(text[len(digits):])
	if m.field == "memory" && digits != "" && unit != "" {
		if i := strings.Index("KMGT", strings.ToUpper(unit[:1])); i >= 0 {
			return fmt.Sprintf("write %s%ci", digits, "KMGT"[i])
		}
	}
	return "write for example " + m.example
}
