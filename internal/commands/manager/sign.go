package manager

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/alienplatform/alien-go/internal/commands/wire"
)

// signer makes and checks the URLs that carry their own permission.
type signer struct{ key []byte }

func (s signer) sum(message string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(message))
	return hex.EncodeToString(h.Sum(nil))
}

// valid checks the signature first, so that nothing is learnt from the rest; then that it has not run out, and does not last
// longer than life from now.
func (s signer) valid(message, sum string, expires int64, now time.Time, life time.Duration) bool {
	return hmac.Equal([]byte(s.sum(message)), []byte(sum)) && expires >= now.Unix() && expires <= now.Add(life).Unix()
}

func responseMessage(id string, expires int64) string {
	return fmt.Sprintf("commands.v1:%s:%d", id, expires)
}

// responsePath is where the response of a command goes, relative to the lease endpoint.
func (s signer) responsePath(id string, now time.Time) string {
	expires := now.Add(wire.ResponseTTL).Unix()
	return id + "/response?" + url.Values{
		wire.QueryResponseToken: {s.sum(responseMessage(id, expires))}, wire.QueryExpires: {strconv.FormatInt(expires, 10)},
	}.Encode()
}

func (s signer) validResponse(id, token string, expires int64, now time.Time) bool {
	return s.valid(responseMessage(id, expires), token, expires, now, wire.ResponseTTL)
}

// The parts of a command that may be blobs.
const (
	partParams   = "params"
	partResponse = "response"
)

const pathBlob = "/v1/blobs/{commandId}/{part}"

func blobMessage(op wire.Operation, id, part string, expires int64) string {
	return fmt.Sprintf("blobs.v1:%s:%s/%s:%d", op, id, part, expires)
}

// blob is a request for a large body; base is what stands before "blobs/" in its URL.
func (s signer) blob(op wire.Operation, base, id, part string, expires time.Time) wire.PresignedRequest {
	method := map[wire.Operation]string{wire.Put: "PUT", wire.Get: "GET"}[op]
	query := url.Values{"op": {string(op)}, "expires": {strconv.FormatInt(expires.Unix(), 10)}, "sig": {s.sum(blobMessage(op, id, part, expires.Unix()))}}
	return wire.PresignedRequest{
		Backend:    wire.Backend{Type: wire.HTTP, URL: base + "blobs/" + id + "/" + part + "?" + query.Encode(), Method: method},
		Expiration: wire.At(expires), Operation: op, Path: "arc/commands/" + id + "/" + part,
	}
}

func (s signer) validBlob(op wire.Operation, id, part, sum string, expires int64, now time.Time) bool {
	return s.valid(blobMessage(op, id, part, expires), sum, expires, now, wire.ResponseTTL)
}
