package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// startProfile begins to write profiles of this process into dir, for go tool pprof: cpu.pprof now, and at the
// end heap.pprof (what is held), allocs.pprof (what was ever allocated) and goroutines.txt. An empty dir does nothing. The
// returned function ends them; it is called once.
func startProfile(dir string) (stop func() error, err error) {
	if dir == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	cpu, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(fmt.Errorf("--profile: %w", err), cpu.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		err := cpu.Close()
		runtime.GC() // the heap profile is as of the last collection
		for _, p := range []struct {
			name, file string
			debug      int
		}{{"heap", "heap.pprof", 0}, {"allocs", "allocs.pprof", 0}, {"goroutine", "goroutines.txt", 2}} {
			f, e := os.Create(filepath.Join(dir, p.file))
			if e != nil {
				err = errors.Join(err, e)
				continue
			}
			err = errors.Join(err, pprof.Lookup(p.name).WriteTo(f, p.debug), f.Close())
		}
		if err != nil {
			return fmt.Errorf("--profile: %w", err)
		}
		return nil
	}, nil
}
