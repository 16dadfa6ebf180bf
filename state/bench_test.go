package state

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// benchKeys are n keys of 10 bytes, with their hashes.
func benchKeys(n int) (Keys, []uint64) {
	k := Keys{Off: make([]uint32, 1, n+1), Data: make([]byte, 0, 10*n)}
	hashes := make([]uint64, n)
	for i := range n {
		k.Data = fmt.Appendf(k.Data, "k%09d", i)
		k.Off = append(k.Off, uint32(len(k.Data)))
		hashes[i] = Hash(k.Data[len(k.Data)-10:])
	}
	return k, hashes
}

// shuffled are batches of 2048 keys in an order without locality.
func shuffled(k Keys, hashes []uint64) ([]Keys, [][]uint64) { return inSteps(k, hashes, 611953) }

// inSteps are batches of 2048 keys, each so many behind the one before.
func inSteps(k Keys, hashes []uint64, step int) ([]Keys, [][]uint64) {
	var ks []Keys
	var hs [][]uint64
	n := len(hashes)
	at := 0
	for base := 0; base+2048 <= n; base += 2048 {
		b := Keys{Off: []uint32{0}}
		var h []uint64
		for range 2048 {
			at = (at + step) % n
			b.Data = append(b.Data, k.At(at)...)
			b.Off = append(b.Off, uint32(len(b.Data)))
			h = append(h, hashes[at])
		}
		ks, hs = append(ks, b), append(hs, h)
	}
	return ks, hs
}

type benchStore struct {
	s     *Store
	scope *OperatorScope
	m     Map
}

func newBench(b *testing.B, memory int64) *benchStore {
	s, err := Open(b.TempDir(), Options{Memory: memory})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if err := s.Start(nil, KeyGroups); err != nil {
		b.Fatal(err)
	}
	bs := &benchStore{s: s}
	bs.open(b)
	return bs
}

func (s *benchStore) open(b *testing.B) {
	s.scope = s.s.Scope("agg", KeyGroupRange{0, KeyGroups})
	t, err := s.scope.Table(TableSpec{Name: "acc", Fixed: 16})
	if err != nil {
		b.Fatal(err)
	}
	s.m = t.Map(0)
}

func (s *benchStore) write(b *testing.B, ks []Keys, hs [][]uint64) {
	refs, created := make([]Ref, 2048), make([]bool, 2048)
	for i := range ks {
		if err := s.m.UpsertMany(hs[i], ks[i], refs, created); err != nil {
			b.Fatal(err)
		}
		for _, r := range refs {
			f := s.m.Fixed(r)
			binary.LittleEndian.PutUint64(f, binary.LittleEndian.Uint64(f)+1)
		}
	}
}

func (s *benchStore) epoch(b *testing.B, e Epoch) {
	f, err := s.scope.Freeze(e)
	if err != nil {
		b.Fatal(err)
	}
	s.prepare(b, e, f)
}

func (s *benchStore) prepare(b *testing.B, e Epoch, f *Frozen) {
	if err := s.s.Prepare(context.Background(), &Manifest{Job: "j", Epoch: e}, []*Frozen{f}, nil); err != nil {
		b.Fatal(err)
	}
	if err := s.s.Commit(e); err != nil {
		b.Fatal(err)
	}
}

const million = 1 << 20

// What an entry costs in the processor's caches, and beyond them.
func BenchmarkUpsertMany(b *testing.B) {
	for _, keys := range []int{million / 64, million, 8 * million} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			k, h := benchKeys(keys)
			ks, hs := inSteps(k, h, 1)
			s := newBench(b, 4<<30)
			s.write(b, ks, hs)
			ks, hs = shuffled(k, h) // the records are made in another order
			refs, created := make([]Ref, 2048), make([]bool, 2048)
			b.ResetTimer()
			n := 0
			for i := 0; b.Loop(); i++ {
				if err := s.m.UpsertMany(hs[i%len(hs)], ks[i%len(ks)], refs, created); err != nil {
					b.Fatal(err)
				}
				n += 2048
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/key")
		})
	}
}

func BenchmarkUpsertManyNewKeys(b *testing.B) {
	ks, hs := shuffled(benchKeys(million))
	for b.Loop() {
		b.StopTimer()
		s := newBench(b, 1<<30)
		b.StartTimer()
		s.write(b, ks, hs)
		b.StopTimer()
		_ = s.s.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*million), "ns/key")
}

// The pause of the task at a barrier, and what Prepare needs, with a million dirty entries.
func BenchmarkEpochOfAMillion(b *testing.B) {
	ks, hs := shuffled(benchKeys(million))
	s := newBench(b, 1<<30)
	var pause, prepare, worst time.Duration
	e := Epoch(0)
	for b.Loop() {
		s.write(b, ks, hs)
		start := time.Now()
		f, err := s.scope.Freeze(e)
		if err != nil {
			b.Fatal(err)
		}
		p := time.Since(start)
		pause += p
		worst = max(worst, p)
		start = time.Now()
		s.prepare(b, e, f)
		prepare += time.Since(start)
		e++
	}
	b.ReportMetric(float64(pause.Microseconds())/float64(b.N), "freeze-us")
	b.ReportMetric(float64(worst.Microseconds()), "worst-freeze-us")
	b.ReportMetric(float64(prepare.Milliseconds())/float64(b.N), "prepare-ms")
}

// An epoch costs what is dirty, not what there is.
func BenchmarkSmallEpochs(b *testing.B) {
	for _, keys := range []int{million / 16, million, million * 8} {
		ks, hs := shuffled(benchKeys(keys))
		for _, dirty := range []int{1, 16} { // batches of 2048
			b.Run(fmt.Sprintf("keys=%d/dirty=%d", keys, dirty*2048), func(b *testing.B) {
				s := newBench(b, 4<<30)
				s.write(b, ks, hs)
				s.epoch(b, 0)
				e := Epoch(1)
				b.ResetTimer()
				for b.Loop() {
					i := int(e) * dirty % (len(ks) - dirty)
					s.write(b, ks[i:i+dirty], hs[i:i+dirty])
					s.epoch(b, e)
					e++
				}
			})
		}
	}
}

func BenchmarkRestart(b *testing.B) {
	ks, hs := shuffled(benchKeys(million))
	s := newBench(b, 1<<30)
	s.write(b, ks, hs)
	s.epoch(b, 0)
	dir := s.s.dir
	for b.Loop() {
		if err := s.s.Close(); err != nil {
			b.Fatal(err)
		}
		var err error
		if s.s, err = Open(dir, Options{Memory: 1 << 30}); err != nil {
			b.Fatal(err)
		}
		if err := s.s.Start(s.s.Manifest(), KeyGroups); err != nil {
			b.Fatal(err)
		}
		s.open(b)
	}
	_ = s.s.Close()
}

// A state of ten times its budget.
func BenchmarkUpsertManyEvicted(b *testing.B) {
	ks, hs := shuffled(benchKeys(million))
	s := newBench(b, 7<<20)
	e := Epoch(0)
	for i := range ks {
		s.write(b, ks[i:i+1], hs[i:i+1])
		if s.s.Pressure() {
			s.epoch(b, e)
			e++
		}
	}
	b.ResetTimer()
	n := 0
	for i := 0; b.Loop(); i++ {
		s.write(b, ks[i%len(ks):i%len(ks)+1], hs[i%len(hs):i%len(hs)+1])
		if s.s.Pressure() {
			s.epoch(b, e)
			e++
		}
		n += 2048
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/key")
	b.ReportMetric(float64(s.s.Used())/(1<<20), "MiB")
}
