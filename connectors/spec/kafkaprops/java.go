package kafkaprops

import (
	"path"
	"strconv"
	"strings"
)

// rule handles one property that is not simply passed on.
type rule func(t *translation, key, value string)

func renamed(to string) rule {
	return func(t *translation, key, value string) { t.set(to, value) }
}

// dropped is a property without a meaning here.
func dropped(why string) rule {
	return func(t *translation, key, _ string) { t.note(key, "has no effect: %s", why) }
}

func refused(text, help string) rule {
	return func(t *translation, key, _ string) { t.refuse(key, text, help) }
}

// consumed is a property that another rule reads.
func consumed(*translation, string, string) {}

func bufferBytes(to string) rule {
	return func(t *translation, key, value string) {
		if value == "-1" { // Java: the system's default, which librdkafka calls 0
			value = "0"
		}
		t.set(to, value)
	}
}

const (
	formatsDecode = "keys and values are read and written by the table's formats"
	noGroup       = "weir assigns partitions itself and never joins a group"
	noMetrics     = "weir has its own metrics"
	ownBatches    = "weir chooses the size of its batches itself"
)

var rules = map[string]rule{
	"key.deserializer":   dropped(formatsDecode),
	"value.deserializer": dropped(formatsDecode),
	"key.serializer":     dropped(formatsDecode),
	"value.serializer":   dropped(formatsDecode),

	"max.poll.records":              dropped(ownBatches),
	"max.poll.interval.ms":          dropped(noGroup),
	"session.timeout.ms":            dropped(noGroup),
	"heartbeat.interval.ms":         dropped(noGroup),
	"group.instance.id":             dropped(noGroup),
	"group.protocol":                dropped(noGroup),
	"group.protocol.type":           dropped(noGroup),
	"group.remote.assignor":         dropped(noGroup),
	"partition.assignment.strategy": dropped(noGroup),
	"coordinator.query.interval.ms": dropped(noGroup),
	"internal.leave.group.on.close": dropped(noGroup),
	"exclude.internal.topics":       dropped("internal topics are read when they are named"),

	"enable.auto.commit":      dropped("positions are committed with the checkpoints"),
	"auto.commit.enable":      dropped("positions are committed with the checkpoints"),
	"auto.commit.interval.ms": dropped("positions are committed with the checkpoints"),

	"partition.discovery.interval.ms": refused("is Flink's own", "write 'scan.topic-partition-discovery.interval'"),
	"register.consumer.metrics":       dropped(noMetrics),
	"commit.offsets.on.checkpoint": func(t *translation, key, value string) {
		if !strings.EqualFold(value, "true") {
			t.refuse(key, "positions are reported to 'properties.group.id' whenever it is set", "leave 'properties.group.id' out")
		}
	},
	"client.id.prefix": dropped("the client is named after the job"),

	"fetch.max.wait.ms":    renamed("fetch.wait.max.ms"),
	"receive.buffer.bytes": bufferBytes("socket.receive.buffer.bytes"),
	"send.buffer.bytes":    bufferBytes("socket.send.buffer.bytes"),
	"max.request.size":     renamed("message.max.bytes"),
	"buffer.memory": func(t *translation, key, value string) {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n <= 0 {
			t.refuse(key, "expects a number of bytes, found '"+value+"'", "")
			return
		}
		t.set("queue.buffering.max.kbytes", strconv.FormatInt(max(1, n/1024), 10))
	},
	"compression.gzip.level": renamed("compression.level"),
	"compression.lz4.level":  renamed("compression.level"),
	"compression.zstd.level": renamed("compression.level"),
	"request.timeout.ms": func(t *translation, key, value string) {
		if t.role == Source {
			t.set("socket.timeout.ms", value)
			return
		}
		t.out[key] = value
	},
	"default.api.timeout.ms": dropped("see SET 'weir.connect.timeout'"),
	"max.block.ms":           dropped("a full buffer holds the job back until there is room"),
	"metadata.max.idle.ms":   dropped("topics of a job are never idle"),

	"metric.reporters":                         dropped(noMetrics),
	"metrics.num.samples":                      dropped(noMetrics),
	"metrics.recording.level":                  dropped(noMetrics),
	"metrics.sample.window.ms":                 dropped(noMetrics),
	"auto.include.jmx.reporter":                dropped(noMetrics),
	"interceptor.classes":                      refused("names Java classes", "weir has no interceptors: remove it"),
	"config.providers":                         refused("names Java classes", "weir fills ${NAME} in from the environment"),
	"security.providers":                       refused("names Java classes", "remove it"),
	"interceptors":                             refused("loads native plug-ins", "remove it"),
	"plugin.library.paths":                     refused("loads native plug-ins", "remove it"),
	"partitioner.class":                        refused("names a Java class", "write 'sink.partitioner' = 'default', 'fixed' or 'round-robin'"),
	"partitioner":                              refused("is chosen by the table", "write 'sink.partitioner' = 'default', 'fixed' or 'round-robin'"),
	"partitioner.ignore.keys":                  refused("is chosen by the table", "write 'sink.partitioner' = 'round-robin'"),
	"partitioner.adaptive.partitioning.enable": dropped("records without a key go round the partitions batch by batch"),
	"partitioner.availability.timeout.ms":      dropped("records without a key go round the partitions batch by batch"),
	"sticky.partitioning.linger.ms":            dropped("records without a key go round the partitions batch by batch"),

	"transactional.id":              refused("is made from the prefix", "write 'sink.transactional-id-prefix'"),
	"transactional.id.prefix":       refused("is an option of the table", "write 'sink.transactional-id-prefix'"),
	"enable.gapless.guarantee":      refused("would stop the job where weir recovers", "remove it"),
	"enable.auto.offset.store":      dropped("positions are kept in checkpoints"),
	"offset.store.method":           dropped("positions are kept in checkpoints"),
	"offset.store.path":             dropped("positions are kept in checkpoints"),
	"offset.store.sync.interval.ms": dropped("positions are kept in checkpoints"),
	"enable.partition.eof":          dropped("weir sets it itself"),
	"delivery.report.only.error":    dropped("weir sets it itself"),
	"log.queue":                     dropped("weir sets it itself"),
	"consume.callback.max.messages": dropped(ownBatches),
	"queuing.strategy":              refused("would change the order of records", "remove it"),

	"sasl.jaas.config":                         jaas,
	"sasl.client.callback.handler.class":       refused("names a Java class", "use a mechanism that librdkafka has: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI, or OAUTHBEARER with 'properties.sasl.oauthbearer.method' = 'oidc'"),
	"sasl.login.callback.handler.class":        oauthHandler,
	"sasl.login.class":                         refused("names a Java class", "remove it"),
	"sasl.kerberos.kinit.cmd":                  func(t *translation, key, value string) { t.out[key] = value },
	"sasl.kerberos.min.time.before.relogin":    func(t *translation, key, value string) { t.out[key] = value },
	"sasl.kerberos.ticket.renew.jitter":        dropped("librdkafka renews Kerberos tickets by 'properties.sasl.kerberos.kinit.cmd'"),
	"sasl.kerberos.ticket.renew.window.factor": dropped("librdkafka renews Kerberos tickets by 'properties.sasl.kerberos.kinit.cmd'"),
	"sasl.login.refresh.buffer.seconds":        dropped("librdkafka renews tokens itself"),
	"sasl.login.refresh.min.period.seconds":    dropped("librdkafka renews tokens itself"),
	"sasl.login.refresh.window.factor":         dropped("librdkafka renews tokens itself"),
	"sasl.login.refresh.window.jitter":         dropped("librdkafka renews tokens itself"),
	"sasl.login.retry.backoff.ms":              dropped("librdkafka retries by itself"),
	"sasl.login.retry.backoff.max.ms":          dropped("librdkafka retries by itself"),

	"ssl.truststore.location":     truststore,
	"ssl.truststore.type":         consumed,
	"ssl.truststore.password":     consumed,
	"ssl.truststore.certificates": renamed("ssl.ca.pem"),
	"ssl.keystore.location":       keystore,
	"ssl.keystore.type":           consumed,
	"ssl.keystore.password": func(t *translation, key, value string) {
		if storeType(t, "ssl.keystore") == "PKCS12" {
			t.out[key] = value
		}
	},
	"ssl.keystore.certificate.chain": renamed("ssl.certificate.pem"),
	"ssl.keystore.key":               renamed("ssl.key.pem"),
	"ssl.endpoint.identification.algorithm": func(t *translation, key, value string) {
		if value == "" {
			value = "none"
		}
		t.out[key] = strings.ToLower(value)
	},
	"ssl.protocol":                     dropped("the newest TLS version that both sides know is used"),
	"ssl.enabled.protocols":            dropped("the newest TLS version that both sides know is used"),
	"ssl.provider":                     refused("names a Java security provider", "remove it; OpenSSL's are chosen by 'properties.ssl.providers'"),
	"ssl.engine.factory.class":         refused("names a Java class", "remove it"),
	"ssl.keymanager.algorithm":         dropped("OpenSSL has no such choice"),
	"ssl.trustmanager.algorithm":       dropped("OpenSSL has no such choice"),
	"ssl.secure.random.implementation": dropped("OpenSSL has no such choice"),
	"ssl.cipher.suites": func(t *translation, key, value string) {
		if strings.Contains(value, "TLS_") && strings.Contains(value, "_WITH_") {
			t.refuse(key, "has Java's names of cipher suites", "use OpenSSL's, separated by ':', such as 'ECDHE-RSA-AES256-GCM-SHA384'")
			return
		}
		t.out[key] = strings.ReplaceAll(value, ",", ":")
	},
}

// storeType is PEM, PKCS12 or JKS: as declared, else by the file's name, else Java's default.
func storeType(t *translation, prefix string) string {
	if v, ok := t.in[prefix+".type"]; ok {
		return strings.ToUpper(v)
	}
	switch strings.ToLower(path.Ext(t.in[prefix+".location"])) {
	case ".pem", ".crt", ".cer", ".cert":
		return "PEM"
	case ".p12", ".pfx", ".pkcs12":
		return "PKCS12"
	}
	return "JKS"
}

func truststore(t *translation, key, value string) {
	switch storeType(t, "ssl.truststore") {
	case "PEM":
		t.set("ssl.ca.location", value)
		if _, ok := t.in["ssl.truststore.password"]; ok {
			t.note("ssl.truststore.password", "has no effect: certificates in PEM are not encrypted")
		}
	case "PKCS12":
		t.refuse(key, "librdkafka cannot read a PKCS12 trust store",
			"convert it once with: openssl pkcs12 -in "+value+" -nokeys -out ca.pem, and write 'properties.ssl.ca.location' = 'ca.pem'")
	default:
		t.refuse(key, "librdkafka cannot read a Java trust store (JKS)",
			"convert it once with: keytool -exportcert -rfc -alias ALIAS -keystore "+value+" -file ca.pem, and write 'properties.ssl.ca.location' = 'ca.pem'")
	}
}

func keystore(t *translation, key, value string) {
	switch storeType(t, "ssl.keystore") {
	case "PEM":
		t.set("ssl.certificate.location", value)
		t.set("ssl.key.location", value)
	case "PKCS12":
		t.out[key] = value
	default:
		t.refuse(key, "librdkafka cannot read a Java key store (JKS)",
			"convert it once with: keytool -importkeystore -srckeystore "+value+" -destkeystore client.p12 -deststoretype PKCS12, and write 'properties.ssl.keystore.location' = 'client.p12'")
	}
}

func oauthHandler(t *translation, key, value string) {
	if strings.HasSuffix(value, ".OAuthBearerLoginCallbackHandler") {
		t.set("sasl.oauthbearer.method", "oidc")
		return
	}
	t.refuse(key, "names a Java class", "for OAUTHBEARER write 'properties.sasl.oauthbearer.method' = 'oidc' with client.id, client.secret and token.endpoint.url of the same prefix")
}
