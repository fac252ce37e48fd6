package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// defaultEndpoint is where AWS SDKs are pointed at, or where an emulator listens if not told otherwise.
func defaultEndpoint() string { return cmp.Or(os.Getenv("AWS_ENDPOINT_URL"), "http://127.0.0.1:4566") }

// callAdmin calls the admin API, with in as JSON unless it is nil, and reads its answer into
// out.
func callAdmin(ctx context.Context, env settings, method, url string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	resp, err := sendAdmin(ctx, env, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

// sendAdmin calls the admin API and returns its answer, whose body is to be closed. The admin
// token, if the emulator wants one, is a variable only, as everywhere.
func sendAdmin(ctx context.Context, env settings, method, url string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token := env[adminTokenVariable]; token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client, err := httpClient()
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	var failure struct {
		Error string `json:"error"`
	}
	if json.NewDecoder(resp.Body).Decode(&failure) == nil && failure.Error != "" {
		return nil, errors.New(failure.Error)
	}
	return nil, fmt.Errorf("%s: %s", url, resp.Status)
}
