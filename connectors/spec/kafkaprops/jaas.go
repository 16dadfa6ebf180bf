package kafkaprops

import "strings"

// jaas reads Java's login configuration, such as
//
//	org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";
//
// and sets what librdkafka wants instead. Messages never show what it holds.
func jaas(t *translation, key, value string) {
	const help = `expected: org.apache.kafka.common.security.plain.PlainLoginModule required username="..." password="...";` +
		" or write 'properties.sasl.username' and 'properties.sasl.password'"
	words, ok := jaasWords(value)
	if !ok || len(words) < 2 {
		t.refuse(key, "is not a login configuration that can be read", help)
		return
	}
	args := map[string]string{}
	for _, w := range words[2:] {
		k, v, ok := strings.Cut(w, "=")
		if !ok {
			t.refuse(key, "is not a login configuration that can be read", help)
			return
		}
		args[k] = v
	}
	module := words[0][strings.LastIndexByte(words[0], '.')+1:]
	need := func(names ...string) bool {
		for _, n := range names {
			if args[n] == "" {
				t.refuse(key, "has no "+n, help)
				return false
			}
		}
		return true
	}
	switch module {
	case "PlainLoginModule", "ScramLoginModule":
		if need("username", "password") {
			t.set("sasl.username", args["username"])
			t.set("sasl.password", args["password"])
		}
	case "OAuthBearerLoginModule":
		if args["clientId"] == "" {
			if args["unsecuredLoginStringClaim_sub"] != "" {
				t.refuse(key, "asks for unsecured tokens", "write 'properties.enable.sasl.oauthbearer.unsecure.jwt' = 'true' and 'properties.sasl.oauthbearer.config'")
			}
			return
		}
		t.set("sasl.oauthbearer.method", "oidc")
		t.set("sasl.oauthbearer.client.id", args["clientId"])
		t.set("sasl.oauthbearer.client.secret", args["clientSecret"])
		if args["scope"] != "" {
			t.set("sasl.oauthbearer.scope", args["scope"])
		}
	case "Krb5LoginModule":
		if strings.EqualFold(args["useTicketCache"], "true") {
			t.note(key, "the ticket cache is kept fresh by 'properties.sasl.kerberos.kinit.cmd'")
		}
		if args["keyTab"] != "" {
			t.set("sasl.kerberos.keytab", args["keyTab"])
		}
		if args["principal"] != "" {
			t.set("sasl.kerberos.principal", args["principal"])
		}
		if args["serviceName"] != "" {
			t.set("sasl.kerberos.service.name", args["serviceName"])
		}
	default:
		t.refuse(key, "login module "+module+" is a Java class", "librdkafka has PLAIN, SCRAM, GSSAPI (Kerberos) and OAUTHBEARER")
	}
}

// jaasWords splits a login configuration at blanks, quotes removed; ok is false when a quote is not closed.
func jaasWords(s string) (words []string, ok bool) {
	s = strings.TrimSuffix(strings.TrimSpace(s), ";")
	var w strings.Builder
	in, any := byte(0), false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case in != 0 && c == '\\' && i+1 < len(s):
			i++
			w.WriteByte(s[i])
		case in != 0 && c == in:
			in = 0
		case in != 0:
			w.WriteByte(c)
		case c == '"' || c == '\'':
			in, any = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if w.Len() > 0 || any {
				words = append(words, w.String())
				w.Reset()
				any = false
			}
		default:
			w.WriteByte(c)
		}
	}
	if w.Len() > 0 || any {
		words = append(words, w.String())
	}
	return words, in == 0
}
