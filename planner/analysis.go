package planner

import (
	"weir/parser/ast"
	"weir/parser/diag"
	"weir/planner/catalog"
	"weir/planner/config"
	"weir/planner/logical"
	"weir/planner/physical"
)

// Analysis is what Analyze made of a script, for whoever looks deeper into it than running it needs: package lint.
// It is there also when the script has errors; what could not be made is nil.
type Analysis struct {
	Files    []*diag.File
	Scripts  []*ast.Script // one a file, without the statements that did not parse
	Program  *Program      // nil when there are errors
	Findings *diag.List    // of parsing and planning, in the order of the text; never nil
	Session  *Session      // as it is at the end

	// Tables is every table in the order of its definition, those that are dropped later included.
	Tables []*catalog.Table
	// Views is every view with its bound query.
	Views []*BoundView
	// Selects is the bound queries of SELECT statements.
	Selects []logical.Node
	// Jobs is every INSERT that stands alone and every statement set.
	Jobs []*BoundJob
}

// BoundView is a view and its query.
type BoundView struct {
	View  *catalog.View
	Query logical.Node
}

// BoundJob is a job before and after it was planned.
type BoundJob struct {
	Inserts []*BoundInsert
	Sinks   []*physical.Sink // of those without errors
	Config  *config.Config   // the settings of that moment
	Span    diag.Span
}

// BoundInsert is one INSERT of a job.
type BoundInsert struct {
	Stmt  *ast.Insert
	Table *catalog.Table // nil where the name is not known
	// Query has one column for each writable column of Table, conversions spelled out, before anything is improved;
	// nil when it has errors.
	Query logical.Node
}

// Analyze is Compile, and keeps what it comes by.
func Analyze(files []*diag.File, o Options) *Analysis {
	a := &Analysis{Files: files}
	a.Program, a.Findings = compileInto(a, files, o)
	return a
}

// Add puts more findings among those of the analysis, each once and in the order of the text.
func (a *Analysis) Add(found []*diag.Diagnostic) {
	a.Findings.All = unique(append(a.Findings.All, found...))
	order(a.Findings, a.Files)
}
