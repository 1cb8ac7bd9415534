package manifest

// ClusterOptions are what a daemon states for Kubernetes clusters alone.
type ClusterOptions struct {
	ImagePullSecrets   []string // names of Secrets in the namespace
	NodeSelector       map[string]string
	Tolerations        []Toleration
	Labels             map[string]string // of the Deployment and its pods, beside ours
	Annotations        map[string]string // likewise
	ServiceAccountName string            // one that exists, in place of the permission profile's
	PriorityClassName  string
}

// Toleration lets the daemon onto nodes with a taint. Empty fields match as Kubernetes has it.
type Toleration struct {
	Key, Operator, Value, Effect string
	Seconds                      *int // how long a NoExecute taint is put up with; nil is for ever
}

// ServiceAccount is what a stack states of a permission profile's service account on a cluster.
type ServiceAccount struct {
	Annotations map[string]string
}

const (
	pairsHint      = "write { name: value } pairs"
	quotesHint     = "put it in quotes"
	tolerationHint = "write { key: …, operator: Exists, effect: NoSchedule }"
)

// clusterOptions reads a daemon's kubernetes section.
func (r *reader) clusterOptions(n node) ClusterOptions {
	var o ClusterOptions
	r.object(n, fields{
		"imagePullSecrets":   func(v node) { o.ImagePullSecrets = r.texts(v, "write the Secrets' names: [registry-login]") },
		"nodeSelector":       func(v node) { o.NodeSelector = r.pairs(v) },
		"tolerations":        func(v node) { o.Tolerations = r.tolerations(v) },
		"labels":             func(v node) { o.Labels = r.pairs(v) },
		"annotations":        func(v node) { o.Annotations = r.pairs(v) },
		"serviceAccountName": func(v node) { o.ServiceAccountName = r.text(v) },
		"priorityClassName":  func(v node) { o.PriorityClassName = r.text(v) },
	}, r.refuse(clusterHabits()))
	return o
}

// pairs reads an object of strings.
func (r *reader) pairs(n node) map[string]string {
	members, ok := r.members(n)
	if !ok || len(members) == 0 {
		return nil
	}
	out := make(map[string]string, len(members))
	for _, m := range members {
		out[m.name] = r.textOr(m, quotesHint)
	}
	return out
}

func (r *reader) tolerations(n node) []Toleration {
	items, _ := r.items(n, "write ["+tolerationHint[len("write "):]+"]")
	out := make([]Toleration, 0, len(items))
	for _, item := range items {
		out = append(out, r.toleration(item))
	}
	return out
}

func (r *reader) toleration(n node) Toleration {
	var t Toleration
	if n.isText() {
		r.wrongType(n, "an object", tolerationHint)
		return t
	}
	r.object(n, fields{
		"key":      func(v node) { t.Key = r.text(v) },
		"operator": func(v node) { t.Operator = r.word(v, "an operator", "Exists", "Equal") },
		"value":    func(v node) { t.Value = r.textOr(v, quotesHint) },
		"effect":   func(v node) { t.Effect = r.word(v, "an effect", "NoSchedule", "PreferNoSchedule", "NoExecute") },
		"tolerationSeconds": func(v node) {
			if seconds, ok := r.integer(v); ok {
				t.Seconds = &seconds
			}
		},
	}, r.refuse(nil))
	return t
}

// serviceAccounts reads what the stack states of service accounts, by permission profile.
func (r *reader) serviceAccounts(n node) map[string]ServiceAccount {
	members, _ := r.members(n)
	out := make(map[string]ServiceAccount, len(members))
	for _, m := range members {
		var a ServiceAccount
		r.object(m, fields{"annotations": func(v node) { a.Annotations = r.pairs(v) }}, r.refuse(nil))
		out[m.name] = a
	}
	return out
}

// clusterHabits are the words in a daemon's kubernetes section.
func clusterHabits() map[string]string {
	const noPlacement = "placement is nodeSelector and tolerations; label the nodes that fit"
	return map[string]string{
		"serviceAccount": "use serviceAccountName, or permissions for one that alien makes", "priorityClass": "use priorityClassName",
		"imagePullSecret": "use imagePullSecrets", "pullSecrets": "use imagePullSecrets",
		"affinity": noPlacement, "nodeName": noPlacement, "topologySpreadConstraints": noPlacement,
		"podLabels": "use labels, which the pods get too", "podAnnotations": "use annotations, which the pods get too",
		"namespace": "it is the stack's: kubernetes: { namespace: … } at the top", "context": "it is the stack's: kubernetes: { context: … } at the top",
		"replicas": noReplicas, "strategy": "the old daemon always ends before the new one starts; remove it",
		"resources": useAmounts, "securityContext": "it stands in the daemon's runtime: runtime: { user: \"1000:1000\" }",
		"env": useEnv, "volumes": useMounts, "command": "it belongs to the daemon itself", "image": "it belongs to the daemon itself",
	}
}
