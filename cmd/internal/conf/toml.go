package conf

import (
	"errors"
	"strconv"

	"github.com/pelletier/go-toml/v2/unstable"

	"weir/parser/diag"
)

// entry is one value of a file, of a variable or of -O.
type entry struct {
	path    []string
	profile string // it belongs to; empty: to none
	text    string
	list    []string
	isList  bool
	key     diag.Span // zero where it is in no file
	value   diag.Span
	origin  string // where it is in no file
}

// parse reads a TOML text into its values, each with its place. The parser's own tree is used, since its decoder forgets places.
func parse(f *diag.File, diags *diag.List) []entry {
	t := tomlReader{file: f, diags: diags, seen: map[string]diag.Span{}, count: map[string]int{}}
	var p unstable.Parser
	p.Reset([]byte(f.Text))
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			t.enter(e)
		case unstable.KeyValue:
			t.keyValue(t.table, e)
		}
	}
	var bad *unstable.ParserError
	if err := p.Error(); errors.As(err, &bad) {
		at := p.Range(bad.Highlight)
		diags.Errorf(Syntax, t.span(at), "%s", bad.Message).Note("the file is TOML")
	} else if err != nil {
		diags.Errorf(Syntax, diag.Span{File: f}, "%s", err)
	}
	return t.out
}

// enter begins a table: what is below an array of tables belongs to the last one of it.
func (t *tomlReader) enter(e *unstable.Node) {
	path, _ := t.path(e)
	t.table = nil
	for i, part := range path {
		t.table = append(t.table, part)
		name := join(t.table)
		if i == len(path)-1 && e.Kind == unstable.ArrayTable {
			t.count[name]++
		}
		if n := t.count[name]; n > 0 {
			t.table = append(t.table, strconv.Itoa(n))
		}
	}
}

type tomlReader struct {
	file  *diag.File
	diags *diag.List
	table []string
	count map[string]int // tables of an array so far
	seen  map[string]diag.Span
	out   []entry
}

func (t *tomlReader) span(r unstable.Range) diag.Span {
	return diag.Span{File: t.file, Start: int(r.Offset), End: int(r.Offset + r.Length)}
}

// path is the key of a node and its place.
func (t *tomlReader) path(n *unstable.Node) (path []string, at diag.Span) {
	for it := n.Key(); it.Next(); {
		path = append(path, string(it.Node().Data))
		at = at.To(t.span(it.Node().Raw))
	}
	return path, at
}

func (t *tomlReader) keyValue(table []string, n *unstable.Node) {
	own, at := t.path(n)
	path := append(append([]string{}, table...), own...)
	v := n.Value()
	if v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			t.keyValue(path, it.Node())
		}
		return
	}
	name := join(path)
	if first, twice := t.seen[name]; twice {
		t.diags.Errorf(Syntax, at, "%s is given twice", own[len(own)-1]).Label(first, "first here")
		return
	}
	t.seen[name] = at
	e := entry{path: path, key: at, value: at}
	if v.Raw.Length > 0 {
		e.value = t.span(v.Raw)
	}
	if v.Kind == unstable.Array {
		e.isList = true
		for it := v.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			e.list = append(e.list, string(it.Node().Data))
			e.value = t.span(it.Node().Raw)
		}
	} else {
		e.text = string(v.Data)
	}
	t.out = append(t.out, e)
}

// join is a path as a key of maps: parts may hold dots.
func join(path []string) string {
	var b []byte
	for _, p := range path {
		b = strconv.AppendQuote(b, p)
	}
	return string(b)
}
