package wire_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// messages are all shapes, each with an example in the protocol's own words: written again it is the same.
var messages = []struct {
	shape   any
	example string
}{
	{&wire.Target{}, `{"resourceId":"indexer","resourceType":"daemon"}`},
	{&wire.PresignedRequest{}, `{"backend":{"type":"http","url":"https://m.example/v1/b?sig=ab","method":"PUT","headers":{}},"expiration":"2026-03-01T12:00:00Z","operation":"put","path":"arc/commands/cmd_1/response"}`},
	{&wire.PresignedRequest{}, `{"backend":{"type":"local","filePath":"/b/x","operation":"get"},"expiration":"2026-03-01T12:00:00.123456Z","operation":"get","path":"x"}`},
	{&wire.Body{}, `{"mode":"inline","inlineBase64":""}`},
	{&wire.Body{}, `{"mode":"storage","size":null}`},
	{&wire.Body{}, `{"mode":"storage","size":412000,"storagePutUsed":true}`},
	{&wire.Response{}, `{"status":"success","response":{"mode":"inline","inlineBase64":"e30="}}`},
	{&wire.Response{}, `{"status":"error","code":"","message":""}`},
	{&wire.Response{}, `{"status":"error","code":"HANDLER_ERROR","message":"disk full","details":"at 3"}`},
	{&wire.CreateRequest{}, `{"deploymentId":"dep_7","command":"reindex","params":{"mode":"inline","inlineBase64":"eyJmdWxsIjp0cnVlfQ=="},"deadline":"2026-03-01T10:05:00Z","idempotencyKey":"","targetResourceId":"indexer"}`},
	{&wire.CreateResponse{}, `{"commandId":"cmd_9","state":"PENDING","inlineAllowedUpTo":150000,"next":"poll"}`},
	{&wire.UploadCompleteRequest{}, `{"size":0}`},
	{&wire.UploadCompleteResponse{}, `{"commandId":"cmd_9","state":"PENDING"}`},
	{&wire.StatusResponse{}, `{"commandId":"cmd_9","state":"FAILED","attempt":1,"target":{"resourceId":"indexer","resourceType":"daemon"},"response":{"status":"error","code":"HANDLER_ERROR","message":"disk full"}}`},
	{&wire.PayloadResponse{}, `{"commandId":"cmd_9"}`},
	{&wire.StorePayloadRequest{}, `{"params":{"mode":"inline","inlineBase64":"e30="}}`},
	{&wire.LeaseRequest{}, `{"deploymentId":"dep_7","target":{"resourceId":"indexer","resourceType":"daemon"},"maxLeases":0,"leaseSeconds":60}`},
	{&wire.LeaseResponse{}, `{"leases":[]}`},
	{&wire.LeaseResponse{}, `{"leases":[{"leaseId":"lease_4f0c","leaseExpiresAt":"2026-03-01T10:01:00Z","commandId":"cmd_9","attempt":1,"envelope":{"protocol":"arc.v1","deploymentId":"dep_7","target":{"resourceId":"indexer","resourceType":"daemon"},"commandId":"cmd_9","attempt":1,"command":"reindex","params":{"mode":"inline","inlineBase64":"e30="},"responseHandling":{"maxInlineBytes":150000,"submitResponseUrl":"cmd_9/response?response_token=9b1c","storageUploadRequest":{"backend":{"type":"http","url":"../blobs/cmd_9/response?sig=77","method":"PUT","headers":{}},"expiration":"2026-03-01T12:00:00Z","operation":"put","path":"arc/commands/cmd_9/response"}},"traceContext":{"traceparent":"00-1"}}}]}`},
	{&wire.ReleaseRequest{}, `{"leaseId":"lease_4f0c"}`},
}

func TestMessagesAreWrittenAsTheyWereRead(t *testing.T) {
	for _, m := range messages {
		v := fresh(m.shape)
		if err := wire.Unmarshal([]byte(m.example), v); err != nil {
			t.Errorf("%T: %v\n%s", v, err, m.example)
			continue
		}
		got, err := json.Marshal(v)
		if err != nil || string(got) != m.example {
			t.Errorf("%T: %v\n got %s\nwant %s", v, err, got, m.example)
		}
	}
}

func fresh(shape any) any { return reflect.New(reflect.TypeOf(shape).Elem()).Interface() }

func TestUnmarshalRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		shape any
		in    string
		want  string
	}{
		"no JSON":              {&wire.Target{}, `{`, "not JSON"},
		"nothing":              {&wire.Target{}, ``, "not JSON"},
		"null":                 {&wire.Target{}, `null`, "null where"},
		"array":                {&wire.Target{}, `[]`, "wrong shape"},
		"missing":              {&wire.Target{}, `{"resourceId":"a"}`, "resourceType is missing"},
		"null where required":  {&wire.Target{}, `{"resourceId":null,"resourceType":"daemon"}`, "resourceId is missing"},
		"other case":           {&wire.Target{}, `{"ResourceId":"a","resourceType":"daemon"}`, "resourceId is missing"},
		"unknown word":         {&wire.Target{}, `{"resourceId":"a","resourceType":"pod"}`, "resourceType"},
		"negative":             {&wire.UploadCompleteRequest{}, `{"size":-1}`, "2^53-1"},
		"too large":            {&wire.UploadCompleteRequest{}, `{"size":9007199254740992}`, "2^53-1"},
		"fraction":             {&wire.UploadCompleteRequest{}, `{"size":1.5}`, "wrong shape"},
		"no mode":              {&wire.Body{}, `{}`, "mode is missing"},
		"unknown mode":         {&wire.Body{}, `{"mode":"x"}`, "not known"},
		"no content":           {&wire.Body{}, `{"mode":"inline"}`, "inlineBase64 is missing"},
		"negative size":        {&wire.Body{}, `{"mode":"storage","size":-4}`, "size"},
		"error without code":   {&wire.Response{}, `{"status":"error","message":"m"}`, "code is missing"},
		"method":               {&wire.Backend{}, `{"type":"http","url":"u","method":"POST","headers":{}}`, "method"},
		"no headers":           {&wire.Backend{}, `{"type":"http","url":"u","method":"PUT"}`, "headers is missing"},
		"within a list":        {&wire.LeaseResponse{}, `{"leases":[{"leaseId":"l"}]}`, "leases: [0]: leaseExpiresAt is missing"},
		"time without an hour": {&wire.CreateRequest{}, `{"deploymentId":"d","command":"c","params":{"mode":"inline","inlineBase64":""},"deadline":"2026-03-01"}`, "wrong shape"},
	} {
		err := wire.Unmarshal([]byte(c.in), fresh(c.shape))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		var syntax *wire.SyntaxError
		var shape *wire.ShapeError
		if errors.As(err, &syntax) == errors.As(err, &shape) {
			t.Errorf("%s: %T is not one of the two kinds", name, err)
		}
	}
}

func TestOptionalMayBeNull(t *testing.T) {
	var r wire.CreateRequest
	in := `{"deploymentId":"d","command":"c","params":{"mode":"storage","size":null,"storageGetRequest":null,"storagePutUsed":null},"deadline":null,"idempotencyKey":null,"targetResourceId":null,"more":[1]}`
	if err := wire.Unmarshal([]byte(in), &r); err != nil {
		t.Fatal(err)
	}
	if r.TargetResourceID != nil || !r.Deadline.IsZero() || r.Params.Size != nil {
		t.Errorf("null left something: %+v", r)
	}
}

func TestTimesAreWrittenInUTC(t *testing.T) {
	var at wire.Time
	if err := wire.Unmarshal([]byte(`"2026-03-01T12:00:00.5+02:00"`), &at); err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal(at); string(got) != `"2026-03-01T10:00:00.5Z"` {
		t.Errorf("got %s", got)
	}
	if got, _ := json.Marshal(wire.At(time.Unix(1, 2_345_678))); string(got) != `"1970-01-01T00:00:01.002Z"` {
		t.Errorf("got %s", got)
	}
}

func TestContentIsStrictBase64(t *testing.T) {
	for in, ok := range map[string]bool{"": true, "e30=": true, "e30": false, "e3 0=": false, "_-8=": false, "e31=": false} {
		_, err := wire.Body{Mode: wire.Inline, InlineBase64: in}.Content()
		if (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestReadError(t *testing.T) {
	e := wire.NewError(wire.CommandNotFound, "Command 'x' not found", "command_id", "x")
	body, _ := json.Marshal(e)
	if got := wire.ReadError(404, body); got.Code != wire.CommandNotFound || got.Context["command_id"] != "x" {
		t.Errorf("got %+v", got)
	}
	if got := wire.ReadError(503, []byte("<html>")); got.HTTPStatusCode != 503 || got.Code != wire.GenericError {
		t.Errorf("got %+v", got)
	}
}

// FuzzUnmarshal: no input breaks a decoder, and what one takes, written again, it takes again and writes the same.
func FuzzUnmarshal(f *testing.F) {
	for i, m := range messages {
		f.Add(uint8(i), []byte(m.example))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		shape := messages[int(which)%len(messages)].shape
		v := fresh(shape)
		if wire.Unmarshal(data, v) != nil {
			return
		}
		once, err := json.Marshal(v)
		if err != nil {
			t.Skip() // a year past 9999 in UTC
		}
		again := fresh(shape)
		if err := wire.Unmarshal(once, again); err != nil {
			t.Fatalf("%T does not take what it wrote: %v\n%s", v, err, once)
		}
		if twice, _ := json.Marshal(again); string(twice) != string(once) {
			t.Fatalf("%T changes\n%s\n%s", v, once, twice)
		}
	})
}

// FuzzReadError: whatever a server answers with, there is an error to show, with the status that it had.
func FuzzReadError(f *testing.F) {
	for _, body := range []string{"", "<html>", "null", "[]", `{"code":1}`, `{"code":"X","message":"m","context":{"a":[1]},"source":{"code":"Y"}}`, `{"code":"X","httpStatusCode":200}`} {
		f.Add(500, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if e := wire.ReadError(status, body); e == nil || e.Code == "" || e.HTTPStatusCode != status {
			t.Fatalf("%q: %+v", body, e)
		}
	})
}
