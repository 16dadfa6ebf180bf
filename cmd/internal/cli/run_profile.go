package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"time"
)

// The execution trace keeps to the last so many seconds and about so many bytes, so that a job may run for days under it.
const (
	traceAge   = 10 * time.Second
	traceBytes = 64 << 20
)

// startProfile begins to write profiles of this process into dir: cpu.pprof now, and at the end heap.pprof (what is
// held), allocs.pprof (what was ever allocated), goroutines.txt, and trace.out, the execution trace of the last seconds, for
// go tool trace; the others are for go tool pprof. An empty dir does nothing. The returned function ends them; it is called once.
func startProfile(dir string) (stop func() error, err error) {
	if dir == "" {
		return func() error { return nil }, nil
	}
	fail := func(err error) error { return fmt.Errorf("--profile: %w", err) }
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fail(err)
	}
	cpu, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return nil, fail(err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(fail(err), cpu.Close())
	}
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: traceAge, MaxBytes: traceBytes})
	if err := recorder.Start(); err != nil {
		pprof.StopCPUProfile()
		return nil, errors.Join(fail(err), cpu.Close())
	}
	return func() error {
		errs := []error{write(dir, "trace.out", func(w io.Writer) error { _, err := recorder.WriteTo(w); return err })}
		recorder.Stop()
		pprof.StopCPUProfile()
		errs = append(errs, cpu.Close())
		runtime.GC() // the heap profile is as of the last collection
		for _, p := range []struct {
			name, file string
			debug      int
		}{{"heap", "heap.pprof", 0}, {"allocs", "allocs.pprof", 0}, {"goroutine", "goroutines.txt", 2}} {
			errs = append(errs, write(dir, p.file, func(w io.Writer) error { return pprof.Lookup(p.name).WriteTo(w, p.debug) }))
		}
		if err := errors.Join(errs...); err != nil {
			return fail(err)
		}
		return nil
	}, nil
}

// write makes a file of what f writes.
func write(dir, name string, f func(io.Writer) error) error {
	w, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	return errors.Join(f(w), w.Close())
}
