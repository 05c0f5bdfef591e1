// Package collect reads the rows of a view, once, into the files of an artifact: tables, lists of ids, vectors, pictures. It is the first
// phase of a logging job, before W&B hears of anything, and knows nothing of W&B.
//
// A [Collector] holds the files; a [Reader] reads the rows that a [Selection] has chosen. Where several workers share the rows, [ShardFiles] and
// [MergedFiles] say what becomes of the files that hold something of each row.
package collect
