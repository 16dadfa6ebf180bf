// Package killpoint names the points of the checkpoint protocol at which tests kill the process.
//
// Hit does nothing unless the binary is built with the tag weir_killpoints. Then the environment
// variable WEIR_KILL_AT="name" or "name:occurrence" (from 1) makes the process send SIGKILL to
// itself at the given passage, so that nothing, no deferred call and no flush, runs afterwards. WEIR_STOP_AT, in the same
// form, makes it send SIGSTOP: the test looks at the files and lets it go on with SIGCONT.
package killpoint

// The points, before and after the steps of the protocol (exec/runtime/coordinator.go).
const (
	Step2Before = "step2-before" // the barrier has entered the sources
	Step2After  = "step2-after"  // every task has aligned and handed over its state
	Step3Before = "step3-before" // nothing of the epoch is durable
	Step3After  = "step3-after"  // PREPARED
	Step4Before = "step4-before" // the marker is about to be sent
	Step4After  = "step4-after"  // by the committer: the marker is in the open transaction
	Step5Before = "step5-before" // by the committer: the transaction is about to be committed
	Step5After  = "step5-after"  // committed, not recorded
	Step6Before = "step6-before" // about to be recorded; held rows are still held
	Step6After  = "step6-after"  // recorded, side effects done
)

// Points lists them in the order in which an epoch passes them.
var Points = []string{
	Step2Before, Step2After, Step3Before, Step3After, Step4Before,
	Step4After, Step5Before, Step5After, Step6Before, Step6After,
}
