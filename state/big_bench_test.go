package state

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A state of many times its budget, as an aggregation over uniformly random keys makes it: every batch reads and writes keys
// anywhere. It is filled first; then the same keys are written again. Epochs are prepared in the background, as the runtime does.
//
//	go test ./state -run '^$' -bench LargerThanMemory -benchtime 1x -timeout 30m
//
// WEIR_BIG_KEYS and WEIR_BIG_MIB in the environment choose other sizes; a budget larger than the state gives the rate in memory.
func BenchmarkLargerThanMemory(b *testing.B) {
	keys, mib := envInt(b, "WEIR_BIG_KEYS", 4_000_000), envInt(b, "WEIR_BIG_MIB", 32)
	s := newBench(b, int64(mib)<<20)
	rnd := rand.New(rand.NewPCG(1, 2))
	refs, created := make([]Ref, 2048), make([]bool, 2048)
	hashes := make([]uint64, 2048)
	ks := Keys{Off: make([]uint32, 2049), Data: make([]byte, 2048*9)}
	for i := range ks.Off {
		ks.Off[i] = uint32(i * 9)
	}
	e, worst := Epoch(0), time.Duration(0)
	var inPrepare atomic.Int64
	var preparing chan error
	last := time.Now()
	wait := func() {
		if preparing != nil {
			if err := <-preparing; err != nil {
				b.Fatal(err)
			}
			preparing = nil
		}
	}
	write := func(key func() uint64) {
		for i := range hashes {
			k := ks.Data[i*9 : i*9+9]
			binary.BigEndian.PutUint64(k[1:], key())
			hashes[i] = Hash(k)
		}
		start := time.Now()
		if err := s.m.UpsertMany(hashes, ks, refs, created); err != nil {
			b.Fatal(err)
		}
		for _, r := range refs {
			f := s.m.Fixed(r)
			binary.LittleEndian.PutUint64(f, binary.LittleEndian.Uint64(f)+1)
		}
		worst = max(worst, time.Since(start))
		if preparing != nil {
			select {
			case err := <-preparing:
				if err != nil {
					b.Fatal(err)
				}
				preparing = nil
			default:
				return
			}
		}
		if time.Since(last) < 5*time.Second && !s.s.Pressure() {
			return
		}
		f, err := s.scope.Freeze(e)
		if err != nil {
			b.Fatal(err)
		}
		preparing = make(chan error, 1)
		go func(e Epoch) {
			start := time.Now()
			err := s.s.Prepare(context.Background(), &Manifest{Job: "j", Epoch: e}, []*Frozen{f}, nil)
			if err == nil {
				err = s.s.Commit(e)
			}
			inPrepare.Add(int64(time.Since(start)))
			preparing <- err
		}(e)
		e++
		last = time.Now()
	}
	phase := func(name string, n int, key func() uint64) {
		start, cpu := time.Now(), processCPU(b)
		for done := 0; done < n; done += 2048 {
			write(key)
		}
		took := time.Since(start)
		b.ReportMetric(float64((processCPU(b)-cpu).Nanoseconds())/float64(n), name+"-cpu-ns/key")
		b.ReportMetric(float64(took.Nanoseconds())/float64(n), name+"-ns/key")
		b.Logf("%s: %d writes in %v, %.0f k/s, epoch %d, %d entries, %v in Prepare, worst batch %v, peak RSS %d MiB", name, n, took.Round(time.Millisecond), float64(n)/took.Seconds()/1000, e, s.m.Len(), time.Duration(inPrepare.Swap(0)).Round(time.Millisecond), worst, peakMiB(b))
		worst = 0
	}
	for b.Loop() {
		next := uint64(0)
		phase("fill", keys, func() uint64 { next++; return next })
		phase("steady", keys/2, func() uint64 { return 1 + rnd.Uint64N(uint64(keys)) })
		wait()
	}
	b.ReportMetric(float64(peakMiB(b)), "peak-MiB")
	runs := 0
	for t := range s.s.allTables() {
		for g := range t.groups {
			runs += len(t.group(g).runs)
		}
	}
	b.ReportMetric(float64(runs)/KeyGroups, "runs/group")
	var disk, live int64
	for _, f := range s.s.runs.files {
		disk += f.size
	}
	for _, n := range s.s.dirs.files {
		live += n
	}
	b.ReportMetric(float64(disk)/(1<<20), "disk-MiB")
	b.ReportMetric(float64(live)/(1<<20), "live-MiB")
	b.ReportMetric(float64(s.s.runs.written)/float64(keys+keys/2), "written-B/key")
}

func envInt(b *testing.B, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// peakMiB is the most memory that the process had resident, mapped files counted.
func peakMiB(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("no /proc: ", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return n >> 10
}

// processCPU is the processor time that the process has used.
func processCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
