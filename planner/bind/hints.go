package bind

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/scalar"
)

// hints is what /*+ ... */ behind SELECT says about the relations of its FROM, which it names as they are called there.
type hints struct {
	ttls    []*ttlHint
	lookups []*lookupHint
	tables  []tableHint // named by any of them
}

// tableHint is a relation that a hint names; found is set when FROM has it.
type tableHint struct {
	hint, name string
	at         diag.Span
	found      *bool
}

// ttlHint is one item of STATE_TTL.
type ttlHint struct {
	name string
	ttl  time.Duration
}

// lookupHint is LOOKUP.
type lookupHint struct {
	table string
	at    diag.Span
	opts  *logical.LookupHint
}

// joinHints choose how Flink joins in a batch; a stream is joined by key.
var joinHints = []string{"BROADCAST", "SHUFFLE_HASH", "SHUFFLE_MERGE", "NEST_LOOP", "MULTI_JOIN"}

// readHints reads the hints of one SELECT.
func (b *Binder) readHints(list []*ast.Hint) *hints {
	h := &hints{}
	for _, x := range list {
		switch {
		case x.Name == "STATE_TTL":
			b.readTTL(h, x)
		case x.Name == "LOOKUP":
			b.readLookup(h, x)
		case slices.Contains(joinHints, x.Name):
			b.readJoinHint(h, x)
		case x.Name == "OPTIONS":
			b.Diags.Errorf(codes.NoHint, x.Sp, "OPTIONS stands behind a table's name").
				Help("write FROM t /*+ OPTIONS('key' = 'value') */")
		default:
			d := b.Diags.Errorf(codes.NoHint, x.Sp, "hint %s is not known", x.Name)
			known := append([]string{"LOOKUP", "STATE_TTL"}, joinHints...)
			if s, ok := diag.Suggest(x.Name, known); ok {
				d.Help("did you mean %s?", s)
			} else {
				d.Note("known are %s; OPTIONS('key' = 'value') stands behind a table's name", strings.Join(known, ", "))
			}
		}
	}
	return h
}

func (h *hints) names(hint, name string, at diag.Span) {
	h.tables = append(h.tables, tableHint{hint, name, at, new(bool)})
}

func (b *Binder) readJoinHint(h *hints, x *ast.Hint) {
	if len(x.KVs) > 0 || len(x.Args) == 0 {
		b.Diags.Errorf(codes.NoHint, x.Sp, "%s takes names of tables", x.Name).Help("write %s(t)", x.Name)
		return
	}
	for _, a := range x.Args {
		c, ok := a.(*ast.ColumnRef)
		if !ok {
			b.Diags.Errorf(codes.NoHint, a.Span(), "%s takes names of tables", x.Name)
			continue
		}
		h.names(x.Name, c.Name.Last().Name, a.Span())
	}
	b.Diags.Warnf(codes.NoHint, x.Sp, "hint %s has no effect: a stream is joined by key, as in Flink", x.Name).Severity = diag.Note
}

func (b *Binder) readTTL(h *hints, x *ast.Hint) {
	if len(x.Args) > 0 || len(x.KVs) == 0 {
		b.Diags.Errorf(codes.NoHint, x.Sp, "STATE_TTL takes names of tables, each with a time").Help("write STATE_TTL('a' = '1 d', 'b' = '2 h')")
		return
	}
	earlier := len(h.ttls) // of two hints the first one counts, of two times in one hint the last one
	for i, kv := range x.KVs {
		name := kv.Key.Value
		if slices.ContainsFunc(h.ttls[:earlier], func(t *ttlHint) bool { return t.name == name }) {
			b.Diags.Warnf(codes.NoHint, kv.Key.Sp, "%s has a time already, by the STATE_TTL before this one, which counts", name)
			continue
		}
		if slices.ContainsFunc(x.KVs[i+1:], func(p *ast.Property) bool { return p.Key.Value == name }) {
			b.Diags.Warnf(codes.NoHint, kv.Key.Sp, "%s gets another time in the same STATE_TTL, which counts", name)
			continue
		}
		d, err := config.ParseDuration(kv.Value.Value)
		if err != nil || d < 0 {
			b.Diags.Errorf(codes.NoHint, kv.Value.Sp, "'%s' is no time", kv.Value.Value).Help("write '1 d', '2 h' or '30 min'; '0' keeps rows for ever")
			continue
		}
		h.ttls = append(h.ttls, &ttlHint{name, d})
		h.names("STATE_TTL", name, kv.Key.Sp)
	}
}

// lookupOptions are those of LOOKUP.
var lookupOptions = []string{"table", "async", "output-mode", "capacity", "timeout", "retry-predicate", "retry-strategy", "fixed-delay", "max-attempts", "shuffle"}

// retryOptions are those of LOOKUP that say when and how to ask again; all of them are needed.
var retryOptions = []string{"retry-predicate", "retry-strategy", "fixed-delay", "max-attempts"}

func (b *Binder) readLookup(h *hints, x *ast.Hint) {
	if len(x.Args) > 0 {
		b.Diags.Errorf(codes.NoHint, x.Sp, "LOOKUP takes options").Help("write LOOKUP('table' = 'd', 'async' = 'true')")
		return
	}
	l := &lookupHint{at: x.Sp, opts: &logical.LookupHint{}}
	given := map[string]*ast.Property{}
	ok := true
	for _, kv := range x.KVs {
		given[kv.Key.Value] = kv
		ok = b.lookupOption(l, kv) && ok
	}
	if given["table"] == nil {
		b.Diags.Errorf(codes.NoHint, x.Sp, "LOOKUP does not say for which table it is").Help("add 'table' = '...'")
		return
	}
	if slices.ContainsFunc(retryOptions, func(k string) bool { return given[k] != nil }) {
		for _, k := range retryOptions {
			if given[k] == nil {
				ok = false
				b.Diags.Errorf(codes.NoHint, x.Sp, "LOOKUP is to ask again, and option '%s' is missing", k).
					Note("all four are needed: %s", strings.Join(retryOptions, ", "))
			}
		}
	}
	h.names("LOOKUP", l.table, given["table"].Value.Sp)
	if ok {
		h.lookups = append(h.lookups, l)
	}
}

// lookupOption reads one option of LOOKUP; false after a finding.
func (b *Binder) lookupOption(l *lookupHint, kv *ast.Property) bool {
	v := strings.TrimSpace(kv.Value.Value)
	word := strings.ToLower(v)
	valid, want := true, ""
	switch k := kv.Key.Value; k {
	case "table":
		l.table = v
	case "async", "shuffle":
		t, err := strconv.ParseBool(word)
		valid, want = err == nil, "'true' or 'false'"
		if k == "async" {
			l.opts.Async = &t
		} else {
			l.opts.Shuffle = t
		}
	case "output-mode":
		t := word == "allow_unordered"
		valid, want = t || word == "ordered", "'ordered' or 'allow_unordered'"
		l.opts.Unordered = &t
	case "capacity", "max-attempts":
		n, err := strconv.Atoi(v)
		valid, want = err == nil && n >= 1, "a whole number from 1 on"
		if k == "capacity" {
			l.opts.Capacity = n
		} else {
			l.opts.Retry = n
		}
	case "timeout", "fixed-delay":
		d, err := config.ParseDuration(v)
		valid, want = err == nil && d > 0, "a time, as '10 s'"
		if k == "timeout" {
			l.opts.Timeout = d
		} else {
			l.opts.Delay = d
		}
	case "retry-predicate":
		valid, want = word == "lookup_miss", "'lookup_miss'"
	case "retry-strategy":
		valid, want = word == "fixed_delay", "'fixed_delay'"
	default:
		d := b.Diags.Errorf(codes.NoHint, kv.Key.Sp, "LOOKUP has no option '%s'", k)
		if s, found := diag.Suggest(k, lookupOptions); found {
			d.Help("did you mean '%s'?", s)
		} else {
			d.Note("known are %s", strings.Join(lookupOptions, ", "))
		}
		return false
	}
	if !valid {
		b.Diags.Errorf(codes.NoHint, kv.Value.Sp, "option '%s' of LOOKUP is '%s'", kv.Key.Value, kv.Value.Value).Help("write %s", want)
	}
	return valid
}

// ttl is what STATE_TTL says of the relation that s has alone; nil where it says nothing.
func (h *hints) ttl(s *scope) *time.Duration {
	if h == nil || len(s.rels) != 1 {
		return nil
	}
	for _, t := range h.ttls {
		if t.name == s.rels[0].name {
			return &t.ttl
		}
	}
	return nil
}

// lookup is the hint LOOKUP for the table that s has alone, by the name it has in FROM; nil where there is none.
func (h *hints) lookup(s *scope) *logical.LookupHint {
	if h == nil || len(s.rels) != 1 {
		return nil
	}
	for _, l := range h.lookups {
		if l.table == s.rels[0].name {
			return l.opts
		}
	}
	return nil
}

// seen marks the relations of FROM.
func (h *hints) seen(names ...string) {
	if h == nil {
		return
	}
	for _, t := range h.tables {
		if slices.Contains(names, t.name) {
			*t.found = true
		}
	}
}

// checkHints reports names that FROM does not have.
func (b *Binder) checkHints(h *hints, s *scope) {
	var names []string
	for _, r := range s.rels {
		names = append(names, r.name)
	}
	h.seen(names...)
	for _, t := range h.tables {
		if *t.found {
			continue
		}
		d := b.Diags.Errorf(codes.NoHint, t.at, "hint %s names %s, which FROM does not have", t.hint, t.name)
		if g, ok := diag.Suggest(t.name, names); ok {
			d.Help("did you mean %s?", scalar.QuoteName(g))
		} else if len(names) > 0 {
			d.Note("FROM has %s", list(names, 8))
		}
	}
}
