// Package runtime runs a physical plan: it is the box between the operators (exec/op), the
// connectors and the state store.
//
//	physical.Job
//	   |  graph.go        the tree is cut at its exchanges into pipelines; each has P subtasks
//	   v
//	tasks                 one goroutine a subtask
//	   |  source.go       a source task: Poll -> row time and watermark -> fused operators
//	   |  task.go         an inner task: gate -> alignment, valve -> fused operators
//	   |  stage.go        the fused operators, called directly; a sink writer at the end
//	   |  exchange.go     the way out: rows copied to the subtask that owns their key group
//	   |  gate.go         the way in: bounded channels of batches, watermarks and barriers
//	   v
//	coordinator.go        epochs: barrier, state, manifest, marker, commit (the state machine is drawn there)
//	recovery.go           what a start finds and what it does about it (decide: pure)
//	recover.go            does it
//	restart.go            what a failure leads to
//	runner.go             attempts, Stop, and the surroundings
//
// Everything that an attempt started is joined before the next one begins. Back-pressure is bounded
// channels and nothing else: a slow sink fills its gate, its upstream blocks in send, and in the end the source
// does not poll.
package runtime
