package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the binary knows all zones, wherever it runs
)

var durationUnits = map[string]time.Duration{
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"min": time.Minute, "m": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"": time.Millisecond, "ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond,
	"millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"us": time.Microsecond, "µs": time.Microsecond, "micro": time.Microsecond, "micros": time.Microsecond,
	"microsecond": time.Microsecond, "microseconds": time.Microsecond,
	"ns": time.Nanosecond, "nano": time.Nanosecond, "nanos": time.Nanosecond,
	"nanosecond": time.Nanosecond, "nanoseconds": time.Nanosecond,
}

var memoryUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1,
	"k": 1 << 10, "kb": 1 << 10, "kibibytes": 1 << 10,
	"m": 1 << 20, "mb": 1 << 20, "mebibytes": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gibibytes": 1 << 30,
	"t": 1 << 40, "tb": 1 << 40, "tebibytes": 1 << 40,
}

func splitUnit(s string) (n int64, unit string, err error) {
	s = strings.TrimSpace(s)
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err = strconv.ParseInt(s[:i], 10, 64)
	return n, strings.ToLower(strings.TrimSpace(s[i:])), err
}

// ParseDuration reads a duration as Flink writes it: a whole number and a unit, "5 s",
// "100ms", "1 min"; without a unit milliseconds.
func ParseDuration(s string) (time.Duration, error) {
	n, unit, err := splitUnit(s)
	if err != nil {
		return 0, fmt.Errorf("not a duration: %q", s)
	}
	u, ok := durationUnits[unit]
	if !ok {
		return 0, fmt.Errorf("not a unit of time: %q", unit)
	}
	if n > math.MaxInt64/int64(u) {
		return 0, fmt.Errorf("duration out of range: %q", s)
	}
	return time.Duration(n) * u, nil
}

// ParseMemory reads a size as Flink writes it: "512 mb", "1g"; without a unit bytes.
func ParseMemory(s string) (int64, error) {
	n, unit, err := splitUnit(s)
	if err != nil {
		return 0, fmt.Errorf("not a size: %q", s)
	}
	u, ok := memoryUnits[unit]
	if !ok {
		return 0, fmt.Errorf("not a unit of memory: %q", unit)
	}
	if n > math.MaxInt64/u {
		return 0, fmt.Errorf("size out of range: %q", s)
	}
	return n * u, nil
}

// ParseZone reads a time zone: a name ("Europe/Berlin"), "UTC", or an offset "GMT+08:00", "+02:00".
func ParseZone(s string) (*time.Location, error) {
	t := strings.TrimPrefix(strings.TrimPrefix(s, "GMT"), "UTC")
	if t == "" {
		return time.UTC, nil
	}
	if t[0] == '+' || t[0] == '-' {
		var h, m int
		if _, err := fmt.Sscanf(t[1:], "%d:%d", &h, &m); err != nil {
			m = 0
			if _, err := fmt.Sscanf(t[1:], "%d", &h); err != nil {
				return nil, fmt.Errorf("not a time zone: '%s'", s)
			}
		}
		if h > 18 || m > 59 {
			return nil, fmt.Errorf("not a time zone: '%s'", s)
		}
		off := h*3600 + m*60
		if t[0] == '-' {
			off = -off
		}
		return time.FixedZone(s, off), nil
	}
	if s == "default" {
		return time.Local, nil
	}
	z, err := time.LoadLocation(s)
	if err != nil {
		return nil, fmt.Errorf("not a time zone: '%s' (expected a name such as Europe/Berlin, or an offset such as GMT+02:00)", s)
	}
	return z, nil
}

// checkDirectory refuses what is no folder of this machine: an object store, a host, a path that depends on where the job
// is started. Package state opens what is left.
func checkDirectory(s string) error {
	scheme, rest, ok := strings.Cut(s, ":")
	switch {
	case s == "" || strings.HasPrefix(s, "/"):
		return nil
	case !ok || strings.Contains(scheme, "/"):
		return fmt.Errorf("'%s' is no absolute path; write file:///path", s)
	case !strings.EqualFold(scheme, "file"):
		return fmt.Errorf("the file system '%s' is not supported; write file:///path, where a network file system or an object store may be mounted", scheme)
	}
	if host, _, ok := strings.Cut(strings.TrimPrefix(rest, "//"), "/"); strings.HasPrefix(rest, "//") && (!ok || host != "" && host != "localhost") {
		return fmt.Errorf("'%s' names a host and no path; write file:/// with three slashes before the path", s)
	}
	if !strings.HasPrefix(rest, "/") {
		return fmt.Errorf("'%s' is no absolute path; write file:///path", s)
	}
	return nil
}
