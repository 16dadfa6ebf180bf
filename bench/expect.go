package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"time"

	"github.com/valyala/fastjson"
)

// expect makes a checker of what a job must write, one for each reading of an output.
type expect func() checker

// checker is told each record of an output, in the order of its partition, and at the end whether that was all. Records are
// compared by their values: engines may write a number or a time in different ways.
type checker interface {
	row(key, value []byte) error
	end() error
}

// expectOf works out, from the generator alone, what a job must write.
func expectOf(job string, records int) expect {
	switch job {
	case "copy", "raw":
		return expectRows(func(add func(func([]byte) []byte)) {
			eachEvent("topic_1", records, func(e event) { add(e.appendJSON) })
		}, func(dst, value []byte) ([]byte, error) { return append(dst, value...), nil })
	case "passthrough":
		return expectRows(func(add func(func([]byte) []byte)) {
			eachEvent("topic_1", records, func(e event) {
				add(func(dst []byte) []byte { return copyRow(dst, e.user, e.appendItem(nil), e.cents, e.millis()) })
			})
		}, readRow(4, func(dst []byte, f *fields) []byte {
			return copyRow(dst, f.integer("user_id"), f.text("item"), f.cents("price"), f.millis("ts"))
		}))
	case "filter":
		return expectRows(func(add func(func([]byte) []byte)) {
			eachEvent("topic_1", records, func(e event) {
				if e.cents >= 50000 && colours[e.colour] != "purple" {
					add(func(dst []byte) []byte { return e.appendFiltered(dst) })
				}
			})
		}, readRow(5, func(dst []byte, f *fields) []byte {
			return filterRow(dst, f.integer("user_id"), f.text("item"), f.cents("price"), f.text("tier"), f.millis("ts"))
		}))
	case "tumble":
		return expectRows(func(add func(func([]byte) []byte)) { eachWindow(records, add) }, readRow(5, func(dst []byte, f *fields) []byte {
			return windowRow(dst, f.millis("window_start"), f.millis("window_end"), f.integer("user_id"), f.integer("cnt"), f.cents("total"))
		}))
	case "group":
		return expectTotals(records)
	}
	panic("no job " + job)
}

// The rows of the jobs as text, one text for one meaning.

func copyRow(dst []byte, user int64, item []byte, cents, at int64) []byte {
	return fmtInts(append(fmtInts(dst, user), item...), cents, at)
}

func filterRow(dst []byte, user int64, item []byte, cents int64, tier []byte, at int64) []byte {
	return fmtInts(append(fmtInts(append(fmtInts(dst, user), item...), cents), tier...), at)
}

func windowRow(dst []byte, from, to, user, count, cents int64) []byte {
	return fmtInts(dst, from, to, user, count, cents)
}

func fmtInts(dst []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		dst = append(strconv.AppendInt(append(dst, '|'), n, 10), '|')
	}
	return dst
}

// millis is the event time in milliseconds since the epoch.
func (e event) millis() int64 { return firstEvent.Add(e.at).UnixMilli() }

// appendFiltered is the row that job filter makes of e.
func (e event) appendFiltered(dst []byte) []byte {
	tier := "lo"
	if e.cents > 75000 {
		tier = "hi"
	}
	// ROUND(price * 1.2, 2): twelve tenths of an even number of tenth cents never end on a half.
	return filterRow(dst, e.user, bytes.ToUpper(e.appendItem(nil)), (e.cents*12+5)/10, []byte(tier), e.millis())
}

// eachWindow gives the rows of job tumble to add.
func eachWindow(records int, add func(func([]byte) []byte)) {
	windows := map[time.Duration][]total{}
	const size = 10 * time.Second
	eachEvent("topic_1", records, func(e event) {
		start := e.at.Truncate(size)
		of := windows[start]
		if of == nil {
			of = make([]total, keysOf("topic_1"))
			windows[start] = of
		}
		of[e.user].count++
		of[e.user].cents += e.cents
	})
	for start, of := range windows {
		from := firstEvent.Add(start)
		for user, t := range of {
			if t.count > 0 {
				add(func(dst []byte) []byte {
					return windowRow(dst, from.UnixMilli(), from.Add(size).UnixMilli(), int64(user), t.count, t.cents)
				})
			}
		}
	}
}

var seed = maphash.MakeSeed()

// rowSum is a row's share of a sum over rows that does not depend on their order.
func rowSum(row []byte) uint64 { return maphash.Bytes(seed, row) }

// expectRows expects the rows that made gives to its argument, in any order; read makes the same text of a record.
func expectRows(made func(add func(func(dst []byte) []byte)), read func(dst, value []byte) ([]byte, error)) expect {
	var rows int
	var sum uint64
	var row []byte
	made(func(f func([]byte) []byte) {
		row = f(row[:0])
		rows++
		sum += rowSum(row)
	})
	return func() checker { return &rowChecker{rows: rows, sum: sum, read: read} }
}

// rowChecker compares a set of rows, by their number and the sum of their hashes.
type rowChecker struct {
	rows, got   int
	sum, gotSum uint64
	read        func(dst, value []byte) ([]byte, error)
	text        []byte
}

func (c *rowChecker) row(_, value []byte) (err error) {
	c.text, err = c.read(c.text[:0], value)
	c.got++
	c.gotSum += rowSum(c.text)
	return err
}

func (c *rowChecker) end() error {
	if c.got != c.rows {
		return fmt.Errorf("%d rows, %d expected", c.got, c.rows)
	}
	if c.gotSum != c.sum {
		return fmt.Errorf("as many rows as expected, %d, but with other values; the last one is %s", c.rows, c.text)
	}
	return nil
}

// expectTotals is job group: the last count and sum of each key are those of the whole input, and none ever falls.
func expectTotals(records int) expect {
	want := make([]total, keysOf("topic_1m"))
	eachEvent("topic_1m", records, func(e event) {
		want[e.user].count++
		want[e.user].cents += e.cents
	})
	return func() checker { return &totalChecker{records: records, want: want, last: make([]total, len(want))} }
}

type total struct{ count, cents int64 }

type totalChecker struct {
	records    int
	rows       int
	want, last []total
	keys       fields
	values     fields
}

func (c *totalChecker) row(key, value []byte) error {
	if err := errors.Join(c.keys.parse(key, 1), c.values.parse(value, 3)); err != nil {
		return err
	}
	user := c.keys.integer("user_id")
	now := total{c.values.integer("cnt"), c.values.cents("total")}
	if same := c.values.integer("user_id"); same != user {
		return fmt.Errorf("key %s has the value %s", key, value)
	}
	if err := errors.Join(c.keys.err, c.values.err); err != nil {
		return err
	}
	if user < 0 || user >= int64(len(c.want)) {
		return fmt.Errorf("there is no user %d", user)
	}
	if now.count <= c.last[user].count {
		return fmt.Errorf("the count of user %d goes from %d to %d", user, c.last[user].count, now.count)
	}
	c.last[user] = now
	c.rows++
	return nil
}

func (c *totalChecker) end() error {
	for user, want := range c.want {
		if got := c.last[user]; got != want {
			return fmt.Errorf("user %d has %d records of %d cents, expected are %d of %d", user, got.count, got.cents, want.count, want.cents)
		}
	}
	// Each input row updates a key; what one batch or one cache makes of a key may be one row.
	if c.rows > c.records {
		return fmt.Errorf("%d rows out, %d in", c.rows, c.records)
	}
	return nil
}

// fields reads the members of JSON objects. The first error stays in err.
type fields struct {
	parser fastjson.Parser
	object *fastjson.Value
	record []byte
	err    error
}

// readRow makes a reader of values with n members; text is one value's text.
func readRow(n int, text func(dst []byte, f *fields) []byte) func(dst, value []byte) ([]byte, error) {
	f := new(fields)
	return func(dst, value []byte) ([]byte, error) {
		if err := f.parse(value, n); err != nil {
			return dst, err
		}
		dst = text(dst, f)
		return dst, f.err
	}
}

// parse takes the next record, an object of n members.
func (f *fields) parse(record []byte, n int) error {
	f.record, f.err = record, nil
	v, err := f.parser.ParseBytes(record)
	if err != nil {
		return fmt.Errorf("%q: %w", record, err)
	}
	f.object = v
	if o, err := v.Object(); err != nil || o.Len() != n {
		return fmt.Errorf("%q is not an object of %d members", record, n)
	}
	return nil
}

func (f *fields) fail(name, what string) {
	if f.err == nil {
		f.err = fmt.Errorf("%s of %q is not %s", name, f.record, what)
	}
}

func (f *fields) integer(name string) int64 {
	v := f.object.Get(name)
	if v == nil {
		f.fail(name, "there")
		return 0
	}
	n, err := v.Int64()
	if err != nil {
		f.fail(name, "an integer")
	}
	return n
}

// cents is an amount with two decimals, times a hundred.
func (f *fields) cents(name string) int64 {
	v := f.object.Get(name)
	if v == nil {
		f.fail(name, "there")
		return 0
	}
	x, err := v.Float64()
	whole := math.Round(x * 100)
	if err != nil || math.Abs(x*100-whole) > 1e-3 {
		f.fail(name, "an amount of whole cents")
	}
	return int64(whole)
}

func (f *fields) text(name string) []byte {
	v := f.object.Get(name)
	if v == nil || v.Type() != fastjson.TypeString {
		f.fail(name, "a string")
		return nil
	}
	return v.GetStringBytes()
}

// millis is a timestamp, in milliseconds since the epoch.
func (f *fields) millis(name string) int64 {
	t, err := time.Parse(time.DateTime, string(f.text(name))) // takes a fraction too
	if err != nil {
		f.fail(name, "a timestamp")
	}
	return t.UnixMilli()
}
