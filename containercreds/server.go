package containercreds

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"time"
)

// Server is an endpoint on a loopback port.
type Server struct {
	// URL is what AWS_CONTAINER_CREDENTIALS_FULL_URI must be.
	URL string
	// Token is what AWS_CONTAINER_AUTHORIZATION_TOKEN must be, or the content of the file
	// that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names.
	Token string
	// Handler is the endpoint.
	Handler *Handler

	server http.Server
	done   chan struct{}
}

// Start serves an endpoint on a port of 127.0.0.1 until Close. Without c.Token it makes one.
func Start(c Config) (*Server, error) {
	if c.Token == "" {
		c.Token = rand.Text()
	}
	handler, err := New(c)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL:     "http://" + l.Addr().String() + Path,
		Token:   c.Token,
		Handler: handler,
		server:  http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10},
		done:    make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.server.Serve(l) // ends with Close
	}()
	return s, nil
}

// Prime makes the first credentials, or says why there are none.
func (s *Server) Prime(ctx context.Context) error {
	_, _, err := s.Handler.cache.Credentials(ctx)
	return err
}

// Close stops serving. A request under way is cut off.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.done
	return err
}
