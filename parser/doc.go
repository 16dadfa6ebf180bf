// Package parser turns SQL text into the tree of package ast.
//
//	text --> token.Lex --> [split at semicolons --> one statement at a time] --> ast.Script
//	                                                                         \-> diag.List
//
// The file is cut into statements before anything is parsed, and each is parsed alone, so
// that one bad statement gives one error and the rest is still checked. Mistakes that leave no
// doubt of what was meant are mended, and the statement goes on as if it were right. The skeleton of a
// statement is a grammar of structs (grammar.go); queries, expressions, types and the
// lists in brackets are read by recursive descent (query.go, expr.go, types.go, ddl.go).
//
// Errors reported here are about the form of the text only (codes SQ1xxx). What a name
// means, which types fit and which options there are is the planner's business.
package parser
