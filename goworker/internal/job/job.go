// Package job is the jobs that read a dataset: one file for each operator, with what it logs of each row and how its artifact is described.
// [LogView], [LogPredictions] and [LogEvaluation] each make a publish.Spec, which publish.Run does in this process, and package sharing on
// several workers. [ReadEvaluation] logs nothing.
package job
