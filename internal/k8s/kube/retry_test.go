package kube

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAnswerBreaksOff: an answer whose end does not come is asked for again.
func TestAnswerBreaksOff(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		whole := `{"metadata":{"name":"here"}}`
		w.Header().Set("Content-Type", "application/json")
		if asked.Add(1) == 1 {
			_, _ = w.Write([]byte(whole[:10]))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(whole))
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{http: server.Client(), base: base, Namespace: "ns"}
	var got metav1.PartialObjectMetadata
	if err := c.Get(t.Context(), Pods, "here", &got); err != nil || got.Name != "here" || asked.Load() != 2 {
		t.Errorf("got %q after %d answers: %v", got.Name, asked.Load(), err)
	}
}
