package filesystem

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/connectors/formats"
	"weir/connectors/formats/literal"
	"weir/exec/batch"
	"weir/exec/expr"
	"weir/planner/catalog"
	"weir/planner/decimal"
	"weir/planner/scalar"
	"weir/planner/types"
)

// partitions is how a table's rows are laid out in folders: dt=2026-01-02/hm=10%3A00, a folder for each value of the columns that it is
// partitioned by, in their order. The files have the other columns.
type partitions struct {
	keys []string // partition columns
	// index is their places in a sink's input, or in the output of a scan, -1 for one that is not read.
	index []int
	types []types.Type // as the table declares them
	null  string       // stands for NULL and for an empty string
}

// newPartitions splits the columns of a table's files off from those of its folders. columns is all physical ones.
func newPartitions(t *catalog.Table, columns []formats.Column) (*partitions, []formats.Column) {
	if len(t.Partitions) == 0 {
		return nil, columns
	}
	p := &partitions{null: option(t, "partition.default-name")}
	var rest []formats.Column
	for _, c := range columns {
		if !slices.Contains(t.Partitions, c.Name) {
			rest = append(rest, c)
		}
	}
	for _, k := range t.Partitions {
		for _, c := range columns {
			if c.Name == k {
				p.keys, p.index, p.types = append(p.keys, k), append(p.index, c.Index), append(p.types, c.Type)
			}
		}
	}
	return p, rest
}

// appendFolder appends the folder of row i of b, relative to the table's.
func (p *partitions) appendFolder(dst []byte, b *batch.Batch, i int) []byte {
	for k, key := range p.keys {
		if k > 0 {
			dst = append(dst, '/')
		}
		dst = append(appendEscaped(dst, key), '=')
		at := len(dst)
		v := b.Cols[p.index[k]]
		if !v.IsNull(i) {
			dst = appendText(dst, v, i)
		}
		if len(dst) == at {
			dst = append(dst, p.null...)
		}
		if text := dst[at:]; slices.ContainsFunc(text, escaped) {
			dst = appendEscaped(dst[:at], string(text))
		}
	}
	return dst
}

// folder is that of the values of INSERT ... PARTITION (...), and whether all columns have one.
func (p *partitions) folder(static map[string]string) (string, bool) {
	var dst []byte
	for k, key := range p.keys {
		v, ok := static[key]
		if !ok {
			return "", false
		}
		if k > 0 {
			dst = append(dst, '/')
		}
		if v == "" {
			v = p.null
		}
		dst = appendEscaped(append(appendEscaped(dst, key), '='), v)
	}
	return string(dst), true
}

// appendText appends a value that is not NULL as Java's toString of it, which is what Flink names its folders by.
func appendText(dst []byte, v *batch.Vector, i int) []byte {
	switch t := v.Type; {
	case t.IsString():
		return append(dst, v.Bytes(i)...)
	case t.Kind == types.Boolean:
		return strconv.AppendBool(dst, v.Bool[i])
	case t.Kind == types.Date:
		return literal.AppendDate(dst, v.Int[i])
	case t.Kind == types.Timestamp:
		return literal.AppendLocalDateTime(dst, v.Int[i])
	case t.Kind == types.Float:
		return literal.AppendFloat(dst, v.Flt[i], 32)
	case t.Kind == types.Double:
		return literal.AppendFloat(dst, v.Flt[i], 64)
	case t.Kind == types.Decimal:
		return append(dst, decimal.String(v.Dec[i], t.Scale)...)
	}
	return literal.AppendInt(dst, v.Int[i])
}

// escaped reports a character that is written as %XX in the name of a folder, as Hive does.
func escaped(c byte) bool {
	return c < ' ' || c == 0x7f || strings.IndexByte(`"#%'*/:=?\{[]^`, c) >= 0
}

func appendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		if escaped(s[i]) {
			dst = fmt.Appendf(dst, "%%%02X", s[i])
		} else {
			dst = append(dst, s[i])
		}
	}
	return dst
}

func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

// texts is what the folders of a path, relative to the table's, say of the partition columns. ok is false when it is not below one folder for
// each of them.
func (p *partitions) texts(relative string) (texts []string, ok bool) {
	folders := strings.Split(relative, "/")
	if len(folders) <= len(p.keys) {
		return nil, false
	}
	for k, key := range p.keys {
		name, value, found := strings.Cut(folders[k], "=")
		if !found || unescape(name) != key || value == "" {
			return nil, false
		}
		texts = append(texts, unescape(value))
	}
	return texts, true
}

// values is the partition columns of a file as values. An error names the column whose folder has none.
func (p *partitions) values(relative string) ([]types.Value, error) {
	texts, ok := p.texts(relative)
	if !ok {
		return nil, fmt.Errorf("it lies in no folder %s=.../", strings.Join(p.keys, "=.../"))
	}
	out := make([]types.Value, len(texts))
	for k, text := range texts {
		if text == p.null {
			continue
		}
		v, ok := parse(text, p.types[k])
		if !ok {
			return nil, fmt.Errorf("its folder says %s=%s, which is no %s", p.keys[k], text, p.types[k].WithNullable(true))
		}
		out[k] = v
	}
	return out, nil
}

// parse reads what appendText has written.
func parse(s string, t types.Type) (types.Value, bool) {
	b := []byte(s)
	switch {
	case t.IsString():
		return s, true
	case t.Kind == types.Boolean:
		return literal.ParseBool(b), true // Java: what is not "true" is false
	case t.IsInteger():
		n, ok, in := literal.ParseInt(b)
		lo, hi := literal.Range(t.Kind)
		return n, ok && in && lo <= n && n <= hi
	case t.Kind == types.Float:
		f, ok := literal.ParseFloat(b, 32)
		return f, ok
	case t.Kind == types.Double:
		f, ok := literal.ParseFloat(b, 64)
		return f, ok
	case t.Kind == types.Decimal:
		d, ok := decimal.Parse(b, t.Prec, t.Scale)
		return d, ok
	case t.Kind == types.Date:
		n, ok := literal.ParseDate(b, false)
		return n, ok
	}
	n, ok := literal.ParseTimestamp(b, literal.ISO)
	return literal.Truncate(n, t.Prec), ok
}

// pruning is the conditions over partition columns alone that rows of a scan must meet: a file whose folder does not is not opened.
type pruning struct {
	*partitions
	conds []scalar.Expr // over the scan's output
	zone  *time.Location
}

func newPruning(p *partitions, filter scalar.Expr, zone *time.Location) *pruning {
	if p == nil || filter == nil {
		return nil
	}
	r := &pruning{partitions: p, zone: zone}
	for _, e := range scalar.Conjuncts(filter) {
		of := scalar.Columns(e)
		if len(of) > 0 && scalar.Deterministic(e) && !slices.ContainsFunc(of, func(c int) bool { return !slices.Contains(p.index, c) }) {
			r.conds = append(r.conds, e)
		}
	}
	if r.conds == nil {
		return nil
	}
	return r
}

// keeps reports whether rows of a folder with these values can be wanted.
func (r *pruning) keeps(values []types.Value) (bool, error) {
	for _, e := range r.conds {
		known := scalar.Rewrite(e, func(x scalar.Expr) scalar.Expr {
			c, ok := x.(*scalar.Column)
			if !ok {
				return x
			}
			return &scalar.Literal{Value: values[slices.Index(r.index, c.Index)], Typ: c.Typ.WithNullable(true)}
		})
		v, err := expr.Fold(known, expr.Env{Zone: r.zone})
		if err != nil {
			return false, err
		}
		if yes, _ := v.(bool); !yes {
			return false, nil
		}
	}
	return true, nil
}
