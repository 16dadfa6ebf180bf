package guess

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"weir/connectors/formats/literal"
)

// evidence is the values that one column had.
type evidence struct {
	name    string
	values  int // that are not null
	nulls   int // null, or the member was missing
	whole   int // whole numbers that fit into 64 bits
	huge    int // whole numbers that do not
	decimal int // numbers with a fraction
	float   int // numbers with an exponent
	boolean int
	nested  int // objects and arrays
	text    int

	scale    int  // digits behind the point of all numbers with a fraction; -1: they differ
	padded   bool // one of them ends in 0: the writer keeps the digits
	times    map[timeForm]int
	digits   int // most digits of a second's fraction
	distinct map[string]bool
	moments  []moment // whatever may be a time, by record
}

// moment is a value that may be a time, with its record.
type moment struct {
	record int
	micros int64 // text: since 1970, as written
	number int64 // whole numbers: as they are
}

// timeForm is how a text writes a time.
type timeForm uint8

const (
	noTime     timeForm = iota
	sqlTime             // 2026-01-01 00:00:00.123
	sqlUTC              // the same with Z
	isoTime             // 2026-01-01T00:00:00.123
	isoUTC              // the same with Z
	isoOffset           // the same with +02:00
	dateOnly            // 2026-01-01
	timeOfDay           // 12:00:00
	lastOfForm = timeOfDay
)

// number is a number of JSON, or of a field of CSV that is written the same.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// scalar takes a number, TRUE or FALSE as written. It reports false for anything else.
func (e *evidence) scalar(text string, record int) bool {
	switch {
	case text == "true" || text == "false":
		e.boolean++
	case !number.MatchString(text):
		return false
	case strings.ContainsAny(text, "eE"):
		e.float++
	case strings.Contains(text, "."):
		fraction := text[strings.IndexByte(text, '.')+1:]
		if e.decimal == 0 {
			e.scale = len(fraction)
		} else if e.scale != len(fraction) {
			e.scale = -1
		}
		e.padded = e.padded || fraction[len(fraction)-1] == '0'
		e.decimal++
	default:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			e.huge++
			break
		}
		e.whole++
		e.moments = append(e.moments, moment{record: record, number: n})
	}
	e.values++
	e.note(text)
	return true
}

// note remembers what the value was, for the message key to be compared with.
func (e *evidence) note(text string) { e.distinct[text] = true }

// str takes a text.
func (e *evidence) str(text string, record int) {
	e.values++
	e.text++
	e.note(text)
	form, micros := timeOf(text)
	e.times[form]++
	if form != noTime {
		e.moments = append(e.moments, moment{record: record, micros: micros})
		e.digits = max(e.digits, fractionDigits(text))
	}
}

// json takes a value of JSON.
func (e *evidence) json(raw json.RawMessage, record int) {
	text := strings.TrimSpace(string(raw))
	switch {
	case text == "null":
		e.nulls++
	case text[0] == '"':
		var s string
		if json.Unmarshal(raw, &s) == nil { // it is valid: it was cut out of a valid record
			e.str(s, record)
		}
	case text[0] == '{' || text[0] == '[':
		e.values++
		e.nested++
	default:
		e.scalar(text, record)
	}
}

func timeOf(s string) (timeForm, int64) {
	b := []byte(s)
	if len(b) == 10 {
		if days, ok := literal.ParseDate(b, false); ok {
			return dateOnly, days * literal.Day
		}
	}
	if len(b) >= 8 && len(b) <= 15 && b[2] == ':' && b[5] == ':' {
		if v, ok := literal.ParseTime(b, false); ok {
			return timeOfDay, v
		}
	}
	for _, f := range []struct {
		form  timeForm
		parse func([]byte) (int64, bool)
	}{
		{sqlTime, func(b []byte) (int64, bool) { return literal.ParseTimestamp(b, literal.SQL) }},
		{sqlUTC, func(b []byte) (int64, bool) { return literal.ParseTimestampZ(b, literal.SQL) }},
		{isoTime, func(b []byte) (int64, bool) { return literal.ParseTimestamp(b, literal.ISO) }},
		{isoUTC, func(b []byte) (int64, bool) { return literal.ParseTimestampZ(b, literal.ISO) }},
		{isoOffset, literal.ParseTimestampOffset},
	} {
		if v, ok := f.parse(b); ok {
			return f.form, v
		}
	}
	return noTime, 0
}

func fractionDigits(s string) int {
	_, fraction, ok := strings.Cut(s, ".")
	if !ok {
		return 0
	}
	n := 0
	for n < len(fraction) && fraction[n] >= '0' && fraction[n] <= '9' {
		n++
	}
	return n
}

// form is how all texts of the column write a time; noTime where they do not. UTC and offsets go together.
func (e *evidence) form() timeForm {
	if e.text == 0 || e.text != e.values {
		return noTime
	}
	for f := noTime; f <= lastOfForm; f++ {
		if e.times[f] == e.text {
			return f
		}
	}
	if e.times[isoUTC]+e.times[isoOffset] == e.text {
		return isoOffset
	}
	return noTime
}

// epoch is the unit in which the column counts from 1970: "", "s", "ms" or "us". A number is only taken for a time where
// its name says so or the records' own times are near.
func (e *evidence) epoch(records []time.Time) string {
	if e.whole == 0 || e.whole != e.values {
		return ""
	}
	for _, u := range []struct {
		unit  string
		scale int64
	}{{"s", 1}, {"ms", 1_000}, {"us", 1_000_000}} {
		in, near := true, true
		for _, m := range e.moments {
			s := m.number / u.scale
			in = in && s >= 1e9 && s < 5e9 // 2001 to 2128
			at := records[m.record]
			near = near && !at.IsZero() && abs(at.Unix()-s) < 7*24*3600
		}
		if in && (near || timeName(e.name) > 0) {
			return u.unit
		}
	}
	return ""
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// timeName is how much a name promises the time of an event: 0 not at all.
func timeName(name string) int {
	n := strings.ToLower(name)
	switch {
	case n == "event_time" || n == "eventtime" || n == "event_ts" || n == "event_timestamp":
		return 4
	case n == "ts" || n == "timestamp" || n == "time" || n == "rowtime":
		return 3
	case strings.HasSuffix(n, "_time") || strings.HasSuffix(n, "_ts") || strings.HasSuffix(name, "Time") || strings.HasSuffix(n, "timestamp"):
		return 2
	case strings.HasSuffix(n, "_at") || strings.HasSuffix(name, "At") || strings.Contains(n, "time") || strings.Contains(n, "date"):
		return 1
	}
	return 0
}
