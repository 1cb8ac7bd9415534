package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// KubernetesClient talks JSON to an API server, by paths. Errors of the server are those of apimachinery's api/errors.
type KubernetesClient struct {
	http *http.Client
	host string
}

// Client is a client that may do everything.
func (c *KubernetesCluster) Client(t testing.TB) *KubernetesClient {
	t.Helper()
	return NewKubernetesClient(t, c.Kubeconfig)
}

// RestrictedClient is a client of RestrictedUser.
func (c *KubernetesCluster) RestrictedClient(t testing.TB) *KubernetesClient {
	t.Helper()
	return NewKubernetesClient(t, c.Restricted)
}

// NewKubernetesClient is a client for a kubeconfig's current context.
func NewKubernetesClient(t testing.TB, kubeconfig string) *KubernetesClient {
	t.Helper()
	config := restConfig(t, kubeconfig)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatalf("cannot make a Kubernetes client: %v", err)
	}
	return &KubernetesClient{http: client, host: strings.TrimSuffix(config.Host, "/")}
}

func restConfig(t testing.TB, kubeconfig string) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatalf("cannot use kubeconfig %s: %v", kubeconfig, err)
	}
	return config
}

// Get reads an object, or a list of them, into out.
func (k *KubernetesClient) Get(ctx context.Context, path string, out any) error {
	return k.do(ctx, http.MethodGet, path, "", nil, out)
}

// Create makes an object. The path is that of the collection.
func (k *KubernetesClient) Create(ctx context.Context, path string, object any) error {
	return k.do(ctx, http.MethodPost, path, "application/json", object, nil)
}

// Apply writes an object by server-side apply, as a field manager of its own, forcing conflicts.
func (k *KubernetesClient) Apply(ctx context.Context, path string, object any) error {
	return k.do(ctx, http.MethodPatch, path+"?fieldManager=alien-testbed&force=true", "application/apply-patch+yaml", object, nil)
}

// Patch merges a patch into an object.
func (k *KubernetesClient) Patch(ctx context.Context, path string, patch any) error {
	return k.do(ctx, http.MethodPatch, path, "application/merge-patch+json", patch, nil)
}

// Delete deletes an object. One that is gone already is no error.
func (k *KubernetesClient) Delete(ctx context.Context, path string) error {
	err := k.do(ctx, http.MethodDelete, path, "", nil, nil)
	if kerrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Text reads what is no object: a pod's log, /readyz.
func (k *KubernetesClient) Text(ctx context.Context, path string) (string, error) {
	content, err := k.Stream(ctx, path)
	if err != nil {
		return "", err
	}
	defer content.Close()
	all, err := io.ReadAll(content)
	return string(all), err
}

// Stream is Text for what does not end by itself: a watch, a log that is followed. The caller closes it.
func (k *KubernetesClient) Stream(ctx context.Context, path string) (io.ReadCloser, error) {
	return k.send(ctx, http.MethodGet, path, "", nil)
}

func (k *KubernetesClient) do(ctx context.Context, method, path, contentType string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	answer, err := k.send(ctx, method, path, contentType, &body)
	if err != nil {
		return err
	}
	defer answer.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, answer)
		return err
	}
	return json.NewDecoder(answer).Decode(out)
}

func (k *KubernetesClient) send(ctx context.Context, method, path, contentType string, body io.Reader) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, k.host+path, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	answer, err := k.http.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < http.StatusBadRequest {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	var status meta.Status
	if json.Unmarshal(said, &status) == nil && status.Kind == "Status" {
		return nil, &kerrors.StatusError{ErrStatus: status}
	}
	return nil, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, said)
}
