import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.*;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.configuration.*;
import org.apache.flink.formats.common.TimestampFormat;
import org.apache.flink.formats.json.JsonToRowDataConverters;
import org.apache.flink.legacy.table.connector.source.SourceFunctionProvider;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.*;
import org.apache.flink.streaming.api.functions.sink.legacy.*;
import org.apache.flink.streaming.api.functions.source.legacy.*;
import org.apache.flink.table.catalog.*;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.*;
import org.apache.flink.table.connector.sink.abilities.SupportsWritingMetadata;
import org.apache.flink.table.connector.sink.legacy.SinkFunctionProvider;
import org.apache.flink.table.connector.source.*;
import org.apache.flink.table.connector.source.abilities.*;
import org.apache.flink.table.data.*;
import org.apache.flink.table.factories.*;
import org.apache.flink.table.planner.codegen.CodeGeneratorContext;
import org.apache.flink.table.planner.functions.casting.RowDataToStringConverterImpl;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.clock.RelativeClock;
import org.apache.flink.util.clock.SystemClock;

/** The connector of a case: sources that are fed by the case's steps, sinks that keep what they get. */
public class Tables implements DynamicTableSourceFactory, DynamicTableSinkFactory {
    static final String IDENTIFIER = "case";
    private static final ConfigOption<String> CASE = ConfigOptions.key("case").stringType().noDefaultValue();
    private static final ConfigOption<String> NAME = ConfigOptions.key("name").stringType().noDefaultValue();
    private static final ConfigOption<String> LOOKUP = ConfigOptions.key("lookup").stringType().defaultValue("false");
    private static final ConfigOption<String> SEARCH = ConfigOptions.key("search").stringType().defaultValue("");
    private static final ConfigOption<String> CHANGES = ConfigOptions.key("changes").stringType().noDefaultValue();

    @Override public String factoryIdentifier() { return IDENTIFIER; }
    @Override public Set<ConfigOption<?>> requiredOptions() { return Set.of(CASE, NAME, CHANGES); }
    @Override public Set<ConfigOption<?>> optionalOptions() { return Set.of(LOOKUP, SEARCH); }

    @Override
    public DynamicTableSource createDynamicTableSource(Context context) {
        Def def = new Def(context);
        if (!def.metric.isEmpty()) {
            return new Search(def);
        }
        return def.lookup ? new Lookup(def) : new Source(def, null, List.of());
    }

    @Override
    public DynamicTableSink createDynamicTableSink(Context context) {
        return new Sink(new Def(context), List.of(), context.getPhysicalRowDataType());
    }

    /** What a table's definition says. */
    static class Def {
        final String key, name, changes;
        final String metric; // of a table that is searched by vectors; otherwise empty
        final ResolvedSchema schema;
        final DataType physical;
        final ZoneId zone;
        final boolean bounded; // a batch job's
        final boolean lookup; // it can be asked for rows by key

        Def(Context context) {
            var o = context.getCatalogTable().getOptions();
            key = o.get("case");
            name = o.get("name");
            changes = o.get("changes");
            lookup = "true".equals(o.get("lookup"));
            metric = o.getOrDefault("search", "");
            schema = context.getCatalogTable().getResolvedSchema();
            physical = context.getPhysicalRowDataType();
            String z = context.getConfiguration().get(org.apache.flink.table.api.config.TableConfigOptions.LOCAL_TIME_ZONE);
            bounded = context.getConfiguration().get(ExecutionOptions.RUNTIME_MODE) == RuntimeExecutionMode.BATCH;
            zone = z.equals("default") ? ZoneId.systemDefault() : ZoneId.of(z);
        }

        ChangelogMode mode() {
            return switch (changes) {
                case "upsert" -> ChangelogMode.newBuilder().addContainedKind(RowKind.INSERT).addContainedKind(RowKind.UPDATE_AFTER)
                        .addContainedKind(RowKind.DELETE).build();
                case "retract" -> ChangelogMode.all();
                default -> ChangelogMode.insertOnly();
            };
        }

        /** Metadata columns by their key. */
        Map<String, DataType> metadata(boolean written) {
            Map<String, DataType> out = new LinkedHashMap<>();
            for (Column c : schema.getColumns()) {
                if (c instanceof Column.MetadataColumn m && !(written && m.isVirtual())) {
                    out.putIfAbsent(m.getMetadataKey().orElse(m.getName()), m.getDataType());
                }
            }
            return out;
        }

        /** The row of the physical columns and of those of the metadata keys, named as columns. */
        DataType row(List<String> keys) {
            List<DataTypes.Field> fields = new ArrayList<>();
            List<String> names = DataType.getFieldNames(physical);
            List<DataType> types = DataType.getFieldDataTypes(physical);
            for (int i = 0; i < names.size(); i++) {
                fields.add(DataTypes.FIELD(names.get(i), types.get(i)));
            }
            for (String k : keys) {
                for (Column c : schema.getColumns()) {
                    if (c instanceof Column.MetadataColumn m && m.getMetadataKey().orElse(m.getName()).equals(k)) {
                        fields.add(DataTypes.FIELD(m.getName(), m.getDataType()));
                        break;
                    }
                }
            }
            return DataTypes.ROW(fields);
        }
    }

    static class Source implements ScanTableSource, SupportsWatermarkPushDown, SupportsSourceWatermark, SupportsReadingMetadata {
        private final Def def;
        private WatermarkStrategy<RowData> watermarks;
        private List<String> keys;

        Source(Def def, WatermarkStrategy<RowData> watermarks, List<String> keys) {
            this.def = def;
            this.watermarks = watermarks;
            this.keys = keys;
        }

        @Override public ChangelogMode getChangelogMode() { return def.mode(); }
        @Override public void applyWatermark(WatermarkStrategy<RowData> w) { watermarks = w; }
        @Override public void applySourceWatermark() { } // the case's own watermarks are put out in any case
        @Override public Map<String, DataType> listReadableMetadata() { return def.metadata(false); }
        @Override public void applyReadableMetadata(List<String> keys, DataType produced) { this.keys = keys; }
        @Override public DynamicTableSource copy() { return new Source(def, watermarks, keys); }
        @Override public String asSummaryString() { return def.name; }

        @Override
        public ScanRuntimeProvider getScanRuntimeProvider(ScanContext context) {
            RowType row = (RowType) def.row(keys).getLogicalType();
            return SourceFunctionProvider.of(new Feed(def.key, def.name, row, watermarks), def.bounded);
        }
    }

    /** A running source. */
    static class Feed extends RichSourceFunction<RowData> {
        private static final Object END = new Object();
        private final String key, table;
        private final RowType row;
        private final WatermarkStrategy<RowData> watermarks;
        private transient LinkedBlockingQueue<Object> steps;
        private transient volatile boolean cancelled;
        private transient long given; // of the thread that feeds
        private transient volatile long done; // of the source's

        Feed(String key, String table, RowType row, WatermarkStrategy<RowData> watermarks) {
            this.key = key;
            this.table = table;
            this.row = row;
            this.watermarks = watermarks;
        }

        @Override
        public void open(OpenContext context) {
            steps = new LinkedBlockingQueue<>();
            Case.RUNNING.get(key).feeds.computeIfAbsent(table, t -> new CopyOnWriteArrayList<>()).add(this);
        }

        void give(JsonNode step) throws InterruptedException {
            given++;
            steps.put(step);
        }

        /** Reports whether every step has been put out. */
        boolean idle() {
            return given == done;
        }

        void end() throws InterruptedException {
            steps.put(END);
        }

        @Override
        public void run(SourceContext<RowData> out) throws Exception {
            var convert = new JsonToRowDataConverters(false, false, TimestampFormat.SQL).createRowConverter(row);
            WatermarkOutput progress = new WatermarkOutput() {
                @Override public void emitWatermark(Watermark w) {
                    out.emitWatermark(new org.apache.flink.streaming.api.watermark.Watermark(w.getTimestamp()));
                }
                @Override public void markIdle() { out.markAsTemporarilyIdle(); }
                @Override public void markActive() { } // the next row does that
            };
            WatermarkGenerator<RowData> generator = watermarks == null ? null : watermarks.createWatermarkGenerator(new WatermarkGeneratorSupplier.Context() {
                @Override public org.apache.flink.metrics.MetricGroup getMetricGroup() { return getRuntimeContext().getMetricGroup(); }
                @Override public RelativeClock getInputActivityClock() { return SystemClock.getInstance(); }
            });
            while (!cancelled) {
                Object next = steps.poll(20, TimeUnit.MILLISECONDS);
                if (next == END) {
                    return;
                }
                if (next != null) {
                    put((JsonNode) next, convert, generator, progress, out);
                    done++;
                }
            }
        }

        private void put(JsonNode step, JsonToRowDataConverters.JsonToRowDataConverter convert, WatermarkGenerator<RowData> generator,
                WatermarkOutput progress, SourceContext<RowData> out) {
            synchronized (out.getCheckpointLock()) {
                if (step.has("watermark_ms")) {
                    progress.emitWatermark(new Watermark(step.get("watermark_ms").asLong()));
                } else if (step.has("idle")) {
                    progress.markIdle();
                } else {
                    RowData r = (RowData) convert.convert(step.get("row"));
                    r.setRowKind(kind(step.path("kind").asText("+I")));
                    out.collect(r);
                    if (generator != null) { // a watermark behind every row, not every 200 ms
                        generator.onEvent(r, Long.MIN_VALUE, progress);
                        generator.onPeriodicEmit(progress);
                    }
                }
            }
        }

        @Override public void cancel() { cancelled = true; }
    }

    static RowKind kind(String s) {
        for (RowKind k : RowKind.values()) {
            if (k.shortString().equals(s)) {
                return k;
            }
        }
        throw new IllegalArgumentException("kind is +I, -U, +U or -D, not " + s);
    }

    static class Sink implements DynamicTableSink, SupportsWritingMetadata {
        private final Def def;
        private List<String> keys;
        private DataType consumed;

        Sink(Def def, List<String> keys, DataType consumed) {
            this.def = def;
            this.keys = keys;
            this.consumed = consumed;
        }

        @Override public ChangelogMode getChangelogMode(ChangelogMode requested) { return def.mode(); }
        @Override public Map<String, DataType> listWritableMetadata() { return def.metadata(true); }
        @Override public void applyWritableMetadata(List<String> keys, DataType consumed) {
            this.keys = keys;
            this.consumed = consumed;
        }
        @Override public DynamicTableSink copy() { return new Sink(def, keys, consumed); }
        @Override public String asSummaryString() { return def.name; }

        @Override
        public SinkRuntimeProvider getSinkRuntimeProvider(Context context) {
            Case.Output out = Case.RUNNING.get(def.key).outputs.computeIfAbsent(def.name, n -> new Case.Output());
            DataType row = def.row(keys);
            out.columns = DataType.getFieldNames(row);
            out.types = new ArrayList<>();
            for (DataType t : DataType.getFieldDataTypes(row)) {
                out.types.add(t.getLogicalType().asSerializableString());
            }
            return SinkFunctionProvider.of(new Collector(def.key, def.name, row, def.zone.getId()));
        }
    }

    static class Collector extends RichSinkFunction<RowData> {
        private final String key, table, zone;
        private final DataType row;
        private transient RowDataToStringConverterImpl text;
        private transient Case.Output out;

        Collector(String key, String table, DataType row, String zone) {
            this.key = key;
            this.table = table;
            this.row = row;
            this.zone = zone;
        }

        @Override
        public void open(OpenContext context) {
            ClassLoader loader = Tables.class.getClassLoader();
            text = new RowDataToStringConverterImpl(row, ZoneId.of(zone), loader, false, new CodeGeneratorContext(new Configuration(), loader));
            out = Case.RUNNING.get(key).outputs.get(table);
        }

        @Override
        public void invoke(RowData r, Context context) {
            String[] words = text.convert(r);
            ObjectNode change = Main.JSON.createObjectNode();
            change.put("kind", r.getRowKind().shortString());
            ArrayNode values = change.putArray("row");
            for (int i = 0; i < words.length; i++) {
                if (r.isNullAt(i)) {
                    values.addNull();
                } else {
                    values.add(words[i]);
                }
            }
            synchronized (out) {
                out.changes.add(change);
            }
        }
    }
}
