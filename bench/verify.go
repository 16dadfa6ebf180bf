package main

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"strconv"

	"weir/connectors/formats"
	"weir/connectors/kafka"
)

var seed = maphash.MakeSeed()

// lineSum is a record's share of an order-independent sum over a topic.
func lineSum(b []byte) uint64 { return maphash.Bytes(seed, b) }

// number is the integer behind `"name":` in a JSON record that weir wrote.
func number(record []byte, name string) (int64, error) {
	i := bytes.Index(record, []byte(`"`+name+`":`))
	if i < 0 {
		return 0, fmt.Errorf("no %s in %q", name, record)
	}
	s := record[i+len(name)+3:]
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return strconv.ParseInt(string(s[:n]), 10, 64)
}

// verify reads back what a job wrote as a read_committed consumer and compares it with the generator's word. It returns the rows.
func (b *bench) verify(ctx context.Context, job, topic string) (int, error) {
	var rows int
	var sum, counted uint64
	last := make([]int64, keysOf("topic_1m"))
	each := func(_, v []byte) error { sum += lineSum(v); return nil }
	want := b.records
	switch job {
	case "bare", "raw":
	case "passthrough":
		each = func(_, v []byte) error {
			n, err := number(v, "user_id")
			counted += uint64(n)
			return err
		}
	case "filter":
		want = b.workload.passed
		each = func(_, _ []byte) error { return nil }
	case "tumble":
		want = b.workload.windows
		each = func(_, v []byte) error {
			n, err := number(v, "cnt")
			counted += uint64(n)
			return err
		}
	case "group":
		each = func(k, v []byte) error {
			user, err := number(k, "user_id")
			if err != nil {
				return err
			}
			n, err := number(v, "cnt")
			if err == nil && n <= last[user] {
				err = fmt.Errorf("the count of user %d goes from %d to %d", user, last[user], n)
			}
			last[user] = n
			return err
		}
	}
	err := kafka.BareRead(ctx, b.servers, topic, func(_ int32, keys, values formats.Payloads) error {
		for i := range values.Len {
			v, null := values.Get(i)
			if null {
				return fmt.Errorf("a null record")
			}
			k, _ := keys.Get(i)
			if err := each(k, v); err != nil {
				return err
			}
		}
		rows += len(values.Len)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read back: %w", err)
	}
	if job == "group" {
		// Each input row updates a key; rows that one batch makes of a key may be one.
		if rows > want {
			return rows, fmt.Errorf("%d rows out, %d in", rows, want)
		}
		for _, n := range last {
			counted += uint64(n)
		}
		want = rows
	}
	if rows != want {
		return rows, fmt.Errorf("wrong output: %d rows, %d expected", rows, want)
	}
	switch job {
	case "bare", "raw":
		if sum != b.workload.sum {
			return rows, fmt.Errorf("wrong output: %d rows, but not those of topic_1", rows)
		}
	case "passthrough":
		if counted != b.workload.users {
			return rows, fmt.Errorf("wrong output: user ids add up to %d, not %d", counted, b.workload.users)
		}
	case "tumble", "group":
		if counted != uint64(b.records) {
			return rows, fmt.Errorf("wrong output: counts add up to %d, not %d", counted, b.records)
		}
	}
	return rows, nil
}
