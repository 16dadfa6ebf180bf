import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.*;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.*;

/** Reads cases as JSON lines, runs each, and writes a result a line. The protocol is described in flink.go. */
public class Main {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        PrintStream out = System.out;
        System.setOut(System.err); // standard output carries results and nothing else
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (Cluster cluster = new Cluster()) {
            for (String line; (line = in.readLine()) != null; ) {
                ObjectNode result = JSON.createObjectNode();
                long began = System.nanoTime();
                try {
                    JsonNode request = JSON.readTree(line);
                    result.set("id", request.get("id"));
                    new Case(request, result).run(cluster);
                } catch (Throwable e) {
                    fail(result, "runner", e);
                }
                result.put("millis", (System.nanoTime() - began) / 1_000_000);
                out.write((JSON.writeValueAsString(result) + "\n").getBytes(StandardCharsets.UTF_8));
                out.flush();
            }
        }
        System.exit(0); // whatever thread a failed case has left
    }

    /** Notes an error: the phase it came in, and the messages of its chain of causes. */
    static void fail(ObjectNode result, String phase, Throwable e) {
        ObjectNode error = result.putObject("error");
        error.put("phase", phase);
        ArrayNode chain = error.putArray("chain");
        for (Throwable t = e; t != null; t = t.getCause()) {
            chain.add(t.getMessage() == null ? t.getClass().getName() : t.getMessage());
        }
        StringWriter trace = new StringWriter();
        e.printStackTrace(new PrintWriter(trace));
        error.put("trace", trace.toString());
    }
}
