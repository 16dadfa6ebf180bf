// Package conformance holds weir against Apache Flink: a corpus of small cases, each with what Flink put out, and a runner
// that executes them on weir in every way that must not make a difference. README.md describes how a case is written.
//
// The expectations are Flink's. `make conformance` runs the corpus on a real one and writes them; the ordinary tests need no Java and compare
// weir with what is written.
package conformance
