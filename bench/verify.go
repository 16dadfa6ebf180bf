package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"weir/connectors/formats"
	"weir/connectors/kafka"
)

// verify reads back what a job wrote as a read_committed consumer and compares it with the generator's word. It returns the rows.
func (b *bench) verify(ctx context.Context, job, topic string) (int, error) {
	var rows int
	check := b.wants[job]()
	err := kafka.BareRead(ctx, b.servers, topic, func(_ int32, keys, values formats.Payloads) error {
		for i := range values.Len {
			v, null := values.Get(i)
			if null {
				return errors.New("a null record")
			}
			k, _ := keys.Get(i)
			if err := check.row(k, v); err != nil {
				return fmt.Errorf("wrong output: %w", err)
			}
		}
		rows += len(values.Len)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read back: %w", err)
	}
	if err := check.end(); err != nil {
		return rows, fmt.Errorf("wrong output: %w", err)
	}
	return rows, nil
}

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
