package rules

import (
	"strconv"
	"strings"
	"time"

	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/physical"
	"weir/planner/scalar"
)

// lookupKey reads an equality of a column of the looked-up table with something that is known of the left row, or is constant.
func lookupKey(e scalar.Expr, j *logical.Join, n int) (l, r scalar.Expr, ok bool) {
	c, isCall := e.(*scalar.Call)
	if !isCall || c.Func.Name != "=" {
		return nil, nil, false
	}
	for _, s := range [][2]scalar.Expr{{c.Args[0], c.Args[1]}, {c.Args[1], c.Args[0]}} {
		l, r := s[0], s[1]
		for {
			cast, isCast := r.(*scalar.Cast)
			if !isCast || !cast.Implicit || !widening(cast) {
				break
			}
			r = cast.X
		}
		col, isColumn := r.(*scalar.Column)
		if _, right := scalar.Sides(l, n); right || !isColumn || col.Index < n || !scalar.Deterministic(l) || lookupColumn(j.Right, col.Index-n) < 0 || !comparable(l, r) {
			continue
		}
		return l, r, true
	}
	return nil, nil, false
}

// lookupColumn is the column of the scan below n that column i hands on; -1 where it is computed.
func lookupColumn(n logical.Node, i int) int {
	for {
		switch x := n.(type) {
		case *logical.Scan:
			return i
		case *logical.Calc:
			c, ok := x.Exprs[i].(*scalar.Column)
			if !ok {
				return -1
			}
			n, i = x.Input, c.Index
		default:
			return -1
		}
	}
}

// lookupJoin makes a join that asks its right side, row by row.
func (b *builder) lookupJoin(n *logical.Join) (built, bool) {
	scan, calc := b.lookupScan(n.Right)
	name := scan.Table.Name
	if len(n.LeftKeys) == 0 {
		d := b.diags.Errorf(codes.TemporalJoin, n.Sp, "a lookup join compares a column of %s, and this one compares none", name)
		d.At("every row of %s would be looked at, for every row", name).Label(n.AsOf.Sp, "rows are looked up as of this time")
		if len(scan.Table.PrimaryKey) > 0 {
			d.Help("add an equality with %s to ON", scalar.QuoteName(scan.Table.Columns[scan.Table.PrimaryKey[0]].Name))
		} else {
			d.Help("add an equality with one of its columns to ON")
		}
		return built{}, false
	}
	id := b.id("lookup-join")
	in, ok := b.input(id, n.Left, true)
	if !ok {
		return in, false
	}
	j := &physical.LookupJoin{Kind: n.Kind, Keys: n.LeftKeys, Filter: n.Cond}
	l := &j.Lookup
	l.Table, l.Fields, l.Columns = scan.Table, scan.Fields, columns(scan.Columns)
	l.Output = l.Columns
	for _, k := range n.RightKeys {
		l.Keys = append(l.Keys, lookupColumn(n.Right, k))
	}
	if calc != nil {
		l.Filter, l.Exprs, l.Output = calc.Filter, calc.Exprs, columns(calc.Columns)
	}
	b.lookupOptions(l, n.AsOf.Hint, in.updating)
	switch {
	case in.updating && b.cfg.String(config.NonDeterministicUpdate) == "TRY_RESOLVE":
		j.Keep, j.TTL = takenBackBy(in, n.Left.Cols()), b.cfg.Duration(config.StateTTL)
		in = b.exchange(in, j.Keep, id)
	case l.Shuffle || j.Waits():
		in = b.exchange(in, n.LeftKeys, id)
	}
	j.Input = in.node
	j.Props = physical.Props{ID: id, Columns: columns(n.Columns), Span: n.Sp}
	if t := b.traitsOf(n); len(t.keys) > 0 {
		j.Changelog.Key = t.keys[0]
	}
	j.Changelog.Mode = in.node.Base().Changelog.Mode
	return built{node: j, updating: in.updating, before: in.before, bounded: in.bounded, spread: in.spread}, true
}

// takenBackBy is the columns of in by which a row that is taken back is known: its key, or all but those that are another value each time.
func takenBackBy(in built, cols []logical.Column) []int {
	if key := in.node.Base().Changelog.Key; key != nil {
		return key
	}
	all := []int{}
	for i, c := range cols {
		if c.Time != catalog.ProcTime {
			all = append(all, i)
		}
	}
	return all
}

// lookupScan is the scan and what stands on it: package bind has seen to it that there is nothing else.
func (b *builder) lookupScan(n logical.Node) (*logical.Scan, *logical.Calc) {
	var up *logical.Calc
	for {
		switch x := n.(type) {
		case *logical.Scan:
			return x, up
		case *logical.Calc:
			if up == nil {
				up = x
			} else {
				up = b.o.mergeTwo(up, x)
			}
			n = x.Input
		}
	}
}

// lookupOptions reads the settings, the options of the table and the hint.
func (b *builder) lookupOptions(l *physical.Lookup, h *logical.LookupHint, updating bool) {
	if h == nil {
		h = &logical.LookupHint{}
	}
	l.Concurrent = h.Async == nil || *h.Async
	l.Unordered = b.cfg.String(config.AsyncLookupMode) == "ALLOW_UNORDERED"
	if h.Unordered != nil {
		l.Unordered = *h.Unordered
	}
	l.Unordered = l.Unordered && l.Concurrent && !updating // changes of one row do not overtake one another
	if l.Capacity = h.Capacity; l.Capacity == 0 {
		l.Capacity = b.cfg.Int(config.AsyncLookupCapacity)
	}
	if l.Timeout = h.Timeout; l.Timeout == 0 {
		l.Timeout = b.cfg.Duration(config.AsyncLookupTimeout)
	}
	l.Retry, l.Delay, l.Shuffle = h.Retry, h.Delay, h.Shuffle
	l.Cache = lookupCache(l.Table, b.o.FullLookup != nil && b.o.FullLookup(l.Table))
	if l.Cache.Mode == physical.FullCache {
		l.Retry = 0 // what is in memory does not change by being asked again
	}
}

// lookupCache reads what the options of t say is kept of it; whole: it is kept as a whole, whatever they say.
func lookupCache(t *catalog.Table, whole bool) (c physical.LookupCache) {
	get := func(key, def string) string {
		if v, ok := t.Options.Get(key); ok {
			return strings.TrimSpace(v)
		}
		return def
	}
	duration := func(key string) time.Duration {
		d, err := config.ParseDuration(get(key, "0 ms"))
		if err != nil {
			return 0 // reported by the check of options
		}
		return d
	}
	switch mode := strings.ToUpper(get("lookup.cache", "NONE")); {
	case mode == "FULL" || whole:
		c.Mode = physical.FullCache
		if strings.EqualFold(get("lookup.full-cache.reload-strategy", "PERIODIC"), "TIMED") {
			c.AtTime, _ = catalog.TimeOfDay(get("lookup.full-cache.timed-reload.iso-time", "00:00"))
			c.Days, _ = strconv.Atoi(get("lookup.full-cache.timed-reload.interval-in-days", "1"))
		} else {
			c.Reload = duration("lookup.full-cache.periodic-reload.interval")
		}
	case mode == "PARTIAL":
		c.Mode = physical.PartialCache
		c.MaxRows, _ = strconv.ParseInt(get("lookup.partial-cache.max-rows", "0"), 10, 64)
		c.AfterWrite, c.AfterAccess = duration("lookup.partial-cache.expire-after-write"), duration("lookup.partial-cache.expire-after-access")
		c.Missing = !strings.EqualFold(get("lookup.partial-cache.cache-missing-key", "true"), "false")
	case get("lookup.cache.max-rows", "") != "" || get("lookup.cache.ttl", "") != "": // former names
		c.Mode = physical.PartialCache
		c.MaxRows, _ = strconv.ParseInt(get("lookup.cache.max-rows", "0"), 10, 64)
		c.AfterWrite = duration("lookup.cache.ttl")
		c.Missing = !strings.EqualFold(get("lookup.cache.caching-missing-key", "true"), "false")
	}
	return c
}
