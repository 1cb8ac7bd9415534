package preflight

import "strings"

// kind is what the readers of a binding insist on for one field.
type kind int

const (
	asText kind = iota
	asInteger
	asAnything
)

// shape is one service of a resource type and the fields of its binding.
type shape struct {
	service string
	fields  []shapeField
}

type shapeField struct {
	name     string
	kind     kind
	optional bool
}

// shapes gives what a binding of a resource type may look like; none for a type whose binding is free.
// One line is one service: its name, then its fields. A field ends in # when it is a whole number, in * when it is
// anything but text, and then in ? when it may be absent.
func shapes(resourceType string) []shape {
	var out []shape
	for line := range strings.Lines(shapeLines(resourceType)) {
		words := strings.Fields(line)
		if len(words) > 0 {
			out = append(out, shape{words[0], shapeFields(words[1:])})
		}
	}
	return out
}

func shapeFields(words []string) []shapeField {
	fields := make([]shapeField, len(words))
	for i, word := range words {
		name, optional := strings.CutSuffix(word, "?")
		f := shapeField{name: strings.TrimRight(name, "#*"), optional: optional}
		switch {
		case strings.HasSuffix(name, "#"):
			f.kind = asInteger
		case strings.HasSuffix(name, "*"):
			f.kind = asAnything
		}
		fields[i] = f
	}
	return fields
}

func shapeLines(resourceType string) string {
	switch resourceType {
	case "storage":
		return `
			s3 bucketName
			gcs bucketName
			blob accountName containerName
			local-storage storagePath`
	case "kv":
		return `
			redis connectionUrl keyPrefix? database#?
			dynamodb tableName region endpointUrl?
			firestore projectId databaseId collectionName
			tablestorage resourceGroupName accountName tableName
			local-kv dataDir keyPrefix?`
	case "queue":
		return `
			sqs queueUrl
			pubsub topic subscription
			servicebus namespace queueName
			local-queue queuePath`
	case "vault":
		return `
			parameter-store vaultPrefix
			secret-manager vaultPrefix
			key-vault vaultName
			kubernetes-secret namespace vaultPrefix
			local-vault vaultName dataDir`
	case "postgres":
		return `
			external host port# database username password sslMode?
			aurora clusterEndpoint port# database username passwordSecretArn
			cloud-sql host port# database username serverCaCertificates* passwordSecretName
			flexible-server host port# database username passwordSecretUri
			local-postgres host port# database username password`
	case "key":
		return `
			kms keyArn region*?
			cloud-kms cryptoKeyName
			key-vault-key keyId`
	case "ai":
		return `
			external-ai provider apiKey
			bedrock region
			vertex project location
			foundry endpoint account`
	}
	return rareShapeLines(resourceType)
}

// rareShapeLines are the types that daemons seldom link to.
func rareShapeLines(resourceType string) string {
	switch resourceType {
	case "artifact-registry":
		return `
			ecr repositoryPrefix pullRoleArn? pushRoleArn?
			acr registryName resourceGroupName repositoryPrefix?
			gar repositoryName pullServiceAccountEmail? pushServiceAccountEmail?
			local registryUrl dataDir*?`
	case "build":
		return `
			codebuild projectName buildEnvVars* monitoring*?
			aca managedEnvironmentId resourceGroupName buildEnvVars* managedIdentityId*? resourcePrefix monitoring*?
			cloudbuild buildEnvVars* serviceAccount monitoring*?
			local dataDir buildEnvVars*
			kubernetes namespace serviceAccountName buildEnvVars*`
	case "service-account":
		return `
			awsiam roleName roleArn
			gcpserviceaccount email uniqueId
			azuremanagedidentity clientId resourceId principalId`
	case "sandbox":
		return `
			sandbox-aws imageArn imageVersion region executionRoleArn? egressConnectorArns*? previewPorts*? idleSuspendSeconds#? maxLifetimeSeconds#? allowEgress*?
			sandbox-azure sandboxGroup dataPlaneEndpoint region resourceGroup
			sandbox-gcp launcherPath allowEgress*
			sandbox-kubernetes namespace runtimeClass selector brokerUrl keyName tokenPath
			sandbox-local managerUrl sandboxKey tokenPath`
	}
	return ""
}
