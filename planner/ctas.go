package planner

import (
	"slices"

	"weir/parser/ast"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/scalar"
	"weir/planner/types"
)

// asQuery adds to t, which has its declared columns, those of the query that it is created from. As in Flink the declared columns that
// the query does not give come first; a column that both have stands where the query has it, with the declared type. It returns the names of the query's columns.
func (s *Session) asQuery(t *catalog.Table, st *ast.CreateTable) (names []ast.Ident, ok bool) {
	if st.Temporary {
		s.diags.Errorf(codes.NoTableForm, st.Sp, "a TEMPORARY table cannot be created AS a query").
			Help("leave TEMPORARY out")
		return nil, false
	}
	n := s.binder().Query(st.As)
	if n == nil {
		return nil, false
	}
	var given []catalog.Column
	for _, c := range n.Cols() {
		if slices.ContainsFunc(given, func(o catalog.Column) bool { return o.Name == c.Name }) {
			s.diags.Errorf(codes.Duplicate, st.As.Sp, "table %s would have two columns called %s", t.Name, c.Name).
				Help("give one of them another name with AS")
			return nil, false
		}
		if c.Type.Kind == types.Null {
			s.diags.Errorf(codes.ComputedColumn, st.As.Sp, "column %s is NULL and has no type", c.Name).
				Help("write CAST(NULL AS STRING) AS %s, with the type that it shall have", scalar.QuoteName(c.Name))
			return nil, false
		}
		col := catalog.Column{Name: c.Name, Type: c.Type, Span: st.As.Sp, Kind: catalog.Physical}
		if i := slices.IndexFunc(t.Columns, func(o catalog.Column) bool { return o.Name == c.Name }); i >= 0 {
			col = t.Columns[i]
			if col.Kind == catalog.Computed || col.Virtual {
				s.diags.Errorf(codes.InsertColumns, col.Span, "column %s cannot be written, and the query gives it", col.Name).Label(st.As.Sp, "by this query").
					Help("give one of them another name")
				return nil, false
			}
		}
		given = append(given, col)
		names = append(names, ast.Ident{At: st.Name.At, Name: col.Name})
	}
	t.Columns = slices.DeleteFunc(t.Columns, func(c catalog.Column) bool {
		return slices.ContainsFunc(given, func(g catalog.Column) bool { return g.Name == c.Name })
	})
	t.Columns = append(t.Columns, given...)
	return names, true
}

// fill plans the job that writes the rows of its query, whose columns are called names, to t, which was created AS it.
func (s *Session) fill(t *catalog.Table, st *ast.CreateTable, names []ast.Ident) Result {
	in := &ast.Insert{At: st.At, Table: st.Name, Columns: names, Query: st.As}
	if j := s.job([]*ast.Insert{in}, st.Sp); j != nil {
		return &JobResult{Job: j}
	}
	if s.o.Interactive {
		delete(s.tables, t.Name)
	}
	return nil
}
