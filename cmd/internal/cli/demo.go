package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"weir/connectors/kafka/embedded"
	"weir/examples"
)

// demoPatience is how long the demo waits for one thing that must come.
const demoPatience = 2 * time.Minute

// demoOptions are the flags of demo.
type demoOptions struct {
	kafka   string
	records int
	kills   int
	rate    int
}

func (a *app) demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show exactly-once surviving kill -9, in under a minute",
		Long: `demo runs the standard job (topic_1 to ws, examples/li.sql) in a child process with short epochs while
numbered records keep coming in, kills it with SIGKILL at several moments, starts it again, and reads ws as a
read_committed consumer does. It says what it saw, and exits with 1 if a record was lost or came twice.
The broker is embedded, unless --kafka names one. Nothing is left behind.`,
		Example: `  weir demo
  weir demo --kills 20 --records 500000
  weir demo --kafka localhost:9092`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.records < 1 || o.kills < 0 || o.rate < 1 {
				return usageError{errors.New("--records and --rate want at least 1, --kills at least 0")}
			}
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			err := a.demo(ctx, o)
			if ctx.Err() != nil {
				return exit(exitInterrupted)
			}
			return err
		},
	}
	c.Flags().StringVar(&o.kafka, "kafka", "", "run on this broker instead, `host:port`, with topics of its own that are deleted afterwards")
	c.Flags().IntVar(&o.records, "records", 200_000, "records to send through")
	c.Flags().IntVar(&o.kills, "kills", 5, "how often to kill the job")
	c.Flags().IntVar(&o.rate, "rate", 20_000, "records per second")
	return c
}

// demoRun is one run of the demo: where things are and what has been seen.
type demoRun struct {
	*app
	demoOptions
	dir     string // scratch folder, removed at the end
	broker  string // bootstrap servers
	in, out string // topics
	job     string // path of the job's file
	started time.Time
}

func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	d := &demoRun{app: a, demoOptions: o, broker: o.kafka, in: "topic_1", out: "ws", started: time.Now()}
	d.dir, err = os.MkdirTemp("", "weir-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	if o.kafka == "" {
		b, err := embedded.Start(embedded.Options{Addr: "127.0.0.1:0", AutoCreate: true, Log: a.logger(nopWriter{})})
		if err != nil {
			return err
		}
		defer b.Close()
		d.broker = b.Addr()
		d.say("embedded broker on %s", d.broker)
	} else {
		suffix := strconv.FormatUint(rand.Uint64(), 36)[:6]
		d.in, d.out = "weir_demo_in_"+suffix, "weir_demo_out_"+suffix
		d.say("broker %s, topics %s and %s", d.broker, d.in, d.out)
	}
	if err := d.writeJob(); err != nil {
		return err
	}
	admin, err := newDemoAdmin(d.broker)
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := admin.create(ctx, d.in, d.out); err != nil {
		return err
	}
	if o.kafka != "" {
		defer func() { err = errors.Join(err, admin.remove(d.in, d.out)) }()
	}
	return d.run(ctx)
}

// writeJob puts the example, with this run's broker and topics, into the scratch folder.
func (d *demoRun) writeJob() error {
	text, err := examples.FS.ReadFile("li.sql")
	if err != nil {
		return err
	}
	sql := strings.NewReplacer(
		"localhost:9092", d.broker,
		"'topic' = 'topic_1'", "'topic' = '"+d.in+"'",
		"'topic' = 'ws'", "'topic' = '"+d.out+"'",
		"'sink.transactional-id-prefix' = 'li-'", "'sink.transactional-id-prefix' = 'li-"+d.in+"-'",
	).Replace(string(text))
	d.job = filepath.Join(d.dir, "li.sql")
	return os.WriteFile(d.job, []byte(sql), 0o600)
}

func (d *demoRun) run(ctx context.Context) error {
	witness, err := newWitness(d.broker, d.out, d.records)
	if err != nil {
		return err
	}
	defer witness.Close()
	job := &demoJob{run: d}
	defer job.kill()
	if err := job.start(ctx); err != nil {
		return err
	}
	d.say("the job runs (pid %d); sending %d records to %s", job.pid(), d.records, d.in)
	feed, err := newFeed(d.broker, d.in, d.records, d.rate)
	if err != nil {
		return err
	}
	defer feed.Close()

	// The kills are spread over the time that the records take, each at a random moment.
	total := time.Duration(float64(d.records) / float64(d.rate) * float64(time.Second))
	slot := total / time.Duration(d.kills+1)
	for k := 1; k <= d.kills; k++ {
		at := time.Duration(k)*slot - slot/2 + time.Duration(rand.Int64N(int64(slot)+1))
		if err := d.wait(ctx, feed, witness, job, func() bool { return feed.elapsed() >= at || feed.done() }); err != nil {
			return err
		}
		job.kill()
		d.say("kill -9 number %d after %.1f s, at record %d", k, time.Since(d.started).Seconds(), feed.sent())
		if err := job.start(ctx); err != nil {
			return err
		}
	}
	if err := d.wait(ctx, feed, witness, job, feed.done); err != nil {
		return err
	}
	// Everything is sent: the rest must come out, and nothing twice. What comes slowly is not lost.
	seen, at := -1, time.Now()
	rested := func() bool {
		if n := witness.distinct(); n != seen {
			seen, at = n, time.Now()
		}
		return seen == d.records || time.Since(at) > demoPatience
	}
	if err := d.wait(ctx, feed, witness, job, rested); err != nil {
		return err
	}
	if err := job.stop(); err != nil {
		return err
	}
	if err := witness.drain(ctx); err != nil {
		return err
	}
	return d.report(job, witness)
}

// wait polls until done, keeps the progress line alive, and notices a job that ended by itself.
func (d *demoRun) wait(ctx context.Context, f *feed, w *witness, j *demoJob, done func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; !done(); n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-j.exited:
			return fmt.Errorf("the job ended by itself (%w):\n%s", ended(j.err), j.tail())
		case err := <-f.failed:
			return err
		case err := <-w.failed:
			return err
		case <-tick.C:
		}
		if n%10 == 0 {
			d.progress("%5.1f s   sent %d   seen in %s %d   epochs %d", time.Since(d.started).Seconds(), f.sent(), d.out, w.distinct(), j.epochs.Load())
		}
	}
	return nil
}

func (d *demoRun) report(j *demoJob, w *witness) error {
	d.progress("")
	lost, doubled := w.losses(), w.duplicates()
	fmt.Fprintf(d.stdout, `records in         %9d
epochs committed   %9d
kills (SIGKILL)    %9d
duplicates         %9d
losses             %9d
time               %7.1f s
`, d.records, j.epochs.Load(), d.kills, doubled, lost, time.Since(d.started).Seconds())
	if lost+doubled > 0 {
		fmt.Fprintf(d.stdout, "NOT exactly once: %d lost, %d came twice\n", lost, doubled)
		return exit(exitFindings)
	}
	fmt.Fprintf(d.stdout, "exactly once: every record of %s is in %s, once\n", d.in, d.out)
	return nil
}

func (d *demoRun) say(format string, args ...any) {
	if d.quiet {
		return
	}
	d.progress("")
	fmt.Fprintf(d.stderr, format+"\n", args...)
}

// progress redraws the progress line; only on a terminal. An empty text clears it.
func (d *demoRun) progress(format string, args ...any) {
	if d.quiet || !isTerminal(d.stderr) {
		return
	}
	fmt.Fprintf(d.stderr, "\r\x1b[K"+format, args...)
}

type nopWriter struct{}

func (nopWriter) Write(p []byte) (int, error) { return len(p), nil }
