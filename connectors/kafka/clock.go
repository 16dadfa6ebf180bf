package kafka

import (
	"context"
	"fmt"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/parser/diag"
)

// clockTolerance is how far clocks may be apart: machines that ask a time server are within milliseconds.
const clockTolerance = 5 * time.Second

// clock compares the timestamps of a topic's records with this machine's clock. Kafka does not tell its time, and records that are
// older than now may have been written then, so that only a record of the future says something for certain: whose clock gave
// it the timestamp is ahead of this one.
func (c *clusterCheck) clock(whole context.Context, d ck.TopicDescription) {
	if len(d.Partitions) == 0 || !c.first("clock "+c.where+" "+d.Name) {
		return
	}
	ctx, cancel := c.limit(whole)
	defer cancel()
	subject, name := "topic "+d.Name, "clock"
	ask := map[ck.TopicPartition]ck.OffsetSpec{}
	for _, p := range d.Partitions {
		ask[ck.TopicPartition{Topic: &d.Name, Partition: int32(p.Partition)}] = ck.MaxTimestampOffsetSpec
	}
	r, err := c.client.admin.ListOffsets(ctx, ask)
	if err != nil {
		c.skip(subject, name, "", "the newest timestamp cannot be asked for: %s", brief(err))
		return
	}
	now := time.Now()
	newest := int64(-1)
	where := ""
	for tp, info := range r.ResultInfos {
		if info.Error.Code() != ck.ErrNoError {
			c.skip(subject, name, "", "the newest timestamp of partition %d cannot be asked for: %s", tp.Partition, brief(info.Error))
			return
		}
		if info.Timestamp > newest {
			newest, where = info.Timestamp, fmt.Sprintf("%s offset %d", partitionText(d.Name, tp.Partition), info.Offset)
		}
	}
	if newest < 0 {
		c.skip(subject, name, "", "no record has a timestamp, and a broker does not tell its time otherwise")
		return
	}
	ahead := time.UnixMilli(newest).Sub(now)
	if ahead <= clockTolerance {
		c.ok(subject, name, "no record is of the future; whether the broker's clock is behind cannot be told")
		return
	}
	ahead = ahead.Round(time.Second)
	if ahead > 48*time.Hour {
		ahead = ahead.Truncate(24 * time.Hour)
	}
	kind, err := c.setting(ctx, ck.ResourceTopic, d.Name, "message.timestamp.type")
	whose := "the clock of its producer"
	switch {
	case err != nil:
		whose = "the clock of its producer or of the broker"
	case kind == "LogAppendTime":
		whose = "the broker's clock"
	}
	c.fail(codeClock, diag.Warning, optionPlace(c.use.Table, "topic"), subject, name,
		fmt.Sprintf("%s is %s ahead of this machine's clock: %s is ahead, or this one is behind", where, Days(ahead), whose),
		"let all machines ask a time server (timedatectl, chronyc tracking); a watermark from such a timestamp makes rows of now late")
}
