package main

import (
	"fmt"
	"strings"
)

// floor is what weir owes to its users on a job, as ratios to a peer in the same run. A bound of 0 is none.
type floor struct {
	job    string
	peer   entry
	cpu    float64 // at most so many times the peer's CPU per record
	rate   float64 // at least so many times its records per second
	memory float64 // at most so many times its peak memory
}

var floors = []floor{
	{job: "passthrough", peer: entry{Engine: "bare", Job: "copy"}, cpu: 1.35},
	{job: "passthrough", peer: entry{Engine: "flink", Job: "passthrough"}, cpu: 1. / 4, rate: 2.5, memory: 1. / 8},
	{job: "passthrough", peer: entry{Engine: "kstreams", Job: "passthrough"}},
	{job: "filter", peer: entry{Engine: "flink", Job: "filter"}, cpu: 1. / 5, rate: 3, memory: 1. / 8},
	{job: "tumble", peer: entry{Engine: "flink", Job: "tumble", State: "rocksdb"}, cpu: 1. / 10, rate: 6, memory: 1. / 8},
	{job: "group", peer: entry{Engine: "flink", Job: "group", State: "hashmap"}, cpu: 1. / 7, rate: 4, memory: 1. / 4},
	{job: "group", peer: entry{Engine: "flink", Job: "group", State: "rocksdb"}, cpu: 1. / 10, rate: 6, memory: 1. / 4},
	{job: "group", peer: entry{Engine: "kstreams", Job: "group"}},
}

// Ratios is the table of weir by its peers, with the floors; empty when no pair was run.
func (r *report) Ratios() string {
	var b strings.Builder
	for _, f := range floors {
		ours, theirs := r.find(entry{Engine: "weir", Job: f.job}), r.find(f.peer)
		if ours == nil || theirs == nil {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("| weir's | to | CPU per record | throughput | peak memory |\n| --- | --- | --- | --- | --- |\n")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", jobTitles[f.job], f.peer.title(), atMost(ours.MicrosPerRec/theirs.MicrosPerRec, f.cpu),
			atLeast(ours.RecordsPerSec/theirs.RecordsPerSec, f.rate), atMost(ours.PeakMB/theirs.PeakMB, f.memory))
	}
	return b.String()
}

// atMost is a ratio with its bound, and whether it is kept.
func atMost(ratio, bound float64) string { return bounded(ratio, "≤", bound, ratio <= bound) }

func atLeast(ratio, bound float64) string { return bounded(ratio, "≥", bound, ratio >= bound) }

func bounded(ratio float64, sign string, bound float64, kept bool) string {
	switch {
	case bound == 0:
		return times(ratio)
	case kept:
		return fmt.Sprintf("%s (%s %s: met)", times(ratio), sign, times(bound))
	default:
		return fmt.Sprintf("%s (%s %s: **not met**)", times(ratio), sign, times(bound))
	}
}

// times is a ratio as people say it: 1/7.5 or 2.50 x.
func times(ratio float64) string {
	if ratio < 0.5 {
		return "1/" + strings.TrimSuffix(fmt.Sprintf("%.1f", 1/ratio), ".0")
	}
	return strings.TrimSuffix(fmt.Sprintf("%.2f", ratio), ".00") + " x"
}
