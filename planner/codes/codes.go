// Package codes names the planner's diagnostics. A code is stable and never used for
// something else; package diag holds the one-line summary of each.
package codes

// Names and structure of statements.
const (
	UnknownTable    = "SQ2001"
	UnknownColumn   = "SQ2002"
	AmbiguousColumn = "SQ2003"
	UnknownFunction = "SQ2004"
	Duplicate       = "SQ2005"
	WrongObject     = "SQ2006"
	UnknownDatabase = "SQ2007"
	NoCatalog       = "SQ2008"
	// StatementNoEffect is a note about a statement that has nothing to do.
	StatementNoEffect = "SQ2009"
	NotGrouped        = "SQ2010"
	Aggregate         = "SQ2011"
	ColumnCount       = "SQ2012"
	InsertColumns     = "SQ2013"
	OnConflict        = "SQ2014"
	WindowTime        = "SQ2020"
	WindowArgs        = "SQ2021"
	WindowFunction    = "SQ2022"
	Over              = "SQ2023"
	NeedsEventTime    = "SQ2024"
	Search            = "SQ2025"
	Changelog         = "SQ2026"
	Match             = "SQ2040"
	Watermark         = "SQ2030"
	PrimaryKey        = "SQ2031"
	ComputedColumn    = "SQ2032"
	MetadataColumn    = "SQ2033"
	TypeName          = "SQ2034"
	LikeClause        = "SQ2035"
	LateRows          = "SQ2036"
)

// Changes and state.
const (
	UpdatingIntoAppend = "SQ2101"
	UpdatingWindow     = "SQ2102"
	StateGrows         = "SQ2103"
	ConnectorRole      = "SQ2104"
	Unbounded          = "SQ2105"
	TemporalJoin       = "SQ2110"
)

// Types.
const (
	Arguments    = "SQ2201"
	CannotCast   = "SQ2202"
	CannotStore  = "SQ2203"
	Literal      = "SQ2204"
	NoCommonType = "SQ2205"
	NullStored   = "SQ2206"
	NotCondition = "SQ2207"
)

// What weir parses and does not run yet.
const (
	NoJoin          = "SQ2501"
	NoMatch         = "SQ2503"
	NoOrderBy       = "SQ2504"
	NoLimit         = "SQ2505"
	NoGroupingSets  = "SQ2506"
	NoSubquery      = "SQ2508"
	NoSystemTime    = "SQ2510"
	NoTableFunction = "SQ2513"
	NoHint          = "SQ2514"
	NoInsertForm    = "SQ2515"
	NoTableForm     = "SQ2516"
	NoStatement     = "SQ2518"
	NoCallForm      = "SQ2519"
)

// Settings and options.
const (
	UnknownSetting   = "SQ3001"
	SettingValue     = "SQ3002"
	UnknownOption    = "SQ3003"
	OptionValue      = "SQ3004"
	MissingOption    = "SQ3005"
	UnknownConnector = "SQ3006"
	UnknownFormat    = "SQ3007"
	Variable         = "SQ3008"
	DuplicateOption  = "SQ3009"
	SettingNoEffect  = "SQ3010"
	SettingsClash    = "SQ3011"
)

// The rules of exactly-once.
const (
	NoCheckpoints     = "SQ3101"
	IntervalTooLong   = "SQ3102"
	IntervalTight     = "SQ3103"
	TimeoutOverBroker = "SQ3104"
	TimeoutLong       = "SQ3105"
	TwoClusters       = "SQ3106"
	ReadsUncommitted  = "SQ3107"
	NoCheckpointDir   = "SQ3108"
)
