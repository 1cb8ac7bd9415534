package manifest

import (
	"encoding/json"
	"math"
	"strconv"
)

// jsonNumber is a number as JSON writes it: the manifest's own digits where JSON knows them, so that none is lost.
func (d *decoder) jsonNumber(n node) string {
	if json.Valid([]byte(n.yaml.Value)) {
		return n.yaml.Value
	}
	var whole int64
	if n.yaml.Decode(&whole) == nil {
		return strconv.FormatInt(whole, 10)
	}
	var f float64
	if err := n.yaml.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		d.wrongType(n, "a number that JSON knows", "")
		return "null"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// amount reads an amount of cpu or memory: a string, or a number, whose digits are kept as written.
func (d *decoder) amount(n node) string {
	if n.isNumber() {
		return n.yaml.Value
	}
	return d.textOr(n, `write an amount such as "0.5" or 128Mi`)
}

// quantity reads cpu or memory. One amount alone is what the daemon asks for (its minimum); a limit is only what the manifest
// states as desired.
func (d *decoder) quantity(n node) Quantity {
	var q Quantity
	switch {
	case n.isText() || n.isNumber():
		q.Request = d.amount(n)
		return q
	case n.kind() == "a list" || n.yaml.ShortTag() == "!!bool":
		d.wrongType(n, "an amount, or an object", `write one such as "0.5" or 128Mi, or { min: …, desired: … }`)
		return q
	}
	d.object(n, fields{
		"min":     func(v node) { q.Request = d.amount(v) },
		"desired": func(v node) { q.Limit = d.amount(v) },
	}, d.refuse(quantityHabits()))
	return q
}
