package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/connectors/kafka/kafkatest"
	"weir/exec/killpoint"
)

// checkHops recomputes every window of ten seconds that begins every five: record i, at millisecond i, is in the windows that
// begin at i/5000 and one before it.
func checkHops(t *testing.T, n int, out []string) {
	t.Helper()
	want := map[cell]sums{}
	for i := range int64(n) {
		for w := i/5_000 - 1; w <= i/5_000; w++ {
			c := cell{w, i % keys}
			want[c] = sums{want[c].count + 1, want[c].sum + i}
		}
	}
	checkCells(t, out, 5_000, want)
}

// set writes three tables at once; checkSet looks at all of them.
var set = shape{"set", setJob, event, nil, func(t *testing.T, x *trial) []string {
	files := filepath.Join(t.TempDir(), "files")
	totals := x.further(t, "totals")
	x.check = func(t *testing.T, n int, even []string) {
		t.Helper()
		checkSet(t, n, even, totals(t), files)
	}
	return []string{"$FILES", files}
}}

// checkSet looks for half the even numbers, for the totals, and for every record in the files of a folder.
func checkSet(t *testing.T, n int, even, totals []string, files string) {
	t.Helper()
	var halves []string
	for _, line := range even {
		i, err := strconv.Atoi(line)
		if err != nil || i%2 != 0 {
			t.Fatalf("%q is no even number", line)
		}
		halves = append(halves, strconv.Itoa(i/2))
	}
	checkNumbers(t, (n+1)/2, halves)
	checkTotals(t, n, totals)
	paths, err := filepath.Glob(filepath.Join(files, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var row struct{ K, N int64 }
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%s: %q: %v", p, line, err)
			}
			lines = append(lines, strconv.FormatInt(row.N, 10))
		}
	}
	checkNumbers(t, n, lines)
}

// storm is what happens to one job.
type storm struct {
	t       *testing.T
	rnd     *rand.Rand
	j       *job
	p       *process   // the instance that is meant to run
	zombies []*process // others that were started since: each is fenced or killed some time
	rivals  bool       // another instance may have taken over from p
	said    []string   // the last events, for failures
}

func (s *storm) say(format string, args ...any) {
	s.said = append(s.said, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (s *storm) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s\nwhat happened last:\n%s", fmt.Sprintf(format, args...), strings.Join(s.said[max(0, len(s.said)-15):], "\n"))
}

// pause is a random time up to limit.
func (s *storm) pause(limit time.Duration) { time.Sleep(time.Duration(s.rnd.Int64N(int64(limit)))) }

func (s *storm) start(env ...string) *process {
	return s.j.start(env, "--set", fmt.Sprintf("parallelism.default=%d", 1+s.rnd.IntN(4)))
}

// ensure starts the job again when it has ended, which it may have done in expected ways only.
func (s *storm) ensure() {
	select {
	case <-s.p.exited:
	default:
		return
	}
	switch code := s.p.cmd.ProcessState.ExitCode(); {
	case code == -1: // a signal
	case code == 4 && s.rivals:
	default:
		s.fail("the job ended by itself with exit code %d:\n%s", code, tail(s.p.output()))
	}
	s.say("start in %s", filepath.Base(s.j.state))
	s.p, s.rivals = s.start(), len(s.zombies) > 0
}

// ended reports on an instance that another one has replaced.
func (s *storm) ended(p *process) {
	p.kill()
	if code := p.cmd.ProcessState.ExitCode(); code != -1 && code != 4 {
		s.fail("a replaced instance ended by itself with exit code %d:\n%s", code, tail(p.output()))
	}
}

func (s *storm) signal(p *process, sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // it may have ended
}

// strike is one random event.
func (s *storm) strike(n int) {
	switch s.rnd.IntN(13) {
	case 0, 1:
		s.say("SIGKILL")
		s.p.kill()
	case 2:
		s.say("SIGKILL in its recovery")
		s.p.kill()
		s.ensure()
		s.pause(400 * time.Millisecond)
		s.p.kill()
	case 3, 4:
		point := fmt.Sprintf("%s:%d", killpoint.Points[s.rnd.IntN(len(killpoint.Points))], 1+s.rnd.IntN(8))
		s.say("SIGKILL at %s", point)
		s.p.kill()
		s.p = s.start("WEIR_KILL_AT=" + point)
		s.pause(2 * time.Second)
	case 5:
		s.say("SIGTERM")
		s.signal(s.p, syscall.SIGTERM)
		select {
		case <-s.p.exited:
		case <-time.After(time.Duration(s.rnd.Int64N(int64(5 * time.Second)))):
			s.p.kill()
		}
		// With the broker away the last checkpoint may fail; what it held is replayed.
		if code := s.p.cmd.ProcessState.ExitCode(); code != 0 && code != -1 && !(code == 4 && s.rivals) &&
			!strings.Contains(s.p.output(), "the last epoch could not be committed") {
			s.fail("exit code %d after SIGTERM:\n%s", code, tail(s.p.output()))
		}
		s.p = s.start()
	case 6:
		long := s.rnd.IntN(4) == 0 // longer than the transaction may be open
		s.say("SIGSTOP, long: %v", long)
		s.signal(s.p, syscall.SIGSTOP)
		if long {
			time.Sleep(7 * time.Second)
		} else {
			s.pause(time.Second)
		}
		s.signal(s.p, syscall.SIGCONT)
	case 7:
		s.say("the state directory is lost")
		s.p.kill()
		if err := os.RemoveAll(s.j.state); err != nil {
			s.t.Fatal(err)
		}
	case 8, 9:
		asleep := s.rnd.IntN(2) == 0
		s.say("another machine takes over, the old one asleep: %v", asleep)
		old := s.p
		if asleep {
			s.signal(old, syscall.SIGSTOP)
		}
		s.j.state = filepath.Join(filepath.Dir(s.j.file), fmt.Sprintf("state-%d", n))
		s.p, s.rivals = s.start(), true
		s.zombies = append(s.zombies, old)
		s.pause(2 * time.Second)
		s.signal(old, syscall.SIGCONT)
	case 10:
		s.say("two at once")
		s.p.kill()
		mine := s.j.state
		s.j.state = filepath.Join(filepath.Dir(s.j.file), fmt.Sprintf("state-%d", n))
		other := s.start()
		if s.rnd.IntN(2) == 0 {
			s.j.state = mine
			s.p = s.start()
			s.zombies = append(s.zombies, other)
		} else {
			next := *s.j
			next.state = mine
			s.zombies = append(s.zombies, next.start(nil))
			s.p = other
		}
		s.rivals = true
	case 11:
		s.leaveOne()
	case 12:
		// A clean-up that knows no better, under the running job. Until there are new checkpoints only its own disk has the state.
		s.leaveOne()
		s.p.kill()
		s.p, s.rivals = s.start(), false
		s.p.said("epoch committed")
		s.say("the checkpoints are deleted")
		if err := os.RemoveAll(s.j.chk); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
			s.t.Fatal(err)
		}
		// By their epochs: while the broker is away one epoch is prepared and undone again and again, and each time leaves
		// a checkpoint that the output does not end with.
		made := map[string]bool{}
		for deadline := time.Now().Add(kafkatest.Patience); len(made) < 3; time.Sleep(20 * time.Millisecond) {
			s.ensure()
			found, err := filepath.Glob(filepath.Join(s.j.chk, "*", "chk-*", "manifest.json"))
			if err != nil {
				s.t.Fatal(err)
			}
			for _, f := range found {
				epoch, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(filepath.Dir(f)), "chk-"), "-")
				made[epoch] = true
			}
			if time.Now().After(deadline) {
				s.fail("no new checkpoints after they were deleted:\n%s", tail(s.p.output()))
			}
		}
	}
}

// leaveOne ends all instances but the newest.
func (s *storm) leaveOne() {
	for _, z := range s.zombies {
		s.ended(z)
	}
	s.zombies = nil
}

// run strikes until the time is over and leaves no instance.
func (s *storm) run(until time.Time) int {
	s.p = s.start()
	n := 0
	for ; time.Now().Before(until); n++ {
		s.pause(1500 * time.Millisecond)
		s.strike(n)
		s.ensure()
		if len(s.zombies) > 2 {
			s.ended(s.zombies[0])
			s.zombies = s.zombies[1:]
		}
	}
	for _, z := range s.zombies {
		s.signal(z, syscall.SIGCONT)
		s.ended(z)
	}
	s.zombies = nil
	s.p.kill()
	return n
}

// hits is what happens to the broker until shortly before the time is over: it is killed and comes back, at its other address sometimes, stands still,
// for longer than a transaction may be open sometimes, or stutters, as with a disk that hardly answers. It says how often.
func hits(t *testing.T, b *kafkatest.Broker, rnd *rand.Rand, until time.Time) {
	upTo := func(limit time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(limit))) }
	n := map[string]int{}
	for time.Now().Before(until.Add(-10 * time.Second)) {
		time.Sleep(4*time.Second + upTo(14*time.Second))
		switch rnd.IntN(6) {
		case 0, 1:
			n["killed"]++
			b.Kill(t)
			time.Sleep(upTo(3 * time.Second))
			b.Restart(t)
		case 2:
			n["moved"]++
			b.Kill(t)
			time.Sleep(upTo(3 * time.Second))
			b.Move(t)
		case 3:
			n["stood still"]++
			b.Freeze(upTo(9 * time.Second))
		default:
			n["stuttered"]++
			for end := time.Now().Add(upTo(8 * time.Second)); time.Now().Before(end); time.Sleep(upTo(60 * time.Millisecond)) {
				b.Freeze(upTo(500 * time.Millisecond))
			}
		}
	}
	t.Logf("the broker: %v", n)
}

// stormJobs is how many jobs there are in a storm, of those that there could be.
const stormJobs = 6

// stormed is the jobs of a storm: those that WEIR_STORM_JOBS names, or some that the seed chooses.
func stormed(t *testing.T, rnd *rand.Rand) []shape {
	all := append([]shape{raw, tumble, totals, hop, set}, engine...)
	names := os.Getenv("WEIR_STORM_JOBS")
	if names == "" {
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all[:stormJobs]
	}
	var some []shape
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(s shape) bool { return s.name == name })
		if i < 0 {
			t.Fatalf("WEIR_STORM_JOBS: there is no job %q", name)
		}
		some = append(some, all[i])
	}
	return some
}

// Everything at once, at random: six jobs on one broker are killed, put to sleep, stopped, replaced by instances on other
// machines, restored at other parallelisms, while the broker dies and comes back, moves and stands still. It runs where WEIR_STORM says
// for how long; WEIR_STORM_SEED repeats the choices of a run, though not its timing, and WEIR_STORM_JOBS names the jobs.
func TestStorm(t *testing.T) {
	v := os.Getenv("WEIR_STORM")
	if v == "" {
		t.Skip("NOT RUN: WEIR_STORM=1m (or longer) lets the storm rage")
	}
	long, err := time.ParseDuration(v)
	if err != nil {
		t.Fatalf("WEIR_STORM: %v", err)
	}
	b := kafkatest.Real(t).Anywhere()
	seed := rand.Uint64()
	if v := os.Getenv("WEIR_STORM_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("WEIR_STORM_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("WEIR_STORM_SEED=%d WEIR_STORM=%s", seed, long)
	jobs := stormed(t, rand.New(rand.NewPCG(seed, 1<<32)))
	until := time.Now().Add(long)
	calm := make(chan struct{}) // closed when the broker stays up
	t.Run("broker", func(t *testing.T) {
		t.Parallel()
		defer close(calm)
		hits(t, b, rand.New(rand.NewPCG(seed, 0)), until)
	})
	for i, sh := range jobs {
		t.Run(sh.name, func(t *testing.T) {
			x := sh.on(t, b, "= '20000'", "= '5000'")
			s := &storm{t: t, rnd: rand.New(rand.NewPCG(seed, uint64(i+1))), j: x.job}
			t.Parallel()
			f := x.feed(1<<40, 2_000)
			strikes := s.run(until)
			<-calm
			n := f.halt(t)
			x.endsExactly(n)
			t.Logf("%d records, %d strikes", n, strikes)
		})
	}
}
