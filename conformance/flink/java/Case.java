import java.util.*;
import java.util.concurrent.*;
import java.util.regex.Pattern;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.*;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.*;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.api.bridge.java.internal.StreamTableEnvironmentImpl;
import org.apache.flink.table.catalog.*;
import org.apache.flink.table.operations.*;
import org.apache.flink.table.operations.command.SetOperation;
import org.apache.flink.table.operations.ddl.CreateTableOperation;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.utils.DataTypeUtils;

/** One case: statements are planned, their tables replaced by tables in memory, and the steps fed to the running job. */
class Case {
    private final long deadline; // of System.nanoTime
    private final String key = UUID.randomUUID().toString();
    private final JsonNode request;
    private final ObjectNode result;
    private final List<ModifyOperation> inserts = new ArrayList<>();
    private int queries;
    private boolean batch; // all tables have an end, and the job is one of Flink's batch jobs

    /** What makes a job a batch job; it must be known before the statements are executed. */
    private static final Pattern BATCH = Pattern.compile("(?i)SET\\s+'execution\\.runtime-mode'\\s*=\\s*'batch'");

    /** The running cases, by key: sources and sinks find theirs here. */
    static final Map<String, Case> RUNNING = new ConcurrentHashMap<>();

    /** The instances of the sources of each table, and what each sink has got. */
    final Map<String, List<Tables.Feed>> feeds = new ConcurrentHashMap<>();
    final Map<String, Output> outputs = new ConcurrentHashMap<>();

    /** What tables were given that are not read: they may be looked up. */
    private final Map<String, List<JsonNode>> given = new ConcurrentHashMap<>();

    /** The rows that a table that is looked up was given so far, with their kinds. */
    List<JsonNode> given(String table) {
        List<JsonNode> all = given.getOrDefault(table, List.of());
        synchronized (all) {
            return List.copyOf(all);
        }
    }

    static class Output {
        List<String> columns = new ArrayList<>(), types = new ArrayList<>();
        final ArrayNode changes = Main.JSON.createArrayNode();
    }

    Case(JsonNode request, ObjectNode result) {
        this.request = request;
        this.result = result;
        deadline = System.nanoTime() + request.path("timeout_ms").asLong(60_000) * 1_000_000;
    }

    void run(Cluster cluster) {
        RUNNING.put(key, this);
        try {
            JobGraph graph;
            try {
                graph = plan();
            } catch (Throwable e) {
                Main.fail(result, "plan", e);
                return;
            }
            if (graph == null || request.path("plan_only").asBoolean()) {
                return;
            }
            try {
                execute(cluster, graph);
            } catch (TimeoutException e) { // one without a message is the cluster's, which did not answer
                Main.fail(result, "run", e.getMessage() != null ? e : new TimeoutException("the case took longer than its timeout, waiting for the cluster"));
            } catch (Throwable e) {
                Main.fail(result, "run", e);
            }
            ObjectNode tables = result.putObject("tables");
            new TreeMap<>(outputs).forEach((name, out) -> {
                ObjectNode t = tables.putObject(name);
                t.set("columns", Main.JSON.valueToTree(out.columns));
                t.set("types", Main.JSON.valueToTree(out.types));
                synchronized (out) {
                    t.set("changes", out.changes);
                }
            });
        } finally {
            RUNNING.remove(key);
        }
    }

    private JobGraph plan() throws Exception {
        StreamExecutionEnvironment exec = StreamExecutionEnvironment.getExecutionEnvironment(
                new Configuration().set(CoreOptions.CHECK_LEAKED_CLASSLOADER, false));
        List<String> statements = Script.split(request.get("script").asText());
        batch = statements.stream().anyMatch(s -> BATCH.matcher(s).matches());
        StreamTableEnvironment env = StreamTableEnvironment.create(exec,
                batch ? EnvironmentSettings.inBatchMode() : EnvironmentSettings.inStreamingMode());
        request.path("settings").fields().forEachRemaining(s -> set(env, s.getKey(), s.getValue().asText()));
        for (String statement : statements) {
            execute(env, statement);
        }
        if (inserts.isEmpty()) {
            return null;
        }
        // What makes a run repeatable: one subtask, no restarts, no timers of its own, barriers only when asked for.
        for (String[] s : new String[][] {
            {"parallelism.default", "1"}, {"restart-strategy.type", "disable"}, {"execution.checkpointing.interval", "24 h"},
            {"execution.checkpointing.mode", "EXACTLY_ONCE"}, {"execution.checkpointing.timeout", "30 s"}, {"execution.checkpointing.min-pause", "0 ms"},
            {"execution.checkpointing.tolerable-failed-checkpoints", "1000"},
            {"state.backend.type", "hashmap"}, {"execution.checkpointing.storage", "jobmanager"}, {"execution.buffer-timeout.interval", "0 ms"},
            {"table.exec.source.idle-timeout", "0 ms"}}) {
            env.getConfig().set(s[0], s[1]);
        }
        if (batch) { // a plain scheduler, which does not wait to choose a parallelism
            env.getConfig().set("jobmanager.scheduler", "Default");
        }
        for (String gone : List.of("execution.checkpointing.dir", "execution.checkpointing.savepoint-dir", "state.checkpoints.dir",
                "execution.checkpointing.externalized-checkpoint-retention", "execution.checkpointing.num-retained")) {
            env.getConfig().getConfiguration().removeKey(gone);
        }
        exec.configure(env.getConfig().getConfiguration());
        exec.setParallelism(1);
        ((StreamTableEnvironmentImpl) env).attachAsDataStream(inserts);

        return exec.getStreamGraph().getJobGraph();
    }

    private void execute(StreamTableEnvironment env, String statement) {
        StreamTableEnvironmentImpl impl = (StreamTableEnvironmentImpl) env;
        Operation op = impl.getParser().parse(statement).get(0);
        if (op instanceof SetOperation set) {
            String k = set.getKey().orElseThrow();
            if (!request.path("settings").has(k)) {
                set(env, k, set.getValue().orElseThrow());
            }
        } else if (op instanceof StatementSetOperation all) {
            inserts.addAll(all.getOperations());
        } else if (op instanceof QueryOperation query) {
            inserts.add(collect(env, query));
        } else if (op instanceof ModifyOperation insert) {
            inserts.add(insert);
        } else if (op instanceof CreateTableOperation create) {
            impl.executeInternal(inMemory(create));
        } else {
            impl.executeInternal(op);
        }
    }

    private static void set(StreamTableEnvironment env, String key, String value) {
        if (!key.startsWith("weir.")) { // settings of weir's own, not of the dialect
            env.getConfig().set(key, value);
        }
    }

    /** The same table, by the connector of this process. */
    private CreateTableOperation inMemory(CreateTableOperation create) {
        ResolvedCatalogTable t = create.getCatalogTable();
        if (request.path("files").asBoolean() && List.of("filesystem", "kafka", "upsert-kafka").contains(t.getOptions().get("connector"))) {
            return create;
        }
        String name = create.getTableIdentifier().getObjectName();
        Map<String, String> o = new HashMap<>();
        o.put("connector", Tables.IDENTIFIER);
        o.put("case", key);
        o.put("name", name);
        o.put("changes", changes(name, t.getOptions()));
        String connector = t.getOptions().getOrDefault("connector", "");
        if ("true".equals(t.getOptions().get("lookup")) || connector.equals("jdbc")) {
            o.put("lookup", "true");
        }
        if ("true".equals(t.getOptions().get("search")) || "true".equals(t.getOptions().get("enable-vector-search"))) {
            o.put("search", t.getOptions().getOrDefault("vector-search.metric", "COSINE"));
        }
        return new CreateTableOperation(create.getTableIdentifier(), t.copy(o), create.isIgnoreIfExists(), create.isTemporary());
    }

    /** Which changes a table gives and takes: as the request says, or as its connector and format would. */
    private String changes(String table, Map<String, String> options) {
        String asked = request.path("changes").path(table).asText("");
        if (!asked.isEmpty()) {
            return asked;
        }
        String format = options.getOrDefault("format", options.getOrDefault("value.format", ""));
        return switch (options.getOrDefault("connector", "")) {
            case "upsert-kafka" -> "upsert";
            case "print", "blackhole" -> "retract";
            case "memory" -> options.getOrDefault("changes", "insert");
            default -> List.of("debezium-json", "canal-json", "maxwell-json", "ogg-json").contains(format) ? "retract" : "insert";
        };
    }

    /** A SELECT becomes an INSERT into a table of its own: query, query_2, ... */
    private ModifyOperation collect(StreamTableEnvironment env, QueryOperation query) {
        String name = ++queries == 1 ? "query" : "query_" + queries;
        DataType row = query.getResolvedSchema().toPhysicalRowDataType();
        Schema.Builder schema = Schema.newBuilder();
        List<String> names = DataType.getFieldNames(row);
        List<DataType> types = DataType.getFieldDataTypes(row);
        for (int i = 0; i < names.size(); i++) {
            schema.column(names.get(i), DataTypeUtils.removeTimeAttribute(types.get(i)));
        }
        env.createTemporaryTable("`" + name + "`", TableDescriptor.forConnector(Tables.IDENTIFIER).schema(schema.build())
                .option("case", key).option("name", name).option("changes", "retract").build());
        CatalogManager catalogs = ((StreamTableEnvironmentImpl) env).getCatalogManager();
        ObjectIdentifier id = catalogs.qualifyIdentifier(UnresolvedIdentifier.of(name));
        return new SinkModifyOperation(catalogs.getTableOrError(id), query);
    }

    private void execute(Cluster cluster, JobGraph graph) throws Exception {
        JobID id = graph.getJobID();
        cluster.submit(graph);
        boolean over = false;
        try {
            if (batch) {
                all(cluster, id);
                over = true;
                return;
            }
            if (request.path("files").asBoolean() && feeds.isEmpty()) { // such a job ends by itself, perhaps before it is seen to run
                over = finished(cluster, id);
                return;
            }
            while (cluster.status(id) != JobStatus.RUNNING || !cluster.running(id)) {
                if (cluster.status(id) == JobStatus.FINISHED) { // there was nothing to read
                    over = true;
                    return;
                }
                check(cluster, id);
                Thread.sleep(5);
            }
            settle(cluster, id);
            // Of two steps of one table that is read once, the order is the channel's, unless its rows part and meet again. All other steps
            // wait for those before them, unless they may go together.
            JsonNode steps = request.path("steps");
            boolean apart = !request.path("together").asBoolean() && (feeds.values().stream().mapToInt(List::size).sum() > 1 || meets(graph));
            String last = null;
            for (JsonNode step : steps) {
                String table = step.get("table").asText();
                boolean looked = !feeds.containsKey(table);
                if (last != null && (apart || looked && !table.equals(last) || step.path("settle").asBoolean())) {
                    drain(cluster, id);
                    settle(cluster, id);
                }
                if (looked && step.has("row")) {
                    given.computeIfAbsent(table, t -> Collections.synchronizedList(new ArrayList<>())).add(step);
                }
                for (Tables.Feed f : feeds.getOrDefault(table, List.of())) {
                    f.give(step);
                }
                last = table;
            }
            drain(cluster, id);
            if (request.path("end").asBoolean(true)) {
                for (List<Tables.Feed> all : feeds.values()) {
                    for (Tables.Feed f : all) {
                        f.end();
                    }
                }
                over = finished(cluster, id);
            } else {
                settle(cluster, id);
            }
        } finally {
            if (!over && !cluster.status(id).isGloballyTerminalState()) {
                cluster.cancel(id);
            }
        }
    }

    /** Reports whether a task of the job has several inputs. */
    private static boolean meets(JobGraph graph) {
        for (var v : graph.getVertices()) {
            if (v.getNumberOfInputs() > 1) {
                return true;
            }
        }
        return false;
    }

    /** Gives the tables of a batch job all that they have, one after the other, as its stages come to read them. */
    private void all(Cluster cluster, JobID id) throws Exception {
        Set<Tables.Feed> given = Collections.newSetFromMap(new IdentityHashMap<>());
        while (!cluster.status(id).isGloballyTerminalState()) {
            for (var table : feeds.entrySet()) {
                for (Tables.Feed f : table.getValue()) {
                    if (given.add(f)) {
                        for (JsonNode step : request.path("steps")) {
                            if (step.get("table").asText().equals(table.getKey())) {
                                f.give(step);
                            }
                        }
                        f.end();
                    }
                }
            }
            late(id);
            Thread.sleep(1);
        }
        finished(cluster, id);
    }

    /** Returns when the job has ended. */
    private boolean finished(Cluster cluster, JobID id) throws Exception {
        while (!cluster.status(id).isGloballyTerminalState()) {
            late(id);
            Thread.sleep(1);
        }
        if (cluster.status(id) != JobStatus.FINISHED) {
            throw new ExecutionException("the job failed", cluster.failure(id));
        }
        return true;
    }

    /** Returns when the sources have put out every step that they were given. */
    private void drain(Cluster cluster, JobID id) throws Exception {
        for (List<Tables.Feed> all : feeds.values()) {
            for (Tables.Feed f : all) {
                while (!f.idle()) {
                    check(cluster, id);
                    Thread.sleep(0, 200_000);
                }
            }
        }
    }

    /**
     * Returns when a barrier has passed through the job, or it has come to its end; one that was declined, or that nobody answers because the
     * job ended under it, is sent again.
     */
    private void settle(Cluster cluster, JobID id) throws Exception {
        while (cluster.status(id) != JobStatus.FINISHED) {
            check(cluster, id);
            try {
                cluster.barrier(id);
                return;
            } catch (ExecutionException | TimeoutException refused) {
                late(id);
                Thread.sleep(20);
            }
        }
    }

    private void check(Cluster cluster, JobID id) throws Exception {
        JobStatus s = cluster.status(id);
        if (s == JobStatus.FAILED || s == JobStatus.FAILING) {
            throw new ExecutionException("the job failed", cluster.failure(id));
        }
        late(id);
    }

    private void late(JobID id) throws TimeoutException {
        if (System.nanoTime() > deadline) {
            throw new TimeoutException("the case took longer than its timeout");
        }
    }
}
