package ast

import "weir/parser/diag"

// Statements that define things, and take them away.
type (
	// CreateTable is CREATE [TEMPORARY] TABLE [IF NOT EXISTS] name (...) WITH (...).
	CreateTable struct {
		At
		Temporary, IfNotExists bool
		Name                   Name
		Columns                []*ColumnDef
		Watermark              *WatermarkDef  // nil without one
		PrimaryKey             *PrimaryKeyDef // nil without one; also made of a column's own PRIMARY KEY
		Comment                *StringLit
		PartitionedBy          []Ident
		Options                []*Property
		OptionsSpan            diag.Span // WITH ( ... ), zero without one
		Like                   *Like     // nil without LIKE
		As                     *Query    // nil unless CREATE TABLE ... AS
	}
	// CreateView is CREATE [TEMPORARY] VIEW [IF NOT EXISTS] name [(columns)] AS query.
	CreateView struct {
		At
		Temporary, IfNotExists bool
		Name                   Name
		Columns                []Ident
		Comment                *StringLit
		Query                  *Query
	}
	// CreateSpace is CREATE CATALOG|DATABASE [IF NOT EXISTS] name [COMMENT 'text'] [WITH (...)].
	CreateSpace struct {
		At
		Catalog, IfNotExists bool
		Name                 Name
		Comment              *StringLit
		Options              []*Property
	}
	// AlterTable is ALTER TABLE [IF EXISTS] name and one change of it; the other fields are empty.
	AlterTable struct {
		At
		IfExists bool
		Name     Name
		To       *Name       // RENAME TO name
		Column   *Ident      // RENAME column TO
		NewName  *Ident      // the column's new name
		Set      []*Property // SET ('key' = 'value', ...)
		Reset    []*StringLit
		// ADD and MODIFY; Modify tells them apart.
		Modify     bool
		Columns    []*ColumnDef
		Places     []ColumnPlace // of each column
		Watermark  *WatermarkDef
		PrimaryKey *PrimaryKeyDef
		// DROP
		DropColumns       []Ident
		DropKey, DropMark bool
	}
	// Drop is DROP [TEMPORARY] TABLE|VIEW [IF EXISTS] name.
	Drop struct {
		At
		View                bool
		Temporary, IfExists bool
		Name                Name
	}
	// DropSpace is DROP CATALOG|DATABASE [IF EXISTS] name [RESTRICT|CASCADE].
	DropSpace struct {
		At
		Catalog, IfExists, Cascade bool
		Name                       Name
	}
)

func (*CreateTable) statement() {}
func (*CreateView) statement()  {}
func (*CreateSpace) statement() {}
func (*AlterTable) statement()  {}
func (*Drop) statement()        {}
func (*DropSpace) statement()   {}

// ColumnPlace is where ALTER TABLE puts a column: FIRST, AFTER another, or at its end.
type ColumnPlace struct {
	First bool
	After *Ident // nil without AFTER
}

// ColumnDef is one column of CREATE TABLE. Exactly one of these holds: it is computed
// (Expr set), a metadata column (Metadata), or physical.
type ColumnDef struct {
	At
	Name        Ident
	Type        *TypeName  // nil for a computed column
	Expr        Expr       // name AS expr
	Metadata    bool       // METADATA
	MetadataKey *StringLit // FROM 'key'; nil: the column's name is the key
	Virtual     bool       // VIRTUAL
	Comment     *StringLit
}

// TypeName is a SQL type as written.
type TypeName struct {
	At
	Name    string      // upper case, blanks single: "BIGINT", "DOUBLE PRECISION", "TIMESTAMP WITH LOCAL TIME ZONE", "INTERVAL DAY TO SECOND", "ROW", "ARRAY", "MAP", "MULTISET"
	Params  []int       // (p) or (p, s)
	Elems   []*TypeName // ARRAY: 1, MULTISET: 1, MAP: 2
	Fields  []TypeField // ROW
	NotNull bool
	Unknown bool // there is no type of this name, and that was reported
}

// TypeField is one field of a ROW type.
type TypeField struct {
	Name    Ident
	Type    *TypeName
	Comment *StringLit
}

// WatermarkDef is WATERMARK FOR column AS expr.
type WatermarkDef struct {
	At
	Column Name
	Expr   Expr
}

// PrimaryKeyDef is [CONSTRAINT name] PRIMARY KEY (columns) [NOT ENFORCED].
type PrimaryKeyDef struct {
	At
	Name        *Ident
	Columns     []Ident
	NotEnforced bool
}

// Like is LIKE source [(INCLUDING|EXCLUDING|OVERWRITING what ...)].
type Like struct {
	At
	Source  Name
	Options []LikeOption
}

// LikeOption is one of the words in LIKE's brackets, upper case.
type LikeOption struct {
	At
	Action string // INCLUDING, EXCLUDING, OVERWRITING
	What   string // ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS, WATERMARKS
}
