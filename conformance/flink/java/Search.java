import java.util.*;
import org.apache.flink.formats.common.TimestampFormat;
import org.apache.flink.formats.json.JsonToRowDataConverters;
import org.apache.flink.table.connector.source.*;
import org.apache.flink.table.connector.source.search.VectorSearchFunctionProvider;
import org.apache.flink.table.data.*;
import org.apache.flink.table.data.utils.JoinedRowData;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.VectorSearchFunction;
import org.apache.flink.table.types.logical.*;

/** A table that is searched by vectors: the rows that the case has given it so far, by the cosine of the angle or another metric. */
public class Search extends Tables.Source implements VectorSearchTableSource {
    private final Tables.Def def;

    Search(Tables.Def def) {
        super(def, null, List.of());
        this.def = def;
    }

    @Override public DynamicTableSource copy() { return new Search(def); }

    @Override
    public VectorSearchRuntimeProvider getSearchRuntimeProvider(VectorSearchContext context) {
        RowType row = (RowType) def.row(List.of()).getLogicalType();
        return VectorSearchFunctionProvider.of(new Rows(def.key, def.name, row, context.getSearchColumns()[0][0], def.metric, Lookup.primary(def, row)));
    }

    /** The rows of one search. */
    public static class Rows extends VectorSearchFunction {
        private final String key, table, metric;
        private final RowType row;
        private final int column;
        private final List<Integer> primary;
        private transient JsonToRowDataConverters.JsonToRowDataConverter convert;

        Rows(String key, String table, RowType row, int column, String metric, List<Integer> primary) {
            this.key = key;
            this.table = table;
            this.row = row;
            this.column = column;
            this.metric = metric;
            this.primary = primary;
        }

        @Override
        public void open(FunctionContext context) {
            convert = new JsonToRowDataConverters(false, false, TimestampFormat.SQL).createRowConverter(row);
        }

        @Override
        public Collection<RowData> vectorSearch(int most, RowData query) {
            LogicalType element = ((ArrayType) row.getTypeAt(column)).getElementType();
            double[] wanted = query.isNullAt(0) ? null : vector(query.getArray(0), element);
            List<RowData> found = new ArrayList<>();
            if (wanted == null) {
                return found;
            }
            for (RowData r : Lookup.present(key, table, row, primary, convert)) {
                double[] v = r.isNullAt(column) ? null : vector(r.getArray(column), element);
                double score = v == null ? Double.NaN : score(v, wanted);
                if (!Double.isNaN(score)) {
                    found.add(new JoinedRowData(r, GenericRowData.of(score)));
                }
            }
            Comparator<RowData> best = Comparator.comparingDouble(r -> r.getDouble(row.getFieldCount()));
            found.sort(metric.equals("L2") ? best : best.reversed());
            return found.subList(0, Math.min(most, found.size()));
        }

        private double score(double[] a, double[] b) {
            double inner = 0, as = 0, bs = 0, far = 0;
            for (int i = 0; i < a.length; i++) {
                inner += a[i] * b[i];
                as += a[i] * a[i];
                bs += b[i] * b[i];
                far += (a[i] - b[i]) * (a[i] - b[i]);
            }
            return switch (metric) {
                case "L2" -> Math.sqrt(far);
                case "INNER_PRODUCT" -> inner;
                default -> inner / (Math.sqrt(as) * Math.sqrt(bs));
            };
        }

        /** The numbers of an array; null where one of them is NULL. */
        private static double[] vector(ArrayData array, LogicalType element) {
            double[] out = new double[array.size()];
            for (int i = 0; i < out.length; i++) {
                if (array.isNullAt(i)) {
                    return null;
                }
                out[i] = element.is(LogicalTypeRoot.FLOAT) ? array.getFloat(i) : array.getDouble(i);
            }
            return out;
        }
    }
}
