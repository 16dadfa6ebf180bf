// Package format turns trees back into text and lays out files.
//
//	file --> parser.Parse, token.Lex --> [Format] --> the same statements, laid out
//	tree --> [Print] --> text that parses to the same tree
//
// Format works on the tokens of a file, so comments and brackets survive, and takes from
// the tree only which words are names. Its rules are prose in parser/fmt_rules.md. It
// reports nothing of its own: a file that does not parse comes back as it is.
package format
