package oci

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPlainHTTPIsForThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:5000": true, "localhost": true, "localhost:5000": true, "[::1]:5000": true,
		"10.0.0.1:5000": false, "registry.local": false, "ghcr.io": false,
	} {
		if got := loopback(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
	req := httptest.NewRequest(http.MethodGet, "http://10.255.255.1:5000/v2/", nil)
	if _, err := (careful{http.DefaultTransport, "10.255.255.1:5000"}).RoundTrip(req); err == nil || !strings.Contains(err.Error(), "plain HTTP") {
		t.Errorf("got %v", err)
	}
}
