package ast

// Statements, but for those that define things, which define.go has.
type (
	// Set is SET 'key' = 'value'; a bare SET (KV nil) lists the settings.
	Set struct {
		At
		KV *Property
	}
	// Reset is RESET 'key'; a bare RESET (Key nil) resets all settings.
	Reset struct {
		At
		Key *StringLit
	}
	// Inert is a statement of Flink that asks for nothing that weir does: ADD JAR, LOAD MODULE. It is kept as it is written.
	Inert struct {
		At
		Words string // ADD JAR
	}
	// Use is USE [catalog.]database and USE CATALOG name.
	Use struct {
		At
		Catalog bool
		Name    Name
	}
	// Insert is INSERT INTO|OVERWRITE table [PARTITION ...] [(columns)] query [ON CONFLICT ...].
	Insert struct {
		At
		Overwrite bool
		Table     Name
		Hints     []*Property // /*+ OPTIONS('k'='v') */ behind the table
		Partition []*Property // static partition columns; Key holds the name
		Columns   []Ident     // nil: all columns in their order
		Query     *Query
		Conflict  *Conflict // nil without ON CONFLICT
	}
	// Conflict is ON CONFLICT DO NOTHING|ERROR|DEDUPLICATE.
	Conflict struct {
		At
		Do string // NOTHING, ERROR or DEDUPLICATE
	}
	// StatementSet is EXECUTE STATEMENT SET BEGIN ... END, also BEGIN STATEMENT SET; ... END.
	StatementSet struct {
		At
		Inserts []*Insert
	}
	// Select is a query as a statement of its own.
	Select struct {
		At
		Query *Query
	}
	// Explain is EXPLAIN [PLAN FOR | detail, ...] statement.
	Explain struct {
		At
		Details   []string  // upper case: CHANGELOG_MODE, ESTIMATED_COST, JSON_EXECUTION_PLAN, PLAN_ADVICE
		Statement Statement // Select, Insert or StatementSet
	}
	// Show is SHOW TABLES, SHOW VIEWS, SHOW FUNCTIONS, SHOW JOBS, SHOW TOPICS, SHOW CREATE TABLE t, ...
	Show struct {
		At
		What string // upper case words behind SHOW: "TABLES", "CREATE TABLE", "FUNCTIONS"
		Name *Name  // of SHOW CREATE TABLE and the like; of SHOW TABLES FROM the database
		Not  bool   // NOT LIKE
		Like *StringLit
	}
	// Describe is DESCRIBE | DESC name, DESCRIBE JOB 'name' and DESCRIBE TOPIC 'name'.
	Describe struct {
		At
		Name   Name       // of a table or view
		What   string     // "JOB" or "TOPIC"; "" for a table or view
		Target *StringLit // the job or topic; nil for a table or view
	}
	// StopJob is STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN].
	StopJob struct {
		At
		Job              *StringLit
		Savepoint, Drain bool
	}
)

func (*Set) statement()          {}
func (*Reset) statement()        {}
func (*Inert) statement()        {}
func (*Use) statement()          {}
func (*Insert) statement()       {}
func (*StatementSet) statement() {}
func (*Select) statement()       {}
func (*Explain) statement()      {}
func (*Show) statement()         {}
func (*Describe) statement()     {}
func (*StopJob) statement()      {}
