package kafka

import (
	"context"
	"fmt"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/exec"
)

// Users of librdkafka report that a consumer which is assigned its partitions, as weir's are, and loses its broker now and then fetches nothing more
// when the broker is back, and says nothing (confluentinc/librdkafka#5153, fede1024/rust-rdkafka#597; not seen with weir). A job would wait for
// ever. So a reader that got no record for a while says where it stands, and the source asks the brokers whether there is more; when there was
// for long enough, the job restarts from its last epoch, with new consumers.

// stallLimits are the times of that.
type stallLimits struct {
	quiet  time.Duration // without a record, before a reader says where it stands
	behind time.Duration // with records that do not come, before the reader is stalled
	every  time.Duration // between two looks
}

var defaultStallLimits = stallLimits{quiet: 10 * time.Second, behind: 20 * time.Second, every: 2 * time.Second}

// standing is where a reader stands that gets no records: the positions of the partitions that it wants to read. It is immutable.
type standing struct {
	since  time.Time
	splits []splitState
}

// got is told how many messages a take found. It is the task's.
func (r *reader) got(n int, now time.Time) {
	switch {
	case n > 0:
		r.quiet = time.Time{}
		if r.stands.Load() != nil {
			r.stands.Store(nil)
		}
	case r.quiet.IsZero():
		r.quiet = now
	case r.stands.Load() == nil && now.Sub(r.quiet) > r.src.stall.quiet:
		s := &standing{since: r.quiet}
		for _, p := range r.splits {
			if !p.done && !p.paused {
				s.splits = append(s.splits, p.splitState)
			}
		}
		r.stands.Store(s)
	}
}

// stallWatch is what the source remembers of its readers between two looks. It belongs to the goroutine of checkTopics.
type stallWatch struct {
	behind map[*reader]lateness
	misses int // how often a reader was stalled: each time more patience is had, lest a job that only reads slowly restarts for ever
}

// lateness is a reader for which there are records.
type lateness struct {
	at    *standing
	since time.Time
}

// look asks for the ends of the partitions of readers that get no records. Brokers that do not answer are no finding.
func (w *stallWatch) look(s *source, admin *admin, now time.Time) error {
	s.mu.Lock()
	quiet := map[*reader]*standing{}
	for r := range s.readers {
		if at := r.stands.Load(); at != nil && len(at.splits) > 0 {
			quiet[r] = at
		}
	}
	s.mu.Unlock()
	was := w.behind
	w.behind = map[*reader]lateness{}
	for r, at := range quiet {
		split, end, err := s.behind(admin, at)
		if err != nil || split == nil {
			continue
		}
		l := lateness{at, now}
		if before, ok := was[r]; ok && before.at == at {
			l = before
		}
		if now.Sub(l.since) >= s.stall.behind<<w.misses {
			w.misses = min(w.misses+1, 10)
			return exec.Restartf("", fmt.Sprintf("read topic %s partition %d", split.Topic, split.Partition),
				fmt.Errorf("no record came for %s, although there are some from offset %d to %d: the client did not go on when it had lost its broker",
					now.Sub(at.since).Round(time.Second), split.Offset, end-1))
		}
		w.behind[r] = l
	}
	return nil
}

// behind is a partition that has more records than were read, and its end; nil when there is none.
func (s *source) behind(admin *admin, at *standing) (split *splitState, end int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ask := make(map[ck.TopicPartition]ck.OffsetSpec, len(at.splits))
	for i := range at.splits {
		ask[ck.TopicPartition{Topic: &at.splits[i].Topic, Partition: at.splits[i].Partition}] = ck.LatestOffsetSpec
	}
	answer, err := admin.ListOffsets(ctx, ask, ck.SetAdminIsolationLevel(s.isolation))
	if err != nil {
		return nil, 0, err
	}
	ends := map[string]int64{}
	for tp, info := range answer.ResultInfos {
		if info.Error.Code() == ck.ErrNoError {
			ends[(&splitState{Topic: *tp.Topic, Partition: tp.Partition}).id()] = int64(info.Offset)
		}
	}
	for i := range at.splits {
		if st := &at.splits[i]; ends[st.id()] > st.Offset {
			return st, ends[st.id()], nil
		}
	}
	return nil, 0, nil
}
