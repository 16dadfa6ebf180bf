import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Jobs (a) and (d) of the benchmark in Kafka Streams with exactly_once_v2.
 *
 * <p>{@code Peer JOB SERVERS STATE_DIR} reads lines "APPLICATION INPUT OUTPUT RECORDS" and, for each, runs the job over that many records,
 * printing "reading" at the first of them and "done" when everything is committed.
 */
public final class Peer {
    /** One record of the input. The timestamp stays the text that it is. */
    public static final class Event {
        public long user_id;
        public String item;
        public double price;
        public String ts;
    }

    /** The row of a key in job (d). */
    public record Total(long user_id, long cnt, double total) {}

    /** The key of that row. */
    public record Key(long user_id) {}

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Records whose effects are in the output or the state, and so will be in the next commit. */
    private final LongAdder processed = new LongAdder();

    /** Whether the first record has come. */
    private volatile boolean reading;

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            new Peer().run(args[0], args[1], args[2], words[0], words[1], words[2], Long.parseLong(words[3]));
        }
    }

    private void run(String job, String servers, String stateDir, String application, String input, String output, long records)
            throws InterruptedException {
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, servers);
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 5000);
        p.put(StreamsConfig.producerPrefix("transaction.timeout.ms"), 120000);
        p.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        p.put(StreamsConfig.STATE_DIR_CONFIG, stateDir);

        StreamsBuilder builder = new StreamsBuilder();
        switch (job) {
            case "passthrough" -> passthrough(builder, input, output);
            case "group" -> group(builder, input, output);
            default -> throw new IllegalArgumentException("no job " + job);
        }
        try (KafkaStreams streams = new KafkaStreams(builder.build(p), p)) {
            streams.setUncaughtExceptionHandler(e -> {
                e.printStackTrace();
                Runtime.getRuntime().halt(1);
                return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
            });
            streams.start();
            while (processed.sum() < records) {
                Thread.sleep(5);
            }
            // Closing commits what is processed.
            if (!streams.close(Duration.ofMinutes(1))) {
                throw new IllegalStateException("Kafka Streams did not close within a minute");
            }
        }
        System.out.println("done");
    }

    private void passthrough(StreamsBuilder builder, String input, String output) {
        builder.stream(input, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .mapValues(value -> {
                    byte[] made = write(read(value));
                    processed.increment();
                    return made;
                })
                .to(output, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    }

    private void group(StreamsBuilder builder, String input, String output) {
        builder.stream(input, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .map((key, value) -> {
                    Event e = read(value);
                    return KeyValue.pair(e.user_id, e.price);
                })
                .groupByKey(Grouped.with("by-user", Serdes.Long(), Serdes.Double()))
                .aggregate(
                        () -> new Total(0, 0, 0),
                        (user, price, so_far) -> {
                            processed.increment();
                            return new Total(user, so_far.cnt() + 1, so_far.total() + price);
                        },
                        Materialized.<Long, Total, KeyValueStore<Bytes, byte[]>>as("totals")
                                .withKeySerde(Serdes.Long())
                                .withValueSerde(totals()))
                .toStream()
                .map((user, total) -> KeyValue.pair(write(new Key(user)), write(total)))
                .to(output, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    }

    private static Serde<Total> totals() {
        return Serdes.serdeFrom(
                (topic, t) -> t == null ? null : ByteBuffer.allocate(24).putLong(t.user_id()).putLong(t.cnt()).putDouble(t.total()).array(),
                (topic, bytes) -> {
                    if (bytes == null) {
                        return null;
                    }
                    ByteBuffer b = ByteBuffer.wrap(bytes);
                    return new Total(b.getLong(), b.getLong(), b.getDouble());
                });
    }

    private Event read(byte[] value) {
        if (!reading) {
            begin();
        }
        try {
            return JSON.readValue(value, Event.class);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private synchronized void begin() {
        if (!reading) {
            reading = true;
            System.out.println("reading");
        }
    }

    private static byte[] write(Object value) {
        try {
            return JSON.writeValueAsBytes(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
