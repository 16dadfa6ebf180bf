package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"weir/connectors/formats"
	"weir/connectors/kafka"
)

// bigStateRun is one call of bigState.
type bigStateRun struct {
	*bench
	keys   int
	counts []uint32 // of the output being read, by key
}

// bigState is the command `bench bigstate`: job (d) with keys that are uniformly random, once with a budget that holds them all and
// once with a small one. It fails when the output is wrong, when the small budget's rate is below a third of the other, or when the peak
// of its resident set is more than a quarter above the budget.
func bigState(ctx context.Context, args []string) error {
	s := &bigStateRun{}
	var o options
	f := flag.NewFlagSet("bigstate", flag.ContinueOnError)
	f.IntVar(&s.keys, "keys", 50_000_000, "different keys")
	f.IntVar(&o.records, "records", 40_000_000, "records")
	memory := f.Int("memory", 512, "the small budget, `MiB`")
	plenty := f.Int("plenty", 10_240, "the large budget, `MiB`; 0: only the small one is measured")
	o.target(f)
	f.StringVar(&o.profile, "profile", "", "let weir write profiles to a folder per run in this `directory`")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 || s.keys < 1 || o.records < 1 || *memory < 1 {
		f.Usage()
		return errors.New("these arguments make no run")
	}
	var closeBench func()
	var err error
	if s.bench, closeBench, err = openBench(ctx, o); err != nil {
		return err
	}
	defer closeBench()
	return s.compare(ctx, *memory, *plenty)
}

func (s *bigStateRun) compare(ctx context.Context, memory, plenty int) (err error) {
	fmt.Printf("%d records, %d keys\n", s.records, s.keys)
	var large measure
	if plenty > 0 {
		if large, err = s.measure(ctx, plenty); err != nil {
			return fmt.Errorf("budget of %d MiB: %w", plenty, err)
		}
	}
	small, err := s.measure(ctx, memory)
	if err != nil {
		return fmt.Errorf("budget of %d MiB: %w", memory, err)
	}
	over := float64(small.memory) / float64(memory<<20)
	fmt.Printf("peak resident set: %.2f of the budget\n", over)
	if over > 1.25 {
		err = errors.Join(err, errors.New("the peak is more than a quarter above the budget"))
	}
	if plenty > 0 {
		ratio := small.rate() / large.rate()
		fmt.Printf("rate: %.2f of that in memory; CPU per record: %.2f times\n", ratio, small.cpuPerRecord()/large.cpuPerRecord())
		if ratio < 1.0/3 {
			err = errors.Join(err, errors.New("the rate is below a third of that in memory"))
		}
	}
	return err
}

// measure runs the job with a budget, verifies its output, and says what it was.
func (s *bigStateRun) measure(ctx context.Context, mib int) (measure, error) {
	s.serial++
	out := fmt.Sprintf("bigstate_%d", s.serial)
	if err := s.admin.create(ctx, out); err != nil {
		return measure{}, err
	}
	defer s.dropLater(out)
	args, err := s.weirArgs("bigstate", out, []string{"$RECORDS", strconv.Itoa(s.records), "$LAST", strconv.Itoa(s.keys - 1)})
	if err != nil {
		return measure{}, err
	}
	args = append(args, "--memory", fmt.Sprintf("%d mb", mib))
	if s.profile != "" {
		args = append(args, "--profile", filepath.Join(s.profile, strconv.Itoa(mib)))
	}
	m, err := runChild(ctx, s.weir, args...)
	if err != nil {
		return measure{}, err
	}
	disk, err := sizeOf(filepath.Join(s.dir, out, "state"))
	if err != nil {
		return measure{}, err
	}
	m.records = s.records
	var distinct int
	if m.rows, distinct, err = s.verifyBig(ctx, out); err != nil {
		return measure{}, err
	}
	fmt.Printf("budget %5d MiB: %s; %d keys, %d MB on disk\n", mib, m, distinct, disk>>20)
	return m, nil
}

// verifyBig reads the output back. Each record must follow from its key and its count, the counts of a key must rise, and the
// last ones add up to the records that went in.
func (s *bigStateRun) verifyBig(ctx context.Context, topic string) (rows, distinct int, err error) {
	s.counts = make([]uint32, s.keys)
	err = kafka.BareRead(ctx, s.servers, topic, func(_ int32, keys, values formats.Payloads) error {
		for i := range values.Len {
			k, _ := keys.Get(i)
			v, _ := values.Get(i)
			user, err := number(k, "user_id")
			if err != nil {
				return err
			}
			n, err := number(v, "cnt")
			if err != nil {
				return err
			}
			total, err := number(v, "total")
			if err != nil {
				return err
			}
			switch {
			case user < 0 || user >= int64(s.keys):
				return fmt.Errorf("wrong output: no user %d went in", user)
			case n <= int64(s.counts[user]):
				return fmt.Errorf("wrong output: the count of user %d goes from %d to %d", user, s.counts[user], n)
			case total != n*(user%1000):
				return fmt.Errorf("wrong output: user %d has %d rows and a sum of %d", user, n, total)
			}
			s.counts[user] = uint32(n)
		}
		rows += len(values.Len)
		return nil
	})
	if err != nil {
		return rows, 0, fmt.Errorf("read back: %w", err)
	}
	sum := 0
	for _, n := range s.counts {
		sum += int(n)
		if n > 0 {
			distinct++
		}
	}
	if sum != s.records || rows > s.records {
		return rows, distinct, fmt.Errorf("wrong output: %d rows whose counts add up to %d, of %d records", rows, sum, s.records)
	}
	return rows, distinct, nil
}

// sizeOf is the size of all files below a folder; sparse files count with what they hold.
func sizeOf(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			n += st.Blocks * 512
		} else {
			n += info.Size()
		}
		return nil
	})
	return n, err
}
