import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.*;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.*;

/** The one mini cluster that all cases of this process run on. */
class Cluster implements AutoCloseable {
    private final MiniCluster mini;

    Cluster() throws Exception {
        Configuration conf = new Configuration();
        conf.set(RestOptions.BIND_PORT, "0");
        // Compiled classes are cached for the life of the process, beyond the case that they were made for.
        conf.set(CoreOptions.CHECK_LEAKED_CLASSLOADER, false);
        conf.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
        conf.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
        conf.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(128));
        mini = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(conf).setNumTaskManagers(1).setNumSlotsPerTaskManager(8).withRandomPorts().build());
        mini.start();
    }

    void submit(JobGraph graph) throws Exception {
        mini.submitJob(graph).get(60, TimeUnit.SECONDS);
    }

    JobStatus status(JobID id) throws Exception {
        return mini.getJobStatus(id).get(30, TimeUnit.SECONDS);
    }

    /** Reports whether every task runs, or has nothing to do any more; a barrier cannot pass before. */
    boolean running(JobID id) throws Exception {
        for (var v : mini.getExecutionGraph(id).get(30, TimeUnit.SECONDS).getAllExecutionVertices()) {
            if (v.getExecutionState() != ExecutionState.RUNNING && v.getExecutionState() != ExecutionState.FINISHED) {
                return false;
            }
        }
        return true;
    }

    /** What ended a failed job. */
    Throwable failure(JobID id) throws Exception {
        var result = mini.requestJobResult(id).get(30, TimeUnit.SECONDS);
        return result.getSerializedThrowable()
                .map(t -> t.deserializeError(Cluster.class.getClassLoader()))
                .orElse(new IllegalStateException("the job ended without success, and says no reason"));
    }

    /** Returns when everything that the sources have put out has reached the sinks: when a barrier has come through. */
    void barrier(JobID id) throws Exception {
        mini.triggerCheckpoint(id).get(30, TimeUnit.SECONDS);
    }

    void cancel(JobID id) throws Exception {
        mini.cancelJob(id).get(30, TimeUnit.SECONDS);
        mini.requestJobResult(id).get(30, TimeUnit.SECONDS);
    }

    @Override
    public void close() throws Exception {
        mini.close();
    }
}
