// Package literal reads and writes values as text in the forms that Flink's formats and its
// print connector use: numbers as Java prints them, timestamps as java.time does. Everything
// works on byte slices, allocates nothing on the usual paths, and keeps no state. The json and
// csv formats and the print connector stand on it.
package literal
