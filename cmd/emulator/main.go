// Command emulator is a local AWS: STS, IAM and KMS on one endpoint, with
// signatures verified and policies enforced.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"emulator/server"
)

func main() {
	server.TuneGC()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the whole program. It returns the exit status: 1 after an error, of which
// stderr has one line, or that of the command that exec ran.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	cmd := newRootCommand(environ)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if err := cmd.ExecuteContext(ctx); err != nil {
		if status, ok := errors.AsType[exitStatus](err); ok {
			return int(status)
		}
		fmt.Fprintf(stderr, "emulator: %v\n", err)
		return 1
	}
	return 0
}
