import java.util.*;
import org.apache.flink.formats.common.TimestampFormat;
import org.apache.flink.formats.json.JsonToRowDataConverters;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.table.connector.source.*;
import org.apache.flink.table.connector.source.lookup.LookupFunctionProvider;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.LookupFunction;
import org.apache.flink.table.types.logical.RowType;

/**
 * A table that is asked for rows by key: those that the case has given it so far. Of a table with a primary key the last row of each key
 * counts.
 */
public class Lookup extends Tables.Source implements LookupTableSource {
    private final Tables.Def def;

    Lookup(Tables.Def def) {
        super(def, null, List.of());
        this.def = def;
    }

    @Override public DynamicTableSource copy() { return new Lookup(def); }

    @Override
    public LookupRuntimeProvider getLookupRuntimeProvider(LookupContext context) {
        List<Integer> keys = new ArrayList<>();
        for (int[] k : context.getKeys()) {
            keys.add(k[0]);
        }
        RowType row = (RowType) def.row(List.of()).getLogicalType();
        return LookupFunctionProvider.of(new Rows(def.key, def.name, row, keys, primary(def, row)));
    }

    /** The columns of the primary key; none where there is no key. */
    static List<Integer> primary(Tables.Def def, RowType row) {
        List<Integer> primary = new ArrayList<>();
        def.schema.getPrimaryKey().ifPresent(p -> p.getColumns().forEach(c -> primary.add(row.getFieldNames().indexOf(c))));
        return primary;
    }

    /** The rows that a table of the case has now. */
    static List<RowData> present(String key, String table, RowType row, List<Integer> primary, JsonToRowDataConverters.JsonToRowDataConverter convert) {
        List<Integer> all = new ArrayList<>();
        for (int i = 0; i < row.getFieldCount(); i++) {
            all.add(i);
        }
        List<RowData> rows = new ArrayList<>();
        for (JsonNode step : Case.RUNNING.get(key).given(table)) {
            RowData r = (RowData) convert.convert(step.get("row"));
            String kind = step.path("kind").asText("+I");
            boolean adds = kind.equals("+I") || kind.equals("+U");
            if (!adds || !primary.isEmpty()) {
                List<Integer> by = primary.isEmpty() ? all : primary;
                for (int i = 0; i < rows.size(); i++) {
                    if (values(row, rows.get(i), by).equals(values(row, r, by))) {
                        rows.remove(i);
                        break;
                    }
                }
            }
            if (adds) {
                rows.add(r);
            }
        }
        return rows;
    }

    private static List<Object> values(RowType row, RowData r, List<Integer> columns) {
        List<Object> out = new ArrayList<>();
        for (int c : columns) {
            out.add(RowData.createFieldGetter(row.getTypeAt(c), c).getFieldOrNull(r));
        }
        return out;
    }

    /** The rows of one join. */
    public static class Rows extends LookupFunction {
        private final String key, table;
        private final RowType row;
        private final List<Integer> keys, primary;
        private transient JsonToRowDataConverters.JsonToRowDataConverter convert;

        Rows(String key, String table, RowType row, List<Integer> keys, List<Integer> primary) {
            this.key = key;
            this.table = table;
            this.row = row;
            this.keys = keys;
            this.primary = primary;
        }

        @Override
        public void open(FunctionContext context) {
            convert = new JsonToRowDataConverters(false, false, TimestampFormat.SQL).createRowConverter(row);
        }

        @Override
        public Collection<RowData> lookup(RowData wanted) {
            List<RowData> rows = present(key, table, row, primary, convert);
            List<Object> want = new ArrayList<>();
            for (int i = 0; i < keys.size(); i++) {
                want.add(RowData.createFieldGetter(row.getTypeAt(keys.get(i)), i).getFieldOrNull(wanted));
            }
            rows.removeIf(r -> !values(row, r, keys).equals(want));
            return rows;
        }
    }
}
