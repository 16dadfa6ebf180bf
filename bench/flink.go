package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/connectors/program"
	"weir/parser"
	"weir/parser/diag"
)

// flinkParallelism is that of each job; there are as many slots.
const flinkParallelism = 2

// flinkSettings are those of both processes of the cluster; everything else is as Flink has it.
var flinkSettings = []string{
	"jobmanager.memory.process.size=1600m",
	"taskmanager.memory.process.size=4096m",
	fmt.Sprintf("taskmanager.numberOfTaskSlots=%d", flinkParallelism),
	"web.refresh-interval=100", // milliseconds: what the REST interface tells is no older; when the tasks began to run is read there
}

// flink runs each job on a standalone cluster of its own: one job manager and one task manager with two slots. A SQL gateway, which is
// not measured, plans the statements and submits them. The same job runs over the warm-up topic first.
type flink struct {
	*bench
	home    string
	dir     string // logs and temporary files
	rest    string // of the job manager
	port    int    // of rest
	rpc     int
	sql     string // of the gateway
	gateway *program.Process
}

func openFlink(ctx context.Context, b *bench) (engine, error) {
	f := &flink{bench: b, dir: filepath.Join(b.dir, "flink")}
	var err error
	if f.home, err = flinkHome(ctx); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(f.dir, "tmp"), 0o755); err != nil {
		return nil, err
	}
	sqlPort := 0
	for _, p := range []*int{&f.port, &f.rpc, &sqlPort} {
		if *p, err = program.FreePort(); err != nil {
			return nil, err
		}
	}
	f.rest, f.sql = fmt.Sprintf("http://127.0.0.1:%d", f.port), fmt.Sprintf("http://127.0.0.1:%d/v2", sqlPort)
	say("starting Flink's SQL gateway")
	f.gateway, err = f.start("sql-gateway", "-Dsql-gateway.endpoint.rest.address=127.0.0.1", fmt.Sprintf("-Dsql-gateway.endpoint.rest.port=%d", sqlPort),
		"-Drest.address=127.0.0.1", fmt.Sprintf("-Drest.port=%d", f.port), "-Dexecution.target=remote")
	if err != nil {
		return nil, err
	}
	err = f.until(ctx, "the SQL gateway answers", []*program.Process{f.gateway}, func() (bool, error) {
		return f.get(ctx, f.sql+"/info", nil) == nil, nil
	})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *flink) close() error {
	f.gateway.Kill()
	return nil
}

// start runs one of Flink's scripts, which become the Java process.
func (f *flink) start(script string, args ...string) (*program.Process, error) {
	cmd := exec.Command(filepath.Join(f.home, "bin", script+".sh"), append([]string{"start-foreground"}, args...)...)
	cmd.Env = append(os.Environ(), "FLINK_LOG_DIR="+f.dir, "FLINK_PID_DIR="+f.dir, "FLINK_HOME="+f.home, "FLINK_CONF_DIR="+filepath.Join(f.home, "conf"))
	return program.Start(cmd, filepath.Join(f.dir, script+".log"))
}

// cluster is the two processes.
type cluster struct{ manager, worker *program.Process }

func (c *cluster) kill() {
	for _, p := range []*program.Process{c.worker, c.manager} {
		if p != nil {
			p.Kill()
		}
	}
}

// spent is the CPU time of both processes until now, and the job manager's share.
func (c *cluster) spent() (both, manager time.Duration, err error) {
	manager, err = cpuOf(c.manager.Pid())
	if err != nil {
		return 0, 0, err
	}
	worker, err := cpuOf(c.worker.Pid())
	return manager + worker, manager, err
}

// startCluster returns when the slots are there. The caller kills the cluster, which is not nil.
func (f *flink) startCluster(ctx context.Context) (*cluster, error) {
	c := &cluster{}
	var args []string
	for _, s := range append([]string{"jobmanager.rpc.address=127.0.0.1", fmt.Sprintf("jobmanager.rpc.port=%d", f.rpc), "rest.address=127.0.0.1",
		fmt.Sprintf("rest.port=%d", f.port), "rest.bind-address=127.0.0.1", "taskmanager.host=127.0.0.1", "io.tmp.dirs=" + filepath.Join(f.dir, "tmp")},
		flinkSettings...) {
		args = append(args, "-D", s) // apart: jobmanager.sh takes -Dkey=value for a host
	}
	// Logs of an earlier cluster would be taken for this one's in an error.
	for _, script := range []string{"jobmanager", "taskmanager"} {
		if err := os.RemoveAll(filepath.Join(f.dir, script+".log")); err != nil {
			return c, err
		}
	}
	var err error
	if c.manager, err = f.start("jobmanager", args...); err != nil {
		return c, err
	}
	if c.worker, err = f.start("taskmanager", args...); err != nil {
		return c, err
	}
	return c, f.until(ctx, "Flink's slots are there", []*program.Process{c.manager, c.worker}, func() (bool, error) {
		var overview struct {
			Slots int `json:"slots-available"`
		}
		return f.get(ctx, f.rest+"/overview", &overview) == nil && overview.Slots == flinkParallelism, nil
	})
}

func (f *flink) run(ctx context.Context, t, warm task) (m measure, err error) {
	c, err := f.startCluster(ctx)
	defer c.kill()
	if err != nil {
		return m, err
	}
	if _, err := f.job(ctx, c, warm); err != nil {
		return m, fmt.Errorf("warming up: %w", err)
	}
	m, err = f.job(ctx, c, t)
	m.memory = peakOf(c.manager.Pid()) + peakOf(c.worker.Pid())
	return m, err
}

// job runs t from its submission to its end, and measures it from the moment in which all of its tasks run.
func (f *flink) job(ctx context.Context, c *cluster, t task) (m measure, err error) {
	processes := []*program.Process{c.manager, c.worker}
	id, err := f.submit(ctx, t)
	if err != nil {
		return m, err
	}
	var job struct {
		State    string
		End      int64 `json:"end-time"`
		Vertices []struct {
			Status      string
			Parallelism int
		}
	}
	details := func() error { return f.get(ctx, f.rest+"/jobs/"+id, &job) }
	failed := func(state string) error {
		if state == "FAILED" || state == "CANCELED" || state == "SUSPENDED" {
			return f.failure(ctx, c, id, state)
		}
		return nil
	}
	err = f.until(ctx, "its tasks run", processes, func() (bool, error) {
		if err := details(); err != nil {
			return false, err
		}
		waiting := false
		for _, v := range job.Vertices {
			waiting = waiting || v.Status != "RUNNING" && v.Status != "FINISHED"
		}
		return len(job.Vertices) > 0 && !waiting, failed(job.State)
	})
	if err != nil {
		return m, err
	}
	for _, v := range job.Vertices {
		if v.Parallelism != flinkParallelism && t.text == "" { // Nexmark has queries with a part that cannot be spread
			return m, fmt.Errorf("a task of the job has parallelism %d, not %d", v.Parallelism, flinkParallelism)
		}
	}
	start := time.Now()
	cpu, manager, err := c.spent()
	if err != nil {
		return m, err
	}
	// From here on the job manager is asked for one word only: it is measured too.
	err = f.until(ctx, "the job ends", processes, func() (bool, error) {
		var now struct{ Status string }
		if err := f.get(ctx, f.rest+"/jobs/"+id+"/status", &now); err != nil {
			return false, err
		}
		return now.Status == "FINISHED", failed(now.Status)
	})
	if err != nil {
		return m, err
	}
	m.cpu, m.manager, err = c.spent()
	m.cpu -= cpu
	m.manager -= manager
	if err := errors.Join(err, details()); err != nil {
		return m, err
	}
	if m.took = time.UnixMilli(job.End).Sub(start); m.took <= 0 {
		return m, errors.New("the job ended before all of its tasks were seen running: too few records to measure (-records)")
	}
	return m, nil
}

// until waits for something that ready tells, asking ten times a second, while the processes live.
func (f *flink) until(ctx context.Context, what string, processes []*program.Process, ready func() (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, p := range processes {
			select {
			case <-p.Done():
				return fmt.Errorf("a process of Flink ended before %s:\n%s", what, p.Log())
			default:
			}
		}
		if ok, err := ready(); err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			err := fmt.Errorf("waiting until %s: %w", what, context.Cause(ctx))
			for _, p := range processes {
				err = fmt.Errorf("%w\n%s", err, p.Log())
			}
			return err
		case <-tick.C:
		}
	}
}

// failure is the error of a job that has failed, in Flink's words.
func (f *flink) failure(ctx context.Context, c *cluster, id, state string) error {
	var exceptions struct {
		History struct {
			Entries []struct{ Stacktrace string }
		} `json:"exceptionHistory"`
	}
	err := fmt.Errorf("the job is %s", state)
	if e := f.get(ctx, f.rest+"/jobs/"+id+"/exceptions", &exceptions); e != nil {
		return errors.Join(err, e, errors.New(c.worker.Log()))
	}
	for _, e := range exceptions.History.Entries {
		err = fmt.Errorf("%w\n%s", err, e.Stacktrace)
	}
	return fmt.Errorf("%w\n%s", err, c.worker.Log())
}

// submit gives the statements of the job's file to the gateway, one by one, and returns the id of the job that the last one started.
func (f *flink) submit(ctx context.Context, t task) (string, error) {
	text := t.text
	if text == "" {
		var err error
		if text, err = f.jobText(t.Job, t.out, []string{"'topic_1'", "'" + t.in + "'", "'topic_1m'", "'" + t.in + "'"}); err != nil {
			return "", err
		}
	}
	file := &diag.File{Name: t.Job + ".sql", Text: text}
	script, list := parser.Parse(file)
	if list.HasErrors() {
		return "", fmt.Errorf("%s.sql does not parse: weir check tells why", t.Job)
	}
	properties := map[string]string{
		"parallelism.default":   strconv.Itoa(flinkParallelism),
		"restart-strategy.type": "disable", // a job that fails is to say so, not to be measured with a restart within
	}
	if t.State != "" {
		properties["state.backend.type"] = t.State
	}
	var session struct {
		Handle string `json:"sessionHandle"`
	}
	if err := f.post(ctx, f.sql+"/sessions", map[string]any{"properties": properties}, &session); err != nil {
		return "", fmt.Errorf("open a session of Flink's SQL gateway: %w", err)
	}
	at := f.sql + "/sessions/" + session.Handle
	var id string
	for _, s := range script.Statements {
		span := s.Span()
		var err error
		if id, err = f.statement(ctx, at, text[span.Start:span.End]); err != nil {
			return "", err
		}
	}
	if id == "" {
		return "", fmt.Errorf("%s.sql started no job", t.Job)
	}
	return id, f.call(ctx, http.MethodDelete, at, nil, nil)
}

// statement runs one statement and returns the id of the job that it started, if any.
func (f *flink) statement(ctx context.Context, session, text string) (string, error) {
	var operation struct {
		Handle string `json:"operationHandle"`
	}
	if err := f.post(ctx, session+"/statements", map[string]any{"statement": text}, &operation); err != nil {
		return "", fmt.Errorf("%w\n%s", err, text)
	}
	var result struct {
		Type  string `json:"resultType"` // NOT_READY, PAYLOAD, EOS
		JobID string `json:"jobID"`
	}
	err := f.until(ctx, "the statement is executed", []*program.Process{f.gateway}, func() (bool, error) {
		err := f.get(ctx, session+"/operations/"+operation.Handle+"/result/0?rowFormat=JSON", &result)
		return err == nil && result.Type != "NOT_READY", err
	})
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, text)
	}
	return result.JobID, nil
}

func (f *flink) get(ctx context.Context, url string, into any) error {
	return f.call(ctx, http.MethodGet, url, nil, into)
}

func (f *flink) post(ctx context.Context, url string, body, into any) error {
	return f.call(ctx, http.MethodPost, url, body, into)
}

// call is one request; into may be nil. What Flink answers instead of a result is in the error.
func (f *flink) call(ctx context.Context, method, url string, body, into any) (err error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var said struct{ Errors []string }
		if json.Unmarshal(answer, &said) != nil || len(said.Errors) == 0 {
			said.Errors = []string{string(answer)}
		}
		slices.SortStableFunc(said.Errors, func(a, b string) int { return len(a) - len(b) })
		return fmt.Errorf("%s: %s\n%s", url, res.Status, program.Tail(strings.Join(said.Errors, "\n")))
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
