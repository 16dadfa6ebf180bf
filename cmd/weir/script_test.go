package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"weir/connectors/formats/avro/registry/registrytest"
	"weir/connectors/kafka/embedded"
	"weir/examples"
)

// TestMain makes the test binary weir itself where it is started under that name: the scripts run the real program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"weir": main})
}

// TestScripts runs cmd/testdata/script/*.txtar. Beside testscript's own commands they have:
//
//	exit CODE PROGRAM ARG...    runs a program that must leave with that exit code
//	begin NAME PROGRAM ARG...   runs one in the background, its output in NAME.out and NAME.err
//	waitfor FILE REGEXP         until a line of the file matches; a folder, until a file in it has a matching name
//	signal NAME INT|TERM|KILL   to a program in the background
//	end NAME CODE               waits for it; it must leave with that exit code
//	broker [TOPIC:PARTITIONS]   starts an embedded broker for the script; its address is in $BROKER
//	produce TOPIC FILE          every line as a record of partition 0; KEY<tab>VALUE where there is a tab
//	consume TOPIC N FILE        what a read_committed consumer sees, N records at least, sorted
//	registry [USER:PASSWORD]    starts a schema registry for the script; its address is in $REGISTRY
//	registered SUBJECT FILE     the newest schema of a subject of that registry
//	register SUBJECT FILE       registers a schema
//	hang                        starts a server that takes connections and never answers; its address is in $HANG
//	session FILE PROGRAM ARG... runs a program on a terminal and talks to it as FILE says (see session)
func TestScripts(t *testing.T) {
	testscript.Run(t, params(t, "script"))
}

// TestExamples runs every job of the folder examples against an embedded broker, by the scripts in
// cmd/testdata/examples: what goes in, and what a read_committed consumer then sees.
func TestExamples(t *testing.T) {
	p := params(t, "examples")
	local := p.Setup
	p.Setup = func(e *testscript.Env) error {
		if err := local(e); err != nil {
			return err
		}
		b, err := embedded.Start(embedded.Options{Addr: "127.0.0.1:0", AutoCreate: true})
		if err != nil {
			return err
		}
		e.Defer(func() { b.Close() })
		e.Setenv("BROKER", b.Addr())
		// Of one partition, so that the output has one order; those written by key have several, as topics have.
		for _, name := range []string{"topic_1", "ws", "orders", "orders_per_window", "requests", "traffic", "clicks", "quotes", "dips", "errors", "slow",
			"shipments", "shipped", "sales"} {
			if err := b.Create(embedded.Topic{Name: name, Partitions: 1}); err != nil {
				return err
			}
		}
		for _, name := range []string{"totals", "best"} {
			if err := b.Create(embedded.Topic{Name: name, Partitions: 4}); err != nil {
				return err
			}
		}
		// The jobs as they stand, but for the address and the place of the checkpoints.
		return copyExamples(e.WorkDir, b.Addr())
	}
	testscript.Run(t, p)
	covered, err := filepath.Glob(filepath.Join("..", "testdata", "examples", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(examples.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		script := filepath.Join("..", "testdata", "examples", strings.TrimSuffix(name, ".sql")+".txtar")
		if !slices.Contains(covered, script) {
			t.Errorf("examples/%s has no test: write %s", name, script)
		}
	}
}

func copyExamples(dir, broker string) error {
	names, err := fs.Glob(examples.FS, "*.sql")
	if err != nil {
		return err
	}
	r := strings.NewReplacer("localhost:9092", broker, "file:///tmp/weir/chk", "file://"+filepath.Join(dir, "chk"))
	for _, name := range names {
		text, err := fs.ReadFile(examples.FS, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(r.Replace(string(text))), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func params(_ *testing.T, folder string) testscript.Params {
	return testscript.Params{
		Dir:                 filepath.Join("..", "testdata", folder),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("WEIR_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("TZ", "UTC")
			e.Setenv("TERM", "xterm")
			e.Setenv("INPUTRC", os.DevNull)
			addr, err := freeAddress()
			e.Setenv("FREE", addr)
			e.Values[programsKey{}] = programs{}
			e.Values[registryKey{}] = new(*registrytest.Server)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit":    exitCommand,
			"begin":   beginCommand,
			"waitfor": waitCommand,
			"signal":  signalCommand,
			"end":     endCommand,
			"broker":  brokerCommand,
			"produce": produceCommand,
			"consume": consumeCommand,
			"session": sessionCommand,
			"hang":    hangCommand,

			"registry":   registryCommand,
			"registered": registeredCommand,
			"register":   registerCommand,
		},
	}
}

// patience is how long a script waits for what must come. It comes in a moment on a machine that does nothing else; on one that runs all tests at
// once a step of the tutorial, with two jobs and a broker in one process, was seen to take half a minute.
const patience = 2 * time.Minute

func usage(ts *testscript.TestScript, neg, right bool, text string) {
	if neg || !right {
		ts.Fatalf("usage: %s", text)
	}
}

func exitCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "exit CODE PROGRAM ARG...")
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var left *exec.ExitError
	switch {
	case errors.As(err, &left):
		code = left.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

type programsKey struct{}

type programs map[string]*exec.Cmd

func running(ts *testscript.TestScript) programs { return ts.Value(programsKey{}).(programs) }

func environ(ts *testscript.TestScript) []string {
	env := os.Environ()
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "TMPDIR", "TZ", "TERM", "INPUTRC", "BROKER", "REGISTRY", "HANG", "FREE", "PATH", "NO_COLOR", "EDITOR", "WEIRRC", "WORK"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func beginCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "begin NAME PROGRAM ARG...")
	c := exec.Command(args[1], args[2:]...)
	c.Dir, c.Env = ts.MkAbs("."), environ(ts)
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	errOut, err := os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	c.Stdout, c.Stderr = out, errOut
	ts.Check(c.Start())
	running(ts)[args[0]] = c
	ts.Defer(func() {
		if c.ProcessState == nil {
			c.Process.Kill() //nolint:errcheck // it may have ended
			c.Wait()         //nolint:errcheck // it was killed
		}
		out.Close()
		errOut.Close()
	})
}

func waitCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "waitfor FILE REGEXP")
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	for end := time.Now().Add(patience); ; {
		text, err := os.ReadFile(path)
		if err != nil {
			if entries, derr := os.ReadDir(path); derr == nil {
				for _, e := range entries {
					text = append(text, e.Name()+"\n"...)
				}
			}
		}
		if re.Match(text) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s does not come in %s:\n%s", args[1], args[0], text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func signalCommand(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	usage(ts, neg, len(args) == 2 && running(ts)[args[0]] != nil && signals[args[1]] != 0, "signal NAME INT|TERM|KILL")
	ts.Check(running(ts)[args[0]].Process.Signal(signals[args[1]]))
}

func endCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2 && running(ts)[args[0]] != nil, "end NAME CODE")
	c := running(ts)[args[0]]
	late := time.AfterFunc(patience, func() { c.Process.Signal(syscall.SIGQUIT) }) //nolint:errcheck // it may have ended
	defer late.Stop()
	err := c.Wait()
	var left *exec.ExitError
	if err != nil && !errors.As(err, &left) {
		ts.Fatalf("%v", err)
	}
	delete(running(ts), args[0])
	if got := strconv.Itoa(c.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s: exit code %s, not %s\n%s", args[0], got, args[1], ts.ReadFile(args[0]+".err"))
	}
}

func brokerCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, true, "broker [TOPIC:PARTITIONS...]")
	opts := embedded.Options{Addr: "127.0.0.1:0", AutoCreate: true}
	for _, a := range args {
		name, n, _ := strings.Cut(a, ":")
		partitions, err := strconv.Atoi(n)
		ts.Check(err)
		opts.Topics = append(opts.Topics, embedded.Topic{Name: name, Partitions: partitions})
	}
	b, err := embedded.Start(opts)
	ts.Check(err)
	ts.Defer(func() { b.Close() })
	ts.Setenv("BROKER", b.Addr())
}

func produceCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "produce TOPIC FILE")
	ts.Check(produce(ts.Getenv("BROKER"), args[0], ts.ReadFile(args[1])))
}

func consumeCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "consume TOPIC N FILE")
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	lines, err := consume(ts.Getenv("BROKER"), args[0], n)
	ts.Check(err)
	text := strings.Join(lines, "\n")
	if len(lines) > 0 {
		text += "\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o644))
	if len(lines) < n {
		ts.Fatalf("%s has %d records, not %d:\n%s", args[0], len(lines), n, text)
	}
}

type registryKey struct{}

func registryCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) < 2, "registry [USER:PASSWORD]")
	r := registrytest.Start()
	ts.Defer(r.Close)
	if len(args) > 0 {
		r.Only(args[0])
	}
	ts.Setenv("REGISTRY", r.URL)
	*ts.Value(registryKey{}).(**registrytest.Server) = r
}

func registryOf(ts *testscript.TestScript) *registrytest.Server {
	return *ts.Value(registryKey{}).(**registrytest.Server)
}

func registeredCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "registered SUBJECT FILE")
	schema, _ := registryOf(ts).Latest(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(schema+"\n"), 0o644))
}

func registerCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "register SUBJECT FILE")
	registryOf(ts).Add(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

func hangCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 0, "hang")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("HANG", l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the script has ended
			}
			ts.Defer(func() { c.Close() })
		}
	}()
}

func sessionCommand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "session FILE PROGRAM ARG...")
	c := exec.Command(args[1], args[2:]...)
	c.Dir, c.Env = ts.MkAbs("."), environ(ts)
	screen, err := converse(c, ts.MkAbs("."), ts.Getenv("BROKER"), ts.ReadFile(args[0]))
	ts.Logf("%s", screen)
	if err != nil {
		ts.Fatalf("%v", err)
	}
}
