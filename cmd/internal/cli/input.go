package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"weir/parser/diag"
	"weir/planner/config"
)

// readFiles reads the named files in order; "-" is standard input, a pattern its matches, and
// "dir/..." every .sql file below dir.
func (a *app) readFiles(names []string) ([]*diag.File, error) {
	var out []*diag.File
	for _, name := range names {
		if name == "-" {
			text, err := io.ReadAll(a.stdin)
			if err != nil {
				return nil, usageError{fmt.Errorf("cannot read standard input: %w", err)}
			}
			out = append(out, &diag.File{Name: "<stdin>", Text: string(text)})
			continue
		}
		paths, err := expand(name)
		if err != nil {
			return nil, usageError{err}
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, usageError{readError(path, err)}
			}
			out = append(out, &diag.File{Name: path, Text: string(text)})
		}
	}
	return out, nil
}

func readError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no such file", path)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("cannot read %s: %w", path, err)
}

func expand(name string) ([]string, error) {
	if dir, ok := strings.CutSuffix(name, "..."); ok {
		dir = filepath.Clean(strings.TrimSuffix(dir, "/"))
		var found []string
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && filepath.Ext(path) == ".sql" {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			return nil, readError(dir, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("no .sql file below %s", dir)
		}
		sort.Strings(found)
		return found, nil
	}
	if !strings.ContainsAny(name, "*?[") {
		return []string{name}, nil
	}
	found, err := filepath.Glob(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no file matches %s", name)
	}
	return found, nil
}

// settings is the defaults and --set.
func (a *app) settings() (*config.Config, error) {
	cfg := config.New()
	for _, kv := range a.sets {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--set wants key=value, found %q", kv)}
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if err := cfg.Set(key, value, config.FromFlag); err != nil {
			var unknown *config.UnknownKeyError
			if errors.As(err, &unknown) {
				keys := make([]string, len(config.Keys))
				for i := range config.Keys {
					keys[i] = config.Keys[i].Key
				}
				if near, ok := diag.Suggest(key, keys); ok {
					return nil, usageError{fmt.Errorf("--set: %w; did you mean '%s'?", err, near)}
				}
			}
			return nil, usageError{fmt.Errorf("--set: %w", err)}
		}
	}
	return cfg, nil
}
