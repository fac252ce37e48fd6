package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBackupRestoreCheck(t *testing.T) {
	t.Chdir(t.TempDir()) // where the default data directory would be
	t.Setenv("AWS_ENDPOINT_URL", "")
	dir := filepath.Join(t.TempDir(), "data")
	expect := func(want string, status int, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), args, nil, &stdout, &stderr); got != status {
			t.Errorf("%q: status %d: %s", args, got, &stderr)
		}
		if text := stdout.String() + stderr.String(); !strings.Contains(text, want) || want == "" && text != "" {
			t.Errorf("%q says %q, want %q", args, text, want)
		}
	}
	s, url := serve(t, "--data-dir", dir)
	expect("", 0, "backup", "one.tar", "--endpoint", url)
	if info, err := os.Stat("one.tar"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("one.tar: %v, %v", info, err)
	}
	expect("one.tar is there already; --force replaces it", 1, "backup", "one.tar", "--endpoint", url)
	expect("", 0, "backup", "one.tar", "--endpoint", url, "--force", "--with-key")
	expect("", 0, "check", "--endpoint", url)
	expect("", 0, "check", "one.tar")
	// A data directory that is in use is that of the emulator that is asked then.
	expect("", 0, "backup", "two.tar", "--data-dir", dir, "--endpoint", url)
	expect("", 0, "check", "--data-dir", dir, "--endpoint", url)
	expect("connection refused", 1, "backup", "three.tar", "--data-dir", dir, "--endpoint", "http://127.0.0.1:1")
	s.stop()
	if status := <-s.done; status != 0 {
		t.Fatalf("status %d: %s", status, s.stderr)
	}

	// It does not run any more.
	expect("connection refused", 1, "backup", "three.tar", "--endpoint", url)
	expect("no such file", 1, "backup", "three.tar", "--data-dir", "missing")
	expect("", 0, "backup", "three.tar", "--data-dir", dir)
	expect("", 0, "check", "--data-dir", dir)
	if left, _ := filepath.Glob("*"); len(left) != 3 {
		t.Errorf("files %q", left)
	}
	expect("has no master key", 1, "restore", "three.tar", "--data-dir", "new")
	expect("", 0, "restore", "one.tar", "--data-dir", "new")
	expect("is there already", 1, "restore", "one.tar", "--data-dir", "new")
	expect("", 0, "check", "--data-dir", "new")
	again, _ := serve(t, "--data-dir", "new")
	again.stop()
	if status := <-again.done; status != 0 {
		t.Errorf("status %d: %s", status, again.stderr)
	}

	// Damage is told, by check and at the start.
	database := filepath.Join("new", "emulator.db")
	content, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(database, bytes.Replace(content, []byte("master-key-check"), []byte("master-key-cheek"), -1), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("does not fit its checksum\nemulator: the database is damaged\n", 1, "check", "--data-dir", "new")
	expect(database+": the database is damaged", 1, "--data-dir", "new", "--listen", "127.0.0.1:0")
}
