// Package unittest is behind weir test: unit tests of jobs, written in YAML beside them.
//
// A test gives the tables of a job rows and says what the job must make of them. The job is planned as it stands, with its real
// connectors' checks, and run by the real runtime with its real operators and state; only the tables lie in memory (package
// exec/runtime/runtimetest) and the clock belongs to the test. Nothing sleeps: the rows say what time it is.
//
//	*_test.yaml --Read--> File, Tests --Runner.Run--> Outcome --Update--> *_test.yaml
//
// read.go reads files, rows.go makes rows of what is written there, run.go and world.go run a test on weir, chaos.go runs it with
// a death at every row, flink.go runs it on Flink, expect.go compares, table.go shows differences, update.go writes what came
// out into the file, coverage.go counts which ways conditions went.
package unittest
