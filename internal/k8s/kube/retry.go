package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// How a call is tried again that did not get through. All calls we make may be made twice.
const (
	firstPause  = 50 * time.Millisecond
	longestWait = time.Second // between two tries
	patience    = 30 * time.Second
)

// send makes a call whose answer is read by the caller, as it comes.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var got *http.Response
	err := c.persist(ctx, r, func(resp *http.Response) error { got = resp; return nil })
	return got, err
}

// persist makes a call and has its answer read, and does so again while the server is away for a moment or asks for
// patience. A cluster that has not been reached yet is not waited for: its address may be wrong.
func (c *Client) persist(ctx context.Context, r request, read func(*http.Response) error) error {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return fmt.Errorf("cannot write a request to %s: %w", r.path, err)
		}
	}
	until := time.Now().Add(patience)
	for pause := firstPause; ; pause = min(2*pause, longestWait) {
		resp, err := c.once(ctx, r, body)
		if err == nil {
			c.reached.Store(true)
			err = read(resp)
		}
		if err == nil {
			return nil
		}
		var status apierrors.APIStatus
		if errors.As(err, &status) {
			c.reached.Store(true)
		}
		if !c.again(err) || errors.Is(err, errSilent) || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
		if werr := wait(ctx, max(pause, asked(err))); werr != nil {
			return err
		}
	}
}

// again says whether the same call may get through later.
func (c *Client) again(err error) bool {
	if Unreachable(err) {
		return c.reached.Load()
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	refused := code == http.StatusNotImplemented || strings.Contains(err.Error(), "webhook")
	return code == http.StatusTooManyRequests || code >= 500 && !refused
}

// asked is how long the server wants to be left alone, within reason.
func asked(err error) time.Duration {
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		return min(time.Duration(seconds)*time.Second, longestWait)
	}
	return 0
}

// Unreachable says that a call did not get an answer of the API server.
func Unreachable(err error) bool {
	if errors.Is(err, errSilent) {
		return true
	}
	var status apierrors.APIStatus
	if err == nil || errors.As(err, &status) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var op net.Error
	return errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// NodeUnreachable says that the API server could not reach the kubelet whose answer was wanted.
func NodeUnreachable(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code >= 500 && strings.Contains(err.Error(), "dial tcp")
}

// wait lets time pass.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Refused says that the API server gave an answer that it will give again.
func Refused(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= 400 && code < 500 && code != http.StatusTooManyRequests && code != http.StatusGone && code != http.StatusRequestTimeout
}

// LoginFailed says that the program that should give us credentials did not.
func LoginFailed(err error) bool {
	return err != nil && strings.Contains(err.Error(), "getting credentials: ")
}
