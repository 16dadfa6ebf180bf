package fn

import "weir/planner/types"

func hashFuncs() []*Func {
	hash := func(name string, digits int, of string, ex ...string) *Func {
		return &Func{
			Name: name, Family: "hash", Syntax: name + "(s)", Doc: "The " + of + " hash of the UTF-8 bytes of s in hexadecimal digits.", Deterministic: true,
			Resolve: resolve(form(is(char(digits)), aString), form(is(char(digits)), aBinary)), Examples: examples(ex...),
		}
	}
	return []*Func{
		hash("MD5", 32, "MD5", "MD5('')", "d41d8cd98f00b204e9800998ecf8427e", "MD5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
		hash("SHA1", 40, "SHA-1", "SHA1('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
		hash("SHA224", 56, "SHA-224", "SHA224('abc')", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
		hash("SHA256", 64, "SHA-256", "SHA256('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
		hash("SHA384", 96, "SHA-384", "SHA384('abc')", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
		hash("SHA512", 128, "SHA-512", "SHA512('abc')", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
		{
			Name: "SHA2", Family: "hash", Syntax: "SHA2(s, bits)", Doc: "The SHA-2 hash of s of 224, 256, 384 or 512 bits in hexadecimal digits.", Deterministic: true,
			Resolve: resolve(form(is(varchar(128)), aString, anInt), form(is(varchar(128)), aBinary, anInt)), Examples: examples("SHA2('abc', 224)", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
		},
		{
			Name: "UUID", Family: "hash", Syntax: "UUID()", Doc: "A random UUID (version 4), another one for each row.",
			Resolve: resolve(form(is(char(36))).nulls(never)), Examples: examples("CHAR_LENGTH(UUID())", "36"),
		},
	}
}

func varcharOf(a []Arg) types.Type { return types.TString }
