package manager

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// timeouts are those of a connection. Held requests and large bodies have longer ones of their own.
type timeouts struct{ header, read, write, idle time.Duration }

const writeTimeout = 30 * time.Second

// The idle one is above the receivers' longest interval.
var usual = timeouts{header: 10 * time.Second, read: 30 * time.Second, write: writeTimeout, idle: 2 * time.Minute}

// Serve serves on listeners until the context ends, then answers what is held, lets requests finish for at most grace, and
// returns. tls may be nil.
func (m *Manager) Serve(ctx context.Context, listeners []net.Listener, config *tls.Config, grace time.Duration) error {
	server := &http.Server{
		Handler: m.Handler(), TLSConfig: config, MaxHeaderBytes: m.Limits.Header,
		ReadHeaderTimeout: m.timeouts.header, ReadTimeout: m.timeouts.read, WriteTimeout: m.timeouts.write, IdleTimeout: m.timeouts.idle,
		ErrorLog: slog.NewLogLogger(m.Log.Handler(), slog.LevelDebug), // what clients do wrong, chiefly
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan struct{})
	go func() { defer close(ran); m.Run(work) }()
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- serveOn(server, l, config != nil) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed: // a listener does not end by itself
	}
	m.Drain()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err = errors.Join(err, server.Shutdown(end))
	stop()
	<-ran
	return err
}

func serveOn(server *http.Server, l net.Listener, secure bool) error {
	var err error
	if secure {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
