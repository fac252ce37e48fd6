package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// request is a signed request as bytes on the wire: the load costs next to nothing
// on the client's side, which shares the machine.
type request []byte

var credentials = aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}

// sign makes a request for a service. A target makes it a JSON one.
func sign(addr, service, target, body string) (request, error) {
	return signAs(credentials, addr, service, target, body)
}

func signAs(c aws.Credentials, addr, service, target, body string) (request, error) {
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "bench")
	if target == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	} else {
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", target)
	}
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(context.Background(), c, r, hex.EncodeToString(hash[:]), service, "us-east-1", time.Now()); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func query(action, version string, parameters ...string) string {
	form := url.Values{"Action": {action}, "Version": {version}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	return form.Encode()
}

// patience is how long a call may take.
const patience = 10 * time.Second

// connection is a kept-alive connection.
type connection struct {
	net.Conn
	r *bufio.Reader
}

func dial(addr string) (*connection, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &connection{c, bufio.NewReader(c)}, nil
}

// do sends a request and returns the body of a 200 answer.
func (c *connection) do(r request) ([]byte, error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := c.Write(r); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", response.Status, body)
	}
	return body, nil
}

// call makes one request on a connection of its own.
func call(addr string, r request) ([]byte, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.do(r)
}

// load keeps clients connections busy for that long, or until next is out of requests.
// It returns how many calls were answered, and in what time.
func load(addr string, clients int, length time.Duration, next func() request) (calls int64, took time.Duration, err error) {
	var (
		wg     sync.WaitGroup
		count  atomic.Int64
		failed atomic.Pointer[error]
	)
	begin := time.Now()
	end := begin.Add(length)
	for range clients {
		wg.Go(func() {
			c, err := dial(addr)
			if err != nil {
				failed.Store(&err)
				return
			}
			defer c.Close()
			for time.Now().Before(end) && failed.Load() == nil {
				r := next()
				if r == nil {
					return
				}
				if _, err := c.do(r); err != nil {
					failed.Store(&err)
					return
				}
				count.Add(1)
			}
		})
	}
	wg.Wait()
	if p := failed.Load(); p != nil {
		return 0, 0, *p
	}
	return count.Load(), time.Since(begin), nil
}

// always repeats one request: its signature is good for five minutes.
func always(r request) func() request { return func() request { return r } }

// each hands out every request once.
func each(requests []request) func() request {
	var n atomic.Int64
	return func() request {
		i := n.Add(1) - 1
		if i >= int64(len(requests)) {
			return nil
		}
		return requests[i]
	}
}
