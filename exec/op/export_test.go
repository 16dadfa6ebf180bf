package op

import "weir/exec"

// MergeAtATime makes o, a window aggregate, put together so many entries at a time.
func MergeAtATime(o exec.Operator, n int64) { o.(*windowAggregate).mergedLimit = n }
