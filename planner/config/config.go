// Package config holds the settings of a job: Flink's keys, a few weir.* keys, their types,
// defaults and meaning. SET in a file, --set on the command line and the runtime all read the same table.
package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/planner/catalog"
)

// The keys that code refers to. Keys (keys.go) declares them all.
const (
	PipelineName           = "pipeline.name"
	MaxParallelism         = "pipeline.max-parallelism"
	Parallelism            = "parallelism.default"
	RuntimeMode            = "execution.runtime-mode"
	EventsDuplicate        = "table.exec.source.cdc-events-duplicate"
	CheckpointInterval     = "execution.checkpointing.interval"
	CheckpointMode         = "execution.checkpointing.mode"
	CheckpointDir          = "execution.checkpointing.dir"
	CheckpointRetention    = "execution.checkpointing.externalized-checkpoint-retention"
	CheckpointRetained     = "execution.checkpointing.num-retained"
	CheckpointTimeout      = "execution.checkpointing.timeout"
	AggPhase               = "table.optimizer.agg-phase-strategy"
	ReuseSubPlan           = "table.optimizer.reuse-sub-plan-enabled"
	StateTTL               = "table.exec.state.ttl"
	MiniBatch              = "table.exec.mini-batch.enabled"
	MiniBatchLatency       = "table.exec.mini-batch.allow-latency"
	MiniBatchSize          = "table.exec.mini-batch.size"
	LocalTimeZone          = "table.local-time-zone"
	LateRowsTarget         = "weir.late-rows.target"
	SourceIdleTimeout      = "table.exec.source.idle-timeout"
	AsyncLookupMode        = "table.exec.async-lookup.output-mode"
	AsyncLookupCapacity    = "table.exec.async-lookup.buffer-capacity"
	AsyncLookupTimeout     = "table.exec.async-lookup.timeout"
	AsyncSearchMode        = "table.exec.async-vector-search.output-mode"
	AsyncSearchCapacity    = "table.exec.async-vector-search.max-concurrent-operations"
	AsyncSearchTimeout     = "table.exec.async-vector-search.timeout"
	NotNullEnforcer        = "table.exec.sink.not-null-enforcer"
	NestedEnforcer         = "table.exec.sink.nested-constraint-enforcer"
	TypeLengthEnforcer     = "table.exec.sink.type-length-enforcer"
	UpsertMaterialize      = "table.exec.sink.upsert-materialize"
	RequireOnConflict      = "table.exec.sink.require-on-conflict"
	NonTemporalSort        = "__table.exec.sort.non-temporal.enabled__" // Flink's own name for it
	NonDeterministicUpdate = "table.optimizer.non-deterministic-update.strategy"
	LegacyCast             = "table.exec.legacy-cast-behaviour"
	RestartStrategy        = "restart-strategy.type"
	StateDir               = "weir.state.dir"
	MemoryBudget           = "weir.memory"
	ConnectTimeout         = "weir.connect.timeout"
	AutoWatermarkInterval  = "pipeline.auto-watermark-interval"
)

// Origin says where a setting came from.
type Origin string

// The origins, weakest first.
const (
	FromDefault Origin = "default"
	FromFile    Origin = "SET"
	FromFlag    Origin = "--set"
)

// Config is the settings of one job. A Config that a job runs with is never changed.
type Config struct {
	values   map[string]entry
	defaults map[string]entry // by configuration files and their like; values go before them
	zone     *time.Location   // parsed table.local-time-zone
}

type entry struct {
	value  string
	origin Origin
}

// New is the default settings.
func New() *Config { return &Config{values: map[string]entry{}, defaults: map[string]entry{}} }

// Clone is a copy that may be changed.
func (c *Config) Clone() *Config {
	return &Config{values: maps.Clone(c.values), defaults: maps.Clone(c.defaults), zone: c.zone}
}

// UnknownKeyError is returned by Set for a key that is not in the table.
type UnknownKeyError struct{ Key string }

func (e *UnknownKeyError) Error() string { return "unknown setting '" + e.Key + "'" }

// Set sets key to value after checking it against the key's type. A setting from a flag is
// not overridden by one from the file.
func (c *Config) Set(key, value string, from Origin) error {
	spec := Lookup(key)
	if spec == nil {
		return &UnknownKeyError{key}
	}
	if err := CheckValue(spec, value); err != nil {
		return err
	}
	if c.values[spec.Key].origin == FromFlag && from != FromFlag {
		return nil
	}
	return c.put(c.values, spec, value, from)
}

// SetDefault gives key another default, which SET overrides and RESET comes back to. from is what OriginOf then says.
func (c *Config) SetDefault(key, value string, from Origin) error {
	spec := Lookup(key)
	if spec == nil {
		return &UnknownKeyError{key}
	}
	if err := CheckValue(spec, value); err != nil {
		return err
	}
	return c.put(c.defaults, spec, value, from)
}

// put enters a checked value.
func (c *Config) put(into map[string]entry, spec *catalog.OptionSpec, value string, from Origin) error {
	if spec.Key == LocalTimeZone {
		if _, err := ParseZone(value); err != nil {
			return err
		}
	}
	if spec.Key == CheckpointDir {
		if err := checkDirectory(value); err != nil {
			return fmt.Errorf("'%s': %w", spec.Key, err)
		}
	}
	into[spec.Key] = entry{Canonical(spec, value), from}
	if spec.Key == LocalTimeZone {
		c.parseZone()
	}
	return nil
}

// parseZone keeps zone up with the setting, which has been checked.
func (c *Config) parseZone() {
	c.zone = nil
	if e, ok := c.lookup(LocalTimeZone); ok {
		c.zone, _ = ParseZone(e.value)
	}
}

// Reset puts key back to its default; "" resets all that did not come from a flag.
func (c *Config) Reset(key string) {
	for k, e := range c.values {
		if (key == "" || k == key) && e.origin != FromFlag {
			delete(c.values, k)
		}
	}
	c.parseZone()
}

// lookup is what key was set to, or given as a default.
func (c *Config) lookup(key string) (entry, bool) {
	if e, ok := c.values[key]; ok {
		return e, true
	}
	e, ok := c.defaults[key]
	return e, ok
}

// String is the value of key, its default where it was not set; "" where it has none.
func (c *Config) String(key string) string {
	if e, ok := c.lookup(key); ok {
		return e.value
	}
	if s := Lookup(key); s != nil {
		return s.Default
	}
	return ""
}

// IsSet reports whether key was set, by SET, a flag or a configuration file.
func (c *Config) IsSet(key string) bool { _, ok := c.lookup(key); return ok }

// OriginOf says where the value of key came from.
func (c *Config) OriginOf(key string) Origin {
	if e, ok := c.lookup(key); ok {
		return e.origin
	}
	return FromDefault
}

// Duration is the value of a duration key; 0 where it has none. Set has checked it.
func (c *Config) Duration(key string) time.Duration {
	d, _ := ParseDuration(c.String(key))
	return d
}

// Int is the value of an integer key; 0 where it has none.
func (c *Config) Int(key string) int {
	n, _ := strconv.Atoi(c.String(key))
	return n
}

// Float is the value of a number key; 0 where it has none.
func (c *Config) Float(key string) float64 {
	f, _ := strconv.ParseFloat(c.String(key), 64)
	return f
}

// Bool is the value of a boolean key.
func (c *Config) Bool(key string) bool { return strings.EqualFold(c.String(key), "true") }

// Memory is the value of a memory key in bytes; 0 where it has none.
func (c *Config) Memory(key string) int64 {
	n, _ := ParseMemory(c.String(key))
	return n
}

// Zone is table.local-time-zone, the machine's zone when it is not set.
func (c *Config) Zone() *time.Location {
	if c.zone != nil {
		return c.zone
	}
	return time.Local
}

// Settings lists every key that was set, sorted.
func (c *Config) Settings() []string {
	keys := slices.Concat(slices.Collect(maps.Keys(c.values)), slices.Collect(maps.Keys(c.defaults)))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Lookup is the declaration of key, nil when there is none. One of Flink's past is declared by the name of today, which the declaration has.
func Lookup(key string) *catalog.OptionSpec {
	if now, old := Renamed[key]; old {
		key = now
	}
	for i := range Keys {
		if Keys[i].Key == key {
			return &Keys[i]
		}
	}
	return NoEffect(key)
}

// Canonical is value as the rest of the code compares it: the value of an enum as it is declared, whatever
// its case was. The value has been checked.
func Canonical(spec *catalog.OptionSpec, value string) string {
	if spec.Type == catalog.OptEnum {
		for _, v := range spec.Values {
			if strings.EqualFold(v, value) {
				return v
			}
		}
	}
	return value
}

// CheckValue checks value against the type of spec; the error says what was expected.
func CheckValue(spec *catalog.OptionSpec, value string) error {
	var err error
	switch spec.Type {
	case catalog.OptInt, catalog.OptLong:
		var n int64
		n, err = strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
			err = fmt.Errorf("'%s' expects a whole number, found '%s'", spec.Key, value)
		case spec.Most != 0 && n > spec.Most:
			err = fmt.Errorf("'%s' is at most %d, found '%s'", spec.Key, spec.Most, value)
		case spec.Least != 0 && n < spec.Least && n != -1:
			err = fmt.Errorf("'%s' is at least %d, found '%s'", spec.Key, spec.Least, value)
		}
	case catalog.OptFloat:
		if f, e := strconv.ParseFloat(value, 64); e != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			err = fmt.Errorf("'%s' expects a number such as 1.5, found '%s'", spec.Key, value)
		}
	case catalog.OptBool:
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			err = fmt.Errorf("'%s' expects true or false, found '%s'", spec.Key, value)
		}
	case catalog.OptDuration:
		if _, e := ParseDuration(value); e != nil {
			such := "5 s"
			if n, weeks := strings.CutSuffix(strings.TrimRight(strings.ToLower(value), "s"), "week"); weeks {
				if k, e := strconv.Atoi(strings.TrimSpace(n)); e == nil {
					such = fmt.Sprintf("%d d", 7*k)
				}
			}
			err = fmt.Errorf("'%s' expects a duration such as '%s', found '%s'", spec.Key, such, value)
		}
	case catalog.OptMemory:
		if _, e := ParseMemory(value); e != nil {
			err = fmt.Errorf("'%s' expects a size such as '512 mb', found '%s'", spec.Key, value)
		}
	case catalog.OptEnum:
		for _, v := range spec.Values {
			if strings.EqualFold(v, value) {
				return nil
			}
		}
		err = fmt.Errorf("'%s' expects one of %s, found '%s'", spec.Key, strings.Join(spec.Values, ", "), value)
	}
	return err
}
