package spec

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/parser/diag"
	c "weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/types"
)

func nexmark() *c.ConnectorSpec {
	return &c.ConnectorSpec{
		Name: "nexmark", Doc: "Makes the events of an auction house, as the Nexmark benchmark has them: the same rows for the same seed, at any parallelism.", Source: true, Fields: true,
		Options: append([]c.OptionSpec{
			enum("table", "event", "Which events are rows: all, or those of one kind with the columns of that kind.", "event", "person", "auction", "bid"),
			opt("seed", c.OptLong, "0", "What all values follow from.", "42"),
			opt("events.num", c.OptLong, "0", "Events, of all kinds together, before the source ends; 0: it never ends.", "1000000"),
			opt("stop-at", c.OptLong, "-1", "Events before the source ends, where that is earlier; -1: no such end.", "1000000"),
			opt("keep-alive", c.OptBool, "false", "After its last event the source waits for ever instead of ending.", "true"),
			opt("first-event.rate", c.OptInt, "10000", "Events in a second of event time.", "1000"),
			opt("next-event.rate", c.OptInt, "", "Rate to which the rate of events changes within a period, and back; by default it stays the same.", "100000"),
			enum("rate.shape", "SQUARE", "How the rate changes: the first half of the period one and then the other, or step by step.", "SQUARE", "SINE"),
			opt("rate.period", c.OptDuration, "600 s", "Period in which the rate changes.", "60 s"),
			opt("rate.limited", c.OptBool, "false", "Events come at the speed of their times; without it, as fast as they are taken.", "true"),
			opt("max-emit-speed", c.OptBool, "true", "The opposite of 'rate.limited'.", "false"),
			opt("base-time", c.OptString, "2015-07-15 00:00:00", "Time of the first event; 'now' is when the job first starts.", "now"),
			opt("person.proportion", c.OptInt, "1", "So many events in a row are new people, ...", "2"),
			opt("auction.proportion", c.OptInt, "3", "... so many new auctions, ...", "6"),
			opt("bid.proportion", c.OptInt, "46", "... and so many bids.", "92"),
			opt("person.avg-size", c.OptMemory, "200b", "Average size of a person; a text fills it up.", "300b"),
			opt("auction.avg-size", c.OptMemory, "500b", "Average size of an auction.", "1kb"),
			opt("bid.avg-size", c.OptMemory, "100b", "Average size of a bid.", "200b"),
			opt("person.active", c.OptInt, "1000", "The latest so many people sell and bid.", "10000"),
			opt("auction.in-flight", c.OptInt, "100", "Auctions that are open at a time, on average.", "1000"),
			opt("bid.hot-ratio.auctions", c.OptInt, "2", "One bid in so many is not for a hot auction.", "100"),
			opt("bid.hot-ratio.bidders", c.OptInt, "4", "One bid in so many is not by a hot bidder.", "100"),
			opt("auction.hot-ratio.sellers", c.OptInt, "4", "One auction in so many is not by a hot seller.", "100"),
			opt("out-of-order.group-size", c.OptInt, "1", "So many events in a row come in another order.", "1000"),
			opt("out-of-order.probability", c.OptFloat, "0", "Share of events that come later than their time says, 0 to 1.", "0.1"),
			opt("out-of-order.max-delay", c.OptDuration, "3 s", "By how much at most.", "10 s"),
		}, sourceOptions()...),
		Check:      checkNexmark,
		SourceMode: insertOnly, SinkMode: insertOnly,
		Bounded: nexmarkIsBounded, Transactional: notTransactional,
	}
}

// NexmarkOptions are the options of a nexmark table, understood.
type NexmarkOptions struct {
	Table  string // event, person, auction or bid
	Seed   uint64
	Events int64 // 0: without end
	// KeepAlive: the source does not end behind the last event. Paced: events come at the speed of their times.
	KeepAlive, Paced bool

	FirstRate, NextRate float64 // events a second
	Shape               string  // SQUARE or SINE
	Period              int64   // seconds
	BaseTime            int64   // of the first event, milliseconds since 1970
	StartsNow           bool    // it is the time of the first start instead

	People, Auctions, Bids              int64 // proportions
	PersonSize, AuctionSize, BidSize    int64 // bytes
	Active, InFlight                    int64
	HotAuctions, HotBidders, HotSellers int64
	Group                               int64
	DelayedShare                        float64
	Delay                               time.Duration
}

// Bounded reports whether the source ends by itself.
func (o *NexmarkOptions) Bounded() bool { return o.Events > 0 && !o.KeepAlive }

// NexmarkError is an option whose value cannot be understood.
type NexmarkError struct{ Key, Why string }

func (e *NexmarkError) Error() string { return fmt.Sprintf("'%s' %s", e.Key, e.Why) }

// maxProportion bounds what the numbers of events are multiplied with.
const maxProportion = 1_000_000

// ReadNexmark understands the options of a nexmark table. An error is a *NexmarkError.
func ReadNexmark(t *c.Table) (*NexmarkOptions, error) {
	r := nexmarkReader{t, map[string]string{}, nil}
	spec := nexmark()
	for _, o := range spec.Options {
		r.defaults[o.Key] = o.Default
	}
	o := &NexmarkOptions{
		Table: r.text("table"), Seed: uint64(r.number("seed", -1<<62, 1<<62)), KeepAlive: r.truth("keep-alive"),
		Paced:     r.truth("rate.limited") || !r.truth("max-emit-speed"),
		FirstRate: float64(r.number("first-event.rate", 1, 1e9)),
		Shape:     r.text("rate.shape"), Period: int64(r.duration("rate.period", time.Second) / time.Second),
		People: r.number("person.proportion", 1, maxProportion), Auctions: r.number("auction.proportion", 1, maxProportion),
		Bids:       r.number("bid.proportion", 0, maxProportion),
		PersonSize: r.size("person.avg-size"), AuctionSize: r.size("auction.avg-size"), BidSize: r.size("bid.avg-size"),
		Active: r.number("person.active", 1, 1e9), InFlight: r.number("auction.in-flight", 1, 1e9),
		HotAuctions: r.number("bid.hot-ratio.auctions", 1, 1e9), HotBidders: r.number("bid.hot-ratio.bidders", 1, 1e9),
		HotSellers: r.number("auction.hot-ratio.sellers", 1, 1e9),
		Group:      r.number("out-of-order.group-size", 1, 1e6), Delay: r.duration("out-of-order.max-delay", time.Millisecond),
		Events: r.number("events.num", 0, 1<<50),
	}
	if o.NextRate = o.FirstRate; r.text("next-event.rate") != "" {
		o.NextRate = float64(r.number("next-event.rate", 1, 1e9))
	}
	if stop := r.number("stop-at", -1, 1<<50); stop > 0 && (o.Events == 0 || stop < o.Events) {
		o.Events = stop
	} else if stop == 0 {
		r.fail("stop-at", "must be at least 1, or -1")
	}
	if o.Group%953 == 0 {
		r.fail("out-of-order.group-size", "must not be a multiple of 953, by which the order is made")
	}
	if o.DelayedShare = r.share("out-of-order.probability"); o.DelayedShare > 0 && o.Group > 1 {
		r.fail("out-of-order.probability", "and 'out-of-order.group-size' are two ways to disorder events: give one")
	}
	if v := r.text("base-time"); v == "now" {
		o.StartsNow = true
	} else if at, err := time.Parse(time.DateTime, v); err != nil {
		r.fail("base-time", "must be 'now' or a time like '2026-01-01 00:00:00', found '"+v+"'")
	} else {
		o.BaseTime = at.UnixMilli()
	}
	if r.failed != nil {
		return nil, r.failed
	}
	return o, nil
}

// nexmarkReader reads options. The first one that cannot be understood stays in failed.
type nexmarkReader struct {
	t        *c.Table
	defaults map[string]string
	failed   error
}

func (r *nexmarkReader) fail(key, why string) {
	if r.failed == nil {
		r.failed = &NexmarkError{key, why}
	}
}

func (r *nexmarkReader) text(key string) string {
	if v, ok := r.t.Options.Get(key); ok {
		return strings.TrimSpace(v)
	}
	return r.defaults[key]
}

func (r *nexmarkReader) number(key string, least, most int64) int64 {
	v := r.text(key)
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case err != nil:
		r.fail(key, "must be a whole number, found '"+v+"'")
	case n < least || n > most:
		r.fail(key, fmt.Sprintf("must be from %d to %d, found %s", least, most, v))
	}
	return n
}

func (r *nexmarkReader) truth(key string) bool { return strings.EqualFold(r.text(key), "true") }

func (r *nexmarkReader) duration(key string, least time.Duration) time.Duration {
	v := r.text(key)
	d, err := config.ParseDuration(v)
	switch {
	case err != nil:
		r.fail(key, "must be a duration, found '"+v+"'")
	case d < least:
		r.fail(key, fmt.Sprintf("must be at least %s, found '%s'", least, v))
	}
	return d
}

func (r *nexmarkReader) size(key string) int64 {
	v := r.text(key)
	n, err := config.ParseMemory(v)
	switch {
	case err != nil:
		r.fail(key, "must be a size, found '"+v+"'")
	case n > 100_000:
		r.fail(key, "must be at most 100000 bytes, found '"+v+"'")
	}
	return n
}

func (r *nexmarkReader) share(key string) float64 {
	v := r.text(key)
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		r.fail(key, "must be a number from 0 to 1, found '"+v+"'")
	}
	return f
}

func nexmarkIsBounded(t *c.Table) bool {
	o, err := ReadNexmark(t)
	return err == nil && o.Bounded()
}

// The columns of the kinds of event.
var (
	nexmarkPerson = nexmarkFields("id BIGINT", "name STRING", "emailAddress STRING", "creditCard STRING", "city STRING", "state STRING",
		"dateTime TIMESTAMP", "extra STRING")
	nexmarkAuction = nexmarkFields("id BIGINT", "itemName STRING", "description STRING", "initialBid BIGINT", "reserve BIGINT", "dateTime TIMESTAMP",
		"expires TIMESTAMP", "seller BIGINT", "category BIGINT", "extra STRING")
	nexmarkBid = nexmarkFields("auction BIGINT", "bidder BIGINT", "price BIGINT", "channel STRING", "url STRING", "dateTime TIMESTAMP", "extra STRING")
	// nexmarkEvent is all of them.
	nexmarkEvent = []types.Field{
		{Name: "event_type", Type: types.TInt}, {Name: "person", Type: nexmarkRow(nexmarkPerson)},
		{Name: "auction", Type: nexmarkRow(nexmarkAuction)}, {Name: "bid", Type: nexmarkRow(nexmarkBid)},
	}
	nexmarkTables = map[string][]types.Field{"event": nexmarkEvent, "person": nexmarkPerson, "auction": nexmarkAuction, "bid": nexmarkBid}
)

func nexmarkFields(columns ...string) []types.Field {
	out := make([]types.Field, len(columns))
	for i, text := range columns {
		name, typ, _ := strings.Cut(text, " ")
		out[i] = types.Field{Name: name, Type: map[string]types.Type{"BIGINT": types.TBigInt, "STRING": types.TString, "TIMESTAMP": types.MakeTimestamp(3)}[typ]}
	}
	return out
}

func nexmarkRow(fields []types.Field) types.Type {
	return types.Type{Kind: types.Row, Nullable: true, Nested: &types.Nested{Fields: fields}}
}

func checkNexmark(t *c.Table, use c.Use, _ func(string) string, diags *diag.List) {
	if use != c.UseDefine {
		return
	}
	k := &checker{t, diags}
	k.noPartitions()
	k.sourceOptions()
	k.noPrimaryKey("connector 'nexmark' makes events, and does not keep a row for each key", "remove the PRIMARY KEY")
	o, err := ReadNexmark(t)
	if e, ok := err.(*NexmarkError); ok {
		diags.Errorf(CodeOptionValue, k.at(e.Key), "%s", e.Error())
		return
	}
	if k.has("rate.limited") && k.has("max-emit-speed") {
		diags.Errorf(CodeOptionCombination, k.atKey("max-emit-speed"), "'max-emit-speed' and 'rate.limited' say the same thing").Help("remove one of them")
	}
	known := nexmarkTables[o.Table]
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.Name
	}
	for _, i := range t.Physical() {
		col := &t.Columns[i]
		at := -1
		for j := range known {
			if known[j].Name == col.Name {
				at = j
			}
		}
		if at < 0 {
			d := diags.Errorf(CodeGenerator, col.Span, "column %s: connector 'nexmark' has no such column of table '%s'", col.Name, o.Table)
			if s, ok := diag.Suggest(col.Name, names); ok {
				d.Help("did you mean %s?", s)
			} else {
				d.Help("there are %s", strings.Join(names, ", "))
			}
			continue
		}
		if want := known[at].Type; !fitsNexmark(col.Type, want, o.Table != "event" || want.Kind == types.Int) {
			diags.Errorf(CodeGenerator, col.Span, "column %s is %s: connector 'nexmark' makes it as %s", col.Name, col.Type, want)
		}
	}
}

// fitsNexmark says whether a column may be declared as t. A column that is never NULL may be NOT NULL. A ROW may have fewer fields,
// in any order.
func fitsNexmark(t, made types.Type, neverNull bool) bool {
	if neverNull {
		t = t.WithNullable(true)
	}
	if made.Kind != types.Row || t.Kind != types.Row || !t.Nullable {
		return t.Equal(made)
	}
	for _, f := range t.Nested.Fields {
		known := false
		for _, m := range made.Nested.Fields {
			known = known || m.Name == f.Name && fitsNexmark(f.Type, m.Type, false)
		}
		if !known {
			return false
		}
	}
	return true
}
