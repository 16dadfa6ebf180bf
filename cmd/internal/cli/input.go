package cli

import (
	"errors"
	"fmt"
	"strings"

	"weir/cmd/internal/input"
	"weir/parser/diag"
	"weir/planner/config"
)

// readFiles reads the named files in order, as package input says.
func (a *app) readFiles(names []string) ([]*diag.File, error) {
	set, err := (&input.Reader{Stdin: a.stdin}).Read(names)
	if err != nil {
		return nil, usageError{err}
	}
	return set.Files, nil
}

// settings is the defaults, those of the configuration, and --set.
func (a *app) settings() (*config.Config, error) {
	cfg := config.New()
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if err := c.Settings(cfg); err != nil {
		return nil, usageError{err}
	}
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
