package op

import (
	"encoding/binary"
	"fmt"

	"weir/exec/batch"
	"weir/state"
)

// partners is what goes out beside the k-th row of the batch, row i of in: what the table answered, or for a row that is taken back, with Keep, what
// was put out with it. Of a row that was never there, or was forgotten, that is nothing.
func (o *lookupJoin) partners(in *batch.Batch, k, i int) ([][]byte, error) {
	var rows [][]byte
	if a := o.answers[k]; a != nil {
		rows = a.Rows
	}
	if o.memory == nil {
		return rows, nil
	}
	m := o.memory.Map(0)
	key := o.ids.At(k)
	if in.Kind(i).Adds() {
		r, _, err := m.Upsert(o.idHash[k], key)
		if err != nil {
			return nil, err
		}
		o.entry = appendFound(append(o.entry[:0], m.Var(r)...), rows)
		return rows, m.SetVar(r, o.entry)
	}
	r, err := m.Find(o.idHash[k], key)
	if err != nil || r == state.NoRef {
		return nil, err
	}
	first, rest, err := cutFound(append(o.entry[:0], m.Var(r)...), o.list[:0])
	if err != nil {
		return nil, fmt.Errorf("operator %s: %w", o.node.ID, err)
	}
	o.list = first
	if len(rest) == 0 {
		m.Delete(r)
		return first, nil
	}
	m.Touch(r)
	return first, m.SetVar(r, rest)
}

// appendFound appends the rows that were found for one row: their number, and each with its length.
func appendFound(dst []byte, rows [][]byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	for _, row := range rows {
		dst = append(binary.AppendUvarint(dst, uint64(len(row))), row...)
	}
	return dst
}

// cutFound takes the first of what appendFound appended; the rows are views of data.
func cutFound(data []byte, to [][]byte) (rows [][]byte, rest []byte, err error) {
	take := func() (n uint64, ok bool) {
		n, w := binary.Uvarint(data)
		if w <= 0 {
			return 0, false
		}
		data = data[w:]
		return n, true
	}
	n, ok := take()
	for ; ok && n > 0; n-- {
		var size uint64
		if size, ok = take(); ok {
			if ok = size <= uint64(len(data)); ok {
				to, data = append(to, data[:size]), data[size:]
			}
		}
	}
	if !ok {
		return nil, nil, fmt.Errorf("the rows that were kept end too early; the state is damaged")
	}
	return to, data, nil
}
