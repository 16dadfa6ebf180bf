// Package kafka is the connectors 'kafka' and 'upsert-kafka': sources, sinks, and the commit
// point of a job that writes to Kafka exactly once.
//
//	shim.go       librdkafka's batch interface: consume into, and produce from, buffers in Go
//	client.go     configuration of clients, waiting for brokers and topics, logs
//	errors.go     librdkafka's errors, by the reaction that they demand
//	source.go     a table that is read: splits, start and stop positions, recreated topics
//	reader.go     one subtask that reads: polling, positions, ends
//	stall.go      readers that do not get what there is
//	decode.go     records into columns: keys, values, tombstones, metadata
//	sink.go       a table that is written
//	writer.go     one subtask that writes: encode, partition, hold back during commits
//	upsert.go     the reduction of rows by key before they are written
//	producer.go   a producer with its topics
//	committer.go  the transaction of a job: identity, claim, marker, commit
//
// The life of a consumed record: librdkafka's fetch queue, forwarded to a queue of the reader's
// (shim.go:queue.forward); reader.Poll takes a batch of messages and copies their payloads into one
// buffer (queue.take, queue.copy); decoder.decode fills the columns of a batch whose strings are
// views into that buffer. The life of a written one: writer.Write encodes the batch into a chunk
// (writer.encode), groups its rows by partition, and hands it to librdkafka
// (producer.send), or holds it while the epoch before is being committed.
//
// Not obvious:
//   - A consumer never joins a group: partitions are assigned by weir, offsets are kept in
//     checkpoints, and the user's group only gets positions reported.
//   - auto.offset.reset is 'error' inside: an offset that retention has deleted must stop the
//     job and not be skipped.
//   - A message that librdkafka does not take at once is not missed by its commit: every
//     message's own error is looked at.
package kafka
