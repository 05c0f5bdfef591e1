//go:build !race

package job_test

const underRace = false
