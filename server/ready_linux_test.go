package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"emulator/emulatortest"
	"emulator/server"
)

// swap puts another file in the place of the open ones at path, and returns how many those were.
func swap(t *testing.T, path, other string) int {
	t.Helper()
	replacement, err := os.OpenFile(other, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer replacement.Close()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	swapped := 0
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd == int(replacement.Fd()) {
			continue
		}
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && target == path {
			if err := syscall.Dup3(int(replacement.Fd()), fd, syscall.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			swapped++
		}
	}
	return swapped
}

// An emulator that can't write is not ready, and is again when it can.
func TestReadyMeansWritable(t *testing.T) {
	dir := t.TempDir()
	e := emulatortest.Start(t, server.Config{DataDir: dir})
	ready := func() (int, string) {
		resp, text := send(t, e, call{method: "GET", path: "/readyz"})
		return resp.StatusCode, text
	}
	// wait waits for what a probe finds; its outcome is good for a while.
	wait := func(status int) (text string) {
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			var got int
			if got, text = ready(); got == status {
				return text
			}
		}
		t.Fatalf("never %d: %s", status, text)
		return ""
	}
	if status, text := ready(); status != http.StatusOK {
		t.Fatalf("at first: %d %s", status, text)
	}
	database := filepath.Join(dir, "emulator.db")
	if swap(t, database, "/dev/full") != 1 {
		t.Fatal("the database is not open")
	}
	if text := wait(http.StatusServiceUnavailable); !strings.Contains(text, "no space left on device") {
		t.Errorf("the reason is %s", text)
	}
	create := func(name string) error {
		_, err := iam.NewFromConfig(e.Config()).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(name)})
		return err
	}
	if create("bob") == nil {
		t.Error("CreateUser succeeded on a full disk")
	}
	swap(t, "/dev/full", database)
	wait(http.StatusOK)
	if err := create("bob"); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

// Polling writes next to nothing.
func TestReadyIsCheap(t *testing.T) {
	dir := t.TempDir()
	e := emulatortest.Start(t, server.Config{DataDir: dir})
	began := time.Now()
	send(t, e, call{method: "GET", path: "/readyz"})
	before, err := os.ReadFile(filepath.Join(dir, "emulator.db"))
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		send(t, e, call{method: "GET", path: "/readyz"})
	}
	after, err := os.ReadFile(filepath.Join(dir, "emulator.db"))
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) && time.Since(began) < time.Second {
		t.Error("polling writes each time")
	}
}
