// Package e2e tests weir as a user has it: the built binary, a broker, and witnesses that are not ours.
// Kafka's own console consumer says what was committed, and Flink's own planner whether a file is its SQL.
package e2e
