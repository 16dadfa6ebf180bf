package fn

import (
	"fmt"

	"weir/planner/types"
)

// CurrentWatermark is the name of the function that gives the watermark. It is computed by a Calc, from what the rows before have made it.
const CurrentWatermark = "CURRENT_WATERMARK"

// SourceWatermark is the watermark of a table whose connector knows it. It stands in the definition of the table alone.
const SourceWatermark = "SOURCE_WATERMARK"

// Units of time, upper case as the planner passes them.
var (
	extractUnits = []string{
		"MILLENNIUM", "CENTURY", "DECADE", "YEAR", "ISOYEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOY", "DOW", "ISODOW",
		"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "EPOCH",
	}
	floorUnits = []string{"MILLENNIUM", "CENTURY", "DECADE", "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"}
	addUnits   = []string{"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"}

	aUnit    = word("a unit of time", floorUnits...)
	addUnit  = word("a unit of time", addUnits...)
	partUnit = word("a unit of time", extractUnits...)
)

func timeFuncs() []*Func {
	f := func(name, syntax, doc string, r ResolveFunc, ex ...string) *Func {
		return &Func{Name: name, Family: "time", Syntax: syntax, Doc: doc, Deterministic: true, Resolve: r, Examples: examples(ex...)}
	}
	now := func(name, syntax, doc string, t types.Type, ex ...string) *Func {
		return &Func{
			Name: name, Family: "time", Syntax: syntax, Doc: doc, PerQuery: true, Resolve: resolve(form(is(t)).nulls(never)), Examples: examples(ex...),
		}
	}
	part := func(name, doc string, p param, ex ...string) *Func {
		return f(name, name+"(t)", doc, resolve(form(is(types.TBigInt), p)), ex...)
	}
	ltz := types.MakeTimestampLTZ(3)
	clock := types.Type{Kind: types.Time}
	str := is(types.TString)
	convert := param{what: "a pattern of letters such as 'yyyy-MM-dd HH:mm:ss'", ok: types.Type.IsString, null: types.TString, check: checkPattern}
	zone := param{what: "a time zone", ok: types.Type.IsString, null: types.TString, check: checkZone}
	return []*Func{
		now("CURRENT_DATE", "CURRENT_DATE", "Today in the session's time zone, when the row is processed.", types.TDate, "CURRENT_DATE >= DATE '2020-01-01'", "TRUE"),
		now("CURRENT_TIME", "CURRENT_TIME", "The time of day in the session's time zone, when the row is processed.", clock, "CURRENT_TIME >= TIME '00:00:00'", "TRUE"),
		now("LOCALTIME", "LOCALTIME", "The time of day in the session's time zone, when the row is processed.", clock, "LOCALTIME >= TIME '00:00:00'", "TRUE"),
		now("CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP", "The time when the row is processed.", ltz, "CURRENT_TIMESTAMP >= TO_TIMESTAMP_LTZ(0, 3)", "TRUE"),
		now("NOW", "NOW()", "The time when the row is processed.", ltz, "NOW() >= TO_TIMESTAMP_LTZ(0, 3)", "TRUE"),
		now("CURRENT_ROW_TIMESTAMP", "CURRENT_ROW_TIMESTAMP()", "The time when the row is processed.", ltz, "CURRENT_ROW_TIMESTAMP() >= TO_TIMESTAMP_LTZ(0, 3)", "TRUE"),
		now("PROCTIME", "PROCTIME()", "The time when the row is processed, as a time attribute: a column that is PROCTIME() gives windows, joins within a time, OVER and ORDER BY their time.", ltz, "PROCTIME() >= TO_TIMESTAMP_LTZ(0, 3)", "TRUE"),
		now("LOCALTIMESTAMP", "LOCALTIMESTAMP", "The local time in the session's time zone, when the row is processed.", types.MakeTimestamp(3), "LOCALTIMESTAMP >= TIMESTAMP '2020-01-01 00:00:00'", "TRUE"),
		{
			Name: CurrentWatermark, Family: "time", Syntax: "CURRENT_WATERMARK(row_time)",
			Doc:   "The watermark that the rows before this one have made, where the function stands; NULL before there is one. Its argument is a column with a WATERMARK, and says nothing but the type. In the jobs of streams.",
			Nulls: NullsToKernel, OfStream: true,
			Resolve: resolve(form(func(args []Arg) types.Type {
				if args[0].Type.Kind == types.TimestampLTZ {
					return types.MakeTimestampLTZ(3).WithNullable(true)
				}
				return types.MakeTimestamp(3).WithNullable(true)
			}, param{what: "a row-time attribute", ok: types.Type.IsTimestamp, null: types.MakeTimestamp(3)}).nulls(always)),
			Examples: examples("CURRENT_WATERMARK(order_time)", "2026-01-01 00:04:55.000"),
		},
		{
			Name: SourceWatermark, Family: "time", Syntax: "SOURCE_WATERMARK()",
			Doc:   "The watermark that the connector itself makes: WATERMARK FOR ts AS SOURCE_WATERMARK(). Connector 'values' has one, as tests say; those of Kafka and of files have none, as in Flink.",
			Nulls: NullsToKernel, OfStream: true,
			Resolve:  resolve(form(is(types.MakeTimestamp(3))).nulls(always)),
			Examples: examples("SOURCE_WATERMARK()", "2026-01-01 00:04:55.000"),
		},
		f("EXTRACT", "EXTRACT(unit FROM t)", "A part of a time or interval as a number. WEEK is ISO's; DOW is 1 for Sunday, ISODOW 1 for Monday; EPOCH is the seconds from 1970 to the local time.",
			resolve(form(is(types.TBigInt), partUnit, aTime), form(is(types.TBigInt), partUnit, anInterval)),
			"EXTRACT(DAY FROM DATE '2006-06-05')", "5", "EXTRACT(QUARTER FROM TIMESTAMP '2026-05-01 10:20:30')", "2", "EXTRACT(MILLISECOND FROM TIMESTAMP '2026-05-01 10:20:30.450')", "450",
			"EXTRACT(EPOCH FROM TIMESTAMP '1970-01-02 00:00:01')", "86401", "EXTRACT(HOUR FROM INTERVAL '26' HOUR)", "2", "EXTRACT(DOW FROM DATE '2026-02-08')", "1"),
		part("YEAR", "The year.", aDay, "YEAR(DATE '1994-09-27')", "1994"),
		part("QUARTER", "The quarter of the year, 1 to 4.", aDay, "QUARTER(DATE '1994-09-27')", "3"),
		part("MONTH", "The month, 1 to 12.", aDay, "MONTH(DATE '1994-09-27')", "9"),
		part("WEEK", "The ISO week of the year, 1 to 53.", aDay, "WEEK(DATE '1994-09-27')", "39"),
		part("DAYOFYEAR", "The day of the year, 1 to 366.", aDay, "DAYOFYEAR(DATE '1994-09-27')", "270"),
		part("DAYOFMONTH", "The day of the month, 1 to 31.", aDay, "DAYOFMONTH(DATE '1994-09-27')", "27"),
		part("DAYOFWEEK", "The day of the week, 1 for Sunday to 7.", aDay, "DAYOFWEEK(DATE '1994-09-27')", "3"),
		part("HOUR", "The hour, 0 to 23.", aClock, "HOUR(TIMESTAMP '1994-09-27 13:14:15')", "13"),
		part("MINUTE", "The minute, 0 to 59.", aClock, "MINUTE(TIMESTAMP '1994-09-27 13:14:15')", "14"),
		part("SECOND", "The second, 0 to 59.", aClock, "SECOND(TIMESTAMP '1994-09-27 13:14:15')", "15"),
		f("TIMESTAMPADD", "TIMESTAMPADD(unit, n, t)", "The time n units after t. A DATE plus hours or less is a TIMESTAMP(6).",
			resolveTimestampAdd, "TIMESTAMPADD(WEEK, 1, DATE '2003-01-02')", "2003-01-09", "TIMESTAMPADD(MONTH, 1, TIMESTAMP '2026-01-31 10:00:00')", "2026-02-28 10:00:00",
			"TIMESTAMPADD(HOUR, 1, DATE '2026-01-01')", "2026-01-01 01:00:00.000000"),
		f("TIMESTAMPDIFF", "TIMESTAMPDIFF(unit, a, b)", "How many whole units b is after a; negative if before.",
			resolveTimestampDiff, "TIMESTAMPDIFF(DAY, TIMESTAMP '2003-01-02 10:00:00', TIMESTAMP '2003-01-03 10:00:00')", "1",
			"TIMESTAMPDIFF(MONTH, DATE '2026-01-31', DATE '2026-02-28')", "1", "TIMESTAMPDIFF(MONTH, TIMESTAMP '2026-03-01 10:00:00', TIMESTAMP '2026-02-01 09:00:00')", "-2", "TIMESTAMPDIFF(SECOND, TIMESTAMP '2026-01-01 00:01:00', TIMESTAMP '2026-01-01 00:00:00')", "-60"),
		f("DATE_FORMAT", "DATE_FORMAT(t, pattern)", "t in a pattern of letters as Java's DateTimeFormatter has them. A string is read as a TIMESTAMP first; NULL if it is none.",
			resolve(form(str, param{what: "a TIMESTAMP (CAST a DATE to one) or a string", ok: types.Type.IsTimestamp, null: types.MakeTimestamp(3)}, convert).nulls(always), form(str, aString, convert).nulls(always)),
			"DATE_FORMAT(TIMESTAMP '2026-02-03 04:05:06.789', 'yyyy-MM-dd HH:mm:ss.SSS')", "2026-02-03 04:05:06.789", "DATE_FORMAT(TIMESTAMP '2026-02-03 00:00:00', 'EEE, d MMM yy')", "Tue, 3 Feb 26", "DATE_FORMAT('2026-02-03 15:00:00', 'hh a')", "03 PM"),
		f("TO_DATE", "TO_DATE(s [, pattern])", "The DATE that s is in a pattern, yyyy-MM-dd when not given; NULL if it is none. A pattern is read leniently: names in any case, numbers of any length, and days behind the end of a month are those of the next.",
			resolve(form(is(types.TDate), aString, convert).opt(1).nulls(always)), "TO_DATE('2026-02-03')", "2026-02-03", "TO_DATE('03.02.2026', 'dd.MM.yyyy')", "2026-02-03", "TO_DATE('x')", "NULL"),
		f("TO_TIMESTAMP", "TO_TIMESTAMP(s [, pattern])", "The TIMESTAMP(3) that s is in a pattern, yyyy-MM-dd HH:mm:ss when not given; NULL if it is none.",
			resolve(form(is(types.MakeTimestamp(3)), aString, convert).opt(1).nulls(always)), "TO_TIMESTAMP('2026-02-03 04:05:06')", "2026-02-03 04:05:06.000", "TO_TIMESTAMP('03/02/2026 04:05', 'dd/MM/yyyy HH:mm')", "2026-02-03 04:05:00.000", "TO_TIMESTAMP('x')", "NULL"),
		f("TO_TIMESTAMP_LTZ", "TO_TIMESTAMP_LTZ(number, 0 | 3), TO_TIMESTAMP_LTZ(s [, pattern [, zone]])", "The TIMESTAMP_LTZ(3) of seconds (0) or milliseconds (3) since 1970; or the one that s is in a pattern and time zone, UTC when not given, NULL if it is none.",
			resolve(form(is(ltz), aNumber, anInt).opt(1).nulls(always), form(is(ltz), aString, convert, zone).opt(2).nulls(always)),
			"CAST(TO_TIMESTAMP_LTZ(1, 0) = TO_TIMESTAMP_LTZ(1000, 3) AS STRING)", "TRUE", "TO_TIMESTAMP_LTZ('2026-02-03 04:05:06') = TO_TIMESTAMP_LTZ(1770091506, 0)", "TRUE",
			"TO_TIMESTAMP_LTZ('2026-02-03 04:05', 'yyyy-MM-dd HH:mm', 'Europe/Berlin') = TO_TIMESTAMP_LTZ(1770087900, 0)", "TRUE"),
		{
			Name: "UNIX_TIMESTAMP", Family: "time", Syntax: "UNIX_TIMESTAMP(), UNIX_TIMESTAMP(s [, pattern])", PerQuery: true,
			Doc:      "The seconds since 1970 now, or of the local time that s is in a pattern, yyyy-MM-dd HH:mm:ss when not given; -9223372036854775808 if it is none.",
			Resolve:  resolve(form(is(types.TBigInt)), form(is(types.TBigInt), aString, convert).opt(1)),
			Examples: examples("UNIX_TIMESTAMP() > 1577836800", "TRUE", "UNIX_TIMESTAMP('1970-01-01 00:01:00') - UNIX_TIMESTAMP('1970-01-01 00:00', 'yyyy-MM-dd HH:mm')", "60", "UNIX_TIMESTAMP('x')", "-9223372036854775808"),
		},
		f("FROM_UNIXTIME", "FROM_UNIXTIME(seconds [, pattern])", "Seconds since 1970 as local time of the session in a pattern, yyyy-MM-dd HH:mm:ss when not given.",
			resolve(form(str, anInt, convert).opt(1).nulls(always)), "CHAR_LENGTH(FROM_UNIXTIME(44))", "19", "FROM_UNIXTIME(44, 'ss')", "44"),
		f("CONVERT_TZ", "CONVERT_TZ(s, from, to)", "The local time s, yyyy-MM-dd HH:mm:ss, of one time zone as the local time of another; NULL if s is none.",
			resolve(form(str, aString, zone, zone).nulls(always)), "CONVERT_TZ('1970-01-01 00:00:00', 'UTC', 'America/Los_Angeles')", "1969-12-31 16:00:00", "CONVERT_TZ('2026-07-01 00:00:00', 'Europe/Berlin', 'GMT-08:00')", "2026-06-30 14:00:00"),
	}
}

var (
	anInterval = param{what: "a time or an INTERVAL", ok: types.Type.IsInterval, null: types.Type{Kind: types.IntervalDaySecond, Nullable: true}}
	aDayTime   = param{what: "a DATE or TIMESTAMP", ok: hasDate, null: types.MakeTimestamp(3)}
)

// resolveTimestampAdd makes a TIMESTAMP of a DATE that is moved by less than days.
func resolveTimestampAdd(args []Arg) (types.Type, []types.Type, error) {
	result := func(a []Arg) types.Type {
		t := a[2].Type
		unit, _ := a[0].Value.(string)
		least := map[string]int{"HOUR": 0, "MINUTE": 0, "SECOND": 0, "MILLISECOND": 3, "MICROSECOND": 6}
		prec, small := least[unit]
		switch {
		case !small:
		case t.Kind == types.Date:
			return types.MakeTimestamp(6)
		default:
			t.Prec = max(t.Prec, prec)
		}
		return t
	}
	t, casts, err := resolve(form(result, addUnit, anInt, aTime))(args)
	if err == nil && casts[2].Kind == types.Date && t.Kind == types.Timestamp {
		casts[2] = t.WithNullable(casts[2].Nullable)
	}
	return t, casts, err
}

// resolveTimestampDiff refuses a TIMESTAMP with a TIMESTAMP_LTZ: what is between them depends on the time zone.
func resolveTimestampDiff(args []Arg) (types.Type, []types.Type, error) {
	t, casts, err := resolve(form(is(types.TInt), addUnit, aDayTime, aDayTime))(args)
	if err == nil && (casts[1].Kind == types.TimestampLTZ) != (casts[2].Kind == types.TimestampLTZ) {
		return t, nil, fmt.Errorf("%s and %s cannot be subtracted; CAST one to the type of the other", casts[1].WithNullable(true), casts[2].WithNullable(true))
	}
	return t, casts, err
}
