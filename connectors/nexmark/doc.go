// Package nexmark is the connector "nexmark": the events of an online auction, as the Nexmark benchmark has them. People open accounts,
// offer items, and bid; a few sellers, bidders and auctions are hot. Proportions, distributions and options are those of the generators of
// Apache Beam and of the benchmark for Flink.
//
// An event is a pure function of the seed and of its number, and the events of a table are those numbered from 0 to events.num. So the
// table has the same rows at any parallelism and after every restart, any of its columns can be made without the others, and three tables
// of people, auctions and bids tell of the same auction house. There is a split for each subtask of the first start; the splits take turns
// in blocks of some numbers, so that all are at about the same time and have events of every kind.
//
//	clock.go    when an event happens
//	draws.go    random numbers and texts
//	events.go   what an event is: ids, and who bids for what
//	columns.go  events as vectors
//	source.go   splits, readers, pace
package nexmark
