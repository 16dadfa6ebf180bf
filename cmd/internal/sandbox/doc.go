// Package sandbox is the sample data of `weir sql --dev`: a small shop whose orders, payments and clicks arrive in three
// topics of the embedded broker, a minute of them at once and then a steady stream.
//
//	[Generate] --> records --> Kafka producer --> topics orders, payments, clicks
//
// Record i of a topic is always the same, event time included, so that a tutorial can show what a query will give.
package sandbox
