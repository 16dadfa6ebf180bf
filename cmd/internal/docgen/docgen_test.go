package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReferencePagesAreWhatTheTablesSay(t *testing.T) {
	for path, want := range pages() {
		got, err := os.ReadFile(filepath.Join("../../..", path))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is stale: go run ./cmd/internal/docgen", path)
		}
	}
}
