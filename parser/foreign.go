package parser

import (
	"fmt"
	"slices"
	"strings"

	"weir/parser/diag"
	"weir/parser/token"
)

// foreignAt is the help for what people write who come from another SQL, where token i is the one that was not
// expected; "" where it is no such form.
func foreignAt(toks []token.Token, text func(token.Token) string, i int) string {
	at := func(k int) token.Token {
		if k < 0 || k >= len(toks) {
			return token.Token{}
		}
		return toks[k]
	}
	t, before := at(i), at(i-1)
	if help, ok := foreignObjects[t.Key]; ok && t.Kind == token.Word && before.Is("CREATE") {
		return help
	}
	switch {
	case t.Is("=") && before.Is("=") && before.End == t.Start:
		return "equality is written with one ="
	case t.Is("EMIT"), before.Is("EMIT") && (t.Is("CHANGES") || t.Is("FINAL")):
		return "leave EMIT out: a window gives each result once, when it is complete, and GROUP BY without one gives every change"
	case before.Kind == token.Number && units[t.Key] != "":
		return fmt.Sprintf("write INTERVAL '%s' %s", text(before), units[t.Key])
	case t.Is("ASOF"), before.Is("ASOF"):
		return "a join with the version of a time is written JOIN t FOR SYSTEM_TIME AS OF o.ts AS t ON o.id = t.id"
	case before.Is("TOP") && t.Kind == token.Number:
		return fmt.Sprintf("write LIMIT %s at the end of the query", text(t))
	case t.Is("SYSTEM") && before.Is("FOR"):
		return "write SYSTEM_TIME, in one word"
	case before.Is("WATERMARK") && at(i+1).Is("AS"):
		return fmt.Sprintf("write WATERMARK FOR %s AS ...", text(t))
	case t.Is("MEASURES"):
		return "the order is PARTITION BY, ORDER BY, MEASURES, AFTER MATCH, PATTERN, DEFINE"
	case before.Is("(") && at(i-2).Is("FILTER"):
		return "write FILTER (WHERE condition)"
	case t.Is("WITH") && (at(i+1).Is("ROLLUP") || at(i+1).Is("CUBE")):
		return fmt.Sprintf("write GROUP BY %s (...)", at(i+1).Key)
	case t.Is("LATERAL") && at(i+1).Is("VIEW"):
		return "write CROSS JOIN UNNEST(t.list) AS u (element)"
	case t.Is("USING") && at(0).Is("CREATE"):
		return "the connector is an option: WITH ('connector' = '...')"
	case t.Is("(") && before.Is(")") && at(i+1).Kind == token.String && at(0).Is("CREATE"):
		return "the options stand behind WITH: WITH ('connector' = '...')"
	case t.Is("TABLE") && before.Is("INTO"):
		return "leave TABLE out: INSERT INTO t"
	case before.Is("OVERWRITE") && at(i-2).Is("INSERT") && (t.Is("INTO") || t.Is("TABLE")):
		return fmt.Sprintf("leave %s out: INSERT OVERWRITE t", t.Key)
	case before.Is("OVERWRITE") && at(i-2).Is("INTO"):
		return "write INSERT OVERWRITE " + text(t)
	case t.Is("BY") && (before.Is("SORT") || before.Is("CLUSTER") || before.Is("DISTRIBUTE")):
		return "write ORDER BY"
	case t.Is("ORDER") && at(i-2).Is("LIMIT"):
		return "ORDER BY stands before LIMIT"
	case t.Is("ASCENDING"), t.Is("DESCENDING"):
		return fmt.Sprintf("write %s", strings.TrimSuffix(t.Key, "ENDING"))
	case t.Is("FOR") && at(i+1).Is("SYSTEM_TIME") && before.Kind == token.Word:
		return fmt.Sprintf("it stands before the other name of the table: t FOR SYSTEM_TIME AS OF o.ts AS %s", text(before))
	case t.Is("/*+"):
		return "a hint stands right behind SELECT, or behind the name of a table"
	case t.Is("OUTER") && at(i+1).Is("JOIN"):
		return "write LEFT, RIGHT or FULL in front"
	case at(0).Is("ALTER") && t.Is("BEFORE"):
		return "write FIRST, or AFTER and the column before it"
	case at(0).Is("ALTER") && t.Is(","):
		return "several columns stand in brackets: ADD (a INT, b STRING)"
	case at(0).Is("ALTER") && t.Is("ALTER"):
		return "write MODIFY, the column and its new type"
	case at(0).Is("ALTER") && t.Kind == token.Word && i == 1:
		return "write ALTER TABLE " + text(t)
	case at(0).Is("ALTER") && t.Is("PARTITION"):
		return "leave it out: the folders of a table that is PARTITIONED BY are made as rows are written"
	case before.Is("IF") && t.Is("EXIST"):
		return "write IF EXISTS"
	case before.Is("USE") && (t.Is("DATABASE") || t.Is("SCHEMA")), at(i-2).Is("USE") && (before.Is("DATABASE") || before.Is("SCHEMA")):
		return "write USE and the name of the database"
	case before.Is("CREATE") && at(i-2).Is("SHOW"):
		return "write SHOW CREATE TABLE"
	case at(0).Is("CREATE") && columnClauses[t.Key]:
		return "leave it out: what is in a column comes with the rows"
	case at(0).Is("CREATE") && t.Is("KEY") && before.Kind == token.Word:
		return "the key stands behind the columns: PRIMARY KEY (column) NOT ENFORCED"
	case before.Is("DROP") && (t.Is("MATERIALIZED") || t.Is("STREAM") || t.Is("SOURCE") || t.Is("SINK")):
		return "write DROP TABLE, or DROP VIEW"
	case before.Is("SHOW") && (t.Is("STREAMS") || t.Is("SOURCES") || t.Is("SINKS") || t.Is("MATERIALIZED")):
		return "write SHOW TABLES, or SHOW VIEWS"
	case t.Is("FORMAT") && at(0).Is("CREATE"):
		return "the format is an option: WITH ('connector' = 'kafka', 'format' = 'json')"
	case t.Is("APPEND") && at(0).Is("CREATE"):
		return "leave it out: the connector and the format of a table say whether its rows change"
	case t.Is("WITHIN"):
		return "a join within a time has it among its conditions: ON a.id = b.id AND b.ts BETWEEN a.ts - INTERVAL '1' HOUR AND a.ts + INTERVAL '1' HOUR"
	case t.Is("PARTITION") && at(i+1).Is("BY") && slices.ContainsFunc(toks[:i], func(t token.Token) bool { return t.Is("SESSION") }):
		return "it stands behind the table: SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), gap)"
	case t.Is("PARTITION") && at(i+1).Is("BY"):
		return "leave it out: the key of what is written to Kafka is an option of its table, 'key.fields' = 'a;b'"
	case t.Is(">") && before.Is("-") && before.End == t.Start:
		return "a field of a ROW is written r.a, one of a string with JSON JSON_VALUE(j, '$.a')"
	case t.Is("UNNEST") && before.Is("(") && at(i-2).Is("TABLE"):
		return "UNNEST stands in FROM without TABLE: CROSS JOIN UNNEST(t.list) AS u (element)"
	case t.Is("UNNEST"):
		return "it stands in FROM: FROM t CROSS JOIN UNNEST(t.list) AS u (element)"
	case t.Is("ILIKE"):
		return "write LOWER(s) LIKE 'a%'"
	case t.Is("UNSIGNED"):
		return "there are no unsigned numbers: take a wider type, as DECIMAL(20, 0) for BIGINT UNSIGNED"
	case t.Is("[") && at(0).Is("CREATE") && before.Kind == token.Word:
		return "write ARRAY<" + text(before) + ">"
	case at(i-2).Is("FOR") && at(i-3).Is("WATERMARK"):
		return fmt.Sprintf("write WATERMARK FOR %s AS %[1]s - INTERVAL '5' SECOND", text(before))
	case t.Is("RETURNING"):
		return "leave it out: SELECT from a table reads what is in it"
	case t.Is("(") && at(i-2).Is("WINDOW") && (before.Is("TUMBLING") || before.Is("HOPPING") || before.Is("SESSION")):
		return "windows stand in FROM: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end"
	case before.Is("INSERT") && t.Kind == token.Word:
		return "write INSERT INTO " + text(t)
	case t.Is("INSERT") && at(0).Is("WITH"):
		return "WITH stands behind INSERT INTO t: INSERT INTO t WITH x AS (...) SELECT ..."
	case t.Is("ON") && before.Is("DISTINCT"):
		return "for one row of each key take FIRST_VALUE or LAST_VALUE of the columns with GROUP BY"
	case before.Is("ALL") && at(i-2).Is("BY") && at(i-3).Is("GROUP"):
		return "name the columns: GROUP BY a, b"
	case before.Is("GROUP"):
		return "write GROUP BY"
	case t.Is("ORDER") && !at(i+1).Is("BY"):
		return "write ORDER BY"
	case t.Is("[") && (before.Is("FROM") || before.Is("JOIN") || before.Is("INTO")):
		return "names are quoted with backticks: `name`"
	case t.Is("["):
		return "an array is written ARRAY[1, 2]"
	case t.Is("/") && before.Is("/"):
		return "a quotient of whole numbers is one: write /; a comment begins with --"
	case t.Is("*") && before.Is("*"):
		return "write POWER(a, b)"
	case t.Is("WINDOW") && at(i+1).Is("("):
		return "windows stand in FROM: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end"
	case t.Is("SELECT") && i == 1 && (before.Is("DESCRIBE") || before.Is("DESC")):
		return "write EXPLAIN and the query, or give it a name by CREATE VIEW and DESCRIBE that"
	case t.Is("{") && text(before) == "$", t.Is("?"):
		return token.NoVariables
	case t.Is("{"):
		return "weir reads SQL as it stands: fill a template in first; the value of an option may name an environment variable: '${NAME}'"
	case t.Is("LIMIT") && at(i-2).Is("OFFSET"):
		return "LIMIT stands before OFFSET"
	case t.Is("WHERE") && hasWord(toks[:i], "GROUP"):
		return "WHERE stands before GROUP BY; conditions on groups stand in HAVING"
	case t.Is("WHERE") && before.Kind != token.Word && hasWord(toks[:i], "WHERE"):
		return "put the conditions together with AND"
	case t.Is("WHERE") && at(0).Is("SELECT") && hasWord(toks[:i], "JOIN") && !hasWord(toks[:i], "WHERE"):
		return "the condition of a join stands behind ON"
	case (t.Is("AND") || t.Is("OR")) && !hasWord(toks[:i], "WHERE") && !hasWord(toks[:i], "HAVING") && hasWord(toks[:i], "FROM"):
		return "conditions stand behind WHERE"
	case before.Is("*") && at(i-2).Is("SELECT") && isName(t) && !like(t.Key, "FROM"):
		return "is FROM missing?"
	case t.Is("COMMENT") && at(0).Is("CREATE"):
		return "the comment of a table stands before WITH"
	case t.Is("NOT") && at(0).Is("CREATE"):
		return "write NOT NULL"
	case t.Is("/"):
		return "a statement ends with ;"
	case before.Kind == token.String && at(i-2).Is("INTERVAL"):
		return intervalHelp(strings.Trim(text(before), "'"))
	}
	return ""
}

// like reports whether s may be w misspelt.
func like(s, w string) bool {
	_, ok := diag.Suggest(s, []string{w})
	return ok
}

// hasWord reports whether word is among toks.
func hasWord(toks []token.Token, word string) bool {
	return slices.ContainsFunc(toks, func(t token.Token) bool { return t.Is(word) })
}

// columnClauses is what other systems have behind a column's type.
var columnClauses = wordSet(`AUTO_INCREMENT IDENTITY UNIQUE DEFAULT CHECK REFERENCES COLLATE ENCODING`)

// foreignObjects is what other systems CREATE beside tables and views, and what to write for it.
var foreignObjects = map[string]string{
	"STREAM":  "write CREATE TABLE: every table is a stream; CREATE VIEW gives a query a name",
	"SOURCE":  "write CREATE TABLE: it is read where it stands in FROM, and written by INSERT INTO",
	"SINK":    "write CREATE TABLE for what is written, and INSERT INTO it SELECT ...",
	"TYPE":    "write the type where it is used: ROW<a INT, b STRING>",
	"SECRET":  "leave it out: the value of an option may name an environment variable, '${NAME}'",
	"CLUSTER": "leave it out: a job runs where it is started",
}

// foreignStatements is the statements of other systems, by their first word, and what to do instead.
var foreignStatements = map[string]string{
	"SUBSCRIBE": "write SELECT * FROM t: it shows changes as they come",
	"TAIL":      "write SELECT * FROM t: it shows changes as they come",
	"PRINT":     "write SELECT * FROM a table of the topic",
	"FLUSH":     "leave it out: results are committed with each checkpoint",
	"TERMINATE": "write STOP JOB 'id'; SHOW JOBS lists them",
	"LIST":      "write SHOW TABLES",
	"UNSET":     "write RESET 'key'",
	"QUIT":      "leave it out: a file ends with its last statement, and the shell with .exit or ^D",
	"EXIT":      "leave it out: a file ends with its last statement, and the shell with .exit or ^D",
	"GRANT":     noRights,
	"REVOKE":    noRights,
	"COPY":      "write INSERT INTO t SELECT ... FROM a table with 'connector' = 'filesystem', or the other way round",
	"VACUUM":    noUpkeep,
	"OPTIMIZE":  noUpkeep,
	"CACHE":     noUpkeep,
	"UNCACHE":   noUpkeep,
	"REFRESH":   noUpkeep,
	"ATTACH":    "write CREATE TABLE with 'connector' = 'jdbc' for each of its tables",
	"PRAGMA":    "write SET 'key' = 'value'; weir list settings names the keys",
	"INSTALL":   "leave it out: connectors and formats are built in",
	"LOAD":      "leave it out: connectors and formats are built in",
	"SUMMARIZE": "write SELECT COUNT(*), MIN(a), MAX(a) FROM t",
	"PIVOT":     "write SELECT SUM(x) FILTER (WHERE k = 'a') AS a, SUM(x) FILTER (WHERE k = 'b') AS b FROM t",
	"UNPIVOT":   "write SELECT 'a' AS k, a AS x FROM t UNION ALL SELECT 'b', b FROM t",
	"FROM":      "write SELECT * FROM and the table",
	"STATEMENT": "write EXECUTE STATEMENT SET BEGIN INSERT INTO ...; INSERT INTO ...; END",
	"DECLARE":   token.NoVariables,
	"PREPARE":   token.NoVariables,
	"GO":        "leave it out: a statement ends with ;",
	"HELP":      "it is for the shell, where it is written .help",
	"CLEAR":     "it is for the shell, where it is ^L",
}

const (
	noRights = "leave it out: the ACLs of the cluster say who may do what"
	noUpkeep = "leave it out: there is nothing to be done for a table"
)

// intervalHelp reads PostgreSQL's form of an interval, '5 minutes'.
func intervalHelp(s string) string {
	n, unit, ok := strings.Cut(strings.TrimSpace(s), " ")
	unit = strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(unit)), "S")
	if !ok || strings.Trim(n, "0123456789") != "" || n == "" {
		return ""
	}
	switch unit {
	case "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR":
		return fmt.Sprintf("write INTERVAL '%s' %s", n, unit)
	}
	return ""
}
