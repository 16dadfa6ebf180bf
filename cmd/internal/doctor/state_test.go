package doctor

import (
	"strings"
	"testing"
	"time"

	"weir/connectors/kafka"
	"weir/state"
)

// TestOldStateMayHaveLostItsMarker asks about a job that was stopped after its epoch 7.
func TestOldStateMayHaveLostItsMarker(t *testing.T) {
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	group := `{"group":"weir.pay-"}`
	for _, c := range []struct {
		what     string
		age      time.Duration
		epoch    state.Epoch
		identity string
		marker   kafka.Marker
		result   Result
		hint     string
	}{
		{"young, nobody asked", 2 * day, 7, group, kafka.Marker{}, OK, ""},
		{"older than brokers keep markers", 8 * day, 7, group, kafka.Marker{}, Warn, "after 7 days (offsets.retention.minutes)"},
		{"this broker forgets after a day", 2 * day, 7, group, kafka.Marker{Retention: day}, Warn, "the broker forgets a stopped job's marker after 1 day ("},
		{"this broker keeps them for a month", 8 * day, 7, group, kafka.Marker{Retention: 30 * day}, OK, ""},
		{"old, and still there", 8 * day, 7, group, kafka.Marker{Group: "weir.pay-", Asked: true, There: true}, OK, ""},
		{"young, and gone", day, 7, group, kafka.Marker{Group: "weir.pay-", Asked: true}, Fail, "--accept-epoch 7 goes on from it"},
		{"another group was asked for: the prefix was edited", day, 7, group, kafka.Marker{Group: "weir.paid-", Asked: true}, OK, ""},
		{"killed before the first commit", 8 * day, 0, group, kafka.Marker{Group: "weir.pay-", Asked: true}, OK, ""},
		{"nothing is written exactly once", 80 * day, 7, "", kafka.Marker{}, OK, ""},
	} {
		seen := state.Sight{Manifest: &state.Manifest{Epoch: c.epoch, Made: now.Add(-c.age), Identity: []byte(c.identity)}}
		got := epoch("epoch of pay", seen, c.marker, now)
		if got.Result != c.result || !strings.Contains(got.Hint, c.hint) || c.hint == "" && got.Hint != "" {
			t.Errorf("%s: %s, %s\n%s", c.what, got.Result, got.Found, got.Hint)
		}
	}
}
