package planner

import (
	"weir/parser/ast"
	"weir/planner/bind"
	"weir/planner/catalog"
	"weir/planner/codes"
)

// like copies from the table of LIKE what its options say.
func (s *Session) like(t *catalog.Table, st *ast.CreateTable) bool {
	if st.Like == nil {
		return true
	}
	src := s.likeSource(st.Like)
	if src == nil {
		return false
	}
	l := &likeness{s: s, t: t, st: st, src: src, how: likeEverything()}
	if !l.options() || !l.columns() {
		return false
	}
	if l.how["CONSTRAINTS"] == "INCLUDING" {
		for _, k := range src.PrimaryKey {
			t.PrimaryKey, t.KeySpan = append(t.PrimaryKey, l.at[k]), st.Like.Sp
		}
	}
	if l.how["PARTITIONS"] == "INCLUDING" && t.Partitions == nil {
		t.Partitions = src.Partitions
	}
	return l.watermark() && l.with()
}

// likeSource is the table of LIKE; nil where there is none, which is reported.
func (s *Session) likeSource(at *ast.Like) *catalog.Table {
	name, ok := s.object(at.Source)
	if !ok || s.broken[name] {
		return nil
	}
	src := s.copied[at] // as it was when the table was created, where that is changed now
	if src == nil {
		src = s.tables[name]
	}
	if src == nil {
		if s.views[name] != nil {
			s.diags.Errorf(codes.WrongObject, at.Source.Sp, "%s is a view: LIKE copies tables", name)
			return nil
		}
		bind.UnknownTable(s.diags, at.Source, name, "table", s.Names())
		return nil
	}
	s.copied[at] = src
	return src
}

// likeness is a table that becomes like another one. Its steps report what cannot be, and are false then.
type likeness struct {
	s   *Session
	t   *catalog.Table
	st  *ast.CreateTable
	src *catalog.Table
	how map[string]string // by what may be copied: INCLUDING, EXCLUDING or OVERWRITING
	at  map[int]int       // columns of t by those of src that they were copied from
}

// likeEverything is how a bare LIKE copies.
func likeEverything() map[string]string {
	return map[string]string{
		"CONSTRAINTS": "INCLUDING", "GENERATED": "INCLUDING", "METADATA": "INCLUDING", "OPTIONS": "OVERWRITING",
		"PARTITIONS": "INCLUDING", "WATERMARKS": "INCLUDING", "DISTRIBUTION": "INCLUDING",
	}
}

// options reads what stands in the brackets of LIKE.
func (l *likeness) options() bool {
	for _, o := range l.st.Like.Options {
		if o.What == "ALL" {
			for k := range l.how {
				l.how[k] = o.Action
			}
		}
	}
	for _, o := range l.st.Like.Options {
		switch {
		case o.What == "ALL":
			if o.Action == "OVERWRITING" {
				l.s.diags.Errorf(codes.LikeClause, o.Sp, "OVERWRITING ALL does not exist").Help("write INCLUDING ALL OVERWRITING OPTIONS")
				return false
			}
		case o.Action == "OVERWRITING" && (o.What == "CONSTRAINTS" || o.What == "PARTITIONS" || o.What == "DISTRIBUTION"):
			l.s.diags.Errorf(codes.LikeClause, o.Sp, "%s cannot be overwritten", o.What).Help("write EXCLUDING %s and give the table its own", o.What)
			return false
		default:
			l.how[o.What] = o.Action
		}
	}
	return true
}

func (l *likeness) columns() bool {
	l.at = map[int]int{}
	for i, c := range l.src.Columns {
		what := map[catalog.ColumnKind]string{catalog.Computed: "GENERATED", catalog.Metadata: "METADATA"}[c.Kind]
		if what != "" && l.how[what] == "EXCLUDING" {
			continue
		}
		if what != "" && l.how[what] == "INCLUDING" && !l.alone(c, what) {
			return false
		}
		c.Time = catalog.NoTime
		l.at[i] = len(l.t.Columns)
		l.t.Columns = append(l.t.Columns, c)
	}
	return true
}

// alone reports that the table has no column of its own with the name of c.
func (l *likeness) alone(c catalog.Column, what string) bool {
	for _, d := range l.st.Columns {
		if d.Name.Name == c.Name {
			l.s.diags.Errorf(codes.LikeClause, d.Name.Sp, "column %s comes from the table of LIKE too", c.Name).Label(c.Span, "declared here").
				Help("add OVERWRITING %s to LIKE", what)
			return false
		}
	}
	return true
}

func (l *likeness) watermark() bool {
	w, how := l.src.Watermark, l.how["WATERMARKS"]
	if w == nil || how == "EXCLUDING" || how != "INCLUDING" && l.st.Watermark != nil {
		return true
	}
	i, there := l.at[w.Column]
	if !there {
		l.s.diags.Errorf(codes.LikeClause, l.st.Like.Sp, "the WATERMARK of %s is on column %s, which is excluded", l.src.Name, l.src.Columns[w.Column].Name).
			Help("add EXCLUDING WATERMARKS")
		return false
	}
	v := *w
	v.Column = i
	l.t.Watermark = &v
	l.t.Columns[i].Time = catalog.RowTime
	return true
}

// with copies what stands in WITH: the table's own options go before those of the other one.
func (l *likeness) with() bool {
	how := l.how["OPTIONS"]
	if how == "EXCLUDING" {
		return true
	}
	var merged catalog.Options
	for _, o := range l.src.Options {
		own := l.t.Options.Lookup(o.Key)
		if own != nil && how == "INCLUDING" {
			l.s.diags.Errorf(codes.LikeClause, own.KeySpan, "option '%s' comes from the table of LIKE too", o.Key).Label(o.KeySpan, "given here").
				Help("add OVERWRITING OPTIONS to LIKE")
			return false
		}
		if own == nil {
			merged = append(merged, o)
		}
	}
	l.t.Options = append(merged, l.t.Options...)
	return true
}
