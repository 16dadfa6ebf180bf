package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// scalePoint is one job of a series.
type scalePoint struct {
	label   string
	sql     string
	records int
	prepare func(context.Context) error // nil: nothing
	undo    func()                      // nil: nothing
}

// scaleSeries varies one thing. Its points are compared with its first.
type scaleSeries struct {
	name, title string
	points      func(b *bench, records int) []scalePoint
}

var scaleSeriesAll = []scaleSeries{
	{"cores", "parallelism, datagen to blackhole", corePoints},
	{"phases", "TUMBLE with COUNT and SUM in one phase and in two, parallelism, datagen to blackhole", phasePoints},
	{"keys", "keys of GROUP BY with COUNT and SUM, datagen to blackhole, in memory", keyPoints},
	{"kafka-keys", "keys of GROUP BY with COUNT and SUM, JSON, Kafka to blackhole", kafkaKeyPoints},
	{"columns", "columns of the table, of which 3 are read, datagen to blackhole", columnPoints},
	{"json", "columns of a JSON record, of which 3 are read, Kafka to blackhole", jsonPoints},
	{"partitions", "partitions of the topic, JSON, Kafka to blackhole", partitionPoints},
}

// scale is the command `bench scale`: how cost per record changes with cores, keys, partitions and columns.
func scale(ctx context.Context, args []string) error {
	var names []string
	for _, s := range scaleSeriesAll {
		names = append(names, s.name)
	}
	f := flag.NewFlagSet("scale", flag.ContinueOnError)
	var o options
	f.IntVar(&o.records, "records", 5_000_000, "records a job; jobs that need little take a multiple, and three times as many as they have keys")
	f.IntVar(&o.rounds, "rounds", 3, "rounds, in turns; medians are reported")
	series := f.String("series", strings.Join(names, ","), "what to vary, by name")
	f.StringVar(&o.kafka, "kafka", "", "use this broker, `host:port`, instead of starting one")
	f.StringVar(&o.binary, "weir", "", "measure this `binary` instead of building one")
	if err := f.Parse(args); err != nil {
		return err
	}
	wanted := strings.Split(*series, ",")
	for _, w := range wanted {
		if !slices.Contains(names, w) {
			return fmt.Errorf("no series %q: there are %s", w, strings.Join(names, ", "))
		}
	}
	if o.kafka == "" && !slices.ContainsFunc(wanted, func(w string) bool { return w == "json" || w == "partitions" || w == "kafka-keys" }) {
		o.kafka = "none"
	}
	b, closeBench, err := openBench(ctx, o)
	if err != nil {
		return err
	}
	defer closeBench()
	for _, s := range scaleSeriesAll {
		if !slices.Contains(wanted, s.name) {
			continue
		}
		points := s.points(b, o.records)
		table, err := b.vary(ctx, points)
		for _, p := range points {
			if p.undo != nil {
				p.undo()
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("\n| %s | records/s | CPU µs per record | to the first | peak memory |\n| --- | ---: | ---: | ---: | ---: |\n%s", s.title, table)
	}
	return nil
}

// vary runs the points of a series in turns and makes a table of the medians.
func (b *bench) vary(ctx context.Context, points []scalePoint) (string, error) {
	results := make([][]measure, len(points))
	for round := range b.rounds {
		for i, p := range points {
			if round == 0 && p.prepare != nil {
				if err := p.prepare(ctx); err != nil {
					return "", err
				}
			}
			file := filepath.Join(b.dir, "scale.sql")
			if err := os.WriteFile(file, []byte(p.sql), 0o644); err != nil {
				return "", err
			}
			m, err := runChild(ctx, b.weir, "run", file, "--quiet")
			if err != nil {
				return "", fmt.Errorf("%s: %w", p.label, err)
			}
			m.records = p.records
			results[i] = append(results[i], m)
			say("round %d  %-24s %s", round+1, p.label, m)
		}
	}
	var out strings.Builder
	mid := func(ms []measure, of func(measure) float64) float64 {
		var xs []float64
		for _, m := range ms {
			xs = append(xs, of(m))
		}
		slices.Sort(xs)
		return xs[len(xs)/2]
	}
	first := mid(results[0], measure.cpuPerRecord)
	for i, p := range points {
		cpu := mid(results[i], measure.cpuPerRecord)
		fmt.Fprintf(&out, "| %s | %.0f k | %.3f | %.2f x | %.0f MB |\n", p.label, mid(results[i], measure.rate)/1000, cpu, cpu/first,
			mid(results[i], func(m measure) float64 { return float64(m.memory >> 20) }))
	}
	return out.String(), nil
}

// generated is a datagen table, a blackhole for what insert selects, and the settings in front.
func generated(records int, sets, columns, options, sink, insert string) string {
	return fmt.Sprintf(`%sCREATE TABLE made (%s) WITH ('connector' = 'datagen', 'rows-per-second' = '1000000000', 'number-of-rows' = '%d'%s);
CREATE TABLE gone (%s) WITH ('connector' = 'blackhole');
INSERT INTO gone %s;
`, sets, columns, records, options, sink, insert)
}

const manyCents = ", 'fields.price.min' = '0', 'fields.price.max' = '1000'"

func corePoints(_ *bench, records int) []scalePoint {
	var out []scalePoint
	for _, job := range []struct {
		name         string
		times        int // records: a job ought to run for seconds
		sink, insert string
	}{
		{"filter and expressions", 40, "id BIGINT, price DOUBLE, level STRING",
			"SELECT id, ROUND(price * 1.2, 2), CASE WHEN price > 750 THEN 'hi' ELSE 'lo' END FROM made WHERE price >= 500"},
		{"GROUP BY of 100 k keys", 10, "id BIGINT, cnt BIGINT, total DOUBLE", "SELECT id, COUNT(*), SUM(price) FROM made GROUP BY id"},
	} {
		for _, n := range []int{1, 2} {
			out = append(out, scalePoint{label: fmt.Sprintf("%s, %d", job.name, n), records: job.times * records,
				sql: generated(job.times*records, fmt.Sprintf("SET 'parallelism.default' = '%d';\n", n), "id BIGINT, price DOUBLE",
					", 'fields.id.min' = '0', 'fields.id.max' = '99999'"+manyCents, job.sink, job.insert)})
		}
	}
	return out
}

// phasePoints aggregates few keys, many, and many of which one has half of the rows.
func phasePoints(_ *bench, records int) []scalePoint {
	var out []scalePoint
	for _, keys := range []struct {
		name, key string
		n         int
	}{
		{"10 keys", "id", 10},
		{"1,000 keys", "id", 1_000},
		{"100,000 keys", "id", 100_000},
		{"half of the rows of one key", "CASE WHEN id < 50000 THEN 0 ELSE id END", 100_000},
	} {
		for _, cores := range []int{1, 2} {
			for _, strategy := range []string{"ONE_PHASE", "TWO_PHASE"} {
				if cores == 1 && strategy == "TWO_PHASE" {
					continue // the plan's first phase is left out where nothing is sent
				}
				out = append(out, scalePoint{label: fmt.Sprintf("%s, %s, %d", keys.name, strategy, cores), records: 8 * records,
					sql: generated(8*records, fmt.Sprintf("SET 'parallelism.default' = '%d';\nSET 'table.optimizer.agg-phase-strategy' = '%s';\n", cores, strategy),
						"id BIGINT, cents BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts", fmt.Sprintf(", 'fields.id.min' = '0', 'fields.id.max' = '%d'", keys.n-1),
						"id BIGINT, cnt BIGINT, total BIGINT, e TIMESTAMP(3)",
						"SELECT k, COUNT(*), SUM(cents), window_end FROM TUMBLE(TABLE (SELECT "+keys.key+" AS k, cents, ts FROM made), DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY k, window_start, window_end")})
			}
		}
	}
	return out
}

func keyPoints(_ *bench, records int) []scalePoint {
	var out []scalePoint
	for _, keys := range []int{1_000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000} {
		n := max(4*records, 3*keys)
		out = append(out, scalePoint{label: strconv.Itoa(keys), records: n,
			sql: generated(n, "SET 'parallelism.default' = '1';\nSET 'weir.memory' = '16 gb';\n", "id BIGINT, price DOUBLE",
				fmt.Sprintf(", 'fields.id.min' = '0', 'fields.id.max' = '%d'", keys-1)+manyCents,
				"id BIGINT, cnt BIGINT, total DOUBLE", "SELECT id, COUNT(*), SUM(price) FROM made GROUP BY id")})
	}
	return out
}

// kafkaKeyPoints is what keyPoints is, with what a job has besides: records that are fetched and decoded.
func kafkaKeyPoints(b *bench, records int) []scalePoint {
	var out []scalePoint
	for _, keys := range []int{1_000, 100_000, 1_000_000, 10_000_000} {
		n := max(records, 2*keys)
		out = append(out, b.filled(strconv.Itoa(keys), n, partitions,
			func(topic string) string {
				return "SET 'weir.memory' = '16 gb';\n" + b.read(topic, "user_id BIGINT, price DOUBLE", "id BIGINT, cnt BIGINT, total DOUBLE",
					"SELECT user_id, COUNT(*), SUM(price) FROM made GROUP BY user_id")
			},
			func(i int, b []byte) []byte {
				return event{user: int64(scatter(uint64(i)) % uint64(keys)), sku: int64(i * 7 % 100_000), colour: i % 8, size: i % 4, cents: int64(i * 13 % 100_000)}.appendJSON(b)
			}))
	}
	return out
}

// scatter makes a number that looks random of each number.
func scatter(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// widths are the numbers of columns.
var widths = []int{3, 10, 25, 50}

func columnPoints(_ *bench, records int) []scalePoint {
	var out []scalePoint
	for _, n := range widths {
		out = append(out, scalePoint{label: strconv.Itoa(n), records: 40 * records,
			sql: generated(40*records, "SET 'parallelism.default' = '1';\n", wideColumns(n), "", "a BIGINT, b BIGINT, c BIGINT", "SELECT c0, c1, c2 FROM made")})
	}
	return out
}

func wideColumns(n int) string {
	var cols []string
	for i := range n {
		cols = append(cols, fmt.Sprintf("c%d BIGINT", i))
	}
	return strings.Join(cols, ", ")
}

// read is a job that reads a topic from its beginning to its end.
func (b *bench) read(topic, columns, sink, insert string) string {
	return fmt.Sprintf(`SET 'parallelism.default' = '1';
CREATE TABLE made (%s) WITH ('connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json');
CREATE TABLE gone (%s) WITH ('connector' = 'blackhole');
INSERT INTO gone %s;
`, columns, topic, b.servers, sink, insert)
}

// filled is a point that reads a topic made for it, of n records by line, record i in partition i % parts.
func (b *bench) filled(label string, n, parts int, sql func(topic string) string, line func(i int, b []byte) []byte) scalePoint {
	b.serial++
	topic := fmt.Sprintf("bench_scale_%d", b.serial)
	return scalePoint{label: label, records: n, sql: sql(topic), undo: func() { b.dropLater(topic) },
		prepare: func(ctx context.Context) error {
			if err := b.admin.createWith(ctx, topic, parts); err != nil {
				return err
			}
			return produceAll(ctx, b.servers, topic, parts, n, line)
		}}
}

func jsonPoints(b *bench, records int) []scalePoint {
	var out []scalePoint
	for _, width := range widths {
		line := func(i int, b []byte) []byte {
			for c := range width {
				b = append(b, ",{"[boolInt(c == 0)])
				b = append(b, `"c`...)
				b = strconv.AppendInt(b, int64(c), 10)
				b = append(b, `":`...)
				b = strconv.AppendInt(b, int64(i+c), 10)
			}
			return append(b, '}')
		}
		out = append(out, b.filled(fmt.Sprintf("%d (%d bytes)", width, len(line(records-1, nil))), records, partitions,
			func(topic string) string {
				return b.read(topic, wideColumns(width), "a BIGINT, b BIGINT, c BIGINT", "SELECT c0, c1, c2 FROM made")
			}, line))
	}
	return out
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func partitionPoints(b *bench, records int) []scalePoint {
	var out []scalePoint
	for _, parts := range []int{1, 4, 40, 200} {
		out = append(out, b.filled(strconv.Itoa(parts), records, parts,
			func(topic string) string {
				const columns = "user_id BIGINT, item STRING, price DOUBLE, ts TIMESTAMP(3)"
				return b.read(topic, columns, columns, "SELECT * FROM made")
			},
			func(i int, b []byte) []byte {
				return event{user: int64(i % 100_000), sku: int64(i * 7 % 100_000), colour: i % 8, size: i % 4, cents: int64(i * 13 % 100_000)}.appendJSON(b)
			}))
	}
	return out
}
