package preflight

import (
	"fmt"
	"strings"
	"testing"
)

// describe writes the shapes of a type as a person would note them: service(field, number#, anything*, optional?).
func describe(resourceType string) string {
	var services []string
	for _, s := range shapes(resourceType) {
		var fields []string
		for _, f := range s.fields {
			mark := [...]string{asText: "", asInteger: "#", asAnything: "*"}[f.kind]
			if f.optional {
				mark += "?"
			}
			fields = append(fields, f.name+mark)
		}
		services = append(services, fmt.Sprintf("%s(%s)", s.service, strings.Join(fields, ", ")))
	}
	return strings.Join(services, " ")
}

func TestShapes(t *testing.T) {
	for resourceType, want := range map[string]string{
		"kv": "redis(connectionUrl, keyPrefix?, database#?) dynamodb(tableName, region, endpointUrl?) " +
			"firestore(projectId, databaseId, collectionName) tablestorage(resourceGroupName, accountName, tableName) local-kv(dataDir, keyPrefix?)",
		"key":   "kms(keyArn, region*?) cloud-kms(cryptoKeyName) key-vault-key(keyId)",
		"email": "",
	} {
		if got := describe(resourceType); got != want {
			t.Errorf("%s: %s, want %s", resourceType, got, want)
		}
	}
}

// TestEveryLocalDefaultHasAShape: what local gives by itself is what a manifest could give, too.
func TestEveryLocalDefaultHasAShape(t *testing.T) {
	for _, resourceType := range []string{"storage", "kv", "queue", "vault", "postgres"} {
		if !strings.Contains(describe(resourceType), "local-"+resourceType+"(") {
			t.Errorf("%s has no local service: %s", resourceType, describe(resourceType))
		}
	}
}

// TestServicesAreUnique: within a type a service has one shape, and no field twice.
func TestServicesAreUnique(t *testing.T) {
	for _, resourceType := range []string{
		"storage", "kv", "queue", "vault", "postgres", "key", "ai", "artifact-registry", "build", "service-account", "sandbox",
	} {
		seen := map[string]bool{}
		if len(shapes(resourceType)) == 0 {
			t.Errorf("%s has no service", resourceType)
		}
		for _, s := range shapes(resourceType) {
			for _, name := range append([]string{s.service}, fieldNames(s)...) {
				key := s.service + "/" + name
				if seen[key] {
					t.Errorf("%s %s: %s stands twice", resourceType, s.service, name)
				}
				seen[key] = true
			}
		}
	}
}

func fieldNames(s shape) []string {
	var names []string
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	return names
}
