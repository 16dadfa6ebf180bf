import java.nio.file.*;
import java.util.*;
import org.apache.flink.table.api.*;

/** Plans every statement of the named SQL files with Flink's own planner; nothing is run. Prints a line a file. */
public class Accept {
    public static void main(String[] args) throws Exception {
        boolean failed = false;
        for (String file : args) {
            try {
                System.out.println("accepted " + file + ": " + plan(Files.readString(Path.of(file))) + " jobs planned");
            } catch (Exception e) {
                failed = true;
                StringBuilder why = new StringBuilder();
                for (Throwable t = e; t != null; t = t.getCause()) why.append("\n  ").append(t.getMessage());
                System.out.println("REFUSED " + file + ":" + why);
            }
        }
        System.exit(failed ? 1 : 0);
    }

    static int plan(String text) {
        TableEnvironment env = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        int jobs = 0;
        StatementSet set = null;
        for (String statement : split(text)) {
            String head = statement.replaceAll("\\s+", " ").toUpperCase(Locale.ROOT);
            if (head.startsWith("SET ")) {
                var m = java.util.regex.Pattern.compile("(?is)SET\\s+'(.*?)'\\s*=\\s*'(.*)'").matcher(statement);
                if (!m.matches()) throw new IllegalArgumentException("not a SET: " + statement);
                env.getConfig().set(m.group(1), m.group(2));
            } else if (head.startsWith("EXECUTE STATEMENT SET BEGIN ")) {
                set = env.createStatementSet();
                set.addInsertSql(statement.substring(statement.toUpperCase(Locale.ROOT).indexOf("BEGIN") + 5).strip());
            } else if (head.equals("END")) {
                set.explain();
                set = null;
                jobs++;
            } else if (set != null) {
                set.addInsertSql(statement);
            } else if (head.startsWith("INSERT ")) {
                env.explainSql(statement);
                jobs++;
            } else {
                env.executeSql(statement);
            }
        }
        return jobs;
    }

    /** Splits at semicolons outside quotes and comments; comments are dropped. */
    static List<String> split(String text) {
        List<String> out = new ArrayList<>();
        StringBuilder now = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '-' && text.startsWith("--", i)) {
                while (i < text.length() && text.charAt(i) != '\n') i++;
                now.append('\n');
            } else if (c == '\'' || c == '`') {
                int end = text.indexOf(c, i + 1);
                now.append(text, i, end + 1);
                i = end;
            } else if (c == ';') {
                if (!now.toString().isBlank()) out.add(now.toString().strip());
                now.setLength(0);
            } else {
                now.append(c);
            }
        }
        if (!now.toString().isBlank()) out.add(now.toString().strip());
        return out;
    }
}
