package planner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/codes"
	"weir/planner/config"
	"weir/planner/rules"
)

// The limits of Kafka transactions that checks go by.
const (
	defaultTransactionTimeout = time.Minute
	brokerTransactionLimit    = 15 * time.Minute // the brokers' default of transaction.max.timeout.ms
	longTransactionTimeout    = 2 * time.Minute
)

// transactionTimeout is the timeout of t's transactions.
func transactionTimeout(t *catalog.Table) time.Duration {
	if v, ok := t.Options.Get("properties.transaction.timeout.ms"); ok {
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return time.Duration(n) * time.Millisecond
		}
	}
	return defaultTransactionTimeout
}

// optionSpan is where t's option key is written: its value, or the table's name.
func optionSpan(t *catalog.Table, keys ...string) diag.Span {
	for _, k := range keys {
		if o := t.Options.Lookup(k); o != nil && !o.ValueSpan.IsZero() {
			return o.ValueSpan
		}
	}
	return t.NameSpan
}

// checkJob checks what the settings and the sinks of one job must keep together.
func (s *Session) checkJob(outs []rules.Output) {
	var exact []*catalog.Table
	clusters, apart := map[*catalog.Table]string{}, true
	for _, o := range outs {
		c := s.connector(o.Table)
		if c == nil || c.Transactional == nil || slices.Contains(exact, o.Table) {
			continue
		}
		if yes, cluster := c.Transactional(o.Table); yes {
			exact = append(exact, o.Table)
			clusters[o.Table] = cluster
			if cluster == "" {
				apart = false // a table without brokers has a finding of its own
			}
		}
	}
	if len(outs) > 0 {
		s.checkEnforcers(outs[0].Table.NameSpan)
	}
	if len(exact) == 0 {
		return
	}
	first := exact[0]
	for _, t := range exact[1:] {
		if apart && clusters[t] != clusters[first] {
			if t.Connector == "jdbc" || first.Connector == "jdbc" {
				s.twoDatabases(first, t)
				break
			}
			s.diags.Errorf(codes.TwoClusters, optionSpan(t, "properties.bootstrap.servers"), "%s and %s are exactly-once sinks on different clusters", first.Name, t.Name).
				Label(optionSpan(first, "properties.bootstrap.servers"), "one cluster").
				Note("a job commits one transaction, and a transaction belongs to one cluster").
				Help("write to the second cluster by a job of its own, which reads what this one wrote")
			break
		}
	}
	s.checkTransactions(exact)
}

// checkEnforcers reports what cannot be enforced. at is where it is said when no SET did it.
func (s *Session) checkEnforcers(at diag.Span) {
	cfg := s.o.Config
	if cfg.String(config.NestedEnforcer) != "ROWS_AND_COLLECTIONS" || cfg.String(config.TypeLengthEnforcer) != "TRIM_PAD" {
		return
	}
	if set, ok := s.sets[config.NestedEnforcer]; ok {
		at = set
	}
	d := s.diags.Errorf(codes.SettingsClash, at, "nothing is cut or padded inside of collections")
	s.labelSet(d, config.TypeLengthEnforcer, "values are brought to their length")
	d.Help("write 'ROWS', or let '%s' be 'ERROR' or 'IGNORE'", config.TypeLengthEnforcer)
}

// twoDatabases refuses two exactly-once sinks of which one is a database's, and the other is not that one's.
func (s *Session) twoDatabases(first, t *catalog.Table) {
	loose := t
	if t.Connector != "jdbc" {
		loose = first
	}
	s.diags.Errorf(codes.TwoClusters, optionSpan(t, "sink.delivery-guarantee"), "%s and %s are exactly-once sinks, and no transaction goes over both", first.Name, t.Name).
		Label(optionSpan(first, "sink.delivery-guarantee"), "one transaction").
		Note("a job commits one transaction, which belongs to one cluster of Kafka or to one database").
		Help("write %s at least once, with a PRIMARY KEY: rows that are written again then change nothing; or by a job of its own", loose.Name)
}

// checkTransactions checks the three time limits: checkpoint interval < transaction timeout <= the broker's limit.
func (s *Session) checkTransactions(exact []*catalog.Table) {
	cfg := s.o.Config
	interval := cfg.Duration(config.CheckpointInterval)
	at := optionSpan(exact[0], "sink.delivery-guarantee", "sink.semantic")
	if interval <= 0 {
		if s.failed[config.CheckpointInterval] {
			return // its SET has a finding
		}
		s.diags.Errorf(codes.NoCheckpoints, at, "exactly-once needs checkpoints").
			At("the transaction is committed with each checkpoint").Help("add SET 'execution.checkpointing.interval' = '5 s';")
		return
	}
	if cfg.String(config.CheckpointMode) == "AT_LEAST_ONCE" {
		d := s.diags.Errorf(codes.NoCheckpoints, at, "exactly-once needs checkpoints of mode EXACTLY_ONCE")
		s.labelSet(d, config.CheckpointMode, "this mode lets records be processed twice")
		d.Help("remove that line")
	}
	for _, t := range exact {
		if t.Connector == "jdbc" {
			continue // a database ends no open transaction by itself
		}
		timeout := transactionTimeout(t)
		here := optionSpan(t, "properties.transaction.timeout.ms", "sink.delivery-guarantee", "sink.semantic")
		const key = "properties.transaction.timeout.ms"
		set := "is by default"
		if _, given := t.Options.Get(key); given {
			set = "is"
		}
		switch {
		case interval >= timeout:
			d := s.diags.Errorf(codes.IntervalTooLong, here, "transactions of %s would time out before they are committed", t.Name)
			d.At("the transaction timeout %s %s", set, show(timeout))
			s.labelSet(d, config.CheckpointInterval, "a commit every "+show(interval))
			d.Note("the rule is: checkpoint interval < transaction timeout <= the broker's transaction.max.timeout.ms")
			longer(d, "set", interval)
		case 3*interval > timeout:
			d := s.diags.Warnf(codes.IntervalTight, here, "transactions of %s have little time left for a slow checkpoint", t.Name)
			d.At("the transaction timeout %s %s", set, show(timeout))
			s.labelSet(d, config.CheckpointInterval, "a commit every "+show(interval))
			d.Note("an epoch is cut early when its transaction is open for a third of the timeout")
			longer(d, "make the timeout at least three times the interval:", interval)
		}
		switch {
		case timeout > brokerTransactionLimit:
			s.diags.Warnf(codes.TimeoutOverBroker, here, "the transaction timeout of %s is longer than brokers allow by default", t.Name).
				At("%s, and transaction.max.timeout.ms is %s", show(timeout), show(brokerTransactionLimit)).
				Note("the job reads the broker's own limit when it starts, and stops there if this is longer").
				Help("set '%s' = '120000'", key)
		case timeout > longTransactionTimeout:
			s.diags.Warnf(codes.TimeoutLong, here, "a job that dies holds back the readers of %s for %s", t.Name, show(timeout)).
				At("a read_committed reader waits until the open transaction times out").
				Help("60 to 120 s do: '%s' = '120000'", key)
		}
	}
	if cfg.String(config.CheckpointDir) == "" && !s.o.Interactive {
		d := s.diags.Warnf(codes.NoCheckpointDir, at, "the state of this job is kept on this machine only")
		d.Severity = diag.Note
		d.Help("to survive the loss of its disk, add SET 'execution.checkpointing.dir' = 'file:///...' on other storage")
	}
}

// longer advises a timeout of three intervals, where brokers allow that by default.
func longer(d *diag.Diagnostic, advice string, interval time.Duration) {
	if 3*interval > brokerTransactionLimit {
		d.Help("shorten 'execution.checkpointing.interval'")
		return
	}
	d.Help("%s 'properties.transaction.timeout.ms' = '%d', or shorten 'execution.checkpointing.interval'", advice, 3*interval.Milliseconds())
}

// labelSet points at the SET of a key, where there is one in the text.
func (s *Session) labelSet(d *diag.Diagnostic, key, text string) {
	if at, ok := s.sets[key]; ok {
		d.Label(at, "%s", text)
		return
	}
	d.Note("'%s' is '%s' by %s: %s", key, s.o.Config.String(key), s.o.Config.OriginOf(key), text)
}

// show is a duration as settings are written.
func show(d time.Duration) string {
	switch {
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// checkReaders warns of tables that read uncommitted what a job of the same script writes exactly once.
func (s *Session) checkReaders(written []*catalog.Table) {
	for _, name := range s.Names() {
		t := s.tables[name]
		if t == nil {
			continue
		}
		level, _ := t.Options.Get("properties.isolation.level")
		topics, _ := t.Options.Get("topic")
		if level != "read_uncommitted" {
			continue
		}
		for _, w := range written {
			topic, _ := w.Options.Get("topic")
			c := s.connector(w)
			if c == nil || c.Transactional == nil || topic == "" || !slices.Contains(strings.Split(topics, ";"), topic) {
				continue
			}
			if yes, _ := c.Transactional(w); yes {
				s.diags.Warnf(codes.ReadsUncommitted, optionSpan(t, "properties.isolation.level"), "%s reads rows of %s that may never be committed", t.Name, w.Name).
					Label(optionSpan(w, "sink.delivery-guarantee", "sink.semantic"), "%s is written exactly once", topic).
					Help("remove 'properties.isolation.level': tables read what is committed by default")
			}
		}
	}
}
