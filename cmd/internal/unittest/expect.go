package unittest

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/exec/batch"
	"weir/parser/diag"
	"weir/planner/catalog"
)

// seen is the output of a table as one look finds it.
type seen struct {
	w        *want
	rower    *rower
	all      []change // since the beginning
	fresh    []change // since the last look
	key      []int    // columns that name a row; nil: none is known
	upsert   bool     // without -U: a row replaces the one of its key
	inserted bool     // insert-only
}

// expect looks at tables.
func (e *execution) expect(s *step) error {
	if err := e.start(); err != nil {
		return err
	}
	var err error
	if e.durable {
		err = e.checkpoint()
	} else {
		err = e.settle()
	}
	if err != nil {
		return err
	}
	for _, w := range s.expect {
		l, err := e.look(w)
		if err != nil {
			return err
		}
		e.looked[w.table] = len(l.all)
		if err := l.judge(e.style, e.out); err != nil {
			return err
		}
	}
	return nil
}

// look gathers the output of a table.
func (e *execution) look(w *want) (*seen, error) {
	f := *e.t.File
	f.diags = &diag.List{}
	s := &seen{w: w}
	for _, l := range e.jobs {
		for _, o := range l.sinks {
			if o.name != w.table {
				continue
			}
			if s.rower == nil {
				s.rower = newRower(&f, w.table, o.columns, e.program.zone, e.t.now)
				s.shape(o)
			}
			for _, c := range l.rows(o) {
				s.all = append(s.all, s.rower.actual(c.Kind, c.Row))
			}
		}
	}
	s.fresh = s.all[min(e.looked[w.table], len(s.all)):]
	return s, nil
}

// shape notes by what rows of the output are told apart.
func (s *seen) shape(o *output) {
	place := func(field int) int {
		return slices.IndexFunc(o.columns, func(c column) bool { return c.Name == o.sink.Table.Columns[field].Name })
	}
	for _, f := range o.sink.Table.PrimaryKey {
		s.key = append(s.key, place(f))
	}
	in := o.sink.Input.Base().Changelog
	if s.key == nil && in.Mode != catalog.InsertOnly {
		for _, k := range in.Key {
			s.key = append(s.key, place(o.sink.Fields[k]))
		}
	}
	if slices.Contains(s.key, -1) {
		s.key = nil
	}
	s.upsert = in.Mode == catalog.Upsert
	s.inserted = in.Mode == catalog.InsertOnly
}

// judge compares.
func (s *seen) judge(style Style, out *Outcome) error {
	w, r := s.w, s.rower
	want := r.expected(w.rows, w.columns, w.mode == wantContains)
	if len(r.file.diags.All) > 0 {
		return &wrongTest{"what is expected of " + w.table + " does not fit the table", r.file.diags}
	}
	got, ok := s.fresh, false
	switch w.mode {
	case wantEmpty:
		ok = len(got) == 0
	case wantCount:
		ok = len(got) == w.count
	case wantTable:
		got = s.remains()
	}
	var d *difference
	if w.mode != wantCount {
		d = s.compare(want, got)
		ok = d.equal()
	}
	out.Checks = append(out.Checks, Check{w.table, w.mode, len(got), ok})
	if ok {
		return nil
	}
	at := r.file.span(w.at).String()
	if w.mode == wantCount {
		out.fail(fmt.Sprintf("%s: expected %d changes, found %d", w.table, w.count, len(got)), at+"\n"+style.draw(s.compare(nil, got), r.names(), true))
	} else {
		out.fail(fmt.Sprintf("%s: %s", w.table, d.summary()), at+"\n"+style.draw(d, r.names(), w.mode != wantTable))
	}
	if len(got) == 0 || got[0].made != nil { // of rows that Flink made only the text is known
		out.edits = append(out.edits, s.edit(got))
	}
	return nil
}

// remains is the table that all changes lead to. A change that takes back what is not there stays, as a difference that is seen.
func (s *seen) remains() []change {
	var out []change
	for _, c := range s.all {
		same := func(o change) bool {
			if s.key != nil && s.upsert {
				return s.keyOf(o) == s.keyOf(c)
			}
			return o.kind == batch.Insert && line(o.cells) == line(c.cells)
		}
		i := slices.IndexFunc(out, same)
		if c.kind.Adds() {
			c.kind = batch.Insert
			if i >= 0 && s.upsert && s.key != nil {
				out[i] = c
			} else {
				out = append(out, c)
			}
			continue
		}
		if i >= 0 {
			out = slices.Delete(out, i, i+1)
		} else if !s.upsert {
			out = append(out, c)
		}
	}
	return out
}

// keyOf is what tells rows apart: the key where there is one, else the whole row.
func (s *seen) keyOf(c change) string {
	if s.key == nil {
		return line(c.cells)
	}
	var k []cell
	for _, i := range s.key {
		k = append(k, c.cells[i])
	}
	return line(k)
}

func line(cells []cell) string {
	var b strings.Builder
	for _, c := range cells {
		if c.null {
			b.WriteString("\x00N")
		}
		b.WriteString(c.text)
		b.WriteByte(0)
	}
	return b.String()
}

// row is one line of a difference.
type row struct {
	mark byte // ' ' as expected, '-' missing, '+' extra, '~' changed
	kind string
	was  []cell // expected; for '-' and '~'
	is   []cell
}

// difference is what was expected and found, side by side.
type difference struct {
	rows                     []row
	missing, extra, modified int
}

func (d *difference) equal() bool { return d.missing+d.extra+d.modified == 0 }

func (d *difference) summary() string {
	var out []string
	for _, p := range []struct {
		n    int
		what string
	}{{d.missing, "missing"}, {d.extra, "extra"}, {d.modified, "changed"}} {
		if p.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(out, ", ")
}

func matches(want, got change) bool {
	if want.kind != got.kind && !(want.any && got.kind.Adds()) {
		return false
	}
	for i, c := range want.cells {
		if !c.any && (c.null != got.cells[i].null || c.text != got.cells[i].text) {
			return false
		}
	}
	return true
}

// compare pairs what was expected with what was found. Changes of one key stay in their order, those of different keys may
// have come in any; with `ordered` all stay in order.
func (s *seen) compare(want, got []change) *difference {
	taken := make([]bool, len(got))
	pair := make([]int, len(want)) // the got of each want, -1: none
	ordered := s.w.ordered
	last := map[string]int{}
	for i, w := range want {
		pair[i] = -1
		k := ""
		if !ordered && s.w.mode == wantChangelog {
			k = s.keyOf(w)
			if s.loose(w) {
				k = "" // the key is not looked at: any order
			}
		}
		from := 0
		if ordered || s.w.mode == wantChangelog && k != "" {
			from = last[k]
		}
		for j := from; j < len(got); j++ {
			if !taken[j] && matches(w, got[j]) {
				// Nothing of the same key may be left behind it.
				pair[i], taken[j] = j, true
				last[k] = j + 1
				break
			}
		}
	}
	d := &difference{}
	partial := s.w.mode == wantContains
	// Pairs of what is missing and what is too much, of one key, are changes.
	for i, w := range want {
		if j := pair[i]; j >= 0 {
			d.rows = append(d.rows, row{mark: ' ', kind: got[j].kind.String(), is: got[j].cells})
			continue
		}
		best, like := -1, 0
		for j, g := range got {
			if taken[j] || partial || matches(w, g) { // the same in another place is not changed: it is missing here and extra there
				continue
			}
			n := alike(w, g)
			if s.key != nil && s.keyOf(w) == s.keyOf(g) {
				n += len(w.cells)
			}
			if n > like {
				best, like = j, n
			}
		}
		if best >= 0 && like*2 >= len(w.cells) {
			taken[best] = true
			kind := got[best].kind.String()
			if w.kind != got[best].kind {
				kind = w.kind.String() + " → " + kind
			}
			d.rows = append(d.rows, row{mark: '~', kind: kind, was: w.cells, is: got[best].cells})
			d.modified++
			continue
		}
		kind := w.kind.String()
		if w.any {
			kind = ""
		}
		d.rows = append(d.rows, row{mark: '-', kind: kind, was: w.cells})
		d.missing++
	}
	for j, g := range got {
		if !taken[j] && !partial {
			d.rows = append(d.rows, row{mark: '+', kind: g.kind.String(), is: g.cells})
			d.extra++
		}
	}
	if partial && d.missing > 0 { // what there is instead
		for j, g := range got {
			if !taken[j] {
				d.rows = append(d.rows, row{mark: ' ', kind: g.kind.String(), is: g.cells})
			}
		}
	}
	return d
}

// loose reports that a column of the key is not compared.
func (s *seen) loose(w change) bool {
	for i, c := range w.cells {
		if c.any && (s.key == nil || slices.Contains(s.key, i)) {
			return true
		}
	}
	return false
}

// alike counts the cells that are equal.
func alike(a, b change) int {
	n := 0
	for i, c := range a.cells {
		if !c.any && c.null == b.cells[i].null && c.text == b.cells[i].text {
			n++
		}
	}
	return n
}

// edit is the expectation as it would have to be.
func (s *seen) edit(got []change) edit {
	w := s.w
	e := edit{key: w.at, node: w.value}
	switch w.mode {
	case wantCount, wantEmpty:
		if w.value.Kind == yaml.MappingNode {
			e.text = fmt.Sprintf("{count: %d}", len(got))
			return e
		}
	}
	if len(got) == 0 {
		e.text = wantEmpty
		if w.mode == wantTable {
			e.text = "{table: []}"
		}
		return e
	}
	if w.mode == wantTable || w.mode == wantContains || w.list != nil && w.list != w.value {
		e.key, e.node = keyBefore(w.value, w.list), w.list
	}
	old := map[string][]*yaml.Node{}
	for _, c := range s.rower.expected(w.rows, w.columns, w.mode == wantContains) {
		k := c.kind.String() + line(c.cells)
		old[k] = append(old[k], c.node)
	}
	s.rower.file.diags.All = nil
	for _, c := range got {
		k := c.kind.String() + line(c.cells)
		if nodes := old[k]; len(nodes) > 0 {
			e.items = append(e.items, item{node: nodes[0]})
			old[k] = nodes[1:]
			continue
		}
		e.items = append(e.items, item{text: s.rower.writtenRow(c, w.columns)})
	}
	return e
}

// keyBefore is the key of a mapping's member.
func keyBefore(m, value *yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i+1] == value {
			return m.Content[i]
		}
	}
	return nil
}
