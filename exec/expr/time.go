package expr

import (
	"math"
	"time"

	"weir/exec/expr/text"
	"weir/planner/config"
	"weir/planner/datetime"
	"weir/planner/scalar"
	"weir/planner/types"
)

var timeKernels = map[string]builder{
	"CURRENT_DATE":          now(func(x *ctx) int64 { return datetime.DaysOf(x.zone.Local(x.clock())) }),
	"CURRENT_TIME":          now(localSecond),
	"LOCALTIME":             now(localSecond),
	"CURRENT_TIMESTAMP":     now(instant),
	"PROCTIME":              now(instant),
	"NOW":                   now(instant),
	"CURRENT_ROW_TIMESTAMP": now(instant),
	"LOCALTIMESTAMP":        now(func(x *ctx) int64 { return datetime.Truncate(x.zone.Local(x.clock()), 3) }),
	"EXTRACT":               extract,
	"CURRENT_WATERMARK":     currentWatermark,
	"SOURCE_WATERMARK":      sourceWatermark,
	"YEAR":                  part(datetime.Year), "QUARTER": part(datetime.Quarter), "MONTH": part(datetime.Month), "WEEK": part(datetime.Week),
	"DAYOFYEAR": part(datetime.DOY), "DAYOFMONTH": part(datetime.DayUnit), "DAYOFWEEK": part(datetime.DOW),
	"HOUR": part(datetime.HourUnit), "MINUTE": part(datetime.MinuteUnit), "SECOND": part(datetime.SecondUnit),
	"TIMESTAMPADD": timestampAdd, "TIMESTAMPDIFF": timestampDiff, "DATE_FORMAT": dateFormat,
	"TO_DATE": toDate, "TO_TIMESTAMP": toTimestamp, "TO_TIMESTAMP_LTZ": toTimestampLTZ,
	"UNIX_TIMESTAMP": unixTimestamp, "FROM_UNIXTIME": fromUnixtime, "CONVERT_TZ": convertTZ,
}

func instant(x *ctx) int64     { return datetime.Truncate(x.clock(), 3) }
func localSecond(x *ctx) int64 { return datetime.TimeOf(datetime.Truncate(x.zone.Local(x.clock()), 0)) }

// now makes functions of the clock, which is read once for a batch.
func now(f func(x *ctx) int64) builder {
	return withNulls(func(k *rowKernel, i int) error { k.setInt(i, f(k.x)); return nil })
}

var currentWatermark = withNulls(func(k *rowKernel, i int) error {
	if f := k.x.env.Watermark; f != nil {
		if wm, known := f(); known {
			k.setInt(i, datetime.Truncate(wm, 3))
			return nil
		}
	}
	return k.setNull(i)
})

// sourceWatermark is what rows say of a watermark that their source makes: nothing.
var sourceWatermark = withNulls(func(k *rowKernel, i int) error { return k.setNull(i) })

// timeArg reads argument a as a timestamp of the local clock.
func timeArg(t types.Type, a int) func(k *rowKernel, i int) int64 {
	switch t.Kind {
	case types.Date:
		return func(k *rowKernel, i int) int64 { return k.int(a, i) * datetime.Day }
	case types.TimestampLTZ:
		return func(k *rowKernel, i int) int64 { return k.x.zone.Local(k.int(a, i)) }
	}
	return func(k *rowKernel, i int) int64 { return k.int(a, i) }
}

func part(u datetime.Unit) builder {
	return func(_ *compiler, e *scalar.Call, args []node) (node, error) {
		return partOf(u, e, args, e.Args[0].Type()), nil
	}
}

func extract(_ *compiler, e *scalar.Call, args []node) (node, error) {
	u, err := unitArg(e.Args[0])
	if err != nil {
		return nil, err
	}
	return partOf(u, e, args[1:], e.Args[1].Type()), nil
}

func partOf(u datetime.Unit, e *scalar.Call, args []node, t types.Type) node {
	get := timeArg(t, 0)
	switch {
	case t.IsInterval():
		months := t.Kind == types.IntervalYearMonth
		return newRows(e, args, func(k *rowKernel, i int) error {
			k.setInt(i, datetime.IntervalPart(u, k.int(0, i), months))
			return nil
		})
	case t.Kind == types.Date:
		return newRows(e, args, func(k *rowKernel, i int) error { k.setInt(i, datetime.DatePart(u, k.int(0, i))); return nil })
	}
	return newRows(e, args, func(k *rowKernel, i int) error { k.setInt(i, datetime.Part(u, get(k, i))); return nil })
}

func timestampAdd(_ *compiler, e *scalar.Call, args []node) (node, error) {
	u, err := unitArg(e.Args[0])
	if err != nil {
		return nil, err
	}
	t := e.Args[2].Type()
	move := func(time, n int64) int64 { return datetime.Add(u, n, time) }
	switch t.Kind {
	case types.Date:
		move = func(d, n int64) int64 { return datetime.DaysOf(datetime.Add(u, n, d*datetime.Day)) }
	case types.Time:
		move = func(time, n int64) int64 { return datetime.TimeOf(datetime.Add(u, n, time)) }
	}
	return newRows(e, args[1:], func(k *rowKernel, i int) error {
		k.setInt(i, move(k.int(1, i), k.int(0, i)))
		return nil
	}), nil
}

func timestampDiff(_ *compiler, e *scalar.Call, args []node) (node, error) {
	u, err := unitArg(e.Args[0])
	if err != nil {
		return nil, err
	}
	unzoned := func(t types.Type, a int) func(k *rowKernel, i int) int64 {
		if t.Kind == types.TimestampLTZ {
			return func(k *rowKernel, i int) int64 { return k.int(a, i) }
		}
		return timeArg(t, a)
	}
	from, to := unzoned(e.Args[1].Type(), 0), unzoned(e.Args[2].Type(), 1)
	return newRows(e, args[1:], func(k *rowKernel, i int) error {
		k.setInt(i, int64(int32(datetime.Between(u, from(k, i), to(k, i)))))
		return nil
	}), nil
}

// patterns compiles patterns that come in rows, and keeps the last ones.
type patterns struct {
	fixed *datetime.Pattern
	seen  map[string]*datetime.Pattern
}

// newPatterns takes argument a, which is there or not, as the pattern.
func newPatterns(e *scalar.Call, args []node, a int, standard string) (*patterns, error) {
	p := &patterns{seen: map[string]*datetime.Pattern{}}
	s := []byte(standard)
	if a < len(args) {
		var ok bool
		if s, ok = constBytes(args[a]); !ok {
			return p, nil
		}
	}
	var err error
	if p.fixed, err = datetime.CompilePattern(string(s)); err != nil {
		return nil, &RowError{Span: e.Sp, Reason: err.Error()}
	}
	return p, nil
}

func (p *patterns) get(k *rowKernel, a, i int) (*datetime.Pattern, error) {
	if p.fixed != nil {
		return p.fixed, nil
	}
	s := k.str(a, i)
	if q, ok := p.seen[string(s)]; ok {
		return q, nil
	}
	q, err := datetime.CompilePattern(string(s))
	if err != nil {
		return nil, k.fail(i, "", "%s", err)
	}
	if len(p.seen) >= keptRegexps {
		clear(p.seen)
	}
	p.seen[string(s)] = q
	return q, nil
}

const (
	datePattern     = "yyyy-MM-dd"
	dateTimePattern = "yyyy-MM-dd HH:mm:ss"
)

func dateFormat(_ *compiler, e *scalar.Call, args []node) (node, error) {
	ps, err := newPatterns(e, args, 1, "")
	if err != nil {
		return nil, err
	}
	standard, err := datetime.CompilePattern(dateTimePattern)
	if err != nil {
		return nil, err
	}
	t := e.Args[0].Type()
	get := timeArg(t, 0)
	return newRows(e, args, func(k *rowKernel, i int) error {
		p, err := ps.get(k, 1, i)
		if err != nil {
			return err
		}
		if t.IsString() {
			r, ok := standard.ParseLenient(k.str(0, i), k.x.clock()) // without a fraction, as Flink reads it here
			if !ok {
				return k.setNull(i)
			}
			k.end(i, p.Append(k.arena(), r.Local, 0, "UTC"))
			return nil
		}
		local := get(k, i)
		off, zone := int64(0), "UTC"
		if t.Kind == types.TimestampLTZ {
			off, zone = local-k.int(0, i), zoneName(k.x.zone, k.int(0, i))
		}
		k.end(i, p.Append(k.arena(), local, off, zone))
		return nil
	}), nil
}

// zoneName is the abbreviation of the zone at an instant.
func zoneName(z *datetime.Zone, micros int64) string {
	name, _ := time.UnixMicro(micros).In(z.Location()).Zone()
	return name
}

func toDate(_ *compiler, e *scalar.Call, args []node) (node, error) {
	ps, err := newPatterns(e, args, 1, datePattern)
	if err != nil {
		return nil, err
	}
	return newRows(e, args, func(k *rowKernel, i int) error {
		if len(k.in) == 1 {
			d, ok := datetime.ParseDate(k.str(0, i))
			if !ok {
				return k.setNull(i)
			}
			k.setInt(i, d)
			return nil
		}
		p, err := ps.get(k, 1, i)
		if err != nil {
			return err
		}
		// Text behind the pattern is ignored here and in UNIX_TIMESTAMP, as in Flink.
		r, ok := p.ParseLenient(k.str(0, i), k.x.clock())
		if !ok {
			return k.setNull(i)
		}
		k.setInt(i, datetime.DaysOf(r.Local))
		return nil
	}), nil
}

func toTimestamp(_ *compiler, e *scalar.Call, args []node) (node, error) {
	ps, err := newPatterns(e, args, 1, dateTimePattern)
	if err != nil {
		return nil, err
	}
	return newRows(e, args, func(k *rowKernel, i int) error {
		local, ok, err := parseLocal(k, i, ps)
		if err != nil {
			return err
		}
		if !ok {
			return k.setNull(i)
		}
		k.setInt(i, datetime.Truncate(local, 3))
		return nil
	}), nil
}

// parseLocal reads argument 0 in the pattern of argument 1, as CAST does when there is none.
func parseLocal(k *rowKernel, i int, ps *patterns) (local int64, ok bool, err error) {
	if len(k.in) == 1 {
		local, ok = datetime.ParseTimestamp(k.str(0, i), ' ')
		return local, ok, nil
	}
	p, err := ps.get(k, 1, i)
	if err != nil {
		return 0, false, err
	}
	// An offset in the text is read and makes no difference; what does not match the pattern may still be a time in
	// SQL's own form.
	if r, ok := p.Parse(k.str(0, i)); ok {
		return r.Local, true, nil
	}
	local, ok = datetime.ParseTimestamp(text.Trim(k.str(0, i)), ' ')
	return local, ok, nil
}

func toTimestampLTZ(_ *compiler, e *scalar.Call, args []node) (node, error) {
	t := e.Args[0].Type()
	if t.IsNumeric() {
		return newRows(e, args, func(k *rowKernel, i int) error {
			prec := int64(3)
			if len(k.in) > 1 {
				prec = k.int(1, i)
			}
			unit := 1000.0
			switch prec {
			case 0:
				unit = 1e6
			case 3:
			default:
				return k.fail(i, "give 0 for seconds or 3 for milliseconds", "TO_TIMESTAMP_LTZ with precision %d", prec)
			}
			if t.IsInteger() {
				n, u := k.int(0, i), int64(unit)
				if n >= maxMicros/u || n < -maxMicros/u {
					return k.setNull(i)
				}
				k.setInt(i, n*u)
				return nil
			}
			f := asFloat(k.in[0], i)
			if t.Kind == types.Decimal {
				f = math.Trunc(f) // the whole units only, as Flink has it
			}
			f *= unit
			if !(f > -maxMicros && f < maxMicros) {
				return k.setNull(i)
			}
			k.setInt(i, datetime.Truncate(int64(f), 3))
			return nil
		}), nil
	}
	ps, err := newPatterns(e, args, 1, dateTimePattern)
	if err != nil {
		return nil, err
	}
	zs := zones{}
	return newRows(e, args, func(k *rowKernel, i int) error {
		local, ok, err := parseLocal(k, i, ps)
		if err != nil {
			return err
		}
		if !ok {
			return k.setNull(i)
		}
		if len(k.in) > 2 {
			z, err := zs.get(k.str(2, i))
			if err != nil {
				return k.fail(i, "", "%s", err)
			}
			local = z.UTC(local)
		}
		k.setInt(i, datetime.Truncate(local, 3))
		return nil
	}), nil
}

// maxMicros is the end of the years of four digits, about.
const maxMicros = 253402300800000000

// zones keeps zones by name.
type zones map[string]*datetime.Zone

func (z zones) get(name []byte) (*datetime.Zone, error) {
	if zone, ok := z[string(name)]; ok {
		return zone, nil
	}
	loc, err := config.ParseZone(string(name))
	if err != nil {
		return nil, err
	}
	if len(z) >= keptRegexps {
		clear(z)
	}
	zone := datetime.NewZone(loc)
	z[string(name)] = zone
	return zone, nil
}

// later is the instant of a local time; where a clock is set back it is the second of the two, which UNIX_TIMESTAMP and
// CONVERT_TZ take and casts do not.
func later(z *datetime.Zone, local int64) int64 {
	at := z.UTC(local)
	if z.Local(at+datetime.Hour) == local {
		return at + datetime.Hour
	}
	return at
}

func unixTimestamp(c *compiler, e *scalar.Call, args []node) (node, error) {
	if len(args) == 0 {
		return now(func(x *ctx) int64 { return datetime.Part(datetime.Epoch, x.clock()) })(c, e, args)
	}
	ps, err := newPatterns(e, args, 1, dateTimePattern)
	if err != nil {
		return nil, err
	}
	return newRows(e, args, func(k *rowKernel, i int) error {
		p, err := ps.get(k, 1, i)
		if err != nil {
			return err
		}
		// Text behind the pattern is ignored here, as Flink documents it.
		r, ok := p.ParseLenient(k.str(0, i), k.x.clock())
		switch {
		case !ok:
			k.setInt(i, -1<<63)
		case r.HasOffset:
			k.setInt(i, datetime.Part(datetime.Epoch, r.Local-r.Offset))
		default:
			k.setInt(i, datetime.Part(datetime.Epoch, later(k.x.zone, r.Local)))
		}
		return nil
	}), nil
}

func fromUnixtime(_ *compiler, e *scalar.Call, args []node) (node, error) {
	ps, err := newPatterns(e, args, 1, dateTimePattern)
	if err != nil {
		return nil, err
	}
	return newRows(e, args, func(k *rowKernel, i int) error {
		p, err := ps.get(k, 1, i)
		if err != nil {
			return err
		}
		sec := k.int(0, i)
		if sec > math.MaxInt64/datetime.Second || sec < math.MinInt64/datetime.Second { // 292,000 years away
			return k.setNull(i)
		}
		at := sec * datetime.Second
		k.end(i, p.Append(k.arena(), k.x.zone.Local(at), k.x.zone.Offset(at), zoneName(k.x.zone, at)))
		return nil
	}), nil
}

func convertTZ(_ *compiler, e *scalar.Call, args []node) (node, error) {
	p, err := datetime.CompilePattern(dateTimePattern)
	if err != nil {
		return nil, err
	}
	zs := zones{}
	return newRows(e, args, func(k *rowKernel, i int) error {
		from, err := zs.get(k.str(1, i))
		if err != nil {
			return k.fail(i, "", "%s", err)
		}
		to, err := zs.get(k.str(2, i))
		if err != nil {
			return k.fail(i, "", "%s", err)
		}
		r, ok := p.ParseLenient(k.str(0, i), k.x.clock())
		if !ok {
			return k.setNull(i)
		}
		k.end(i, p.Append(k.arena(), to.Local(later(from, r.Local)), 0, ""))
		return nil
	}), nil
}
