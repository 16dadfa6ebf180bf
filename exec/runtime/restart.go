package runtime

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"weir/planner/config"
)

// restartStrategy says after each failure whether the job tries again, and when. The kinds,
// keys and defaults are Flink's.
type restartStrategy struct {
	kind string // "none", "fixed-delay", "exponential-delay", "failure-rate"

	attempts int           // fixed-delay, exponential-delay; -1: without end
	delay    time.Duration // fixed-delay, failure-rate; first pause of exponential-delay
	maxDelay time.Duration
	factor   float64
	reset    time.Duration // after so long without failure the pause is short again
	jitter   float64
	failures int // failure-rate: as many in interval are borne
	interval time.Duration

	count   int
	pause   time.Duration // exponential-delay: the current one
	started time.Time     // of the running attempt
	times   []time.Time   // failure-rate: of the last failures
	random  func() float64
}

// newRestartStrategy reads the settings. Without any, a job with checkpoints restarts with exponential
// delay and one without does not restart, as in Flink.
func newRestartStrategy(cfg *config.Config, checkpointed bool) (*restartStrategy, error) {
	s := &restartStrategy{random: rand.Float64}
	kind := "none"
	if checkpointed || cfg.IsSet(config.RestartStrategy) {
		kind = cfg.String(config.RestartStrategy)
	}
	const prefix = "restart-strategy."
	switch strings.ReplaceAll(strings.ToLower(kind), "-", "") {
	case "none", "off", "disable":
		s.kind = "none"
	case "fixeddelay":
		s.kind = "fixed-delay"
		s.attempts = cfg.Int(prefix + "fixed-delay.attempts")
		s.delay = cfg.Duration(prefix + "fixed-delay.delay")
	case "exponentialdelay":
		s.kind = "exponential-delay"
		s.delay = cfg.Duration(prefix + "exponential-delay.initial-backoff")
		s.maxDelay = cfg.Duration(prefix + "exponential-delay.max-backoff")
		s.reset = cfg.Duration(prefix + "exponential-delay.reset-backoff-threshold")
		var err error
		if s.factor, err = number(cfg, prefix+"exponential-delay.backoff-multiplier", 1); err != nil {
			return nil, err
		}
		if s.jitter, err = number(cfg, prefix+"exponential-delay.jitter-factor", 0); err != nil {
			return nil, err
		}
		s.attempts = -1
		if key := prefix + "exponential-delay.attempts-before-reset-backoff"; cfg.IsSet(key) {
			s.attempts = cfg.Int(key)
		}
	case "failurerate":
		s.kind = "failure-rate"
		s.failures = cfg.Int(prefix + "failure-rate.max-failures-per-interval")
		s.interval = cfg.Duration(prefix + "failure-rate.failure-rate-interval")
		s.delay = cfg.Duration(prefix + "failure-rate.delay")
	default:
		return nil, fmt.Errorf("'%s' expects none, fixed-delay, exponential-delay or failure-rate, found '%s'", config.RestartStrategy, kind)
	}
	return s, nil
}

func number(cfg *config.Config, key string, least float64) (float64, error) {
	f, err := strconv.ParseFloat(cfg.String(key), 64)
	if err != nil || f < least {
		return 0, fmt.Errorf("'%s' expects a number of at least %v, found '%s'", key, least, cfg.String(key))
	}
	return f, nil
}

// begin notes the start of an attempt.
func (s *restartStrategy) begin(now time.Time) { s.started = now }

// failed notes a failure. again says whether another attempt follows, after delay; why explains a refusal.
func (s *restartStrategy) failed(now time.Time) (delay time.Duration, again bool, why string) {
	switch s.kind {
	case "fixed-delay":
		s.count++
		if s.count > s.attempts {
			return 0, false, fmt.Sprintf("restart-strategy.fixed-delay.attempts = %d attempts have been made", s.attempts)
		}
		return s.delay, true, ""
	case "exponential-delay":
		if s.count > 0 && now.Sub(s.started) >= s.reset {
			s.count = 0
		}
		s.count++
		if s.attempts >= 0 && s.count > s.attempts {
			return 0, false, fmt.Sprintf("restart-strategy.exponential-delay.attempts-before-reset-backoff = %d attempts have been made", s.attempts)
		}
		if s.count == 1 {
			s.pause = s.delay
		} else {
			s.pause = min(s.maxDelay, time.Duration(float64(s.pause)*s.factor))
		}
		spread := float64(s.pause) * s.jitter
		return max(0, s.pause+time.Duration(spread*(2*s.random()-1))), true, ""
	case "failure-rate":
		kept := s.times[:0]
		for _, t := range s.times {
			if now.Sub(t) < s.interval {
				kept = append(kept, t)
			}
		}
		s.times = append(kept, now)
		if len(s.times) > s.failures {
			return 0, false, fmt.Sprintf("more than restart-strategy.failure-rate.max-failures-per-interval = %d failures came within %s", s.failures, s.interval)
		}
		return s.delay, true, ""
	}
	return 0, false, ""
}
