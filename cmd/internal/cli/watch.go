package cli

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"weir/cmd/internal/input"
)

// settle is how long files must be at rest before they are looked at: an editor's save is several events.
const settle = 50 * time.Millisecond

// watch calls do at once, and again whenever one of the files that it names has changed, until ^C. do returns the files
// to watch: those that it read, and folders in which others may appear.
func (a *app) watch(ctx context.Context, do func() (paths []string)) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	defer w.Close()
	for {
		if isTerminal(a.stdout) {
			fmt.Fprint(a.stdout, "\x1b[H\x1b[2J")
		}
		paths := do()
		if err := follow(w, paths); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "watching %s; ^C stops\n", count(len(paths), "file"))
		if err := change(ctx, w, paths); err != nil {
			if errors.Is(err, context.Canceled) {
				return exit(exitInterrupted)
			}
			return err
		}
	}
}

// follow makes w watch the folders of the paths: editors replace files, and a watch on a file ends with it.
func follow(w *fsnotify.Watcher, paths []string) error {
	for _, p := range paths {
		dir := filepath.Dir(p)
		if slices.Contains(w.WatchList(), dir) {
			continue
		}
		if err := w.Add(dir); err != nil {
			return fmt.Errorf("watch %s: %w", dir, err)
		}
	}
	return nil
}

// change returns when one of the paths, or another SQL or Markdown file beside them, has changed and all is at rest again.
func change(ctx context.Context, w *fsnotify.Watcher, paths []string) error {
	var rest <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-w.Errors:
			return fmt.Errorf("watch files: %w", err)
		case e := <-w.Events:
			known := slices.ContainsFunc(paths, func(p string) bool { return filepath.Clean(p) == filepath.Clean(e.Name) })
			if !known && filepath.Ext(e.Name) != ".sql" && !input.IsMarkdown(e.Name) || e.Op == fsnotify.Chmod {
				continue
			}
			rest = time.After(settle)
		case <-rest:
			return nil
		}
	}
}

// watchCheck checks whenever a file changes.
func (a *app) watchCheck(ctx context.Context, args []string, o checkOptions) error {
	if slices.Contains(args, "-") {
		return usageError{errors.New("--watch needs files: standard input does not change")}
	}
	if _, err := (&input.Reader{}).Read(args); err != nil {
		return usageError{err}
	}
	var last []string
	return a.watch(ctx, func() []string {
		if err := a.check(ctx, args, o); err != nil {
			var code exit
			if !errors.As(err, &code) {
				a.printError(err)
			}
		}
		// A file that has just gone may come back.
		if set, err := (&input.Reader{}).Read(args); err == nil {
			last = set.Names
		}
		return last
	})
}
