package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// line is one connection to the manager, for one request at a time. Load has to cost less than what it loads: net/http's client
// takes as long for a request as the manager does.
type line struct {
	conn   net.Conn
	reader *bufio.Reader
	head   string // of every request
	out    []byte
}

// dial opens a connection, which ends with ctx.
func (m *manager) dial(ctx context.Context) (*line, error) {
	address := strings.TrimPrefix(m.url, "http://")
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	head := "Host: " + address + "\r\nContent-Type: application/json\r\n"
	return &line{conn: conn, reader: bufio.NewReader(conn), head: head}, nil
}

// call makes one request and gives the answer's body; headers end in a line break each.
func (l *line) call(method, path, headers, body string) ([]byte, error) {
	l.out = fmt.Appendf(l.out[:0], "%s %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s", method, path, l.head, headers, len(body), body)
	if _, err := l.conn.Write(l.out); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(l.reader, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	return text, err
}

func (m *manager) bearer() string { return "Authorization: Bearer " + m.key + "\r\n" }
