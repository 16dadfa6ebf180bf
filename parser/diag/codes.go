package diag

// Codes are the codes of all diagnostics with what each means, in one line. Whoever adds
// a diagnostic adds its code here; a code is never reused. SQ1xxx belong to the parser,
// SQ2xxx to the planner, SQ3xxx to options and settings, SQ4xxx to functions and types.
var Codes = map[string]string{
	"SQ1001": "something else is expected at this place",
	"SQ1002": "a reserved word is used as a name",
	"SQ1003": "a semicolon is missing",
	"SQ1004": "a string is not closed",
	"SQ1005": "a comment or a hint is not closed",
	"SQ1006": "a quoted name is not closed, or empty",
	"SQ1007": "a character has no meaning in SQL, or the text is not UTF-8",
	"SQ1008": "a number is malformed",
	"SQ1009": "a literal is malformed",
	"SQ1010": "a statement is known but not supported",
	"SQ1011": "a clause or form is known but not supported",
	"SQ1012": "a clause is written twice",
	"SQ1013": "the text is nested too deeply",
	"SQ1014": "a key or a value is not written as a string",
	"SQ1015": "a statement set is incomplete, empty, or holds something else than INSERT",
	"SQ1016": "double quotes are used",
	"SQ1018": "no statement starts like this",
	"SQ1019": "there is no such type",
}
