package formats

import (
	"fmt"
	"strings"

	"weir/planner/catalog"
	"weir/planner/physical"
)

// ScanColumns is the physical columns of a scanned table, in the table's order, as a decoder
// wants them: Index is the place in the scan's output, -1 for a column that it does not read.
func ScanColumns(s *physical.Scan) []Column {
	at := make(map[int]int, len(s.Fields))
	for i, f := range s.Fields {
		at[f] = i
	}
	var out []Column
	for _, f := range s.Table.Physical() {
		c := Column{Name: s.Table.Columns[f].Name, Type: s.Table.Columns[f].Type, Index: -1}
		if i, ok := at[f]; ok {
			c.Index, c.Read = i, s.Columns[i].Type
		}
		out = append(out, c)
	}
	return out
}

// SinkColumns is the physical columns of a written table, in the table's order, as an encoder
// wants them: Index is the place in the sink's input.
func SinkColumns(s *physical.Sink) ([]Column, error) {
	at := make(map[int]int, len(s.Fields))
	for i, f := range s.Fields {
		at[f] = i
	}
	var out []Column
	for _, f := range s.Table.Physical() {
		i, ok := at[f]
		if !ok {
			return nil, fmt.Errorf("table %s: the plan gives no value for column %s", s.Table.Name, s.Table.Columns[f].Name)
		}
		out = append(out, Column{Name: s.Table.Columns[f].Name, Type: s.Input.Base().Columns[i].Type, Index: i})
	}
	return out, nil
}

// MetadataColumns is the metadata columns of the connector among the output of a scan: the key of each, and its
// place in the output.
func MetadataColumns(s *physical.Scan) (keys []string, index []int) {
	for i, f := range s.Fields {
		if c := &s.Table.Columns[f]; c.Kind == catalog.Metadata && !ofFormat(c) {
			keys, index = append(keys, c.MetadataKey), append(index, i)
		}
	}
	return keys, index
}

// FormatMetadata is the columns among the output of a scan that the format's own metadata fills.
func FormatMetadata(s *physical.Scan) []Column {
	var out []Column
	for i, f := range s.Fields {
		if c := &s.Table.Columns[f]; c.Kind == catalog.Metadata && ofFormat(c) {
			out = append(out, Column{Name: strings.TrimPrefix(c.MetadataKey, valuePrefix), Type: s.Columns[i].Type, Index: i})
		}
	}
	return out
}

const valuePrefix = "value."

func ofFormat(c *catalog.Column) bool { return strings.HasPrefix(c.MetadataKey, valuePrefix) }
