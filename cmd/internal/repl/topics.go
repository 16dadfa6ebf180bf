package repl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"weir/cmd/internal/guess"
	"weir/connectors/kafka/peek"
	"weir/parser/ast"
	"weir/planner"
	"weir/planner/catalog"
)

// How far DESCRIBE TOPIC and completion look.
const (
	sampleRecords = 100             // to guess a table from
	shownRecords  = 5               // of them
	patienceKey   = 2 * time.Second // for the broker while somebody waits for a completion
	topicsFresh   = 5 * time.Second // how long a list of topics is good for another completion
)

// serversOption is the option of a table that names its brokers.
const serversOption = "properties.bootstrap.servers"

// broker is the cluster that SHOW TOPICS and completion look at.
type broker struct {
	client catalog.Options // 'properties.*'; empty: the one that the tables name

	mu    sync.Mutex
	of    string // the servers that names is of
	names []string
	at    time.Time
}

// BrokerOptions is how to reach servers, with further properties of the client.
func BrokerOptions(servers string, properties ...string) (catalog.Options, error) {
	o := catalog.Options{{Key: serversOption, Value: servers}}
	for _, p := range properties {
		key, value, ok := strings.Cut(p, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("a property of the client is KEY=VALUE, found %q", p)
		}
		o = append(o, catalog.Option{Key: "properties." + strings.TrimPrefix(key, "properties."), Value: value})
	}
	return o, nil
}

// client is how to reach the broker: as the shell was told, or as the tables do, when they name but one.
func (s *Shell) client() (catalog.Options, error) {
	if len(s.broker.client) > 0 {
		return s.broker.client, nil
	}
	var found catalog.Options
	var servers []string
	for _, name := range s.session.Names() {
		t := s.session.Table(name)
		if t == nil {
			continue
		}
		at, ok := t.Options.Get(serversOption)
		if !ok || slices.Contains(servers, at) {
			continue
		}
		servers = append(servers, at)
		found = found[:0:0]
		for _, o := range t.Options {
			// The group of a table is its readers'.
			if strings.HasPrefix(o.Key, "properties.") && o.Key != "properties.group.id" {
				found = append(found, catalog.Option{Key: o.Key, Value: o.Value})
			}
		}
	}
	switch len(servers) {
	case 0:
		return nil, &refusal{"no broker is known", "write .connect HOST:PORT, start with --broker HOST:PORT, or define a table that names one"}
	case 1:
		return found, nil
	}
	return nil, &refusal{"the tables name several brokers: " + strings.Join(servers, "; "), "write .connect HOST:PORT"}
}

// topics is the names of the broker's topics.
func (s *Shell) topics(patience time.Duration) (names []string, err error) {
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	servers, _ := client.Get(serversOption)
	b := &s.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	c, err := peek.Connect(peek.Options{Client: client, Timeout: patience})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if names, err = c.Topics(); err == nil {
		b.of, b.names, b.at = servers, names, time.Now()
	}
	return names, err
}

// topicNames is the topics for completion: none when the broker does not answer at once.
func (s *Shell) topicNames() []string {
	client, err := s.client()
	if err != nil {
		return nil
	}
	servers, _ := client.Get(serversOption)
	s.broker.mu.Lock()
	names, fresh := s.broker.names, s.broker.of == servers && time.Since(s.broker.at) < topicsFresh
	s.broker.mu.Unlock()
	if fresh {
		return names
	}
	names, err = s.topics(patienceKey)
	if err != nil {
		// A key was pressed, nothing was asked; and the next key must not wait again.
		s.broker.mu.Lock()
		s.broker.of, s.broker.names, s.broker.at = servers, nil, time.Now()
		s.broker.mu.Unlock()
		return nil
	}
	return names
}

// showTopics is SHOW TOPICS.
func (s *Shell) showTopics(st *ast.Show) error {
	names, err := s.topics(0)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, n := range names {
		if st.Like != nil && !planner.Like(st.Like.Value, n) {
			continue
		}
		rows = append(rows, []string{n, strings.Join(s.tablesOf(n), ", ")})
	}
	return s.rows([]string{"topic", "tables"}, rows)
}

// tablesOf is the tables that are declared on a topic.
func (s *Shell) tablesOf(topic string) (tables []string) {
	for _, name := range s.session.Names() {
		t := s.session.Table(name)
		if t == nil {
			continue
		}
		list, _ := t.Options.Get("topic")
		for _, on := range strings.Split(list, ";") {
			if strings.TrimSpace(on) == topic {
				tables = append(tables, name)
			}
		}
	}
	return tables
}

func (s *Shell) topicCommand(arg string) error {
	return s.describeTopic(strings.Trim(arg, `'"`))
}

// describeTopic is DESCRIBE TOPIC.
func (s *Shell) describeTopic(name string) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	done := s.foreground(func(int) { cancel(errInterrupted) })
	t, err := peek.Look(ctx, peek.Options{Client: client, Records: sampleRecords}, name)
	done()
	if err != nil {
		return err
	}
	return s.paged(func() error { return s.topicText(t, client) })
}

func (s *Shell) topicText(t *peek.Topic, client catalog.Options) error {
	var parts, records [][]string
	for _, p := range t.Partitions {
		leader := fmt.Sprint(p.Leader)
		if p.Leader < 0 {
			leader = "none"
		}
		parts = append(parts, []string{fmt.Sprint(p.ID), fmt.Sprint(p.Low), fmt.Sprint(p.High), fmt.Sprint(p.High - p.Low), leader,
			fmt.Sprintf("%d of %d", p.InSync, p.Replicas)})
	}
	if err := s.rows([]string{"partition", "first offset", "end offset", "records", "leader", "in sync"}, parts); err != nil {
		return err
	}
	for _, r := range t.Records[max(0, len(t.Records)-shownRecords):] {
		at := ""
		if !r.Timestamp.IsZero() {
			at = r.Timestamp.UTC().Format("2006-01-02 15:04:05.000")
		}
		records = append(records, []string{fmt.Sprint(r.Partition), fmt.Sprint(r.Offset), at, bytesText(r.Key), bytesText(r.Value)})
	}
	out := s.stdout()
	if len(records) > 0 {
		fmt.Fprintln(out, "newest records, timestamps in UTC:")
		if err := s.rows([]string{"partition", "offset", "timestamp", "key", "value"}, records); err != nil {
			return err
		}
	}
	if names := s.tablesOf(t.Name); len(names) > 0 {
		fmt.Fprintln(out, "tables of this session on it: "+strings.Join(names, ", "))
	}
	table, err := guess.From(t, client)
	if errors.Is(err, guess.ErrNothing) {
		_, err = fmt.Fprintln(out, "The topic has no record that says what its table could look like.")
		return err
	}
	if err != nil {
		return err
	}
	for base, n := table.Name, 2; s.session.Table(table.Name) != nil || s.session.View(table.Name) != nil; n++ {
		table.Name = fmt.Sprintf("%s_%d", base, n)
	}
	_, err = fmt.Fprintf(out, "a table for it, guessed from %s:\n%s", plural(len(t.Records), "record"), table.SQL())
	return err
}

// bytesText is a key or value as people read it.
func bytesText(b []byte) string {
	switch {
	case b == nil:
		return "NULL"
	case utf8.Valid(b):
		return string(b)
	}
	return fmt.Sprintf("x'%x'", b)
}

// connect is .connect.
func (s *Shell) connect(arg string) error {
	if arg == "" {
		client, err := s.client()
		if err != nil {
			return err
		}
		servers, _ := client.Get(serversOption)
		_, err = fmt.Fprintln(s.stdout(), servers)
		return err
	}
	words := strings.Fields(arg)
	client, err := BrokerOptions(words[0], words[1:]...)
	if err != nil {
		return &refusal{err.Error(), "write .connect HOST:PORT [KEY=VALUE ...]"}
	}
	before := s.broker.client
	s.broker.client = client
	names, err := s.topics(0)
	if err != nil {
		s.broker.client = before
		return err
	}
	s.note(fmt.Sprintf("%s has %s", words[0], plural(len(names), "topic")))
	return nil
}
