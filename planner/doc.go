// Package planner turns SQL into jobs: it keeps the tables, views and settings of a session, checks
// statements, and plans queries.
//
//	statement ─┬─ SET, CREATE, DROP, SHOW ──> the session changes or answers (session.go, ddl.go, show.go)
//	           └─ INSERT, SELECT ──bind──> logical ──rules──> physical.Job (job.go), checked (checks.go)
//
// It imports no runtime, no connector and no cgo, and needs no broker: what it knows of connectors is data
// (catalog.Registry). Everything that is wrong with a script is reported as diagnostics of package diag, all at once.
package planner
