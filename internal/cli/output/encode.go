package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// Format is how a result is printed.
type Format string

// The formats.
const (
	Text Format = "text"
	JSON Format = "json"
	YAML Format = "yaml"
)

// Write prints a document as JSON or YAML.
func Write(w io.Writer, f Format, doc any) error {
	b, err := marshal(doc, "  ")
	if err != nil {
		return err
	}
	return WriteJSON(w, f, b)
}

// WriteLine prints a document of a stream: a line of JSON, or a YAML document of its own.
func WriteLine(w io.Writer, f Format, doc any) error {
	b, err := marshal(doc, "")
	if err != nil {
		return err
	}
	if f == YAML {
		if _, err := io.WriteString(w, "---\n"); err != nil {
			return err
		}
	}
	return WriteJSON(w, f, b)
}

// WriteJSON prints what is JSON already, as it is or as YAML.
func WriteJSON(w io.Writer, f Format, b []byte) error {
	if f == YAML {
		var err error
		if b, err = toYAML(b); err != nil {
			return err
		}
	}
	_, err := w.Write(append(bytes.TrimRight(b, "\n"), '\n'))
	return err
}

func marshal(doc any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("cannot encode the result: %w", err)
	}
	return b.Bytes(), nil
}

// toYAML goes through the JSON text, so that both forms have the same names in the same order.
func toYAML(b []byte) ([]byte, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(b, &n); err != nil {
		return nil, fmt.Errorf("cannot encode the result as YAML: %w", err)
	}
	blockStyle(&n)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&n); err != nil {
		return nil, fmt.Errorf("cannot encode the result as YAML: %w", err)
	}
	return out.Bytes(), e.Close()
}

// blockStyle drops the JSON look; the encoder then quotes only where a plain word would mean something else. It thinks of
// YAML 1.2, and many readers still take yes and no for booleans.
func blockStyle(n *yaml.Node) {
	n.Style = 0
	switch strings.ToLower(n.Value) {
	case "yes", "no", "on", "off", "y", "n":
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		blockStyle(c)
	}
}
