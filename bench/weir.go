package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weir/connectors/kafka"
)

// weirEngine is `weir run`, a process for each run.
type weirEngine struct{ *bench }

func openWeir(_ context.Context, b *bench) (engine, error) { return weirEngine{b}, nil }

func (w weirEngine) run(ctx context.Context, t, _ task) (measure, error) {
	args, err := w.weirArgs(t.Job, t.out, nil)
	if err != nil {
		return measure{}, err
	}
	if w.profile != "" {
		args = append(args, "--profile", filepath.Join(w.profile, t.Job))
	}
	return runChild(ctx, w.weir, args...)
}

func (w weirEngine) close() error { return nil }

// jobText is a file of bench/jobs with this run's names. The pairs of edit are replaced in it as well.
func (b *bench) jobText(job, out string, edit []string) (string, error) {
	text, err := os.ReadFile(filepath.Join("bench", "jobs", job+".sql"))
	if err != nil {
		return "", err
	}
	return strings.NewReplacer(append([]string{
		"localhost:9092", b.servers,
		"'bench_out'", "'" + out + "'",
		"'bench-'", "'" + out + "-'",
		"file:///tmp/weir/chk", "file://" + filepath.Join(b.dir, out, "chk"),
	}, edit...)...).Replace(string(text)), nil
}

// weirArgs writes the job's file with this run's names and gives the command line.
func (b *bench) weirArgs(job, out string, edit []string) ([]string, error) {
	sql, err := b.jobText(job, out, edit)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, out)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, job+".sql")
	if err := os.WriteFile(file, []byte(sql), 0o644); err != nil {
		return nil, err
	}
	args := []string{"run", file, "--quiet", "--state-dir", filepath.Join(dir, "state")}
	if b.sets != "" {
		for _, s := range strings.Split(b.sets, ";") {
			args = append(args, "--set", s)
		}
	}
	return args, nil
}

// bareEngine is the bare loop, in a process of this binary for each run.
type bareEngine struct{ *bench }

func openBare(_ context.Context, b *bench) (engine, error) { return bareEngine{b}, nil }

func (e bareEngine) run(ctx context.Context, t, _ task) (measure, error) {
	self, err := os.Executable()
	if err != nil {
		return measure{}, err
	}
	return runChild(ctx, self, "bare", e.servers, t.in, t.out, "bare-"+t.out)
}

func (e bareEngine) close() error { return nil }

// bareChild is that process.
func bareChild(args []string) error {
	if len(args) != 4 {
		return errors.New("internal use: bare SERVERS FROM TO ID")
	}
	_, err := kafka.BareLoop(context.Background(), kafka.BareOptions{Servers: args[0], From: args[1], To: args[2], TransactionalID: args[3],
		Interval: 5 * time.Second})
	return err
}
