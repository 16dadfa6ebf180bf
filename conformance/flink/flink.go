// Package flink runs SQL on real Apache Flink, to compare: `weir test --engine flink` and the conformance corpus use it.
//
// A case is a script and the rows that its tables are given; its result is what each table that is written got, change
// by change. Flink's own planner plans the script and Flink's own runtime runs it, on a mini cluster in one Java process
// that serves any number of cases, one after the other. Only the connectors are replaced: every CREATE TABLE keeps its columns, key and
// watermark, and becomes a table in memory. Nothing else is needed, no broker and no files.
//
// # The protocol
//
// The process (java/Main.java) reads a case a line from standard input and answers with a line each on standard
// output, both JSON; standard error is Flink's talk. A request:
//
//	{"id": "7",
//	 "script": "SET ...; CREATE TABLE ...; INSERT INTO ...; SELECT ...;",
//	 "changes": {"t": "insert|upsert|retract"},
//	 "settings": {"table.local-time-zone": "UTC"},
//	 "steps": [{"table": "t", "kind": "+I", "row": {"id": 1, "ts": "2026-01-01 00:00:00"}},
//	           {"table": "t", "watermark_ms": 1767225600000},
//	           {"table": "t", "idle": true}],
//	 "end": true, "together": false, "plan_only": false, "files": false, "timeout_ms": 60000}
//
// A row is an object as Flink's json format reads it, times in SQL's notation; metadata columns are given by their
// names like others, computed ones never. A column that is missing is NULL. kind is +I unless given. The table's own WATERMARK clause puts
// out a watermark behind each row; watermark_ms (of the row time's own clock, in milliseconds) is a further one. changes says which changes a table gives or
// takes; without it the connector and format that the script names decide: upsert-kafka is upsert, print and blackhole and CDC
// formats are retract, memory has an option of that name, all else is insert. settings override what the script SETs.
//
// With "files" tables of connectors filesystem, kafka and upsert-kafka are no tables in memory, but what they say: Flink's formats can be
// looked at.
//
// All INSERTs of the script run as one job; a SELECT is collected as table query, further ones as query_2 and so on. Steps are
// processed in order: where tables are several, or one is read twice, a checkpoint barrier goes through the whole job
// between one step and the next, so that each is processed to its end before the next one begins; "settle" on a step asks for such a
// barrier before it, and with "together" there are none. Parallelism is 1. After the last step the
// tables end, which closes all windows; with "end": false the job is cancelled instead when everything has been processed.
//
// The answer:
//
//	{"id": "7", "millis": 210,
//	 "tables": {"query": {"columns": ["id"], "types": ["BIGINT"], "changes": [{"kind": "+I", "row": ["1"]}]}},
//	 "error": {"phase": "plan|run|runner", "chain": ["message", "message of its cause"], "trace": "..."}}
//
// Values are texts as Flink's CAST to STRING makes them, or null. An error stands beside the tables as far as they got.
package flink

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"weir/connectors/program"
)

//go:embed java/*.java
var sources embed.FS

// Case is what one run is given; see the package comment.
type Case struct {
	ID      string            `json:"id"`
	Script  string            `json:"script"`
	Changes map[string]string `json:"changes,omitempty"`
	// Settings override those that the script SETs.
	Settings map[string]string `json:"settings,omitempty"`
	Steps    []Step            `json:"steps"`
	// End is whether the tables end after the last step.
	End bool `json:"end"`
	// Together is whether the rows of several tables go into the job as they come, none waiting for those before it.
	Together  bool  `json:"together,omitempty"`
	PlanOnly  bool  `json:"plan_only,omitempty"`
	Files     bool  `json:"files,omitempty"` // tables of connectors filesystem, kafka and upsert-kafka are left as they are
	TimeoutMS int64 `json:"timeout_ms,omitempty"`
}

// Step is one row, or one watermark, or the word that a table has become idle.
type Step struct {
	Table     string          `json:"table"`
	Kind      string          `json:"kind,omitempty"`
	Row       json.RawMessage `json:"row,omitempty"`
	Watermark *int64          `json:"watermark_ms,omitempty"`
	Idle      bool            `json:"idle,omitempty"`
	Settle    bool            `json:"settle,omitempty"`
}

// Result is what came of a case.
type Result struct {
	ID     string           `json:"id"`
	Tables map[string]Table `json:"tables"`
	Error  *Error           `json:"error"`
	Millis int64            `json:"millis"`
}

// Table is what one written table got, in order.
type Table struct {
	Columns []string `json:"columns"`
	Types   []string `json:"types"` // in SQL
	Changes []Change `json:"changes"`
}

// Change is one row; a nil value is NULL.
type Change struct {
	Kind string    `json:"kind"`
	Row  []*string `json:"row"`
}

// Error is why Flink refused a script (phase plan), or why the job failed (run); runner is a fault of this package.
type Error struct {
	Phase string   `json:"phase"`
	Chain []string `json:"chain"` // the message, and those of its causes
	Trace string   `json:"trace"`
}

func (e *Error) Error() string {
	return fmt.Sprintf("Flink, %s: %s", e.Phase, strings.Join(e.Chain, ": "))
}

// Runner is a running Java process. Its methods are called from one goroutine at a time.
type Runner struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	talk *tail
}

// Start starts the process; the first time on a machine it fetches Flink and compiles the runner. It needs a JDK 17
// and Maven: ErrUnavailable when they are not there. The end of ctx kills the process.
func Start(ctx context.Context) (*Runner, error) { return StartVersion(ctx, Version) }

// StartVersion is Start of another Flink than Version.
func StartVersion(ctx context.Context, version string) (*Runner, error) {
	lib, err := jarsOf(ctx, version)
	if err != nil {
		return nil, err
	}
	path, err := classPath(lib)
	if err != nil {
		return nil, err
	}
	classes, err := compile(ctx, version, path)
	if err != nil {
		return nil, err
	}
	args := []string{"-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}
	for _, p := range []string{"lang", "net", "nio", "util", "util.concurrent"} {
		args = append(args, "--add-opens=java.base/java."+p+"=ALL-UNNAMED")
	}
	args = append(args, "-cp", classes+string(os.PathListSeparator)+path, "Main")
	r := &Runner{cmd: exec.CommandContext(ctx, "java", args...), talk: &tail{}}
	r.cmd.Stderr = r.talk
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewReader(out)
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return r, nil
}

// compile is the folder of the runner's classes, compiled once for each version of its source.
func compile(ctx context.Context, version, path string) (string, error) {
	files, err := fs.Glob(sources, "java/*.java")
	if err != nil {
		return "", err
	}
	texts := make([][]byte, len(files))
	for i, f := range files {
		if texts[i], err = sources.ReadFile(f); err != nil {
			return "", err
		}
	}
	return program.Once("flink-"+version+"-runner-"+digest(texts...), func(dir string) error {
		if err := tools("javac"); err != nil {
			return err
		}
		args := []string{"-nowarn", "-cp", path, "-d", dir}
		for i, f := range files {
			file := filepath.Join(dir, filepath.Base(f))
			if err := os.WriteFile(file, texts[i], 0o644); err != nil {
				return err
			}
			args = append(args, file)
		}
		if out, err := exec.CommandContext(ctx, "javac", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("compile the Flink runner: %w\n%s", err, out)
		}
		services := filepath.Join(dir, "META-INF", "services")
		if err := os.MkdirAll(services, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(services, "org.apache.flink.table.factories.Factory"), []byte("Tables\n"), 0o644)
	})
}

// Run runs one case. What Flink refuses or fails at is in the result; an error is a process that has died.
func (r *Runner) Run(c Case) (Result, error) {
	if c.Steps == nil {
		c.Steps = []Step{}
	}
	line, err := json.Marshal(c)
	if err != nil {
		return Result{}, err
	}
	if _, err := r.in.Write(append(line, '\n')); err != nil {
		return Result{}, r.died(err)
	}
	answer, err := r.out.ReadBytes('\n')
	if err != nil {
		return Result{}, r.died(err)
	}
	var out Result
	if err := json.Unmarshal(answer, &out); err != nil {
		return Result{}, fmt.Errorf("the Flink runner answered %q: %w", bytes.TrimSpace(answer), err)
	}
	return out, nil
}

func (r *Runner) died(err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New("it ended")
	}
	return fmt.Errorf("the Java process that runs Flink: %w\n%s", err, r.talk)
}

// Close ends the process.
func (r *Runner) Close() error {
	if err := r.in.Close(); err != nil {
		return err
	}
	return r.cmd.Wait()
}

// tail keeps the end of what a process says.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 8<<10 {
		t.buf = t.buf[len(t.buf)-4<<10:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
