package manager

import (
	"cmp"
	"net/http"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/api"
	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// route is one endpoint. Whether a caller may do what it asks, the handler decides, because that turns on what the request is
// about; TestScopes holds it for every endpoint and kind of token.
type route struct {
	method, path string
	handle       func(http.ResponseWriter, *http.Request, caller) error
	open         bool // without a token; the handler sees to permission itself
}

func (m *Manager) routes() []route {
	return []route{
		{"POST", wire.PathCommands, m.createCommand, false},
		{"GET", wire.PathCommands, m.listCommands, false},
		{"GET", wire.PathCommand, m.commandStatus, false},
		{"POST", wire.PathUploadComplete, m.uploadComplete, false},
		{"PUT", wire.PathResponse, m.submitResponse, true},
		{"GET", wire.PathPayload, m.payload, false},
		{"PUT", wire.PathPayload, m.storePayload, false},
		{"POST", wire.PathLeases, m.leaseCommands, false},
		{"POST", wire.PathRelease, m.releaseLease, false},
		{"PUT", pathBlob, m.putBlob, true},
		{"GET", pathBlob, m.getBlob, true},

		{"GET", api.PathDeployments, m.listDeployments, false},
		{"PUT", api.PathDeployment, m.putDeployment, false},
		{"GET", api.PathDeployment, m.getDeployment, false},
		{"DELETE", api.PathDeployment, m.deleteDeployment, false},
		{"POST", api.PathTokens, m.mintToken, false},
		{"GET", api.PathTokens, m.listTokens, false},
		{"GET", api.PathToken, m.getToken, false},
		{"DELETE", api.PathToken, m.revokeToken, false},
		{"POST", api.PathRotate, m.rotateToken, false},

		{"GET", api.PathOpenAPI, m.openAPI, true},
		{"GET", api.PathHealthy, m.healthy, true},
		{"GET", api.PathReady, m.ready, true},
		{"GET", api.PathMetrics, m.serveMetrics, true},
	}
}

// Handler serves all endpoints.
func (m *Manager) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range m.routes() {
		mux.HandleFunc(r.method+" "+r.path, m.serve(r))
	}
	// leases is no command: looking for its status is the wrong method.
	mux.HandleFunc("GET "+wire.PathLeases, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", "POST")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
	})
	return mux
}

// serve authenticates first: who has no token is not read further.
func (m *Manager) serve(r route) http.HandlerFunc {
	observe := m.metrics.route(r.method + " " + r.path)
	return func(w http.ResponseWriter, req *http.Request) {
		began := time.Now()
		recorded := &recorder{ResponseWriter: w}
		defer func() { observe(cmp.Or(recorded.status, http.StatusOK), time.Since(began)) }()
		var who caller
		var err error
		if !r.open {
			who, err = m.authenticate(req)
		}
		if err == nil {
			err = r.handle(recorded, req, who)
		}
		if err != nil && recorded.status == 0 { // else it was answered, and the answer did not arrive
			m.answerError(recorded, req, err)
		}
		m.Log.Debug("request", "method", req.Method, "route", r.path, "status", recorded.status, "token", who.token.ID, "took", time.Since(began))
	}
}

// recorder remembers the status, 0 where none was written.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader passes the status on.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (m *Manager) openAPI(w http.ResponseWriter, _ *http.Request, _ caller) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(api.OpenAPI)
	return err
}

func (m *Manager) healthy(w http.ResponseWriter, _ *http.Request, _ caller) error {
	_, err := w.Write([]byte("ok\n"))
	return err
}

// ready says whether requests are taken: not any more once it drains, and not while the store does not write.
func (m *Manager) ready(w http.ResponseWriter, r *http.Request, who caller) error {
	select {
	case <-m.draining:
		return rejection{http.StatusServiceUnavailable, "The manager is ending"}
	default:
	}
	if err := m.Store.Ping(r.Context()); err != nil {
		m.Log.Error("the store fails", "error", err)
		return rejection{http.StatusServiceUnavailable, "The store fails; the log says why"}
	}
	return m.healthy(w, r, who)
}

func (m *Manager) serveMetrics(w http.ResponseWriter, _ *http.Request, _ caller) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	return m.metrics.write(w, m.polls.held.Load())
}
