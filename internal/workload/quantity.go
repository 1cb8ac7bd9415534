package workload

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// suffix is a unit of a Kubernetes quantity.
type suffix struct {
	unit string
	size *big.Rat
}

// suffixes are in the order in which a quantity's end is compared with them: Mi before M, and so on.
func suffixes() []suffix {
	binary := []string{"Ki", "Mi", "Gi", "Ti", "Pi", "Ei"}
	decimal := []string{"k", "M", "G", "T", "P", "E"}
	var out []suffix
	for i, unit := range binary {
		out = append(out, suffix{unit, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(10*(i+1))))})
	}
	for i, unit := range decimal {
		out = append(out, suffix{unit, power10(3 * (i + 1))})
	}
	return append(out, suffix{"m", power10(-3)}, suffix{"u", power10(-6)}, suffix{"n", power10(-9)})
}

func power10(n int) *big.Rat {
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil))
	if n < 0 {
		p.Inv(p)
	}
	return p
}

// parseQuantity reads Kubernetes syntax and gives the amount in multiples of unit, rounded up as Kubernetes rounds.
func parseQuantity(text string, unit *big.Rat) (int64, error) {
	number, size := text, big.NewRat(1, 1)
	for _, s := range suffixes() {
		if rest, ok := strings.CutSuffix(text, s.unit); ok {
			number, size = rest, s.size
			break
		}
	}
	amount, err := parseDecimal(number)
	if err != nil {
		return 0, fmt.Errorf("cannot read quantity %q: %w", text, err)
	}
	amount.Mul(amount, size).Quo(amount, unit)
	whole, rest := new(big.Int).QuoRem(amount.Num(), amount.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	if whole.Sign() < 0 || !whole.IsInt64() {
		return 0, fmt.Errorf("cannot read quantity %q: out of range", text)
	}
	return whole.Int64(), nil
}

// parseDecimal reads 12, 0.5, .5, 5. and 1e3. Exponents are bounded: 1e999999999 is a mistake and would cost gigabytes.
func parseDecimal(text string) (*big.Rat, error) {
	mantissa, exponent, has := strings.Cut(strings.Replace(text, "E", "e", 1), "e")
	if strings.Trim(mantissa, "+-.0123456789") != "" || len(mantissa) > 64 {
		return nil, fmt.Errorf("not a number")
	}
	amount, ok := new(big.Rat).SetString(mantissa)
	if !ok {
		return nil, fmt.Errorf("not a number")
	}
	if !has {
		return amount, nil
	}
	n, err := strconv.Atoi(exponent)
	if err != nil || n < -18 || n > 18 {
		return nil, fmt.Errorf("exponent is not between -18 and 18")
	}
	return amount.Mul(amount, power10(n)), nil
}

func parseCPU(text string) (int64, error)    { return parseQuantity(text, big.NewRat(1, 1000)) }
func parseMemory(text string) (int64, error) { return parseQuantity(text, big.NewRat(1, 1)) }

// formatCPU writes thousandths of a core as cores: 100 is 0.1, 0 is nothing.
func formatCPU(milli int64) string {
	if milli == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64)
}

// formatMemory writes bytes in the largest binary unit that holds them exactly; 0 is nothing.
func formatMemory(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	units := []string{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"}
	i := 0
	for ; i < len(units)-1 && bytes%1024 == 0; i++ {
		bytes /= 1024
	}
	return strconv.FormatInt(bytes, 10) + units[i]
}
