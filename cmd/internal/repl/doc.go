// Package repl is the shell behind `weir sql`: it reads statements from a terminal, a pipe, -c or a file,
// hands them to a planner session, shows what a SELECT puts out as it comes, and runs INSERTs as jobs.
//
//	text --> [repl: input] --> parser --> planner.Session --> [repl: query, jobs] --> exec/runtime
//	                                                               ^
//	                          screen <-- [repl: views] <-- [repl: collect]
//
// Everything that the shell knows of the outside (connectors, state directories, how an error is shown)
// comes in through Options. One goroutine, the one that calls Script, Pipe or Interact, executes statements; jobs and
// queries run beside it and reach the screen through writers that are safe for that.
package repl
