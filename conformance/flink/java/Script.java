import java.util.*;

/** Cuts a script into statements. */
class Script {
    /** Statements without their semicolons and comments; EXECUTE STATEMENT SET BEGIN ... END is one. */
    static List<String> split(String text) {
        List<String> out = new ArrayList<>();
        StringBuilder now = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (text.startsWith("--", i)) {
                while (i < text.length() && text.charAt(i) != '\n') i++;
                now.append('\n');
            } else if (text.startsWith("/*", i) && !text.startsWith("/*+", i)) {
                int end = text.indexOf("*/", i + 2);
                i = end < 0 ? text.length() : end + 1;
                now.append(' ');
            } else if (c == '\'' || c == '`') {
                int end = text.indexOf(c, i + 1);
                if (end < 0) end = text.length() - 1;
                now.append(text, i, end + 1);
                i = end;
            } else if (c == ';' && !insideSet(now)) {
                add(out, now);
            } else {
                now.append(c);
            }
        }
        add(out, now);
        return out;
    }

    /** Reports whether the text is a statement set whose END has not come. */
    private static boolean insideSet(CharSequence now) {
        String s = now.toString().strip().toUpperCase(Locale.ROOT).replaceAll("\\s+", " ");
        return (s.startsWith("EXECUTE STATEMENT SET BEGIN ") || s.startsWith("BEGIN STATEMENT SET ")) && !s.endsWith("; END");
    }

    private static void add(List<String> out, StringBuilder now) {
        String s = now.toString().strip();
        if (!s.isEmpty()) {
            // Flink's parser wants the semicolon before a set's END, and takes none behind a statement.
            out.add(s);
        }
        now.setLength(0);
    }
}
