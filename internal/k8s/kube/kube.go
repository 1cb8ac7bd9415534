// Package kube speaks to a Kubernetes API server: lists, watches, applies and deletes, and reads logs.
//
// It takes from client-go what is hard to get right, which is how users reach and prove themselves to a cluster
// (kubeconfig, in-cluster, exec plugins, proxies), and leaves the rest: the generated clients register every API group
// there is whenever the program starts, and hold calls back by a rate limit of their own.
package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is a kind of objects.
type Kind struct {
	Group, Version, Resource, Name string
	Cluster                        bool // not in a namespace
}

// APIVersion is what objects of the kind say of themselves.
func (k Kind) APIVersion() string {
	if k.Group == "" {
		return k.Version
	}
	return k.Group + "/" + k.Version
}

// The kinds we deal with.
var (
	Deployments     = Kind{Group: "apps", Version: "v1", Resource: "deployments", Name: "Deployment"}
	ReplicaSets     = Kind{Group: "apps", Version: "v1", Resource: "replicasets", Name: "ReplicaSet"}
	Pods            = Kind{Version: "v1", Resource: "pods", Name: "Pod"}
	Secrets         = Kind{Version: "v1", Resource: "secrets", Name: "Secret"}
	ServiceAccounts = Kind{Version: "v1", Resource: "serviceaccounts", Name: "ServiceAccount"}
	Events          = Kind{Version: "v1", Resource: "events", Name: "Event"}
	Namespaces      = Kind{Version: "v1", Resource: "namespaces", Name: "Namespace", Cluster: true}
	Leases          = Kind{Group: "coordination.k8s.io", Version: "v1", Resource: "leases", Name: "Lease"}
	Autoscalers     = Kind{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers", Name: "HorizontalPodAutoscaler"}
	RulesReviews    = Kind{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectrulesreviews", Name: "SelfSubjectRulesReview", Cluster: true}
	AccessReviews   = Kind{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews", Name: "SelfSubjectAccessReview", Cluster: true}
)

// Client reaches one namespace of one cluster.
type Client struct {
	http      *http.Client
	base      *url.URL
	Namespace string
	Context   string // the kubeconfig's name for it; "in-cluster" inside a pod
	Server    string // the API server's address

	reached atomic.Bool  // the API server has answered before
	ahead   atomic.Int64 // how far its clock is ahead of ours
}

// Now is the time by the API server's clock, as far as its last answer tells.
func (c *Client) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Get reads one object.
func (c *Client) Get(ctx context.Context, k Kind, name string, into any) error {
	return c.call(ctx, request{method: http.MethodGet, path: c.path(k, name)}, into)
}

// List reads the objects that a label selector, and a field selector, choose.
func (c *Client) List(ctx context.Context, k Kind, s Selector, into any) error {
	return c.call(ctx, request{method: http.MethodGet, path: c.path(k, ""), query: s.query()}, into)
}

// ListMetadata reads only the metadata of objects.
func (c *Client) ListMetadata(ctx context.Context, k Kind, s Selector) ([]metav1.PartialObjectMetadata, error) {
	var list metav1.PartialObjectMetadataList
	err := c.call(ctx, request{method: http.MethodGet, path: c.path(k, ""), query: s.query(),
		accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}, &list)
	return list.Items, err
}

// Selector chooses objects of a kind.
type Selector struct {
	Labels, Fields string
	AllNamespaces  bool
}

func (s Selector) query() url.Values {
	q := url.Values{}
	if s.Labels != "" {
		q.Set("labelSelector", s.Labels)
	}
	if s.Fields != "" {
		q.Set("fieldSelector", s.Fields)
	}
	return q
}

// Create makes an object.
func (c *Client) Create(ctx context.Context, k Kind, manager string, object, into any) error {
	return c.call(ctx, request{method: http.MethodPost, path: c.path(k, ""), query: url.Values{"fieldManager": {manager}}, body: object}, into)
}

// Update replaces an object; its resourceVersion must be the one that is replaced.
func (c *Client) Update(ctx context.Context, k Kind, manager, name string, object, into any) error {
	return c.call(ctx, request{method: http.MethodPut, path: c.path(k, name), query: url.Values{"fieldManager": {manager}}, body: object}, into)
}

// ApplyOptions say how to apply.
type ApplyOptions struct {
	Manager       string
	Force, DryRun bool
}

// Apply is server-side apply.
func (c *Client) Apply(ctx context.Context, k Kind, name string, object any, o ApplyOptions, into any) error {
	q := url.Values{"fieldManager": {o.Manager}, "force": {fmt.Sprint(o.Force)}}
	if o.DryRun {
		q.Set("dryRun", "All")
	}
	return c.call(ctx, request{method: http.MethodPatch, path: c.path(k, name), query: q, body: object,
		content: "application/apply-patch+yaml"}, into)
}

// PatchOp is one operation of a JSON patch.
type PatchOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// Patch changes an object by a JSON patch, or only tries to.
func (c *Client) Patch(ctx context.Context, k Kind, name, manager string, ops []PatchOp, dryRun bool, into any) error {
	q := url.Values{"fieldManager": {manager}}
	if dryRun {
		q.Set("dryRun", "All")
	}
	return c.call(ctx, request{method: http.MethodPatch, path: c.path(k, name), query: q, body: ops, content: "application/json-patch+json"}, into)
}

// Delete deletes an object with what belongs to it. With preconditions it deletes that very object, in that very state.
func (c *Client) Delete(ctx context.Context, k Kind, name string, pre *metav1.Preconditions) error {
	background := metav1.DeletePropagationBackground
	return c.delete(ctx, k, name, metav1.DeleteOptions{PropagationPolicy: &background, Preconditions: pre})
}

// Hurry has a pod end within so many seconds, also one that is ending already.
func (c *Client) Hurry(ctx context.Context, pod string, seconds int64) error {
	return c.delete(ctx, Pods, pod, metav1.DeleteOptions{GracePeriodSeconds: &seconds})
}

func (c *Client) delete(ctx context.Context, k Kind, name string, opts metav1.DeleteOptions) error {
	opts.TypeMeta = metav1.TypeMeta{Kind: "DeleteOptions", APIVersion: "v1"}
	return c.call(ctx, request{method: http.MethodDelete, path: c.path(k, name), body: opts}, nil)
}

// Log opens the log of a pod's container.
func (c *Client) Log(ctx context.Context, pod string, q url.Values) (io.ReadCloser, error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: c.path(Pods, pod) + "/log", query: q, accept: "*/*", quiet: true})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func (c *Client) path(k Kind, name string) string {
	p := "/api/" + k.Version
	if k.Group != "" {
		p = "/apis/" + k.Group + "/" + k.Version
	}
	if !k.Cluster {
		p += "/namespaces/" + c.Namespace
	}
	p += "/" + k.Resource
	if name != "" {
		p += "/" + name
	}
	return p
}

// request is one call.
type request struct {
	method, path    string
	query           url.Values
	body            any
	content, accept string
	quiet           bool // a log, which may have nothing to say for a long time
}

// call makes a call whose answer is one JSON document, and tries again where the server asks for that or its answer breaks
// off.
func (c *Client) call(ctx context.Context, r request, into any) error {
	return c.persist(ctx, r, func(resp *http.Response) error {
		defer func() { _ = resp.Body.Close() }()
		if into == nil {
			_, err := io.Copy(io.Discard, resp.Body)
			return err
		}
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil { // which reads all of it first
			return fmt.Errorf("cannot read the cluster's answer: %w", err)
		}
		return nil
	})
}

// once makes a call once; an answer that is a refusal is an error.
func (c *Client) once(ctx context.Context, r request, body []byte) (*http.Response, error) {
	u := *c.base
	u.Path = strings.TrimSuffix(u.Path, "/") + r.path
	u.RawQuery = r.query.Encode()
	asking, answered, done := expectAnswer(ctx, r)
	req, err := http.NewRequestWithContext(asking, r.method, u.String(), bytes.NewReader(body))
	if err != nil {
		done()
		return nil, answered(err)
	}
	req.Header.Set("Accept", "application/json")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
		if r.content != "" {
			req.Header.Set("Content-Type", r.content)
		}
	}
	resp, err := c.http.Do(req)
	if err = answered(err); err != nil {
		done()
		return nil, err
	}
	resp.Body = answer{resp.Body, done}
	if date, derr := http.ParseTime(resp.Header.Get("Date")); derr == nil {
		c.noteClock(date)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, refusal(resp, r)
}

// noteClock compares the server's clock, which it tells in whole seconds, with ours.
func (c *Client) noteClock(date time.Time) {
	ahead := time.Until(date)
	if ahead < -time.Second || ahead > 0 {
		c.ahead.Store(int64(ahead))
	} else {
		c.ahead.Store(0)
	}
}

// longestRefusal is how much of an answer is read that says no.
const longestRefusal = 1 << 20

// refusal makes the error of an answer that says no.
func refusal(resp *http.Response, r request) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, longestRefusal))
	var status metav1.Status
	if err := json.Unmarshal(text, &status); err == nil && status.Kind == "Status" {
		if status.Code == 0 {
			status.Code = int32(resp.StatusCode)
		}
		return &apierrors.StatusError{ErrStatus: status}
	}
	return apierrors.NewGenericServerResponse(resp.StatusCode, r.method, schema.GroupResource{}, r.path, strings.TrimSpace(string(text)), 0, true)
}
