package repl

import (
	"github.com/mattn/go-runewidth"

	"weir/exec/batch"
	"weir/exec/expr/text"
)

// appendText appends the text of the value of v at i, as CAST(x AS STRING) gives it. The value is not NULL.
func (r *result) appendText(dst []byte, v *batch.Vector, i int) []byte {
	return text.AppendValue(dst, v, i, r.zone)
}

// cell is the value of v at i for a line of the screen; buf is scratch memory.
func (r *result) cell(v *batch.Vector, i int, buf *[]byte) textCell {
	if v.IsNull(i) {
		return textCell{text: r.null, width: runewidth.StringWidth(r.null), null: true}
	}
	*buf = r.appendText((*buf)[:0], v, i)
	s := clean(string(*buf))
	return textCell{text: s, width: runewidth.StringWidth(s)}
}
