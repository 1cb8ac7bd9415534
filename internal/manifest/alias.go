package manifest

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// What a document may grow to. Aliases let a few lines stand for billions of values; deep nesting is never a stack.
const (
	maxDepth    = 64
	maxRepeated = 100_000 // values that aliases and merge keys may add to those that are written
)

const depthHint = "check for a missing bracket or a wrong indentation"

func tooDeep() string { return fmt.Sprintf("values are nested deeper than %d levels", maxDepth) }

// weight is how much a node is once its aliases are followed.
type weight struct{ values, height int }

// resolve replaces aliases by what they stand for and merge keys by the members they bring, in place. It reports and
// gives false where that would not end, or not fit.
func (d *decoder) resolve(root *yaml.Node) bool {
	w := weigher{d: d, seen: map[*yaml.Node]weight{}, open: map[*yaml.Node]bool{}}
	total := w.weigh(root, 1)
	if w.failed {
		return false
	}
	if total.values > w.written+maxRepeated {
		d.errorf(CodeAlias, w.heaviest, fmt.Sprintf("aliases and merge keys repeat more than %d values", maxRepeated), "write out what differs, and repeat less")
		return false
	}
	d.substitute(root)
	return true
}

// weigher weighs a document before anything is expanded. An anchor's node is weighed once, however often it is used.
type weigher struct {
	d        *decoder
	seen     map[*yaml.Node]weight // finished anchors
	open     map[*yaml.Node]bool   // anchors around the current node
	written  int
	most     int
	heaviest Location
	failed   bool
}

func (w *weigher) weigh(n *yaml.Node, depth int) weight {
	w.written++
	if depth > maxDepth {
		w.fail(CodeDepth, n, tooDeep(), depthHint)
		return weight{}
	}
	if n.Kind == yaml.AliasNode {
		return w.alias(n, depth)
	}
	if n.Anchor != "" {
		w.open[n] = true
	}
	total := weight{values: 1, height: 1}
	for _, child := range n.Content {
		if w.failed {
			return total
		}
		c := w.weigh(child, depth+1)
		total.values = min(total.values+c.values, 1<<40)
		total.height = max(total.height, c.height+1)
	}
	if n.Anchor != "" {
		delete(w.open, n)
		w.seen[n] = total
	}
	return total
}

func (w *weigher) alias(n *yaml.Node, depth int) weight {
	if w.open[n.Alias] {
		w.fail(CodeAlias, n, fmt.Sprintf("*%s stands inside what it repeats", shorten(n.Value)), "repeat something that is complete")
		return weight{}
	}
	target := w.seen[n.Alias]
	if depth+target.height > maxDepth {
		w.fail(CodeDepth, n, tooDeep(), depthHint)
	}
	if target.values > w.most {
		w.most, w.heaviest = target.values, w.d.location(n, "")
	}
	return target
}

func (w *weigher) fail(code string, n *yaml.Node, message, hint string) {
	if !w.failed {
		w.d.errorf(code, w.d.location(n, ""), message, hint)
	}
	w.failed = true
}

// substitute does the replacing. What an alias stands for comes earlier in the file and is done already.
func (d *decoder) substitute(n *yaml.Node) {
	for i, child := range n.Content {
		if child.Kind == yaml.AliasNode {
			n.Content[i] = child.Alias
		} else {
			d.substitute(child)
		}
	}
	if n.Kind == yaml.MappingNode {
		d.merge(n)
	}
}

// merge puts the members behind "<<" into the object; what is written there itself wins, then what is merged first.
func (d *decoder) merge(n *yaml.Node) {
	own := make([]*yaml.Node, 0, len(n.Content))
	names := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			merged = append(merged, d.mergeable(key, value)...)
			continue
		}
		names[key.Value] = true
		own = append(own, key, value)
	}
	for _, from := range merged {
		for i := 0; i+1 < len(from.Content); i += 2 {
			if key := from.Content[i]; !names[key.Value] {
				names[key.Value] = true
				own = append(own, key, from.Content[i+1])
			}
		}
	}
	n.Content = own
}

func (d *decoder) mergeable(key, value *yaml.Node) []*yaml.Node {
	sources := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		sources = value.Content
	}
	for _, s := range sources {
		if s.Kind != yaml.MappingNode {
			d.errorf(CodeType, d.location(key, ""), "only objects can be merged with <<", "write <<: *NAME, where &NAME marks an object")
			return nil
		}
	}
	return sources
}
