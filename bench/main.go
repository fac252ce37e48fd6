// Command bench measures the emulator from outside, in one run: the CPU time that
// the serving process spends on a call and the calls per second, next to an empty
// gorilla/mux handler in the same process image, bbolt's own Batch on the same
// disk, and moto_server where it is installed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"

	"github.com/gorilla/mux"

	"emulator/server"
)

func main() {
	var (
		serve   = flag.String("serve", "", "be the server under load: emulator or empty")
		dir     = flag.String("dir", "", "data directory of -serve emulator")
		seconds = flag.Float64("seconds", 3, "length of each measurement")
		clients = flag.Int("clients", 16, "concurrent clients, each with a connection of its own")
		profile = flag.String("profile", "", "write a CPU profile of the emulator to this `file`")
		many    = flag.Int("many", 100_000, "roles and keys in the large database; 0 leaves that part out")
	)
	flag.Parse()
	server.TuneGC() // for the yardstick too
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch *serve {
	case "":
		err = measure(ctx, time.Duration(*seconds*float64(time.Second)), *clients, *many, *profile)
	case "empty":
		err = serveEmpty()
	case "emulator":
		err = serveEmulator(ctx, *dir, *profile)
	default:
		err = fmt.Errorf("-serve %s: want emulator or empty", *serve)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// serveEmpty is the yardstick: the least that a server with these libraries does.
func serveEmpty() error {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.PathPrefix("/").Methods(http.MethodGet, http.MethodPost).HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, r)
}

func serveEmulator(ctx context.Context, dir, profile string) (err error) {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s, err := server.Open(server.Config{DataDir: dir, Quotas: []string{"off"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Println(l.Addr())
	return s.Serve(ctx, l, nil)
}
