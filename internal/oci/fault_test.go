package oci

import (
	"errors"
	"testing"

	"github.com/alienplatform/alien-go/internal/deploy"
)

// Docker 20.10 said the first of each group to a misbehaving registry; the others are the words of newer engines and of
// containerd.
func TestClassify(t *testing.T) {
	const (
		later = true
		now   = false
	)
	tests := []struct {
		said      string
		reason    deploy.Reason
		transient bool
	}{
		{`unauthorized`, deploy.ImageDenied, now},
		{`unauthorized: authentication required`, deploy.ImageDenied, now},
		{`denied`, deploy.ImageDenied, now},
		{`denied: requested access to the resource is denied`, deploy.ImageDenied, now},
		{`Head "https://reg.example/v2/team/denied/manifests/429": denied: denied`, deploy.ImageDenied, now},
		{`error parsing HTTP 403 response body: invalid character 'o' in literal false (expecting 'a'): "forbidden"`, deploy.ImageDenied, now},
		{`Head "https://reg.example/v2/team/denied/manifests/429": no basic auth credentials`, deploy.ImageDenied, now},
		{`Head "https://reg.example/v2/team/denied/manifests/429": unauthorized: incorrect username or password`, deploy.ImageDenied, now},
		{`pull access denied for reg.example/team/denied, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`, deploy.ImageDenied, now},
		{`failed to resolve reference "reg.example/team/denied:429": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`, deploy.ImageDenied, now},
		{`failed to resolve reference "reg.example/team/denied:429": unexpected status from HEAD request to https://reg.example/v2/team/denied/manifests/429: 403 Forbidden`, deploy.ImageDenied, now},

		{`manifest unknown`, deploy.ImageNotFound, now},
		{`name unknown`, deploy.ImageNotFound, now},
		{`manifest for reg.example/team/denied:429 not found: manifest unknown: Unknown manifest`, deploy.ImageNotFound, now},
		{`repository reg.example/team/denied not found: name unknown: Unknown name`, deploy.ImageNotFound, now},
		{`error parsing HTTP 404 response body: invalid character 'o' in literal null (expecting 'u'): "not found"`, deploy.ImageNotFound, now},
		{`failed to resolve reference "reg.example/team/denied:429": reg.example/team/denied:429: not found`, deploy.ImageNotFound, now},
		{`error pulling image configuration: download failed after attempts=1: unknown blob`, deploy.ImageNotFound, now},

		{`toomanyrequests: You have reached your pull rate limit.`, deploy.ImageRateLimited, now},
		{`error parsing HTTP 429 response body: invalid character 's' looking for beginning of value: "slow down"`, deploy.ImageRateLimited, now},
		{`failed to copy: httpReadSeeker: failed open: unexpected status code https://reg.example/v2/x: 429 Too Many Requests - Server message: toomanyrequests`, deploy.ImageRateLimited, now},

		{`no matching manifest for linux/amd64 in the manifest list entries`, deploy.ImagePlatform, now},
		{`no match for platform in manifest: not found`, deploy.ImagePlatform, now},
		{`image operating system "windows" cannot be used on this platform`, deploy.ImagePlatform, now},
		{`image with reference reg.example/team/denied:429 was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64`, deploy.ImagePlatform, now},

		{`received unexpected HTTP status: 503 Service Unavailable`, deploy.RegistryUnreachable, later},
		{`received unexpected HTTP status: 500 Internal Server Error`, deploy.RegistryUnreachable, later},
		{`error pulling image configuration: download failed after attempts=6: received unexpected HTTP status: 503 Service Unavailable`, deploy.RegistryUnreachable, later},
		{`error pulling image configuration: download failed after attempts=6: EOF`, deploy.RegistryUnreachable, later},
		{`Head "https://reg.example/v2/team/denied/manifests/429": EOF`, deploy.RegistryUnreachable, later},
		{`unexpected status from HEAD request to https://reg.example/v2/team/denied/manifests/429: 502 Bad Gateway`, deploy.RegistryUnreachable, later},
		{`Get "https://reg.example/v2/": net/http: TLS handshake timeout`, deploy.RegistryUnreachable, later},
		{`Get "https://reg.example/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)`, deploy.RegistryUnreachable, later},
		{`Get "https://reg.example/v2/": dial tcp: lookup reg.example on 10.0.0.1:53: read udp 10.0.0.2:4000->10.0.0.1:53: i/o timeout`, deploy.RegistryUnreachable, later},
		{`read tcp 10.0.0.2:4000->10.0.0.1:443: read: connection reset by peer`, deploy.RegistryUnreachable, later},

		{`Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused`, deploy.RegistryUnreachable, now},
		{`Get "https://reg.example/v2/": dial tcp: lookup reg.example on 10.0.0.1:53: no such host`, deploy.RegistryUnreachable, now},
		{`Get "https://reg.example/v2/": x509: certificate signed by unknown authority`, deploy.RegistryUnreachable, now},
		{`Get "https://reg.example/v2/": http: server gave HTTP response to HTTPS client`, deploy.RegistryUnreachable, now},

		{`unsupported media type application/vnd.acme.chart`, deploy.ImageInvalid, now},
		{`filesystem layer verification failed for digest sha256:00`, deploy.ImageInvalid, now},
		{`error verifying sha256 checksum after reading 397 bytes; got "sha256:00", want "sha256:01"`, deploy.ImageInvalid, now},
		{`manifest digest: "sha256:00" does not match requested digest: "sha256:01" for "reg.example/team/denied:429"`, deploy.ImageInvalid, now},

		{`write /var/lib/docker/tmp/GetImageBlob1: no space left on device`, "", now},
		{`mkdir /var/lib/docker/overlay2/x: permission denied`, "", now},
	}
	ref, err := ParseReference("reg.example/team/denied:429")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.said, func(t *testing.T) {
			said := errors.New(test.said)
			got := engineHost.Classify(ref, said)
			if got.Reason != test.reason || got.Transient != test.transient {
				t.Errorf("got %q, transient %v; want %q, transient %v", got.Reason, got.Transient, test.reason, test.transient)
			}
			if p := (*deploy.Problem)(nil); errors.As(got.Problem(ref, nil), &p) && p.Reason != test.reason {
				t.Errorf("verdict %q, want %q", p.Reason, test.reason)
			}
		})
	}
}

// A name is no reason, and taking it out of a message must not take a reason along.
func TestClassifyIgnoresNames(t *testing.T) {
	for name, said := range map[string]string{
		"time":             "net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
		"eof/unauthorized": "manifest for eof/unauthorized:latest not found: EOF",
	} {
		ref, err := ParseReference(name)
		must(t, err)
		want := map[string]deploy.Reason{"time": deploy.RegistryUnreachable, "eof/unauthorized": deploy.ImageNotFound}[name]
		if got := engineHost.Classify(ref, errors.New(said)); got.Reason != want {
			t.Errorf("%s: %q is %q, want %q", name, said, got.Reason, want)
		}
	}
}
