package spec

import (
	"strings"

	c "weir/planner/catalog"
)

// lookupOptions is what every table has that is asked for rows by key.
func lookupOptions() []c.OptionSpec {
	return append([]c.OptionSpec{
		enum("lookup.cache", "NONE", "Which answers of a lookup join are kept: none, those that were asked for, or the whole table.", "NONE", "PARTIAL", "FULL"),
		opt("lookup.partial-cache.max-rows", c.OptLong, "", "For PARTIAL: the most keys that are kept; those that were not asked for the longest time go first.", "10000"),
		opt("lookup.partial-cache.expire-after-write", c.OptDuration, "", "For PARTIAL: an answer is asked for anew when it is so old.", "10 min"),
		opt("lookup.partial-cache.expire-after-access", c.OptDuration, "", "For PARTIAL: an answer that was not used for so long is forgotten.", "10 min"),
		opt("lookup.partial-cache.cache-missing-key", c.OptBool, "true", "For PARTIAL: whether it is kept that a key has no row.", "false"),
	}, fullCacheOptions()...)
}

// fullCacheOptions is how a table is read anew that is kept as a whole.
func fullCacheOptions() []c.OptionSpec {
	return []c.OptionSpec{
		enum("lookup.full-cache.reload-strategy", "PERIODIC", "For FULL: whether the table is read anew after an interval or at a time of the day.", "PERIODIC", "TIMED"),
		opt("lookup.full-cache.periodic-reload.interval", c.OptDuration, "", "For FULL and PERIODIC: how long after it was read the table is read anew; without it never.", "1 h"),
		enum("lookup.full-cache.periodic-reload.schedule-mode", "FIXED_DELAY", "Accepted for compatibility; the interval begins when the table has been read.", "FIXED_DELAY", "FIXED_RATE"),
		opt("lookup.full-cache.timed-reload.iso-time", c.OptString, "", "For FULL and TIMED: the time of the day, in UTC or with an offset.", "03:00"),
		opt("lookup.full-cache.timed-reload.interval-in-days", c.OptInt, "1", "For FULL and TIMED: every so many days.", "7"),
	}
}

// searchOption is of every table that VECTOR_SEARCH can search.
func searchOption() c.OptionSpec {
	return enum(c.SearchMetric, "COSINE", "What makes vectors similar in VECTOR_SEARCH, and its score: the cosine of the angle between them, their inner product, or their Euclidean distance (L2), of which the least comes first.", "COSINE", "INNER_PRODUCT", "L2")
}

// lookupOptions checks the options of lookups against one another.
func (k *checker) lookupOptions() {
	k.positive("lookup.partial-cache.max-rows", "lookup.full-cache.timed-reload.interval-in-days")
	mode := strings.ToUpper(k.getOr("lookup.cache", "NONE"))
	for _, o := range []struct{ prefix, mode string }{{"lookup.partial-cache.", "PARTIAL"}, {"lookup.full-cache.", "FULL"}} {
		for _, opt := range k.t.Options {
			if strings.HasPrefix(opt.Key, o.prefix) && mode != o.mode {
				k.diags.Errorf(CodeOptionCombination, k.atKey(opt.Key), "'%s' is for 'lookup.cache' = '%s', which is '%s'", opt.Key, o.mode, mode).
					Help("add 'lookup.cache' = '%s', or remove the option", o.mode)
			}
		}
	}
	partial := []string{"lookup.partial-cache.max-rows", "lookup.partial-cache.expire-after-write", "lookup.partial-cache.expire-after-access"}
	if mode == "PARTIAL" && !k.has(partial[0]) && !k.has(partial[1]) && !k.has(partial[2]) {
		k.diags.Errorf(CodeOptionCombination, k.at("lookup.cache"), "'lookup.cache' = 'PARTIAL' does not say what is forgotten").
			Help("add '%s', '%s' or '%s'", partial[0], partial[1], partial[2])
	}
	k.reload()
}

// reload checks when a table is read anew.
func (k *checker) reload() {
	if !strings.EqualFold(k.get("lookup.full-cache.reload-strategy"), "TIMED") {
		return
	}
	at := "lookup.full-cache.timed-reload.iso-time"
	if !k.has(at) {
		k.diags.Errorf(CodeOptionCombination, k.at("lookup.full-cache.reload-strategy"), "'lookup.full-cache.reload-strategy' = 'TIMED' needs '%s'", at).
			Help("add '%s' = '03:00'", at)
		return
	}
	if _, err := c.TimeOfDay(k.get(at)); err != nil {
		k.diags.Errorf(CodeOptionValue, k.at(at), "'%s' is no time of the day", k.get(at)).Help("write it as '03:00', '03:00:30' or '03:00+02:00'")
	}
}
