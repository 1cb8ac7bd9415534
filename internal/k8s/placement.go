package k8s

import "github.com/alienplatform/alien-go/internal/manifest"

// placement writes what the manifest states for clusters alone into a pod's spec.
func placement(spec object, o manifest.ClusterOptions) {
	if len(o.ImagePullSecrets) > 0 {
		names := make([]any, len(o.ImagePullSecrets))
		for i, name := range o.ImagePullSecrets {
			names[i] = object{"name": name}
		}
		spec["imagePullSecrets"] = names
	}
	if len(o.NodeSelector) > 0 {
		spec["nodeSelector"] = withPairs(object{}, o.NodeSelector)
	}
	if len(o.Tolerations) > 0 {
		all := make([]any, len(o.Tolerations))
		for i, t := range o.Tolerations {
			all[i] = toleration(t)
		}
		spec["tolerations"] = all
	}
	if o.PriorityClassName != "" {
		spec["priorityClassName"] = o.PriorityClassName
	}
}

func toleration(t manifest.Toleration) object {
	out := object{}
	for field, value := range map[string]string{"key": t.Key, "operator": t.Operator, "value": t.Value, "effect": t.Effect} {
		if value != "" {
			out[field] = value
		}
	}
	if t.Seconds != nil {
		out["tolerationSeconds"] = int64(*t.Seconds)
	}
	return out
}

// withPairs adds pairs to an object.
func withPairs(o object, pairs map[string]string) object {
	for key, value := range pairs {
		o[key] = value
	}
	return o
}
