package cli

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/lmittmann/tint"
)

func parseLevel(s string) (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(s))); err != nil {
		return 0, fmt.Errorf("--log-level is debug, info, warn or error, not %q", s)
	}
	return l, nil
}

// logger writes to w in the chosen form; with --quiet only errors.
func (a *app) logger(w io.Writer) *slog.Logger {
	level, _ := parseLevel(a.logLevel) // checked before any verb runs
	if a.quiet {
		level = slog.LevelError
	}
	if a.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !a.colored(a.stderr)}))
}
